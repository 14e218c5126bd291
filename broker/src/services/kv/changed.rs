//! The keys that the store of the broker does not have as they are in memory, and how much they take.

use std::collections::BTreeSet;

use super::{Key, OVERHEAD};

#[derive(Default)]
pub(super) struct Changed {
    keys: BTreeSet<Key>,
    /// What those take, and those that are being written.
    bytes: usize,
}

impl Changed {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn insert(&mut self, key: Key) {
        let bytes = cost(&key);
        if self.keys.insert(key) {
            self.bytes += bytes;
        }
    }

    /// Whether this key may be among them, if they take no more than `max` bytes.
    pub(super) fn has_room(&self, key: &[u8], max: usize) -> bool {
        self.bytes + cost(key) <= max || self.keys.contains(key)
    }

    /// The next one that is to be written. It counts until it is `written`.
    pub(super) fn take_first(&mut self) -> Option<Key> {
        self.keys.pop_first()
    }

    pub(super) fn written(&mut self, keys: &[Key]) {
        self.bytes -= keys.iter().map(|key| cost(key)).sum::<usize>();
    }
}

fn cost(key: &[u8]) -> usize {
    key.len() + OVERHEAD
}
