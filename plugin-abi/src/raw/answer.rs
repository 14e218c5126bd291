//! What of an answer is no number, since 1.1: parts that a hook hands to its event's `answer` while it
//! runs.

use std::ffi::c_void;

use abi_stable::StableAbi;

use super::View;

/// Answers of a deciding hook from here to 0xFF refuse with that MQTT 5 reason code.
pub const REFUSED: i32 = 0x80;

/// What `answer` is given: a Reason String for the client.
pub const ANSWER_REASON: u32 = 4;
/// What `answer` is given: how many milliseconds the client is not read, a `u32` in the byte order of the
/// machine.
pub const ANSWER_THROTTLE: u32 = 5;

/// What `answer` is given: another topic name.
pub const ANSWER_TOPIC: u32 = 6;
/// What `answer` is given: another payload.
pub const ANSWER_PAYLOAD: u32 = 7;
/// What `answer` is given: another QoS, one byte.
pub const ANSWER_QOS: u32 = 8;
/// What `answer` is given: another RETAIN, one byte.
pub const ANSWER_RETAIN: u32 = 9;
/// What `answer` is given: a property as it stands in a packet. A user property is added, another one
/// replaces that of its kind.
pub const ANSWER_SET_PROPERTY: u32 = 10;
/// What `answer` is given: the identifier of a property that is to go; that of a user property is
/// followed by the name, and all of the name go.
pub const ANSWER_REMOVE_PROPERTY: u32 = 11;
/// What `answer` is given: another topic filter, whole.
pub const ANSWER_FILTER: u32 = 12;
/// What `answer` is given: other Subscription Options, the byte of a SUBSCRIBE packet.
pub const ANSWER_OPTIONS: u32 = 13;
/// What `answer` is given: another client id.
pub const ANSWER_CLIENT_ID: u32 = 14;
/// What `answer` is given: another Session Expiry Interval, a `u32` in the byte order of the machine.
pub const ANSWER_SESSION_EXPIRY: u32 = 15;
/// What `answer` is given: another Keep Alive, a `u16` in the byte order of the machine.
pub const ANSWER_KEEP_ALIVE: u32 = 16;
/// What `answer` is given: a property for CONNACK, as it stands there.
pub const ANSWER_CONNACK_PROPERTY: u32 = 17;
/// What `answer` is given: whether the message is kept as the broker would, one byte.
pub const ANSWER_KEPT: u32 = 18;

/// `answer` has taken it.
pub const TAKEN: i32 = 0;
/// `answer` does not know what it was given, or the hook has no use for it, and goes on without it.
pub const UNKNOWN: i32 = -1;
/// `answer` was given what no packet can carry, and goes on without it; in on_auth the round counts as
/// a failure.
pub const UNFIT: i32 = -2;

/// `answer` takes no changes: the plugin is asked again about what another has changed.
pub const CLOSED: i32 = -3;

/// A part of an answer that comes later (`mq_part`).
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
pub struct Part<'a> {
    /// One of the `ANSWER_` numbers.
    pub part: u32,
    /// Zero.
    pub reserved: u32,
    /// Its value.
    pub value: View<'a>,
}

/// Takes a part of an answer: one of the `ANSWER_` numbers, and its value. Copies at once; of two values
/// for one part the later counts.
pub type AnswerFunction = unsafe extern "C" fn(AnswerContext, u32, View<'_>) -> i32;

/// Tells the broker which answer a part belongs to. Opaque to the plugin, valid as long as the event.
#[repr(transparent)]
#[derive(Clone, Copy, StableAbi)]
pub struct AnswerContext {
    /// The broker's memory.
    #[sabi(unsafe_opaque_field)]
    pub ptr: *const c_void,
}
