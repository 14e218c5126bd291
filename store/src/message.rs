//! A message as it is kept: topic, properties and payload in one piece of bytes that others may share.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use mqtt::QoS;

/// A message. To clone it counts references and copies no content.
#[derive(Clone)]
pub struct Message {
    bytes: Arc<[u8]>,
    topic: Range<u32>,
    properties: Range<u32>,
    payload: Range<u32>,
    /// The QoS it was published with.
    pub qos: QoS,
    /// RETAIN as it was published.
    pub retain: bool,
    /// The second of the wall clock at which it came; its expiry counts from here.
    pub received: u64,
    /// The Client Identifier of who published it; empty for the broker itself.
    pub publisher: Arc<str>,
}

/// Where the parts of a message stand in the bytes that hold it.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The Topic Name.
    pub topic: Range<u32>,
    /// The properties, without their length.
    pub properties: Range<u32>,
    /// The payload.
    pub payload: Range<u32>,
}

impl Message {
    /// A message of QoS 0, published by the broker at second 0, in a piece of bytes of its own. Panics never;
    /// what passes 4 GiB is cut off.
    pub fn new(topic: &str, properties: &[u8], payload: &[u8]) -> Message {
        let bytes: Arc<[u8]> = [topic.as_bytes(), properties, payload].concat().into();
        let end = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let (topic_end, properties_end) =
            (end(topic.len()), end(topic.len().saturating_add(properties.len())));
        let parts = Parts {
            topic: 0..topic_end,
            properties: topic_end..properties_end,
            payload: properties_end..end(bytes.len()),
        };
        Message::in_shared(bytes, parts)
    }

    /// The same in bytes that others share, without a copy. A part that does not stand in them is empty.
    pub fn in_shared(bytes: Arc<[u8]>, parts: Parts) -> Message {
        let Parts { topic, properties, payload } = parts;
        let (qos, received) = (QoS::AtMostOnce, 0);
        Message {
            bytes,
            topic,
            properties,
            payload,
            qos,
            retain: false,
            received,
            publisher: "".into(),
        }
    }

    /// The Topic Name; empty if it is no UTF-8.
    pub fn topic(&self) -> &str {
        std::str::from_utf8(self.part(&self.topic)).unwrap_or_default()
    }

    /// The properties, without their length.
    pub fn properties(&self) -> &[u8] {
        self.part(&self.properties)
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        self.part(&self.payload)
    }

    /// Bytes of its three parts.
    pub(crate) fn len(&self) -> usize {
        self.part(&self.topic).len() + self.properties().len() + self.payload().len()
    }

    fn part(&self, range: &Range<u32>) -> &[u8] {
        self.bytes.get(range.start as usize..range.end as usize).unwrap_or_default()
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Message) -> bool {
        self.part(&self.topic) == other.part(&other.topic)
            && self.properties() == other.properties()
            && self.payload() == other.payload()
            && (self.qos, self.retain, self.received) == (other.qos, other.retain, other.received)
            && self.publisher == other.publisher
    }
}

impl Eq for Message {}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("topic", &self.topic())
            .field("payload", &self.payload().len())
            .field("qos", &self.qos)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
