//! The SHA-256 of a plugin's file, by which a config can name the one file that it means.

use std::fmt;
use std::str::FromStr;

use sha2::Digest;

/// A SHA-256, written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sha256([u8; 32]);

/// The text is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("64 hexadecimal digits")]
pub struct NotSha256;

impl Sha256 {
    /// That of these bytes.
    pub fn of(bytes: &[u8]) -> Sha256 {
        Sha256(sha2::Sha256::digest(bytes).into())
    }
}

impl FromStr for Sha256 {
    type Err = NotSha256;

    fn from_str(text: &str) -> Result<Sha256, NotSha256> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut bytes = [0; 32];
        if !rest.is_empty() || pairs.len() != bytes.len() {
            return Err(NotSha256);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Sha256(bytes))
    }
}

fn digit(character: u8) -> Result<u8, NotSha256> {
    let value = char::from(character).to_digit(16).and_then(|value| u8::try_from(value).ok());
    value.ok_or(NotSha256)
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_others_write_it() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let sha256 = Sha256::of(b"abc");
        assert_eq!(sha256.to_string(), text);
        assert_eq!(text.parse(), Ok(sha256));
        assert_eq!(text.to_uppercase().parse(), Ok(sha256));
    }

    #[test]
    fn other_text_is_none() {
        let good = "0".repeat(64);
        assert!(good.parse::<Sha256>().is_ok());
        for bad in ["", "0", &"0".repeat(63), &format!("{good}0"), &good.replacen('0', "g", 1), "ü"]
        {
            assert_eq!(bad.parse::<Sha256>(), Err(NotSha256), "{bad}");
        }
    }
}
