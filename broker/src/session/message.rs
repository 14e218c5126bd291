//! A message as it is held for a receiver: a place in a shared piece of bytes.
//!
//! The messages of one run share one allocation, and so do all receivers of a message. A message
//! that is to be held for long gets its own ([`Message::new`]), so that it does not pin its
//! neighbours.

use std::sync::Arc;

use mqtt::{Additions, Owed, Properties, Property, PropertyBuffer, Publish, QoS, Version};

use super::{Chunk, MatchedBy};

/// Content and flags of a PUBLISH, without packet identifier. 40 bytes, cheap to clone.
#[derive(Clone)]
pub(crate) struct Message {
    chunk: Chunk,
    /// The subscriptions that it answers, where they matter.
    pub(crate) matched_by: Option<Arc<MatchedBy>>,
    /// Where its bytes begin: those of the packet, or of the topic.
    start: u32,
    payload_start: u32,
    end: u32,
    /// Second of the broker's clock at which it came in; message expiry counts from here.
    received: u32,
    topic_len: u16,
    /// From `start` to the topic.
    topic_offset: u8,
    /// From the end of the topic to the properties.
    properties_offset: u8,
    pub(crate) qos: QoS,
    pub(crate) retain: RetainFlag,
    /// `start` is that of a PUBLISH of this version and QoS, with neither DUP nor RETAIN.
    packet: Option<(Version, QoS)>,
}

/// RETAIN as it was published, and whether the receiver is to see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetainFlag {
    Clear,
    Hidden,
    Shown,
}

impl RetainFlag {
    pub(crate) fn new(published: bool, shown: bool) -> RetainFlag {
        if !published {
            RetainFlag::Clear
        } else if shown {
            RetainFlag::Shown
        } else {
            RetainFlag::Hidden
        }
    }

    /// The same for a receiver that wants it as published, or not.
    pub(crate) fn shown_if(self, shown: bool) -> RetainFlag {
        RetainFlag::new(self != RetainFlag::Clear, shown)
    }
}

/// Where the parts of a PUBLISH stand in the bytes that hold it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Of the packet.
    pub(crate) start: u32,
    pub(crate) topic_start: u32,
    pub(crate) topic_len: u16,
    pub(crate) properties_start: u32,
    pub(crate) payload_start: u32,
    pub(crate) end: u32,
}

impl Layout {
    pub(crate) fn topic_end(&self) -> u32 {
        self.topic_start + u32::from(self.topic_len)
    }
}

impl Owed for Message {
    fn qos(&self) -> QoS {
        self.qos
    }

    fn size(&self) -> usize {
        self.size()
    }
}

impl Message {
    /// A message that stands in `chunk` as `layout` says, `offset` bytes further to the front.
    /// `packet`: the version and QoS of its packet, if that has neither DUP nor RETAIN.
    pub(crate) fn in_chunk(
        chunk: Chunk,
        layout: &Layout,
        offset: u32,
        packet: Option<(Version, QoS)>,
        received: u32,
    ) -> Message {
        Message {
            chunk,
            matched_by: None,
            start: layout.start - offset,
            payload_start: layout.payload_start - offset,
            end: layout.end - offset,
            received,
            topic_len: layout.topic_len,
            // A packet's header and the topic's length take seven bytes at most.
            topic_offset: (layout.topic_start - layout.start) as u8,
            // An identifier and the length of the properties take six.
            properties_offset: (layout.properties_start - layout.topic_end()) as u8,
            qos: QoS::AtMostOnce,
            retain: RetainFlag::Clear,
            packet,
        }
    }

    /// A message with an allocation of its own.
    pub(crate) fn new(publish: &Publish<'_>, received: u32) -> Message {
        Message::in_new(Chunk::new, publish, received)
    }

    /// The same; whether the store is told of it, its number says.
    pub(crate) fn kept_if(is_kept: bool, publish: &Publish<'_>, received: u32) -> Message {
        Message::in_new(|bytes| Chunk::kept_if(is_kept, bytes), publish, received)
    }

    /// A message of which nothing but its number matters.
    pub(crate) fn empty(qos: QoS) -> Message {
        let properties = Properties::EMPTY;
        let publish = Publish {
            dup: false,
            qos,
            retain: false,
            packet_id: 0,
            topic: "",
            properties,
            payload: b"",
        };
        Message::new(&publish, 0)
    }

