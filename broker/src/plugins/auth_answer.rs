//! What a plugin hands over while its `on_auth` runs.

use plugin_abi::raw;

use super::answer::{LONGEST, Parts, text};

/// What a plugin has handed over.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AuthParts {
    pub(crate) data: Option<Vec<u8>>,
    pub(crate) state: Vec<u8>,
    pub(crate) username: Option<Box<str>>,
    pub(crate) reason: Option<Box<str>>,
    /// Something was no value for a packet.
    pub(crate) unfit: bool,
}

impl Parts for AuthParts {
    fn take(&mut self, part: u32, value: &[u8]) -> i32 {
        if !(raw::ANSWER_DATA..=raw::ANSWER_REASON).contains(&part) {
            return raw::UNKNOWN;
        }
        let taken = if value.len() > LONGEST { Err(raw::UNFIT) } else { self.keep(part, value) };
        self.unfit |= taken.is_err();
        taken.map_or_else(|unfit| unfit, |()| raw::TAKEN)
    }
}

impl AuthParts {
    fn keep(&mut self, part: u32, value: &[u8]) -> Result<(), i32> {
        match part {
            raw::ANSWER_DATA => self.data = Some(value.to_vec()),
            raw::ANSWER_STATE => self.state = value.to_vec(),
            raw::ANSWER_USERNAME => self.username = Some(text(value)?),
            _ => self.reason = Some(text(value)?),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_take(part: u32, value: &[u8], returned: i32) -> AuthParts {
        let mut parts = AuthParts::default();
        assert_eq!(parts.take(part, value), returned);
        parts
    }

    #[test]
    fn parts_are_copied() {
        let parts = check_take(raw::ANSWER_DATA, b"\xFF\0", raw::TAKEN);
        assert_eq!(parts.data.as_deref(), Some(&b"\xFF\0"[..]));
        assert_eq!(check_take(raw::ANSWER_DATA, b"", raw::TAKEN).data, Some(Vec::new()));
        assert_eq!(check_take(raw::ANSWER_STATE, b"kept", raw::TAKEN).state, b"kept");
        let parts = check_take(raw::ANSWER_USERNAME, b"alice", raw::TAKEN);
        assert_eq!(parts.username.as_deref(), Some("alice"));
        let parts = check_take(raw::ANSWER_REASON, b"why", raw::TAKEN);
        assert_eq!((parts.reason.as_deref(), parts.unfit), (Some("why"), false));
    }

    #[test]
    fn what_fits_no_packet_spoils_the_answer() {
        for part in raw::ANSWER_DATA..=raw::ANSWER_REASON {
            assert!(check_take(part, &[b'x'; 65_536], raw::UNFIT).unfit);
            assert!(!check_take(part, &[b'x'; 65_535], raw::TAKEN).unfit);
        }
        for text in [&b"\xFF"[..], b"a\0b"] {
            assert!(check_take(raw::ANSWER_USERNAME, text, raw::UNFIT).unfit);
            assert!(check_take(raw::ANSWER_REASON, text, raw::UNFIT).unfit);
        }
    }

    #[test]
    fn parts_of_a_later_version_are_left_out() {
        for part in [0, 5, u32::MAX] {
            assert_eq!(check_take(part, b"x", raw::UNKNOWN), AuthParts::default());
        }
    }
}
