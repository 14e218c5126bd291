//! The buckets of all clients, or of all addresses. A full bucket is as good as none and is forgotten, so
//! that only those are held that have sent something lately; and at most so many. Who comes when there are
//! as many shares one set of buckets with the others that came too late.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use foldhash::{HashMap, HashMapExt};

use crate::bucket::{Bucket, Nanos};

/// One for each thing that is limited.
pub(crate) type Buckets = [Bucket; 3];

pub(crate) struct Table<K> {
    parts: Box<[Mutex<Part<K>>]>,
    hasher: RandomState,
}

/// So that clients on different threads seldom meet.
const PARTS: usize = 16;

/// Between two searches in vain for what can be forgotten.
const PAUSE: Nanos = 100_000_000;

pub(crate) struct Part<K> {
    buckets: HashMap<K, Buckets>,
    /// Of those for whom there is no place.
    late: Buckets,
    max: usize,
    /// At so many it is worth while to look for full ones.
    sweep_at: usize,
    /// And not before.
    sweep_after: Nanos,
}

impl<K: Eq + Hash> Table<K> {
    pub(crate) fn new(max: usize) -> Table<K> {
        let part = || {
            let max = max.div_ceil(PARTS);
            let sweep_at = FEW.min(max);
            Mutex::new(Part {
                buckets: HashMap::new(),
                late: Buckets::default(),
                max,
                sweep_at,
                sweep_after: 0,
            })
        };
        Table { parts: (0..PARTS).map(|_| part()).collect(), hasher: RandomState::default() }
    }

    /// The part where the key is, or would be. Nobody else gets at it for so long.
    pub(crate) fn lock<Q: Hash + ?Sized>(&self, key: &Q) -> Option<MutexGuard<'_, Part<K>>> {
        let index = self.hasher.hash_one(key) as usize % PARTS;
        self.parts.get(index).map(|part| part.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.lock().unwrap().buckets.len()).sum()
    }
}

/// Below this many, looking for full ones is not worth while.
const FEW: usize = 64;

impl<K: Eq + Hash> Part<K> {
    /// The buckets of a key; full ones if it has none yet.
    pub(crate) fn buckets<Q>(&mut self, key: &Q, now: Nanos) -> &mut Buckets
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        if !self.buckets.contains_key(key) {
            if !self.make_room(now) {
                return &mut self.late;
            }
            self.buckets.insert(key.to_owned(), Buckets::default());
        }
        self.buckets.get_mut(key).unwrap_or(&mut self.late)
    }

    fn make_room(&mut self, now: Nanos) -> bool {
        if self.buckets.len() >= self.sweep_at && now >= self.sweep_after {
            self.buckets.retain(|_, buckets| !buckets.iter().all(|bucket| bucket.is_full(now)));
            self.sweep_at = (2 * self.buckets.len()).clamp(FEW.min(self.max), self.max);
            self.sweep_after = now.saturating_add(PAUSE);
            self.buckets.shrink_to(self.sweep_at);
        }
        self.buckets.len() < self.max
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use plugin_config::Rate;

    use super::*;
    use crate::bucket::Limit;

    const SECOND: Nanos = 1_000_000_000;

    fn limit() -> Limit {
        Limit::new(Rate { amount: 1, per: Duration::from_secs(1) }, 10)
    }

    /// Takes one, and says whether it was there.
    fn take(table: &Table<String>, key: &str, now: Nanos) -> bool {
        let mut part = table.lock(key).unwrap();
        let bucket = &mut part.buckets(key, now)[0];
        let has = bucket.has(1, &limit(), now);
        bucket.take(1, &limit(), now);
        has
    }

    #[test]
    fn each_key_has_its_own() {
        let table = Table::new(1000);
        for _ in 0..10 {
            assert!(take(&table, "a", SECOND));
        }
        assert!(!take(&table, "a", SECOND));
        assert!(take(&table, "b", SECOND));
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let table = Table::new(1_000_000);
        for round in 0..100 {
            let now = round * 10 * SECOND;
            for key in 0..1000 {
                assert!(take(&table, &format!("{round}/{key}"), now));
            }
            // Of those that came before, about as many are left as there are now.
            assert!(table.len() <= 4 * 1000 + PARTS * FEW, "{}", table.len());
        }
    }

    #[test]
    fn there_are_never_more_than_so_many_and_nobody_is_without_a_limit() {
        let table = Table::new(160);
        let taken = (0..5000).filter(|key| take(&table, &key.to_string(), SECOND)).count();
        assert_eq!(table.len(), 160);
        // Ten for all that came too late, in each part.
        assert!(taken <= 160 + PARTS * 10, "{taken}");
        // Later there is room again.
        assert!(take(&table, "later", 100 * SECOND));
        assert!(table.len() < 160);
    }
}
