//! What of an answer is no number, since 1.1: parts that a hook hands to its event's `answer` while it
//! runs.

use std::ffi::c_void;

use super::View;

/// Answers of a deciding hook from here to 0xFF refuse with that MQTT 5 reason code.
pub const REFUSED: i32 = 0x80;

/// What `answer` is given: a Reason String for the client.
pub const ANSWER_REASON: u32 = 4;
/// What `answer` is given: how many milliseconds the client is not read, a `u32` in the byte order of the
/// machine.
pub const ANSWER_THROTTLE: u32 = 5;

/// `answer` has taken it.
pub const TAKEN: i32 = 0;
/// `answer` does not know what it was given, or the hook has no use for it, and goes on without it.
pub const UNKNOWN: i32 = -1;
/// `answer` was given what no packet can carry, and goes on without it; in on_auth the round counts as
/// a failure.
pub const UNFIT: i32 = -2;

/// Takes a part of an answer: one of the `ANSWER_` numbers, and its value. Copies at once; of two values
/// for one part the later counts.
pub type AnswerFunction = unsafe extern "C" fn(AnswerContext, u32, View<'_>) -> i32;

/// Tells the broker which answer a part belongs to. Opaque to the plugin, valid as long as the event.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct AnswerContext {
    /// The broker's memory.
    pub ptr: *const c_void,
}
