//! Messages on their way to one receiver, as hooks are told of them. Since 1.1.

use crate::{
    event::{Client, Origin, debug, events, field},
    properties::UserProperties,
    raw,
};

events! {
    /// A message on its way to one receiver.
    Deliver;
    /// A message that one receiver does not get.
    Dropped;
}

impl<'a> Deliver<'a> {
    /// The receiver. Of one that is away, as it was when it last was connected.
    pub fn client(&self) -> Client<'a> {
        Client::new(field!(self, client))
    }

    /// The client id of who has published it; none if that is not known any more: in `on_delivered`, and of
    /// what comes from another member of a shared subscription.
    pub fn publisher(&self) -> Option<&'a str> {
        Some(field!(self, publisher).as_str()).filter(|publisher| !publisher.is_empty())
    }

    /// The topic name.
    pub fn topic(&self) -> &'a str {
        field!(self, topic).as_str()
    }

    /// The payload; empty where the plugin has said that it need not see it.
    pub fn payload(&self) -> &'a [u8] {
        field!(self, payload).as_bytes()
    }

    /// Bytes of the payload, also where the plugin has said that it need not see it.
    pub fn payload_len(&self) -> u64 {
        field!(self, payload_len)
    }

    /// The QoS that the receiver gets it with: 0, 1 or 2.
    pub fn qos(&self) -> u8 {
        field!(self, qos)
    }

    /// RETAIN as the receiver sees it.
    pub fn retain(&self) -> bool {
        field!(self, retain) != 0
    }

    /// It was kept for a new subscriber, and is not just being published. Never in `on_delivered`.
    pub fn is_retained(&self) -> bool {
        field!(self, retained) != 0
    }

    /// The filter of the shared subscription by which the receiver gets it, as `$share/name/a/#`.
    pub fn share(&self) -> Option<&'a str> {
        Some(field!(self, share).as_str()).filter(|share| !share.is_empty())
    }

    /// Who has brought the message about; of a retained one the client.
    pub fn origin(&self) -> Origin {
        Origin::new(field!(self, origin))
    }

    /// The name of the plugin, where the [`origin`](Self::origin) is one.
    pub fn source(&self) -> Option<&'a str> {
        Some(field!(self, source).as_str()).filter(|source| !source.is_empty())
    }

    /// The properties that it was published with, as they stand there, without their length.
    pub fn properties(&self) -> &'a [u8] {
        field!(self, properties).as_bytes()
    }

    /// The user properties that it was published with.
    pub fn user_properties(&self) -> UserProperties<'a> {
        UserProperties::new(self.properties())
    }
}

impl<'a> Dropped<'a> {
    /// Who does not get it.
    pub fn client(&self) -> Client<'a> {
        Client::new(field!(self, client))
    }

    /// The topic name.
    pub fn topic(&self) -> &'a str {
        field!(self, topic).as_str()
    }

    /// The payload; empty where the plugin has said that it need not see it.
    pub fn payload(&self) -> &'a [u8] {
        field!(self, payload).as_bytes()
    }

    /// Bytes of the payload, also where the plugin has said that it need not see it.
    pub fn payload_len(&self) -> u64 {
        field!(self, payload_len)
    }

    /// 0, 1 or 2.
    pub fn qos(&self) -> u8 {
        field!(self, qos)
    }

    /// RETAIN as the receiver would have seen it.
    pub fn retain(&self) -> bool {
        field!(self, retain) != 0
    }

    /// Why.
    pub fn reason(&self) -> DropReason {
        match field!(self, reason) {
            raw::DROPPED_QUEUE_FULL => DropReason::QueueFull,
            raw::DROPPED_EXPIRED => DropReason::Expired,
            raw::DROPPED_TOO_LARGE => DropReason::TooLarge,
            raw::DROPPED_VETOED => DropReason::Vetoed,
            raw::DROPPED_NOT_TAKEN => DropReason::NotTaken,
            raw::DROPPED_SESSION_ENDED => DropReason::SessionEnded,
            raw::DROPPED_REFUSED => DropReason::Refused,
            _ => DropReason::Other,
        }
    }

    /// The properties that it was published with, as they stand there, without their length.
    pub fn properties(&self) -> &'a [u8] {
        field!(self, properties).as_bytes()
    }

    /// The user properties that it was published with.
    pub fn user_properties(&self) -> UserProperties<'a> {
        UserProperties::new(self.properties())
    }
}

/// Why a receiver does not get a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropReason {
    /// Its queue is full (`limits.max_queued_messages`, `limits.max_queued_bytes`).
    QueueFull,
    /// The Message Expiry Interval has passed.
    Expired,
    /// The packet is larger than the receiver takes.
    TooLarge,
    /// A plugin has stopped it in [`on_before_deliver`](crate::Plugin::on_before_deliver).
    Vetoed,
    /// At QoS 0 it does not wait for a receiver that is away or slow.
    NotTaken,
    /// It waited in a session that has ended.
    SessionEnded,
    /// The receiver has acknowledged it with an error.
    Refused,
    /// A reason that this version of the crate does not know.
    Other,
}

debug! {
    Deliver: client publisher topic qos retain is_retained origin;
    Dropped: client topic qos reason;
}
