//! The values of the journal as bytes, and back. Numbers are big-endian; a text has its length before it.

use std::num::NonZeroU32;
use std::sync::Arc;

use mqtt::QoS;
use smallvec::SmallVec;

use crate::change::{Lease, PairValue, Queued, Subscription, Will};
use crate::format::Identity;
use crate::message::{Message, Parts};
use crate::state::Pair;

/// Bytes of a value; short ones need no allocation.
pub(crate) type Value = SmallVec<[u8; 64]>;

/// What each batch says of itself, under the key [`MARK`](crate::keys::MARK).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Batches are counted; one is written again after a failure, with the same number.
    pub(crate) batch: u64,
    /// The last group of changes that is in it.
    pub(crate) sequence: u64,
    /// The batch up to which all were known to be on the disk, not only with the system.
    pub(crate) synced: u64,
    /// The lowest numbers that no session and no message had.
    pub(crate) next_session: u64,
    pub(crate) next_message: u64,
    /// The store was closed after it.
    pub(crate) closed: bool,
    pub(crate) identity: Identity,
}

impl Mark {
    pub(crate) fn encode(&self) -> Value {
        let mut value = Value::new();
        for number in [self.batch, self.sequence, self.synced, self.next_session, self.next_message]
        {
            push_u64(&mut value, number);
        }
        value.push(u8::from(self.closed));
        value.extend_from_slice(&self.identity.to_be_bytes());
        value
    }

    /// None also if it is that of another store.
    pub(crate) fn decode(value: &[u8], identity: Identity) -> Option<Mark> {
        let mut reader = Reader(value);
        let mark = Mark {
            batch: reader.u64()?,
            sequence: reader.u64()?,
            synced: reader.u64()?,
            next_session: reader.u64()?,
            next_message: reader.u64()?,
            closed: reader.flag()?,
            identity: reader.u128()?,
        };
        reader.end(mark).filter(|mark| mark.identity == identity)
    }
}

pub(crate) fn encode_message(message: &Message, value: &mut Vec<u8>) {
    value.extend_from_slice(&message.received.to_be_bytes());
    value.push(message.qos as u8 | u8::from(message.retain) << 2);
    for part in [message.publisher.as_bytes(), message.topic().as_bytes(), message.properties()] {
        value.extend_from_slice(&length(part).to_be_bytes());
        value.extend_from_slice(part);
    }
    value.extend_from_slice(message.payload());
}

/// The message shares one allocation of the record.
pub(crate) fn decode_message(value: &[u8]) -> Option<Message> {
    let mut reader = Reader(value);
    let received = reader.u64()?;
    let flags = reader.u8()?;
    let publisher = reader.text()?;
    let at = |reader: &Reader<'_>| u32::try_from(value.len() - reader.0.len()).ok();
    let (topic_len, topic_start) = (length(reader.text()?.as_bytes()), at(&reader)?);
    let (properties_len, properties_end) = (length(reader.bytes()?), at(&reader)?);
    let parts = Parts {
        topic: topic_start.checked_sub(topic_len)?..topic_start,
        properties: properties_end.checked_sub(properties_len)?..properties_end,
        payload: properties_end..u32::try_from(value.len()).ok()?,
    };
    let mut message = Message::in_shared(value.into(), parts);
    message.qos = QoS::from_bits(flags & 3)?;
    message.retain = flags & 4 != 0;
    message.received = received;
    message.publisher = publisher.into();
    Some(message)
}

pub(crate) fn encode_queued(queued: &Queued) -> Value {
    let mut value = Value::new();
    push_u64(&mut value, queued.message);
    push_u64(&mut value, queued.order);
    value.push(queued.qos as u8 | u8::from(queued.retain) << 2);
    let count = u32::try_from(queued.identifiers.len()).unwrap_or(u32::MAX);
    value.extend_from_slice(&count.to_be_bytes());
    for identifier in &queued.identifiers {
        value.extend_from_slice(&identifier.to_be_bytes());
    }
    if let Some(share) = &queued.share {
        value.extend_from_slice(share.as_bytes());
    }
    value
}

pub(crate) fn decode_queued(seq: u64, value: &[u8]) -> Option<Queued> {
    let mut reader = Reader(value);
    let message = reader.u64()?;
    let order = reader.u64()?;
    let flags = reader.u8()?;
    let count = reader.u32()? as usize;
    let mut identifiers = Vec::new();
    for _ in 0..count {
        identifiers.push(reader.u32()?);
    }
    let share = std::str::from_utf8(reader.0).ok()?;
    Some(Queued {
        seq,
        order,
        message,
        qos: QoS::from_bits(flags & 3)?,
        retain: flags & 4 != 0,
        identifiers: identifiers.into(),
        share: Some(share).filter(|share| !share.is_empty()).map(Arc::from),
    })
}

/// The packet identifier, and whether PUBREC came.
pub(crate) fn encode_in_flight(packet_id: u16, received: bool) -> Value {
    let [high, low] = packet_id.to_be_bytes();
    Value::from_slice(&[high, low, u8::from(received)])
}

pub(crate) fn decode_in_flight(value: &[u8]) -> Option<(u16, bool)> {
    let &[high, low, received @ (0 | 1)] = value else { return None };
    Some((u16::from_be_bytes([high, low]), received == 1))
}

