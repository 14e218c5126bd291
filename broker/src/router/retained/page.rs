//! Neighbouring topics and their messages, packed so that no message has an allocation of its own. Not a
//! place for which topics are neighbours.
//!
//! A record of fixed size for each, and the bytes of all one after the other, both in the order of keys. A
//! message that is too large to be moved, and to be copied for each of its receivers, stands alone.

use std::ops::Range;
use std::sync::Arc;

use mqtt::{Properties, Publish, QoS};

use super::held::{Body, Held};
use super::room;
use crate::session::Message;

/// A page with more of either is split. Of bytes there are as many as an insertion may move.
const BYTES: usize = 8 * 1024;
const RECORDS: usize = 32;
/// Records of which one is looked at on the way to a key.
const STRIDE: usize = 8;
/// Properties and payload of a message that stands in a page take no more bytes.
const PACKED: usize = 512;

#[derive(Default)]
pub(super) struct Page {
    records: Vec<Record>,
    /// Of each record its key, properties and payload.
    bytes: Vec<u8>,
    /// The client ids of those who have published them.
    publishers: Vec<Arc<str>>,
    /// With the numbers of their records.
    alone: Vec<(u64, Message)>,
    /// Nothing in it expires before this second. `None`: nothing does.
    pub(super) due: Option<u32>,
}

#[derive(Clone, Copy)]
struct Record {
    number: u64,
    /// Second of the broker's clock at which it came in.
    received: u32,
    /// Where its bytes begin. They end where the next begin.
    start: u32,
    key_len: u16,
    properties_len: u16,
    /// Its place among those of the page.
    publisher: u16,
    qos: QoS,
    is_alone: bool,
}

/// A message that comes into a page.
pub(super) struct New<'a> {
    pub(super) publish: &'a Publish<'a>,
    pub(super) received: u32,
    pub(super) publisher: &'a Arc<str>,
    /// Ascends with time.
    pub(super) number: u64,
    /// The same, if it is too large for a page.
    pub(super) alone: Option<Message>,
}

/// Whether a message is too large for a page.
pub(super) fn stands_alone(publish: &Publish<'_>) -> bool {
    publish.properties.as_bytes().len() + publish.payload.len() > PACKED
}

