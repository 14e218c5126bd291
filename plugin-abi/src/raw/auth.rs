//! OnAuth as it crosses the border, since 1.1: its event, its answers and their parts.

use super::{AnswerContext, AnswerFunction, ClientPtr, Text, View};

/// An answer of on_auth: the client is who it says.
pub const AUTHENTICATED: i32 = 16;
/// An answer of on_auth: the client is asked for more.
pub const CHALLENGE: i32 = 17;

/// What `answer` of an [`Auth`] is given: Authentication Data for the client.
pub const ANSWER_DATA: u32 = 1;
/// What `answer` is given: bytes that the plugin sees again in the next round.
pub const ANSWER_STATE: u32 = 2;
/// What `answer` is given: the user name of a client that is authenticated.
pub const ANSWER_USERNAME: u32 = 3;

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
    /// Takes a part of the answer.
    pub answer: AnswerFunction,
    /// Who has brought it about: [`ORIGIN_CLIENT`](super::ORIGIN_CLIENT) and its like.
    pub origin: u32,
    /// 1 if a plugin behind has changed what is decided by, and this one is asked again.
    pub asked_again: u32,
    /// The name of the plugin, where the origin is one; else empty.
    pub source: Text<'a>,
}