pub(crate) fn encode_lease(lease: Lease) -> Value {
    let mut value = Value::from_slice(&lease.expiry.to_be_bytes());
    push_option(&mut value, lease.away);
    value
}

pub(crate) fn decode_lease(value: &[u8]) -> Option<Lease> {
    let mut reader = Reader(value);
    let lease = Lease { expiry: reader.u32()?, away: reader.option()? };
    reader.end(lease)
}

/// Whose a session is: the Client Identifier, and the user name if there is one.
pub(crate) fn encode_owner(client_id: &str, user: Option<&str>) -> Value {
    let mut value = Value::new();
    value.extend_from_slice(&length(client_id.as_bytes()).to_be_bytes());
    value.extend_from_slice(client_id.as_bytes());
    if let Some(user) = user {
        value.push(1);
        value.extend_from_slice(user.as_bytes());
    }
    value
}

pub(crate) fn decode_owner(value: &[u8]) -> Option<(&str, Option<&str>)> {
    let mut reader = Reader(value);
    let client_id = reader.text()?;
    if reader.0.is_empty() {
        return Some((client_id, None));
    }
    let is_given = reader.flag()?;
    let user = std::str::from_utf8(reader.0).ok()?;
    is_given.then_some((client_id, Some(user)))
}

pub(crate) fn encode_subscription(subscription: &Subscription) -> Value {
    let mut value = Value::from_slice(&[subscription.options]);
    value.extend_from_slice(&subscription.identifier.map_or(0, NonZeroU32::get).to_be_bytes());
    value.extend_from_slice(subscription.filter.as_bytes());
    value
}

pub(crate) fn decode_subscription(value: &[u8]) -> Option<Subscription> {
    let mut reader = Reader(value);
    let (options, identifier) = (reader.u8()?, NonZeroU32::new(reader.u32()?));
    let filter = std::str::from_utf8(reader.0).ok()?.into();
    Some(Subscription { filter, options, identifier })
}

pub(crate) fn encode_will(will: &Will) -> Value {
    let mut value = Vec::from(will.delay.to_be_bytes());
    let mut due = Value::new();
    push_option(&mut due, will.due);
    value.extend_from_slice(&due);
    encode_message(&will.message, &mut value);
    Value::from_vec(value)
}

pub(crate) fn decode_will(value: &[u8]) -> Option<Will> {
    let mut reader = Reader(value);
    let (delay, due) = (reader.u32()?, reader.option()?);
    Some(Will { delay, due, message: decode_message(reader.0)? })
}

pub(crate) fn encode_kv(plugin: &str, key: &[u8], data: &[u8], ends: Option<u64>) -> Value {
    let mut value = Value::new();
    push_option(&mut value, ends);
    for part in [plugin.as_bytes(), key] {
        value.extend_from_slice(&length(part).to_be_bytes());
        value.extend_from_slice(part);
    }
    value.extend_from_slice(data);
    value
}

pub(crate) fn decode_kv(value: &[u8]) -> Option<Pair> {
    let mut reader = Reader(value);
    let ends = reader.option()?;
    let (plugin, key) = (reader.text()?.into(), reader.bytes()?.into());
    Some(Pair { plugin, key, value: PairValue { bytes: reader.0.into(), ends } })
}

fn length(part: &[u8]) -> u32 {
    u32::try_from(part.len()).unwrap_or(u32::MAX)
}

fn push_u64(value: &mut Value, number: u64) {
    value.extend_from_slice(&number.to_be_bytes());
}

fn push_option(value: &mut Value, number: Option<u64>) {
    value.push(u8::from(number.is_some()));
    push_u64(value, number.unwrap_or(0));
}

/// Takes fields from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn flag(&mut self) -> Option<bool> {
        Some(self.u8()? != 0)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    fn u128(&mut self) -> Option<u128> {
        Some(u128::from_be_bytes(self.take(16)?.try_into().ok()?))
    }

    fn option(&mut self) -> Option<Option<u64>> {
        let (is_some, number) = (self.flag()?, self.u64()?);
        Some(is_some.then_some(number))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.u32()?;
        self.take(len as usize)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// `record` if nothing is left.
    fn end<T>(&self, record: T) -> Option<T> {
        self.0.is_empty().then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let mut message = Message::new("a/b", &[1, 2], b"payload");
        (message.qos, message.retain, message.received) = (QoS::ExactlyOnce, true, 77);
        message.publisher = "somebody".into();
        let mut value = Vec::new();
        encode_message(&message, &mut value);
        assert_eq!(decode_message(&value), Some(message.clone()));
        let will = Will { delay: 5, due: Some(9), message };
        assert_eq!(decode_will(&encode_will(&will)), Some(will));
        let mark = Mark { batch: 3, sequence: 9, synced: 2, closed: true, ..Mark::default() };
        assert_eq!(Mark::decode(&mark.encode(), 0), Some(mark));
        let queued = Queued {
            seq: 4,
            order: 5,
            message: 8,
            qos: QoS::AtLeastOnce,
            retain: true,
            identifiers: [1, 268_435_455].into(),
            share: Some("$share/g/a".into()),
        };
        assert_eq!(decode_queued(4, &encode_queued(&queued)), Some(queued));
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let mut value = Vec::new();
        encode_message(&Message::new("a/b", &[1, 2], b""), &mut value);
        for len in 0..value.len() {
            assert_eq!(decode_message(&value[..len]), None, "{len} bytes");
        }
    }
}
