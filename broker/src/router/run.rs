//! Consecutive PUBLISHes of one client to one topic, delivered together: one look at the
//! subscriptions, and one lock per receiver.

use std::sync::Arc;

use mqtt::{Properties, Publish, QoS, Version};

use super::Target;
use crate::hooks::{Offer, Origin};
use crate::session::{Chunk, Layout, Message, Ready, RetainFlag, Session};

/// Several PUBLISHes to one topic, standing in the bytes they were read as.
pub(crate) struct Run<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) topic: &'a str,
    pub(crate) items: &'a [Item],
    /// How the bytes are to be read.
    pub(crate) version: Version,
    /// Who sent it; for No Local.
    pub(crate) publisher: Option<&'a Arc<Session>>,
    pub(crate) provenance: Provenance<'a>,
    /// Second of the broker's clock.
    pub(crate) now: u32,
}

/// What plugins are told of the way that a message has come.
#[derive(Clone, Copy)]
pub(crate) struct Provenance<'a> {
    pub(crate) origin: Origin<'a>,
    /// The topic before plugins have changed it, if they have.
    pub(crate) original_topic: Option<&'a str>,
    /// How many plugins' hooks have led to it, one message after the other.
    pub(crate) depth: u32,
}

impl Provenance<'_> {
    /// A client has sent it, and it is as it was.
    pub(crate) const CLIENT: Provenance<'static> =
        Provenance { origin: Origin::Client, original_topic: None, depth: 0 };
}

/// The packets of a run, all of one QoS.
#[derive(Clone, Copy)]
pub(super) struct Verbatim<'a> {
    pub(super) qos: QoS,
    pub(super) bytes: &'a [u8],
}

/// One PUBLISH of a run.
#[derive(Clone, Copy)]
pub(crate) struct Item {
    pub(crate) layout: Layout,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    /// Whether the store is told of it.
    pub(crate) is_kept: bool,
}

impl Item {
    /// Describes a decoded PUBLISH whose packet stands at `start..end`.
    pub(crate) fn new(publish: &Publish<'_>, start: usize, end: usize, header_len: usize) -> Item {
        let topic_start = start + header_len + 2;
        let payload_start = end - publish.payload.len();
        Item {
            layout: Layout {
                start: start as u32,
                topic_start: topic_start as u32,
                topic_len: publish.topic.len() as u16,
                properties_start: (payload_start - publish.properties.as_bytes().len()) as u32,
                payload_start: payload_start as u32,
                end: end as u32,
            },
            qos: publish.qos,
            retain: publish.retain,
            dup: publish.dup,
            is_kept: true,
        }
    }

    /// Writes a PUBLISH behind what is in `out`, in the version that can say everything. `None`, and
    /// nothing is written: no packet can be so large.
    pub(crate) fn write(publish: &Publish<'_>, out: &mut Vec<u8>) -> Option<Item> {
        let start = out.len();
        // Each receiver gets an identifier of its own.
        let packet_id = publish.packet_id.max(1);
        Publish { packet_id, ..*publish }.encode(Version::INSIDE, out);
        let written = out.get(start..).unwrap_or_default();
        let Ok(Some(frame)) = mqtt::split_frame(written, u32::MAX) else {
            out.truncate(start);
            return None;
        };
        Some(Item::new(publish, start, out.len(), frame.header_len()))
    }

    pub(crate) fn payload_len(&self) -> usize {
        (self.layout.end - self.layout.payload_start) as usize
    }

    pub(crate) fn packet_len(&self) -> usize {
        (self.layout.end - self.layout.start) as usize
    }

    /// Where its packet identifier stands in the bytes of a run that begins with `first`.
    fn packet_id_at(&self, first: &Item) -> usize {
        (self.layout.topic_end() - first.layout.start) as usize
    }
}