    /// The same in bytes that `chunk` makes.
    pub(crate) fn in_new(
        chunk: impl FnOnce(&[u8]) -> Chunk,
        publish: &Publish<'_>,
        received: u32,
    ) -> Message {
        let topic = publish.topic.as_bytes();
        let properties = publish.properties.as_bytes();
        let mut bytes = Vec::with_capacity(topic.len() + properties.len() + publish.payload.len());
        bytes.extend_from_slice(topic);
        bytes.extend_from_slice(properties);
        bytes.extend_from_slice(publish.payload);
        Message {
            matched_by: None,
            start: 0,
            payload_start: (topic.len() + properties.len()) as u32,
            end: bytes.len() as u32,
            received,
            topic_len: topic.len() as u16,
            topic_offset: 0,
            properties_offset: 0,
            qos: publish.qos,
            retain: RetainFlag::new(publish.retain, true),
            packet: None,
            chunk: chunk(&bytes),
        }
    }

    /// The PUBLISH as it came, if that is what a client of this version is sent at second `now`, but
    /// for the packet identifier, which stands at the place returned.
    #[inline]
    pub(crate) fn packet(&self, version: Version, now: u32) -> Option<(&[u8], usize)> {
        let as_it_came = self.packet == Some((version, self.qos))
            && self.retain != RetainFlag::Shown
            && (now == self.received || self.properties_start() == self.payload_start)
            && self.additions().is_empty();
        let packet_id_at = usize::from(self.topic_offset) + usize::from(self.topic_len);
        as_it_came.then(|| (self.bytes(self.start, self.end), packet_id_at))
    }

    /// Bytes that stay in memory as long as the message does.
    pub(crate) fn pinned(&self) -> usize {
        self.chunk.bytes().len()
    }

    /// The message without its neighbours, if they are much larger than it is.
    pub(crate) fn alone(self) -> Message {
        if self.pinned() <= 4 * self.size() + 64 {
            return self;
        }
        let chunk = Chunk::numbered(self.number(), self.bytes(self.start, self.end));
        let start = self.start;
        let (payload_start, end) = (self.payload_start - start, self.end - start);
        Message { chunk, start: 0, payload_start, end, ..self }
    }

    /// The same under another number.
    pub(crate) fn renumbered(self) -> Message {
        let chunk = Chunk::kept_if(self.is_kept(), self.bytes(self.start, self.end));
        let (payload_start, end) = (self.payload_start - self.start, self.end - self.start);
        Message { chunk, start: 0, payload_start, end, ..self }
    }

    /// Another message in the place of this one, for the same receiver.
    pub(crate) fn with(&self, publish: &Publish<'_>) -> Message {
        let matched_by = self.matched_by.clone();
        let message = Message::kept_if(self.is_kept(), publish, self.received);
        Message { matched_by, retain: self.retain, ..message }
    }

    /// Bytes of topic, properties and payload: what it counts for in a queue.
    pub(crate) fn size(&self) -> usize {
        usize::from(self.topic_len) + (self.end - self.properties_start()) as usize
    }

    /// Bytes from the payload's start on, for a writer that does not copy them.
    pub(crate) fn payload_from(&self, skip: usize) -> &[u8] {
        self.payload().get(skip..).unwrap_or_default()
    }

    pub(crate) fn payload(&self) -> &[u8] {
        self.bytes(self.payload_start, self.end)
    }

