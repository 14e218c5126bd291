//! The answer that a plugin puts together while its `on_auth` runs: parts that it hands over, and that
//! are copied at once.
#![allow(unsafe_code, reason = "called by plugins through a C ABI")]

use parking_lot::Mutex;
use plugin_abi::raw::{self, AnswerContext, View};

/// Lives on the broker's stack while the hook runs.
#[derive(Default)]
pub(crate) struct AuthAnswer {
    // Locked although one thread alone should call: it costs nothing here.
    parts: Mutex<AuthParts>,
}

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

impl AuthAnswer {
    /// To be handed to the plugin, for as long as `self` is borrowed.
    pub(crate) fn context(&self) -> AnswerContext {
        AnswerContext { ptr: std::ptr::from_ref(self).cast() }
    }

    pub(crate) fn into_parts(self) -> AuthParts {
        self.parts.into_inner()
    }
}

/// What the plugin calls.
///
/// # Safety
///
/// The context is one that [`AuthAnswer::context`] made, and that answer is alive; the value is
/// valid for the call.
pub(crate) unsafe extern "C" fn take_part(
    context: AnswerContext,
    part: u32,
    value: View<'_>,
) -> i32 {
    // SAFETY: the caller's promise.
    let answer = unsafe { &*context.ptr.cast::<AuthAnswer>() };
    // Nothing below panics: there is no frame here that could unwind.
    answer.parts.lock().take(part, value.as_bytes())
}

impl AuthParts {
    fn take(&mut self, part: u32, value: &[u8]) -> i32 {
        if !(raw::ANSWER_DATA..=raw::ANSWER_REASON).contains(&part) {
            return raw::UNKNOWN;
        }
        if value.len() > usize::from(u16::MAX) {
            self.unfit = true;
            return raw::UNFIT;
        }
        match (part, text(value)) {
            (raw::ANSWER_DATA, _) => self.data = Some(value.to_vec()),
            (raw::ANSWER_STATE, _) => self.state = value.to_vec(),
            (_, None) => {
                self.unfit = true;
                return raw::UNFIT;
            }
            (raw::ANSWER_USERNAME, name) => self.username = name,
            (_, reason) => self.reason = reason,
        }
        raw::TAKEN
    }
}

/// What can stand in a packet as a string.
fn text(value: &[u8]) -> Option<Box<str>> {
    std::str::from_utf8(value).ok().filter(|text| !text.contains('\0')).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_take(part: u32, value: &[u8], returned: i32) -> AuthParts {
        let answer = AuthAnswer::default();
        let mut value = value.to_vec();
        // SAFETY: the answer is alive.
        assert_eq!(unsafe { take_part(answer.context(), part, View::new(&value)) }, returned);
        // The plugin's memory may be used for something else at once.
        value.fill(b'!');
        answer.into_parts()
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