impl<'a> Run<'a> {
    /// The run's packets as they stand, if they are just the bytes of those that a receiver gets who
    /// speaks the sender's version; but for the packet identifiers, if they have any.
    pub(super) fn verbatim(&self) -> Option<Verbatim<'a>> {
        let first = self.items.first()?;
        let mut end = first.layout.start;
        for item in self.items {
            let is_same = item.qos == first.qos && !item.retain && !item.dup;
            if !is_same || item.layout.start != end {
                return None;
            }
            end = item.layout.end;
        }
        Some(Verbatim { qos: first.qos, bytes: self.bytes()? })
    }

    /// The bytes of the first `count` packets, which follow each other.
    pub(super) fn first_packets(&self, count: usize) -> Option<&'a [u8]> {
        let first = self.items.first()?;
        let last = self.items.get(count.checked_sub(1)?)?;
        self.data.get(first.layout.start as usize..last.layout.end as usize)
    }

    /// From the first packet to the last.
    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        let (first, last) = (self.items.first()?, self.items.last()?);
        self.data.get(first.layout.start as usize..last.layout.end as usize)
    }

    /// The largest packet, in bytes.
    pub(super) fn largest(&self) -> usize {
        self.items.iter().map(Item::packet_len).max().unwrap_or(0)
    }

    /// The PUBLISH of an item, at QoS 0, with its properties as they came. [MQTT-3.3.2-4]
    /// [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]
    pub(crate) fn publish(&self, item: &Item) -> Publish<'a> {
        let bytes =
            |start: u32, end: u32| self.data.get(start as usize..end as usize).unwrap_or_default();
        let Layout { properties_start, payload_start, end, .. } = item.layout;
        Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            packet_id: 0,
            topic: self.topic,
            properties: Properties::from_validated(bytes(properties_start, payload_start)),
            payload: bytes(payload_start, end),
        }
    }

    /// An item as it was published, to be shown to plugins.
    pub(super) fn offer(&self, item: &Item) -> Offer<'a> {
        let Publish { payload, properties, .. } = self.publish(item);
        Offer { payload, properties: properties.as_bytes(), qos: item.qos, retain: item.retain }
    }
}

/// The run's messages as receivers hold them, made when the first receiver needs them.
pub(super) struct Messages<'a> {
    run: &'a Run<'a>,
    /// Of those that are kept.
    kept: Option<Chunk>,
    /// Of those that are not.
    unkept: Option<Chunk>,
    /// Each with an allocation of its own, for absent clients.
    compact: Vec<Option<Message>>,
}

impl<'a> Messages<'a> {
    pub(super) fn new(run: &'a Run<'a>) -> Messages<'a> {
        Messages { run, kept: None, unkept: None, compact: Vec::new() }
    }

    /// A message that shares the bytes of the whole run.
    pub(super) fn shared(
        &mut self,
        item: &Item,
        target: &Target,
        qos: QoS,
        retain: RetainFlag,
    ) -> Message {
        let bytes = self.run.bytes().unwrap_or_default();
        let place = if item.is_kept { &mut self.kept } else { &mut self.unkept };
        let chunk = place.get_or_insert_with(|| Chunk::kept_if(item.is_kept, bytes)).clone();
        let offset = self.run.items.first().map_or(0, |first| first.layout.start);
        let is_plain = !item.retain && !item.dup;
        let packet = is_plain.then_some((self.run.version, item.qos));
        let mut message = Message::in_chunk(chunk, &item.layout, offset, packet, self.run.now);
        message.qos = qos;
        message.retain = retain;
        message.matched_by.clone_from(&target.matched_by);
        message
    }

    /// The first `count` messages, with the places of their packets among the bytes of the run.
    pub(super) fn ready(
        &mut self,
        count: usize,
        target: &Target,
        qos: QoS,
    ) -> impl Iterator<Item = Ready> {
        let run = self.run;
        let first = run.items.first();
        run.items.iter().take(count).zip(first.into_iter().cycle()).map(move |(item, first)| {
            Ready {
                message: self.shared(item, target, qos, RetainFlag::Clear),
                packet_id_at: item.packet_id_at(first),
            }
        })
    }

    /// A message that shares with nothing but other receivers.
    pub(super) fn compact(
        &mut self,
        index: usize,
        item: &Item,
        target: &Target,
        qos: QoS,
        retain: RetainFlag,
    ) -> Message {
        self.compact.resize(self.run.items.len(), None);
        let make = || Message::kept_if(item.is_kept, &self.run.publish(item), self.run.now);
        let mut message = match self.compact.get_mut(index) {
            Some(slot) => slot.get_or_insert_with(make).clone(),
            None => make(),
        };
        message.qos = qos;
        message.retain = retain;
        message.matched_by.clone_from(&target.matched_by);
        message
    }
}
