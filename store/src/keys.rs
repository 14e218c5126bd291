//! The keys of the journal. The first byte says what stands there and in which keyspace; numbers are
//! big-endian, so that what belongs to a session stands together and a queue in its order.
//!
//! | key | keyspace | value |
//! |---|---|---|
//! | `!` | queues | the [mark](crate::record::Mark) of the last batch |
//! | `m` message | queues | a message that is queued |
//! | `q` session seq | queues | a place in a queue |
//! | `i` session seq | queues | the packet identifier it was sent with, and whether PUBREC came |
//! | `b` session packet | queues | an inbound QoS 2 identifier that is not released |
//! | `s` session | sessions | the Client Identifier |
//! | `l` session | sessions | its lease |
//! | `f` session filter | sessions | a subscription |
//! | `w` session | sessions | a will |
//! | `k` plugin key | sessions | a pair of a plugin |
//! | `r` topic | retained | a retained message |

use sha2::{Digest, Sha256};
use smallvec::SmallVec;

/// A key; short ones need no allocation.
pub(crate) type Key = SmallVec<[u8; 24]>;

pub(crate) const MARK: &[u8] = b"!";
pub(crate) const MESSAGE: u8 = b'm';
pub(crate) const QUEUED: u8 = b'q';
pub(crate) const IN_FLIGHT: u8 = b'i';
pub(crate) const BEGUN: u8 = b'b';
pub(crate) const SESSION: u8 = b's';
pub(crate) const LEASE: u8 = b'l';
pub(crate) const SUBSCRIPTION: u8 = b'f';
pub(crate) const WILL: u8 = b'w';
pub(crate) const KV: u8 = b'k';
pub(crate) const RETAINED: u8 = b'r';

/// What a session has, by the first bytes of its keys.
pub(crate) const OF_SESSION: [u8; 7] =
    [QUEUED, IN_FLIGHT, BEGUN, SESSION, LEASE, SUBSCRIPTION, WILL];

/// Everything but the mark. Places stand before what was sent from them.
pub(crate) const OF_RECORDS: [u8; 10] =
    [SESSION, LEASE, SUBSCRIPTION, WILL, BEGUN, MESSAGE, QUEUED, IN_FLIGHT, RETAINED, KV];

/// A longer text is not in the key itself: the engine takes 65,535 bytes.
const MAX_TEXT: usize = 60_000;
const SHORT: u8 = 0;
const HASHED: u8 = 1;

/// One of the trees in which the engine keeps its tables. Few: each open one pins journal files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Space {
    Queues,
    Sessions,
    Retained,
}

impl Space {
    pub(crate) const ALL: [Space; 3] = [Space::Queues, Space::Sessions, Space::Retained];

    pub(crate) fn of(key: &[u8]) -> Space {
        match key.first() {
            Some(&(SESSION | LEASE | SUBSCRIPTION | WILL | KV)) => Space::Sessions,
            Some(&RETAINED) => Space::Retained,
            _ => Space::Queues,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Space::Queues => "queues",
            Space::Sessions => "sessions",
            Space::Retained => "retained",
        }
    }
}

/// The key of what a tag and a number name: a message, a session, a lease, a will. It is the beginning of the
/// keys of all that a session has under a tag.
pub(crate) fn numbered(tag: u8, number: u64) -> Key {
    let mut key = Key::new();
    key.push(tag);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The key of a place in a queue.
pub(crate) fn place(tag: u8, session: u64, seq: u64) -> Key {
    let mut key = numbered(tag, session);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

pub(crate) fn begun(session: u64, packet_id: u16) -> Key {
    let mut key = numbered(BEGUN, session);
    key.extend_from_slice(&packet_id.to_be_bytes());
    key
}

pub(crate) fn subscription(session: u64, filter: &str) -> Key {
    let mut key = numbered(SUBSCRIPTION, session);
    push_text(&mut key, &[filter.as_bytes()]);
    key
}

pub(crate) fn retained(topic: &str) -> Key {
    let mut key = Key::new();
    key.push(RETAINED);
    push_text(&mut key, &[topic.as_bytes()]);
    key
}

pub(crate) fn kv(plugin: &str, name: &[u8]) -> Key {
    let mut key = Key::new();
    key.push(KV);
    let len = u32::try_from(plugin.len()).unwrap_or(u32::MAX);
    push_text(&mut key, &[&len.to_be_bytes(), plugin.as_bytes(), name]);
    key
}

/// The two numbers of `tag session seq`.
pub(crate) fn place_of(key: &[u8]) -> Option<(u64, u64)> {
    let (session, rest) = session_of(key)?;
    Some((session, u64::from_be_bytes(rest.try_into().ok()?)))
}

/// The number behind the tag, and what follows.
pub(crate) fn session_of(key: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = key.get(1..)?.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), rest))
}

/// Values say the text again, so that the key need not give it back.
fn push_text(key: &mut Key, parts: &[&[u8]]) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    if len <= MAX_TEXT {
        key.push(SHORT);
        parts.iter().for_each(|part| key.extend_from_slice(part));
    } else {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        key.push(HASHED);
        key.extend_from_slice(&hash.finalize());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_queue_are_in_its_order() {
        let keys = [(1, 255), (1, 256), (2, 0), (300, 1)].map(|(s, q)| place(QUEUED, s, q));
        assert!(keys.is_sorted());
        assert_eq!(place_of(&keys[3]), Some((300, 1)));
    }

    #[test]
    fn long_texts_have_short_keys_of_their_own() {
        let (one, other) = ("a".repeat(65_535), "b".repeat(65_535));
        assert_eq!(retained(&one).len(), 34);
        assert_ne!(retained(&one), retained(&other));
        assert_ne!(retained("a"), retained("b"));
        assert_ne!(kv("ab", b"c"), kv("a", b"bc"));
    }
}
