//! The last retained message of each topic; no part of a session. [MQTT3-3.1.2-7]
//!
//! All topics are in one map in the order of their levels: what a filter matches is found by seeking in
//! it, and a walk stops anywhere and goes on later. There are limits of messages and of bytes; what
//! has expired is freed little by little, and at the latest when a limit is reached.

use std::sync::Arc;

use mqtt::Publish;
use parking_lot::RwLock;

use crate::session::Message;

mod held;
mod page;
mod replay;
mod room;
mod topics;
mod walk;

pub(crate) use held::Found;
use held::Held;
use page::New;
pub(crate) use replay::{Next, Replay};
use topics::{Key, PER_SWEEP, Topics, key};
pub(crate) use walk::Walk;

/// Sweeps at once to make room for one message, while all others wait.
const SWEEPS: usize = 10;

#[derive(Default)]
pub(crate) struct Retained {
    topics: RwLock<Topics>,
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
        publish: &Publish<'_>,
        publisher: &Arc<str>,
        limits: RetainedLimits,
        now: u32,
    ) -> Retention {
        let key = key(publish.topic);
        let alone = page::stands_alone(publish).then(|| Message::new(publish, now));
        let mut topics = self.topics.write();
        let new = New { publish, received: now, publisher, number: topics.next, alone };
        topics.next += 1;
        match topics.replace(&key, &new, limits) {
            Some(true) => return Retention::Kept,
            Some(false) => topics.remove(&key),
            None => {}
        }
        let cost = topics::cost_of(publish);
        for _ in 0..SWEEPS {
            if topics.has_room(cost, limits) || topics.sweep(now) == 0 {
                break;
            }
        }
        if !topics.has_room(cost, limits) {
            return Retention::Full;
        }
        topics.insert(&key, &new);
        Retention::Kept
    }

    /// Forgets the message of a topic. [MQTT-3.3.1-6]
    pub(crate) fn clear(&self, topic: &str) {
        self.topics.write().remove(&key(topic));
    }

    /// Whether this very message is retained for its topic.
    pub(crate) fn holds(&self, found: &Found) -> bool {
        self.look_up(found, |_| ()).is_some()
    }

    /// The client id of who has published this very message, if it is retained for its topic.
    pub(crate) fn publisher(&self, found: &Found) -> Option<Arc<str>> {
        self.look_up(found, |held| held.publisher.clone())
    }

    fn look_up<T>(&self, found: &Found, look: impl FnOnce(&Held<'_>) -> T) -> Option<T> {
        let key = key(found.message.publish(0, false).topic);
        let topics = self.topics.read();
        let held = topics.get(&key).filter(|held| held.number == found.number);
        held.map(|held| look(&held))
    }

    /// Begins a walk through the messages that are retained now and whose topics match a filter, but
    /// for those published by `not_by`.
    pub(crate) fn walk(&self, filter: &str, not_by: Option<Arc<str>>) -> Walk {
        Walk::new(key(filter), not_by, self.topics.read().next)
    }

    /// Frees some of what has expired before second `now`. Returns whether that was all.
    pub(crate) fn sweep(&self, now: u32) -> bool {
        // Most of the time there is nothing to do: readers need not wait for that.
        !self.topics.read().is_due(now) || self.topics.write().sweep(now) < PER_SWEEP
    }
}

#[cfg(test)]
mod tests;
