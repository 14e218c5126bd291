//! Notes: what the builder of a library has left in it to be read by other programs.

use super::{ElfError, reader::Reader};

/// What the first note of `owner` and `kind` says. The library has passed [`super::check`].
pub(in crate::plugins) fn note<'a>(file: &'a [u8], owner: &[u8], kind: u32) -> Option<&'a [u8]> {
    let reader = Reader { file };
    let segments = reader.segments().ok()?.filter_map(Result::ok);
    segments
        .filter(|segment| segment.kind == NOTES)
        .filter_map(|segment| {
            let notes = reader.slice(segment.offset, segment.size).ok()?;
            find(Reader { file: notes }, segment.align, owner, kind).ok().flatten()
        })
        .next()
}

fn find<'a>(
    notes: Reader<'a>,
    align: u64,
    owner: &[u8],
    kind: u32,
) -> Result<Option<&'a [u8]>, ElfError> {
    // Those of 8 are for the linker and the loader.
    let align = if align == 8 { 8 } else { 4 };
    let mut at = 0;
    while at < notes.file.len() as u64 {
        let (owner_size, size) = (notes.u32(at)?, notes.u32(at + 4)?);
        let owner_at = at + 12;
        let text_at = (owner_at + u64::from(owner_size)).next_multiple_of(align);
        let text = notes.slice(text_at, size.into())?;
        if notes.u32(at + 8)? == kind && notes.slice(owner_at, owner_size.into())? == owner {
            return Ok(Some(text));
        }
        at = (text_at + u64::from(size)).next_multiple_of(align);
    }
    Ok(None)
}

const NOTES: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(owner: &[u8], kind: u32, text: &[u8]) -> Vec<u8> {
        let mut note = Vec::new();
        for number in [owner.len() as u32, text.len() as u32, kind] {
            note.extend(number.to_le_bytes());
        }
        for part in [owner, text] {
            note.extend(part);
            note.resize(note.len().next_multiple_of(4), 0);
        }
        note
    }

    fn look(notes: &[u8]) -> Option<&[u8]> {
        find(Reader { file: notes }, 4, b"hookmq\0", 1).ok().flatten()
    }

    #[test]
    fn a_note_is_found_by_owner_and_kind() {
        let others = [encode(b"GNU\0", 3, b"0123"), encode(b"hookmq\0", 2, b"later")].concat();
        assert_eq!(look(&others), None);
        let notes = [others, encode(b"hookmq\0", 1, b"name=a"), encode(b"x\0", 1, b"")].concat();
        assert_eq!(look(&notes), Some(&b"name=a"[..]));
    }

    #[test]
    fn a_note_that_leads_out_of_its_segment_is_none() {
        let whole = encode(b"hookmq\0", 1, b"name=abc");
        for end in 0..whole.len() {
            assert_eq!(look(&whole[..end]), None, "cut at {end}");
        }
        for at in [0, 4] {
            let mut wild = whole.clone();
            wild[at..at + 4].fill(0xFF);
            assert_eq!(look(&wild), None);
        }
    }
}
