//! What a plugin says of itself in its library, for whoever looks at it without loading it.
//!
//! It is an ELF note in the section `.note.hookmq`, of which the system has a list and which `strip`
//! leaves alone. Its text is a list of `key=value`, each ended by a zero byte; `plugin.h` writes the
//! same. Readers leave out keys that they do not know.

/// The owner of the note; it counts with its zero byte, and not with what follows that.
pub const OWNER: &[u8] = b"hookmq\0";

/// The kind of note that this owner has.
pub const KIND: u32 = 1;

/// The version of this crate, which is that of the ABI.
pub const ABI_VERSION: &str = env!("CARGO_PKG_VERSION");

/// A key, and words that make its value, with blanks between them.
pub type Field = (&'static str, &'static [&'static str]);

/// The note, as it stands in the file.
#[repr(C)]
pub struct Note<const SIZE: usize> {
    owner_size: u32,
    size: u32,
    kind: u32,
    owner: [u8; 8],
    text: [u8; SIZE],
}

/// The size of the text.
pub const fn size(fields: &[Field]) -> usize {
    write(fields, &mut [])
}

impl<const SIZE: usize> Note<SIZE> {
    /// `SIZE` is what [`size`] says.
    pub const fn new(fields: &[Field]) -> Self {
        let mut text = [0; SIZE];
        write(fields, &mut text);
        let (owner_size, size) = (OWNER.len() as u32, SIZE as u32);
        Note { owner_size, size, kind: KIND, owner: *b"hookmq\0\0", text }
    }
}

/// Writes as much as there is room for; returns the size of all of it.
#[allow(clippy::indexing_slicing, reason = "runs while a plugin is compiled, and nowhere else")]
const fn write(fields: &[Field], to: &mut [u8]) -> usize {
    let (mut at, mut index) = (0, 0);
    while index < fields.len() {
        let (key, words) = fields[index];
        at = put(to, at, key);
        at = put(to, at, "=");
        let mut word = 0;
        while word < words.len() {
            if word > 0 {
                at = put(to, at, " ");
            }
            at = put(to, at, words[word]);
            word += 1;
        }
        at = put(to, at, "\0");
        index += 1;
    }
    at
}

/// Returns where the next text goes.
#[allow(clippy::indexing_slicing, reason = "as above")]
const fn put(to: &mut [u8], at: usize, text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        if at + index < to.len() {
            to[at + index] = bytes[index];
        }
        index += 1;
    }
    at + bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] = &[("name", &["a"]), ("hooks", &["on_auth", "on_tick"]), ("none", &[])];

    #[test]
    fn the_text_is_made_while_compiling() {
        static NOTE: Note<{ size(FIELDS) }> = Note::new(FIELDS);
        assert_eq!(NOTE.text, *b"name=a\0hooks=on_auth on_tick\0none=\0");
        assert_eq!(NOTE.size as usize, NOTE.text.len());
        assert_eq!(NOTE.owner[..NOTE.owner_size as usize], *OWNER);
    }
}
