//! The keys that the file does not have as they are in memory, and how much they take.

use std::collections::BTreeSet;

use super::OVERHEAD;

pub(super) type Keys = BTreeSet<Box<[u8]>>;

#[derive(Default)]
pub(super) struct Changed {
    keys: Keys,
    /// What those take, and those that are being written.
    bytes: usize,
}

impl Changed {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn insert(&mut self, key: Box<[u8]>) {
        let bytes = cost(&key);
        if self.keys.insert(key) {
            self.bytes += bytes;
        }
    }

    /// Whether this key may be among them, if they take no more than `max` bytes.
    pub(super) fn has_room(&self, key: &[u8], max: usize) -> bool {
        self.bytes + cost(key) <= max || self.keys.contains(key)
    }

    /// Those that are to be written now. They count until they are `written`, or come back.
    pub(super) fn take(&mut self) -> Keys {
        std::mem::take(&mut self.keys)
    }

    pub(super) fn written(&mut self, keys: &Keys) {
        self.bytes -= keys.iter().map(|key| cost(key)).sum::<usize>();
    }

    /// They could not be written.
    pub(super) fn put_back(&mut self, keys: Keys) {
        self.written(&keys);
        keys.into_iter().for_each(|key| self.insert(key));
    }
}

fn cost(key: &[u8]) -> usize {
    key.len() + OVERHEAD
}
