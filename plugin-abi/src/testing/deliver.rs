//! A message on its way to one receiver, as a test makes it up.

use super::{
    Client,
    client::size,
    event::{Event, setters},
    parts::{self, Parts},
    rules::{self, Check, ensure},
};
use crate::{
    UserProperties,
    raw::{self, EventPtr},
};

/// A message on its way to one receiver, for [`on_before_deliver`] and [`on_delivered`].
///
/// [`on_before_deliver`]: super::Instance::on_before_deliver
/// [`on_delivered`]: super::Instance::on_delivered
#[derive(Clone, Debug)]
pub struct Deliver {
    client: Client,
    publisher: String,
    topic: String,
    payload: Vec<u8>,
    qos: u8,
    retain: bool,
    retained: bool,
    share: String,
    properties: Vec<u8>,
    odd: bool,
}

impl Deliver {
    /// A message to this topic: empty, with QoS 0, not retained, from the client `publisher` to the client
    /// `client`.
    pub fn to(topic: impl Into<String>) -> Self {
        Deliver {
            client: Client::default(),
            publisher: "publisher".to_owned(),
            topic: topic.into(),
            payload: Vec::new(),
            qos: 0,
            retain: false,
            retained: false,
            share: String::new(),
            properties: Vec::new(),
            odd: false,
        }
    }

    /// The client id of who has published it; empty if that is not known any more.
    pub fn publisher(self, client_id: impl Into<String>) -> Self {
        Deliver { publisher: client_id.into(), ..self }
    }

    /// What is in it.
    pub fn payload(self, payload: impl AsRef<[u8]>) -> Self {
        Deliver { payload: payload.as_ref().to_vec(), ..self }
    }

    /// 0, 1 or 2.
    pub fn qos(self, qos: u8) -> Self {
        Deliver { qos, ..self }
    }

    /// RETAIN as the receiver sees it.
    pub fn retain(self, retain: bool) -> Self {
        Deliver { retain, ..self }
    }

    /// It was kept for a new subscriber, and has RETAIN.
    pub fn retained(self) -> Self {
        Deliver { retain: true, retained: true, ..self }
    }

    /// The filter of the shared subscription by which the receiver gets it, as `$share/name/a/#`.
    pub fn share(self, filter: impl Into<String>) -> Self {
        Deliver { share: filter.into(), ..self }
    }

    setters! { client properties odd }
}

impl Event for Deliver {
    type Raw = raw::Deliver<'static>;

    fn check(&self) -> Check {
        self.client.check()?;
        rules::topic_name(&self.topic)?;
        rules::qos(self.qos)?;
        if !self.share.is_empty() {
            rules::topic_filter(&self.share)?;
            let is_shared = self.share.starts_with("$share/");
            ensure(is_shared, || format!("{:?} is no shared subscription", self.share))?;
        }
        let are_whole = UserProperties::new(&self.properties).are_whole();
        ensure(are_whole, || "the properties are not those of a packet".into())
    }

    fn is_odd(&self) -> bool {
        self.odd
    }

    fn changes(&self) -> &'static [u32] {
        &[
            raw::ANSWER_PAYLOAD,
            raw::ANSWER_QOS,
            raw::ANSWER_SET_PROPERTY,
            raw::ANSWER_REMOVE_PROPERTY,
        ]
    }

    fn send(&self, parts: &Parts, call: &mut dyn FnMut(EventPtr<Self::Raw>) -> i32) -> i32 {
        let client = self.client.raw();
        let event = raw::Deliver {
            size: size::<raw::Deliver<'_>>(),
            qos: self.qos,
            retain: self.retain.into(),
            retained: self.retained.into(),
            origin: raw::ORIGIN_CLIENT,
            client: (&client).into(),
            publisher: raw::Text::new(&self.publisher),
            topic: raw::Text::new(&self.topic),
            payload: raw::View::new(&self.payload),
            properties: raw::View::new(&self.properties),
            share: raw::Text::new(&self.share),
            source: raw::Text::new(""),
            payload_len: self.payload.len() as u64,
            answer_ctx: parts.context(),
            answer: parts::take,
        };
        call(EventPtr::from(&event).cast())
    }
}
