//! Decisions that still hold. Bounded; no password is in it.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use crate::{ask::Ask, outcome::Decision};

pub(crate) struct Cache {
    max: usize,
    decisions: HashMap<Key, (Instant, Decision)>,
    /// The same, by the time when it ends.
    ends: BTreeSet<(Instant, Key)>,
}

/// Makes keys of what is asked.
pub(crate) struct Keys(RandomState, RandomState);

/// 128 bits of all that was asked, by a random key that nobody outside this process knows: a password
/// cannot be found by trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key([u64; 2]);

impl Cache {
    pub(crate) fn new(max: usize) -> Self {
        Cache { max, decisions: HashMap::new(), ends: BTreeSet::new() }
    }

    pub(crate) fn get(&self, key: Key, now: Instant) -> Option<Decision> {
        let (end, decision) = self.decisions.get(&key)?;
        (now < *end).then(|| decision.clone())
    }

    /// Keeps a decision; where there is no room, that which ends first goes.
    pub(crate) fn put(&mut self, key: Key, decision: Decision, age: Duration, now: Instant) {
        // What lasts longer than a day is asked again all the same.
        let age = age.min(Duration::from_secs(24 * 3600));
        if age.is_zero() || self.max == 0 {
            return;
        }
        let end = now + age;
        if let Some((before, _)) = self.decisions.insert(key, (end, decision)) {
            self.ends.remove(&(before, key));
        }
        self.ends.insert((end, key));
        while let Some((end, key)) = self.ends.first().copied() {
            if now < end && self.decisions.len() <= self.max {
                break;
            }
            self.ends.remove(&(end, key));
            self.decisions.remove(&key);
        }
    }
}

impl Keys {
    pub(crate) fn new() -> Self {
        Keys(RandomState::new(), RandomState::new())
    }

    pub(crate) fn of(&self, ask: &Ask) -> Key {
        let asked = (ask.fields().to_string(), ask.password());
        Key([self.0.hash_one(&asked), self.1.hash_one(&asked)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: Decision = Decision::Allow { throttle: None };
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_ends_is_gone() {
        let (mut cache, now) = (Cache::new(10), Instant::now());
        let key = Key([1, 2]);
        cache.put(key, ALLOW, SECOND, now);
        assert_eq!(cache.get(key, now), Some(ALLOW));
        assert_eq!(cache.get(key, now + SECOND), None);
        cache.put(Key([3, 4]), ALLOW, SECOND, now + SECOND);
        assert_eq!((cache.decisions.len(), cache.ends.len()), (1, 1));
        cache.put(key, ALLOW, Duration::ZERO, now);
        assert_eq!(cache.get(key, now), None);
    }

    #[test]
    fn it_is_bounded_and_what_ends_first_goes() {
        let (mut cache, now) = (Cache::new(2), Instant::now());
        for (key, age) in [(1, 3), (2, 1), (3, 2)] {
            cache.put(Key([key, 0]), ALLOW, age * SECOND, now);
        }
        assert_eq!(cache.get(Key([2, 0]), now), None);
        assert_eq!([1, 3].map(|key| cache.get(Key([key, 0]), now).is_some()), [true; 2]);
        assert_eq!((cache.decisions.len(), cache.ends.len()), (2, 2));
        let mut off = Cache::new(0);
        off.put(Key([1, 0]), ALLOW, SECOND, now);
        assert_eq!(off.get(Key([1, 0]), now), None);
    }

    #[test]
    fn the_later_of_two_for_one_key_holds() {
        let (mut cache, now) = (Cache::new(2), Instant::now());
        let deny = Decision::Deny { code: 0x87, reason: String::new() };
        cache.put(Key([1, 0]), ALLOW, 3 * SECOND, now);
        cache.put(Key([1, 0]), deny.clone(), SECOND, now);
        assert_eq!(cache.get(Key([1, 0]), now), Some(deny));
        assert_eq!((cache.decisions.len(), cache.ends.len()), (1, 1));
    }
}
