//! The last retained message of each topic; no part of a session. [MQTT3-3.1.2-7]
//!
//! One map of all topics in the order of their levels: what a filter matches is found by seeking in
//! it, and a walk stops anywhere and goes on later. There are limits of messages and of bytes; what
//! has expired is freed little by little, and at the latest when a limit is reached.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::session::Message;

mod replay;
mod walk;

pub(crate) use replay::{Next, Replay};
pub(crate) use walk::Walk;

/// Bytes that a message takes besides those of its topic, properties and payload: its places in the
/// map, and what the allocator adds.
const OVERHEAD: usize = 160;
/// Expired messages that are freed at once.
const PER_SWEEP: usize = 1000;

#[derive(Default)]
pub(crate) struct Retained {
    topics: RwLock<Topics>,
}

#[derive(Default)]
struct Topics {
    /// Boxed: the map has room for nearly twice as many.
    messages: BTreeMap<Key, Box<Held>>,
    /// Those that expire, by the second and what [`Message::place`] tells them apart by.
    expiring: BTreeMap<(u32, usize), Key>,
    bytes: usize,
    /// The number of the next message.
    next: u64,
}

/// A topic with 0 for `/`, which no topic holds, so that byte order is the order of levels.
type Key = Box<[u8]>;

struct Held {
    message: Message,
    /// The client id of who published it, for No Local.
    publisher: Arc<str>,
    /// Ascends with time.
    number: u64,
}

/// How much there may be.
#[derive(Clone, Copy)]
pub(crate) struct RetainedLimits {
    pub(crate) messages: usize,
    /// Topics, properties and payloads, and what it takes to hold them.
    pub(crate) bytes: usize,
}

/// What became of a message that was to be retained.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Retention {
    Kept,
    /// It does not fit into the limits: it was not retained. Nor is the one before, which is not what
    /// the topic's last message says.
    Full,
}

impl Retained {
    /// Keeps a message for its topic in place of the one before. `now`: second of the broker's clock.
    /// [MQTT-3.3.1-5]
    pub(crate) fn set(
        &self,
        topic: &str,
        message: Message,
        publisher: &Arc<str>,
        limits: RetainedLimits,
        now: u32,
    ) -> Retention {
        let key = key(topic);
        let cost = cost(&key, &message);
        let mut topics = self.topics.write();
        topics.remove(&key);
        if !topics.has_room(cost, limits) {
            topics.sweep(now);
            if !topics.has_room(cost, limits) {
                return Retention::Full;
            }
        }
        topics.insert(key, message, publisher.clone(), cost);
        Retention::Kept
    }

    /// Forgets the message of a topic. [MQTT-3.3.1-6]
    pub(crate) fn clear(&self, topic: &str) {
        self.topics.write().remove(&key(topic));
    }

    /// Whether this very message is retained for its topic.
    pub(crate) fn holds(&self, message: &Message) -> bool {
        self.look_up(message, |_| ()).is_some()
    }

    /// The client id of who has published this very message, if it is retained for its topic.
    pub(crate) fn publisher(&self, message: &Message) -> Option<Arc<str>> {
        self.look_up(message, |held| held.publisher.clone())
    }

    fn look_up<T>(&self, message: &Message, look: impl FnOnce(&Held) -> T) -> Option<T> {
        let topics = self.topics.read();
        let held = topics.messages.get(&key(message.publish(0, false).topic));
        held.filter(|held| held.message.is_same(message)).map(|held| look(held))
    }

    /// Begins a walk through the messages that are retained now and whose topics match a filter, but
    /// for those published by `not_by`.
    pub(crate) fn walk(&self, filter: &str, not_by: Option<Arc<str>>) -> Walk {
        Walk::new(key(filter), not_by, self.topics.read().next)
    }

    /// Frees some of what has expired before second `now`. Returns whether that was all.
    pub(crate) fn sweep(&self, now: u32) -> bool {
        // Most of the time there is nothing to do: readers need not wait for that.
        let is_due = |(second, _): &(u32, usize)| *second <= now;
        if !self.topics.read().expiring.keys().next().is_some_and(is_due) {
            return true;
        }
        self.topics.write().sweep(now) < PER_SWEEP
    }
}

impl Topics {
    fn has_room(&self, cost: usize, limits: RetainedLimits) -> bool {
        self.messages.len() < limits.messages && self.bytes + cost <= limits.bytes
    }

    /// For a topic that has none.
    fn insert(&mut self, key: Key, message: Message, publisher: Arc<str>, cost: usize) {
        if let Some(expiry) = expiry(&message) {
            self.expiring.insert(expiry, key.clone());
        }
        self.bytes += cost;
        let number = self.next;
        self.next += 1;
        self.messages.insert(key, Box::new(Held { message, publisher, number }));
    }

    fn remove(&mut self, key: &[u8]) {
        let Some((key, held)) = self.messages.remove_entry(key) else { return };
        self.bytes -= cost(&key, &held.message);
        if let Some(expiry) = expiry(&held.message) {
            self.expiring.remove(&expiry);
        }
    }

    /// Returns how many it has freed.
    fn sweep(&mut self, now: u32) -> usize {
        let mut freed = 0;
        while freed < PER_SWEEP
            && let Some(first) = self.expiring.first_entry()
            && first.key().0 <= now
        {
            let key = first.get().clone();
            self.remove(&key);
            freed += 1;
        }
        freed
    }
}

fn key(topic: &str) -> Key {
    topic.bytes().map(|byte| if byte == b'/' { 0 } else { byte }).collect()
}

/// What a message counts for.
fn cost(key: &[u8], message: &Message) -> usize {
    let expiring = if message.expires().is_some() { key.len() + OVERHEAD / 2 } else { 0 };
    key.len() + message.size() + OVERHEAD + expiring
}

fn expiry(message: &Message) -> Option<(u32, usize)> {
    Some((message.expires()?, message.place()))
}

#[cfg(test)]
mod tests;