    /// The PUBLISH that carries it.
    pub(crate) fn publish(&self, packet_id: u16, dup: bool) -> Publish<'_> {
        let topic = self.bytes(self.topic_start(), self.topic_end());
        Publish {
            dup,
            qos: self.qos,
            retain: self.retain == RetainFlag::Shown,
            packet_id,
            // Checked when the packet was decoded.
            topic: std::str::from_utf8(topic).unwrap_or_default(),
            properties: self.properties(),
            payload: self.payload(),
        }
    }

    /// What is left of the Message Expiry Interval at second `now`: `None` if it has none.
    /// [MQTT-3.3.2-6]
    pub(crate) fn expiry_left(&self, now: u32) -> Option<u32> {
        if self.properties_start() == self.payload_start {
            return None;
        }
        let interval = self.properties().message_expiry()?;
        Some(interval.saturating_sub(now.saturating_sub(self.received)))
    }

    /// The second in which it expires: `None` if it never does.
    pub(crate) fn expires(&self) -> Option<u32> {
        Some(self.received.saturating_add(self.expiry_left(self.received)?))
    }

    /// The second of the broker's clock at which it came in.
    pub(crate) fn received(&self) -> u32 {
        self.received
    }

    /// Its name in the store; shared by all receivers of one publication.
    pub(crate) fn number(&self) -> u64 {
        self.chunk.number(self.start)
    }

    /// Whether the store is told of it, if it waits in a session that is there.
    #[inline]
    pub(crate) fn is_kept(&self) -> bool {
        Chunk::keeps(self.number())
    }

    /// Tells apart the runs that messages have come in, of those that are in memory.
    pub(crate) fn place(&self) -> usize {
        self.chunk.place()
    }

    /// Whether it expired before second `now` and must not be delivered. [MQTT-3.3.2-5]
    pub(crate) fn is_expired(&self, now: u32) -> bool {
        self.expiry_left(now) == Some(0)
    }

    /// Length of the whole packet, without a topic alias.
    pub(crate) fn encoded_len(&self, version: Version) -> usize {
        self.publish(1, false).encoded_len_with(self.additions(), version)
    }

    /// What is added for the receiver. [MQTT-3.3.4-3] [MQTT-3.3.4-5]
    pub(crate) fn additions(&self) -> Additions<'_> {
        let identifiers = self.matched_by.as_deref().map(MatchedBy::identifiers);
        Additions {
            subscription_identifiers: identifiers.unwrap_or(Properties::EMPTY),
            topic_alias: None,
        }
    }

    /// The filter of the shared subscription by which it came to its receiver.
    pub(crate) fn share(&self) -> Option<&str> {
        self.matched_by.as_deref()?.share()
    }

    /// The PUBLISH with what is left of its expiry at second `now`.
    pub(crate) fn aged<'a>(
        &'a self,
        packet_id: u16,
        dup: bool,
        now: u32,
        buffer: &'a mut PropertyBuffer,
    ) -> Publish<'a> {
        let mut publish = self.publish(packet_id, dup);
        if now != self.received
            && let Some(left) = self.expiry_left(now)
        {
            age(publish.properties, left, buffer);
            publish.properties = buffer.as_properties();
        }
        publish
    }

    fn properties(&self) -> Properties<'_> {
        Properties::from_validated(self.bytes(self.properties_start(), self.payload_start))
    }

    fn topic_start(&self) -> u32 {
        self.start + u32::from(self.topic_offset)
    }

    fn topic_end(&self) -> u32 {
        self.topic_start() + u32::from(self.topic_len)
    }

    fn properties_start(&self) -> u32 {
        self.topic_end() + u32::from(self.properties_offset)
    }

    fn bytes(&self, start: u32, end: u32) -> &[u8] {
        self.chunk.bytes().get(start as usize..end as usize).unwrap_or_default()
    }
}

/// Copies `properties` with `left` seconds to live.
pub(crate) fn age(properties: Properties<'_>, left: u32, out: &mut PropertyBuffer) {
    for property in properties.iter() {
        out.push(match property {
            Property::MessageExpiryInterval(_) => Property::MessageExpiryInterval(left),
            other => other,
        });
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    /// There may be a million that wait.
    #[test]
    fn a_message_takes_40_bytes() {
        assert_eq!(size_of::<Message>(), 40);
    }

    #[test]
    fn what_is_made_of_a_message_is_kept_if_it_is() {
        for is_kept in [true, false] {
            let chunk = Chunk::kept_if(is_kept, &[b'x'; 1000]);
            let layout = Layout {
                start: 500,
                topic_start: 500,
                topic_len: 1,
                properties_start: 501,
                payload_start: 501,
                end: 502,
            };
            let message = Message::in_chunk(chunk, &layout, 0, None, 0);
            let alone = message.clone().alone();
            assert_eq!((alone.pinned(), alone.number()), (2, message.number()));
            let others = [alone, message.with(&message.publish(0, false)), message.renumbered()];
            assert!(others.iter().all(|other| other.is_kept() == is_kept));
        }
    }
}
