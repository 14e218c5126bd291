//! What one batch will write: a value or a removal for each key, the last one that was said. What comes and
//! goes within the batch leaves nothing.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::keys::{Key, Space};
use crate::message::Message;
use crate::record::{self, Value};

#[derive(Default)]
pub(crate) struct Staged {
    by_key: BTreeMap<Key, Slot>,
}

enum Slot {
    /// The key is not in the journal.
    New(Content),
    /// It may be.
    Put(Content),
    Gone,
}

/// A message is encoded when it is known to stay.
pub(crate) enum Content {
    Value(Value),
    Message(Message),
}

/// One write of a batch. It is kept until the batch is on the disk, for it may have to be written again.
#[derive(Clone)]
pub(crate) struct Write {
    pub(crate) space: Space,
    pub(crate) key: fjall::Slice,
    /// None removes the key.
    pub(crate) value: Option<fjall::Slice>,
}

impl Staged {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// A key that is not in the journal.
    pub(crate) fn put_new(&mut self, key: Key, content: Content) {
        // One that was removed in this batch still is in the journal.
        let slot = match self.by_key.get(&key) {
            None | Some(Slot::New(_)) => Slot::New(content),
            Some(Slot::Put(_) | Slot::Gone) => Slot::Put(content),
        };
        self.by_key.insert(key, slot);
    }

    /// A key that may be in the journal.
    pub(crate) fn put(&mut self, key: Key, content: Content) {
        let slot = match self.by_key.get(&key) {
            Some(Slot::New(_)) => Slot::New(content),
            _ => Slot::Put(content),
        };
        self.by_key.insert(key, slot);
    }

    pub(crate) fn remove(&mut self, key: Key) {
        if let Some(Slot::New(_)) = self.by_key.get(&key) {
            self.by_key.remove(&key);
        } else {
            self.by_key.insert(key, Slot::Gone);
        }
    }

    pub(crate) fn is_new(&self, key: &Key) -> bool {
        matches!(self.by_key.get(key), Some(Slot::New(_)))
    }

    /// All that begins with `prefix` and is staged; not what is in the journal.
    pub(crate) fn remove_prefix(&mut self, prefix: &Key) {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let keys = self.by_key.range::<Key, _>(from).map(|(key, _)| key);
        let keys: Vec<Key> = keys.take_while(|key| key.starts_with(prefix)).cloned().collect();
        keys.into_iter().for_each(|key| self.remove(key));
    }

    /// Encodes everything into `writes`, and is empty.
    pub(crate) fn drain_into(&mut self, writes: &mut Vec<Write>) {
        for (key, slot) in std::mem::take(&mut self.by_key) {
            let value = match slot {
                Slot::New(content) | Slot::Put(content) => Some(content.encode()),
                Slot::Gone => None,
            };
            writes.push(Write { space: Space::of(&key), key: key.as_slice().into(), value });
        }
    }
}

impl Content {
    fn encode(self) -> fjall::Slice {
        match self {
            Content::Value(value) => value.as_slice().into(),
            Content::Message(message) => {
                let mut value = Vec::with_capacity(message.len() + message.publisher.len() + 24);
                record::encode_message(&message, &mut value);
                value.into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{QUEUED, numbered, place};

    fn value() -> Content {
        Content::Value(Value::from_slice(b"v"))
    }

    fn writes(staged: &mut Staged) -> Vec<(Vec<u8>, bool)> {
        let mut writes = Vec::new();
        staged.drain_into(&mut writes);
        writes.into_iter().map(|write| (write.key.to_vec(), write.value.is_some())).collect()
    }

    #[test]
    fn what_comes_and_goes_leaves_nothing() {
        let mut staged = Staged::default();
        let key = place(QUEUED, 1, 1);
        staged.put_new(key.clone(), value());
        staged.put(key.clone(), value());
        staged.remove(key.clone());
        assert!(staged.is_empty());
        staged.remove(key.clone());
        staged.put_new(key.clone(), value());
        staged.remove(key.clone());
        assert_eq!(writes(&mut staged), [(key.to_vec(), false)]);
    }

    #[test]
    fn a_prefix_ends_where_the_next_session_begins() {
        let mut staged = Staged::default();
        for (session, seq) in [(1, 5), (1, u64::MAX), (2, 0)] {
            staged.put_new(place(QUEUED, session, seq), value());
        }
        staged.put(place(QUEUED, 1, 6), value());
        staged.remove_prefix(&numbered(QUEUED, 1));
        let expected =
            [(place(QUEUED, 1, 6).to_vec(), false), (place(QUEUED, 2, 0).to_vec(), true)];
        assert_eq!(writes(&mut staged), expected);
    }
}
