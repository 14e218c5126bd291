//! The events of messages on their way to one receiver, since 1.1.

use super::{AnswerContext, AnswerFunction, ClientPtr, Text, View};

/// Event of OnBeforeDeliver and OnDelivered (`mq_deliver`).
#[repr(C)]
pub struct Deliver<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// That the receiver gets it with: 0, 1 or 2.
    pub qos: u8,
    /// RETAIN as the receiver sees it.
    pub retain: u8,
    /// 1 if it was kept for a new subscriber, and is not just being published.
    pub retained: u8,
    /// [`ORIGIN_CLIENT`](super::ORIGIN_CLIENT) and its like.
    pub origin: u8,
    /// The receiver.
    pub client: ClientPtr<'a>,
    /// The client id of who has published it; empty if that is not known any more.
    pub publisher: Text<'a>,
    /// The topic name.
    pub topic: Text<'a>,
    /// The payload.
    pub payload: View<'a>,
    /// The properties that it was published with, without their length.
    pub properties: View<'a>,
    /// The filter of the shared subscription by which the receiver gets it, as `$share/name/a/#`; else empty.
    pub share: Text<'a>,
    /// The name of the plugin, where the origin is one; else empty.
    pub source: Text<'a>,
    /// Bytes of the payload, also where the plugin does not want to see it.
    pub payload_len: u64,
    /// To be passed back to `answer`.
    pub answer_ctx: AnswerContext,
    /// Takes a part of the answer; nothing where the hook observes.
    pub answer: AnswerFunction,
}

/// Event of OnDropped (`mq_dropped`).
#[repr(C)]
pub struct Dropped<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// 0, 1 or 2.
    pub qos: u8,
    /// 0 or 1.
    pub retain: u8,
    /// [`DROPPED_QUEUE_FULL`] and its like; more to come.
    pub reason: u8,
    /// Zero.
    pub reserved: u8,
    /// Who does not get it.
    pub client: ClientPtr<'a>,
    /// The topic name.
    pub topic: Text<'a>,
    /// The payload.
    pub payload: View<'a>,
    /// The properties that it was published with, without their length.
    pub properties: View<'a>,
    /// Bytes of the payload, also where the plugin does not want to see it.
    pub payload_len: u64,
}

/// `reason` of a [`Dropped`]: the receiver's queue is full.
pub const DROPPED_QUEUE_FULL: u8 = 1;
/// `reason` of a [`Dropped`]: its Message Expiry Interval has passed.
pub const DROPPED_EXPIRED: u8 = 2;
/// `reason` of a [`Dropped`]: it is larger than the receiver takes.
pub const DROPPED_TOO_LARGE: u8 = 3;
/// `reason` of a [`Dropped`]: a plugin's on_before_deliver has stopped it.
pub const DROPPED_VETOED: u8 = 4;
/// `reason` of a [`Dropped`]: at QoS 0 it does not wait for a receiver that is away or slow.
pub const DROPPED_NOT_TAKEN: u8 = 5;
/// `reason` of a [`Dropped`]: the session that it waited in has ended.
pub const DROPPED_SESSION_ENDED: u8 = 6;
/// `reason` of a [`Dropped`]: the receiver has acknowledged it with an error.
pub const DROPPED_REFUSED: u8 = 7;
