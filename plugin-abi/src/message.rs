//! A message that a plugin publishes, or is shown.

use std::ptr::NonNull;

use crate::{
    properties::UserProperties,
    property::Property,
    raw::{self, View},
};

/// A message that a plugin publishes: `Message::to("alarms/1").payload("on").qos(1)`. Since 1.1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Message {
    topic: String,
    payload: Vec<u8>,
    qos: u8,
    retain: bool,
    properties: Vec<u8>,
}

impl Message {
    /// A message to this topic: empty, with QoS 0, not to be retained.
    pub fn to(topic: impl Into<String>) -> Self {
        let (payload, properties) = (Vec::new(), Vec::new());
        Message { topic: topic.into(), payload, qos: 0, retain: false, properties }
    }

    /// What is in it.
    pub fn payload(self, payload: impl Into<Vec<u8>>) -> Self {
        Message { payload: payload.into(), ..self }
    }

    /// 0, 1 or 2; anything else is refused.
    pub fn qos(self, qos: u8) -> Self {
        Message { qos, ..self }
    }

    /// Has it retained.
    pub fn retain(self, retain: bool) -> Self {
        Message { retain, ..self }
    }

    /// Gives it a property; those that MQTT 5 allows once may be given once.
    pub fn property(mut self, property: Property<'_>) -> Self {
        self.properties.extend_from_slice(&property.encode());
        self
    }

    /// What crosses the border, as [`testing`](crate::testing) keeps it. `None`: its topic is no text.
    pub(crate) fn from_raw(raw: &raw::Message<'_>) -> Option<Self> {
        Some(Message {
            topic: std::str::from_utf8(raw.topic.as_bytes()).ok()?.to_owned(),
            payload: raw.payload.as_bytes().to_vec(),
            qos: raw.qos,
            retain: raw.retain != 0,
            properties: raw.properties.as_bytes().to_vec(),
        })
    }

    /// Runs `call` with the form that crosses the border.
    pub(crate) fn with_raw<T>(&self, call: impl FnOnce(&raw::Message<'_>) -> T) -> T {
        call(&raw::Message {
            size: size_of::<raw::Message<'_>>() as u32,
            qos: self.qos,
            retain: self.retain.into(),
            reserved: [0; 2],
            topic: View::new(self.topic.as_bytes()),
            payload: View::new(&self.payload),
            properties: View::new(&self.properties),
        })
    }
}

/// A message that the broker shows while a call lasts.
#[derive(Clone, Copy)]
pub struct RetainedMessage<'a> {
    raw: raw::Message<'a>,
}

impl std::fmt::Debug for RetainedMessage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetainedMessage").field("topic", &self.topic()).finish_non_exhaustive()
    }
}

impl<'a> RetainedMessage<'a> {
    /// # Safety
    ///
    /// The broker shows it, and it lives for `'a`.
    pub(crate) unsafe fn new(message: NonNull<raw::Message<'a>>) -> Self {
        // SAFETY: the caller's promise; the struct has not grown since it is there.
        RetainedMessage { raw: unsafe { message.read() } }
    }

    /// The topic name.
    pub fn topic(&self) -> &'a str {
        std::str::from_utf8(self.raw.topic.as_bytes()).unwrap_or_default()
    }

    /// The payload.
    pub fn payload(&self) -> &'a [u8] {
        self.raw.payload.as_bytes()
    }

    /// The QoS that it was published with.
    pub fn qos(&self) -> u8 {
        self.raw.qos
    }

    /// The properties as they stand in the packet, without their length.
    pub fn properties(&self) -> &'a [u8] {
        self.raw.properties.as_bytes()
    }

    /// The user properties.
    pub fn user_properties(&self) -> UserProperties<'a> {
        UserProperties::new(self.properties())
    }
}
