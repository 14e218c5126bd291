//! A message, as a test makes it up.

use super::{
    Client,
    client::size,
    event::{Event, setters},
    parts::{self, Parts},
    rules::{self, Check, ensure},
};
use crate::{
    Origin,
    raw::{self, EventPtr},
};

/// A message, for [`on_message`], [`on_before_publish`] and [`on_publish`].
///
/// [`on_message`]: super::Instance::on_message
/// [`on_before_publish`]: super::Instance::on_before_publish
/// [`on_publish`]: super::Instance::on_publish
#[derive(Clone, Debug)]
pub struct Publish {
    client: Client,
    topic: String,
    payload: Vec<u8>,
    qos: u8,
    retain: bool,
    dup: bool,
    origin: Origin,
    properties: Vec<u8>,
    asked_again: bool,
    odd: bool,
}

impl Publish {
    /// A message to this topic: empty, with QoS 0, not to be retained, from the client `client`.
    pub fn to(topic: impl Into<String>) -> Self {
        Publish {
            client: Client::default(),
            topic: topic.into(),
            payload: Vec::new(),
            qos: 0,
            retain: false,
            dup: false,
            origin: Origin::Client,
            properties: Vec::new(),
            asked_again: false,
            odd: false,
        }
    }

    /// The same as the will of a client that is gone.
    pub fn will_to(topic: impl Into<String>) -> Self {
        Publish { origin: Origin::Will, ..Publish::to(topic) }
    }

    /// What is in it.
    pub fn payload(self, payload: impl AsRef<[u8]>) -> Self {
        Publish { payload: payload.as_ref().to_vec(), ..self }
    }

    /// 0, 1 or 2.
    pub fn qos(self, qos: u8) -> Self {
        Publish { qos, ..self }
    }

    /// Whether it is to be retained.
    pub fn retain(self, retain: bool) -> Self {
        Publish { retain, ..self }
    }

    /// Whether the client says that it may have sent it before.
    pub fn dup(self, dup: bool) -> Self {
        Publish { dup, ..self }
    }

    setters! { client properties asked_again odd }
}

impl Event for Publish {
    type Raw = raw::Publish<'static>;

    fn check(&self) -> Check {
        self.client.check()?;
        rules::topic_name(&self.topic)?;
        rules::qos(self.qos)?;
        ensure(!self.dup || self.qos > 0, || "a message of QoS 0 is sent once".into())?;
        ensure(!self.dup || self.origin == Origin::Client, || "a will is sent once".into())?;
        rules::properties(&self.properties, &self.client)
    }

    fn is_odd(&self) -> bool {
        self.odd
    }

    fn changes(&self) -> &'static [u32] {
        &[
            raw::ANSWER_TOPIC,
            raw::ANSWER_PAYLOAD,
            raw::ANSWER_QOS,
            raw::ANSWER_RETAIN,
            raw::ANSWER_KEPT,
            raw::ANSWER_SET_PROPERTY,
            raw::ANSWER_REMOVE_PROPERTY,
        ]
    }

    fn is_asked_again(&self) -> bool {
        self.asked_again
    }

    fn send(&self, parts: &Parts, call: &mut dyn FnMut(EventPtr<Self::Raw>) -> i32) -> i32 {
        let client = self.client.raw();
        let event = raw::Publish {
            size: size::<raw::Publish<'_>>(),
            qos: self.qos,
            retain: self.retain.into(),
            dup: self.dup.into(),
            origin: match self.origin {
                Origin::Client => raw::ORIGIN_CLIENT,
                Origin::Will => raw::ORIGIN_WILL,
                Origin::Plugin => raw::ORIGIN_PLUGIN,
                Origin::Broker => raw::ORIGIN_BROKER,
                Origin::Other => u8::MAX,
            },
            client: (&client).into(),
            topic: raw::Text::new(&self.topic),
            payload: raw::View::new(&self.payload),
            properties: raw::View::new(&self.properties),
            answer_ctx: parts.context(),
            answer: parts::take,
            asked_again: self.asked_again.into(),
            depth: 0,
            source: raw::Text::new(""),
            original_topic: raw::Text::new(&self.topic),
            payload_len: self.payload.len() as u64,
        };
        call(EventPtr::from(&event).cast())
    }
}
