//! A message that one receiver does not get, as a test makes it up.

use super::{
    Client,
    client::size,
    event::{Event, setters},
    parts::Parts,
    rules::{self, Check, ensure},
};
use crate::{
    DropReason, UserProperties,
    raw::{self, EventPtr},
};

/// A message that one receiver does not get.
#[derive(Clone, Debug)]
pub struct Dropped {
    client: Client,
    topic: String,
    payload: Vec<u8>,
    qos: u8,
    retain: bool,
    reason: DropReason,
    properties: Vec<u8>,
    odd: bool,
}

impl Dropped {
    /// A message to this topic: empty, with QoS 0, not retained, not for the client `client`.
    pub fn to(topic: impl Into<String>, reason: DropReason) -> Self {
        Dropped {
            client: Client::default(),
            topic: topic.into(),
            payload: Vec::new(),
            qos: 0,
            retain: false,
            reason,
            properties: Vec::new(),
            odd: false,
        }
    }

    /// What is in it.
    pub fn payload(self, payload: impl AsRef<[u8]>) -> Self {
        Dropped { payload: payload.as_ref().to_vec(), ..self }
    }

    /// 0, 1 or 2.
    pub fn qos(self, qos: u8) -> Self {
        Dropped { qos, ..self }
    }

    /// RETAIN as the receiver would have seen it.
    pub fn retain(self, retain: bool) -> Self {
        Dropped { retain, ..self }
    }

    setters! { client properties odd }
}

impl Event for Dropped {
    type Raw = raw::Dropped<'static>;

    fn check(&self) -> Check {
        self.client.check()?;
        rules::topic_name(&self.topic)?;
        rules::qos(self.qos)?;
        let are_whole = UserProperties::new(&self.properties).are_whole();
        ensure(are_whole, || "the properties are not those of a packet".into())
    }

    fn is_odd(&self) -> bool {
        self.odd
    }

    fn send(&self, _: &Parts, call: &mut dyn FnMut(EventPtr<Self::Raw>) -> i32) -> i32 {
        let client = self.client.raw();
        let event = raw::Dropped {
            size: size::<raw::Dropped<'_>>(),
            qos: self.qos,
            retain: self.retain.into(),
            reason: match self.reason {
                DropReason::QueueFull => raw::DROPPED_QUEUE_FULL,
                DropReason::Expired => raw::DROPPED_EXPIRED,
                DropReason::TooLarge => raw::DROPPED_TOO_LARGE,
                DropReason::Vetoed => raw::DROPPED_VETOED,
                DropReason::NotTaken => raw::DROPPED_NOT_TAKEN,
                DropReason::SessionEnded => raw::DROPPED_SESSION_ENDED,
                DropReason::Refused => raw::DROPPED_REFUSED,
                DropReason::Other => u8::MAX,
            },
            reserved: 0,
            client: (&client).into(),
            topic: raw::Text::new(&self.topic),
            payload: raw::View::new(&self.payload),
            properties: raw::View::new(&self.properties),
            payload_len: self.payload.len() as u64,
        };
        call(EventPtr::from(&event).cast())
    }
}