impl Page {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.len() > 1 && (self.len() > RECORDS || self.bytes.len() > BYTES)
    }

    /// Whether it should be joined to a neighbour.
    pub(super) fn is_small(&self) -> bool {
        self.len() < RECORDS / 4 && self.bytes.len() < BYTES / 4
    }

    /// Whether the two together are far from too large.
    pub(super) fn fits_with(&self, other: &Page) -> bool {
        self.len() + other.len() <= RECORDS / 2 && self.bytes.len() + other.bytes.len() <= BYTES / 2
    }

    pub(super) fn last_key(&self) -> &[u8] {
        self.records.last().map_or(&[], |record| self.key(record))
    }

    /// Where a key is, or belongs.
    pub(super) fn find(&self, key: &[u8]) -> Result<usize, usize> {
        // Step by step, not by halves: loads that do not wait for each other cost less.
        let is_before = |record: &Record| self.key(record) < key;
        let mut strides = self.records.chunks(STRIDE);
        let passed = strides.position(|some| some.last().is_none_or(|last| !is_before(last)));
        let passed = passed.map_or(self.len(), |strides| strides * STRIDE);
        let rest = self.records.get(passed..).unwrap_or_default().iter();
        let index = passed + rest.take_while(|record| is_before(record)).count();
        match self.records.get(index) {
            Some(record) if self.key(record) == key => Ok(index),
            _ => Err(index),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Held<'_>> {
        let record = self.records.get(index)?;
        let bytes = self.bytes.get(record.start as usize..self.start(index + 1))?;
        let (key, rest) = bytes.split_at_checked(usize::from(record.key_len))?;
        let body = if record.is_alone {
            let mut alone = self.alone.iter();
            Body::Alone(&alone.find(|(number, _)| *number == record.number)?.1)
        } else {
            let (properties, payload) =
                rest.split_at_checked(usize::from(record.properties_len))?;
            Body::Packed { properties: Properties::from_validated(properties), payload }
        };
        Some(Held {
            key,
            body,
            qos: record.qos,
            received: record.received,
            number: record.number,
            publisher: self.publishers.get(usize::from(record.publisher))?,
        })
    }

    pub(super) fn since(&self, index: usize) -> impl Iterator<Item = Held<'_>> {
        (index..self.len()).filter_map(|index| self.get(index))
    }

    /// Takes a message whose key belongs there.
    pub(super) fn insert(&mut self, index: usize, key: &[u8], new: &New<'_>) {
        let start = self.start(index);
        let (properties, payload) = new.packed();
        self.put(start..start, index, &[key, properties, payload]);
        let record = Record {
            number: new.number,
            received: new.received,
            start: start as u32,
            key_len: key.len() as u16,
            properties_len: properties.len() as u16,
            publisher: intern(&mut self.publishers, new.publisher),
            qos: new.publish.qos,
            is_alone: new.alone.is_some(),
        };
        room::make(&mut self.records, 1);
        self.records.insert(index, record);
        self.added(index, new);
    }

    /// Takes a message in place of the one there, which has the same key.
    pub(super) fn replace(&mut self, index: usize, new: &New<'_>) {
        let (properties, payload) = new.packed();
        let publisher = intern(&mut self.publishers, new.publisher);
        let end = self.start(index + 1);
        let Some(record) = self.records.get_mut(index) else { return };
        let start = record.start as usize + usize::from(record.key_len);
        let before = *record;
        *record = Record {
            number: new.number,
            received: new.received,
            properties_len: properties.len() as u16,
            publisher,
            qos: new.publish.qos,
            is_alone: new.alone.is_some(),
            ..before
        };
        self.put(start..end, index + 1, &[properties, payload]);
        self.dropped(&before);
        self.shrink();
        self.added(index, new);
    }

    pub(super) fn remove(&mut self, index: usize) {
        self.remove_unshrunk(index);
        self.shrink();
    }

    /// Removes what has expired before second `now`; `removed` hears of each before.
    pub(super) fn remove_expired(&mut self, now: u32, mut removed: impl FnMut(&Held<'_>)) {
        for index in (0..self.len()).rev() {
            let Some(held) = self.get(index) else { continue };
            if held.expires().is_some_and(|second| second <= now) {
                removed(&held);
                self.remove_unshrunk(index);
            }
        }
        self.shrink();
        self.due = self.since(0).filter_map(|held| held.expires()).min();
    }

    /// Parts with what follows the middle; or with the last alone, if that is the key that has come: where
    /// keys come in their order, pages stay full.
    pub(super) fn split(&mut self, key: &[u8]) -> Page {
        let last = self.len().saturating_sub(1);
        let middle = (self.bytes.len() / 2) as u32;
        let at = match self.last_key() == key {
            true => last,
            false => self.records.partition_point(|record| record.start < middle).clamp(1, last),
        };
        let start = self.start(at);
        let mut right = Page {
            records: self.records.split_off(at),
            bytes: self.bytes.split_off(start),
            due: self.due,
            ..Page::default()
        };
        for record in &mut right.records {
            record.start -= start as u32;
        }
        let is_right = |number: &u64| right.records.iter().any(|record| record.number == *number);
        right.alone = self.alone.extract_if(.., |(number, _)| is_right(number)).collect();
        let publishers = std::mem::take(&mut self.publishers);
        for page in [&mut *self, &mut right] {
            page.publishers = intern_again(&mut page.records, &publishers);
            page.shrink();
        }
        right
    }

    /// Takes what a page has whose keys all follow.
    pub(super) fn append(&mut self, mut right: Page) {
        let end = self.bytes.len() as u32;
        room::make(&mut self.bytes, right.bytes.len());
        self.bytes.append(&mut right.bytes);
        for record in &mut right.records {
            record.start += end;
            if let Some(publisher) = right.publishers.get(usize::from(record.publisher)) {
                record.publisher = intern(&mut self.publishers, publisher);
            }
        }
        room::make(&mut self.records, right.records.len());
        self.records.append(&mut right.records);
        self.alone.append(&mut right.alone);
        self.due = earlier(self.due, right.due);
    }

    fn key(&self, record: &Record) -> &[u8] {
        let start = record.start as usize;
        self.bytes.get(start..start + usize::from(record.key_len)).unwrap_or_default()
    }

    /// Where the bytes of a record begin, or all end.
    fn start(&self, index: usize) -> usize {
        self.records.get(index).map_or(self.bytes.len(), |record| record.start as usize)
    }

    /// Puts bytes in place of others; the records from `later` on begin elsewhere then.
    fn put(&mut self, place: Range<usize>, later: usize, parts: &[&[u8]]) {
        let before = self.bytes.len();
        room::splice(&mut self.bytes, place, parts);
        let moved = (self.bytes.len() as u32).wrapping_sub(before as u32);
        for record in self.records.iter_mut().skip(later) {
            record.start = record.start.wrapping_add(moved);
        }
    }

    fn added(&mut self, index: usize, new: &New<'_>) {
        if let Some(message) = new.alone.clone() {
            room::make(&mut self.alone, 1);
            self.alone.push((new.number, message));
        }
        let expires = self.get(index).and_then(|held| held.expires());
        self.due = earlier(self.due, expires);
    }

    fn remove_unshrunk(&mut self, index: usize) {
        self.put(self.start(index)..self.start(index + 1), index + 1, &[]);
        let record = self.records.remove(index);
        self.dropped(&record);
    }

    /// A record is no longer among the others.
    fn dropped(&mut self, record: &Record) {
        if record.is_alone {
            self.alone.retain(|(number, _)| *number != record.number);
        }
        self.forget(record.publisher);
    }

    /// Forgets a publisher if it has nothing here any more; then the last has its place.
    fn forget(&mut self, publisher: u16) {
        if self.records.iter().any(|record| record.publisher == publisher) {
            return;
        }
        self.publishers.swap_remove(usize::from(publisher));
        let last = self.publishers.len();
        for record in &mut self.records {
            if usize::from(record.publisher) == last {
                record.publisher = publisher;
            }
        }
    }

    fn shrink(&mut self) {
        room::shrink(&mut self.records);
        room::shrink(&mut self.bytes);
        room::shrink(&mut self.publishers);
        room::shrink(&mut self.alone);
    }
}

impl<'a> New<'a> {
    /// What of properties and payload comes into the page itself.
    fn packed(&self) -> (&'a [u8], &'a [u8]) {
        match self.alone {
            Some(_) => (&[], &[]),
            None => (self.publish.properties.as_bytes(), self.publish.payload),
        }
    }
}

/// The place of a publisher, which is new or there already.
fn intern(publishers: &mut Vec<Arc<str>>, publisher: &Arc<str>) -> u16 {
    let place = publishers.iter().position(|other| Arc::ptr_eq(other, publisher));
    place.unwrap_or_else(|| {
        publishers.reserve_exact(1);
        publishers.push(publisher.clone());
        publishers.len() - 1
    }) as u16
}

/// Those of the publishers that records have, and their places for these.
fn intern_again(records: &mut [Record], publishers: &[Arc<str>]) -> Vec<Arc<str>> {
    let mut left = Vec::new();
    for record in records {
        if let Some(publisher) = publishers.get(usize::from(record.publisher)) {
            record.publisher = intern(&mut left, publisher);
        }
    }
    left
}

fn earlier(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    one.into_iter().chain(other).min()
}
