//! OnAuth as it crosses the border, since 1.1: its event, its answers and their parts.

use std::ffi::c_void;

use super::{ClientPtr, Text, View};

/// An answer of on_auth: the client is who it says.
pub const AUTHENTICATED: i32 = 16;
/// An answer of on_auth: the client is asked for more.
pub const CHALLENGE: i32 = 17;
/// Answers of on_auth from here to 0xFF refuse the client with that MQTT 5 reason code.
pub const REFUSED: i32 = 0x80;

/// What `answer` of an [`Auth`] is given: Authentication Data for the client.
pub const ANSWER_DATA: u32 = 1;
/// What `answer` is given: bytes that the plugin sees again in the next round.
pub const ANSWER_STATE: u32 = 2;
/// What `answer` is given: the user name of a client that is authenticated.
pub const ANSWER_USERNAME: u32 = 3;
/// What `answer` is given: a Reason String for the client.
pub const ANSWER_REASON: u32 = 4;

/// `answer` has taken it.
pub const TAKEN: i32 = 0;
/// `answer` does not know what it was given, and goes on without it.
pub const UNKNOWN: i32 = -1;
/// `answer` was given what no packet can carry: the round counts as a failure.
pub const UNFIT: i32 = -2;

/// Event of OnAuth (`mq_auth`).
#[repr(C)]
pub struct Auth<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// 1 in the first round of an exchange.
    pub round: u16,
    /// 1 if the client is connected already.
    pub reauthentication: u8,
    /// 1 if the packet has Authentication Data.
    pub has_data: u8,
    /// Who is to be authenticated.
    pub client: ClientPtr<'a>,
    /// The Authentication Method.
    pub method: Text<'a>,
    /// Empty without `has_data`.
    pub data: View<'a>,
    /// What the plugin gave as [`ANSWER_STATE`] in the round before.
    pub state: View<'a>,
    /// The properties of the CONNECT or AUTH packet, without their length.
    pub properties: View<'a>,
    /// To be passed back to `answer`.
    pub answer_ctx: AnswerContext,
    /// Takes a part of the answer: one of the `ANSWER_` numbers, and its value. Copies at once; of
    /// two values for one part the later counts.
    pub answer: unsafe extern "C" fn(AnswerContext, u32, View<'_>) -> i32,
}

/// Tells the broker which answer a part belongs to. Opaque to the plugin, valid as long as the event.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct AnswerContext {
    /// The broker's memory.
    pub ptr: *const c_void,
}
