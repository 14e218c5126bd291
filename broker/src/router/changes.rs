//! Which subscriptions have changed of late, so that a thread can tell which of its topics it has to look up
//! again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// A thread that has missed more of them looks all of its topics up again.
const KEPT: usize = 64;

#[derive(Default)]
pub(super) struct Changes {
    /// Moves with every change.
    generation: AtomicU64,
    /// The filters of the latest changes, the last one of this generation at the end.
    latest: Mutex<VecDeque<Box<str>>>,
}

impl Changes {
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// To be called when the tree has changed for these filters. Returns the generation from which on
    /// that is seen.
    pub(super) fn add<'a>(&self, filters: impl Iterator<Item = &'a str>) -> u64 {
        let mut latest = self.latest.lock();
        let mut added = 0;
        for filter in filters {
            if latest.len() == KEPT {
                latest.pop_front();
            }
            let inner = mqtt::topic::shared(filter).map_or(filter, |(_, inner)| inner);
            latest.push_back(inner.into());
            added += 1;
        }
        self.generation.fetch_add(added, Ordering::Release) + added
    }

    /// Whether who gets `topic` is the same at generation `now` as it was at `then`.
    pub(super) fn spare(&self, topic: &str, then: u64, now: u64) -> bool {
        if then == now {
            return true;
        }
        let latest = self.latest.lock();
        // There may be newer ones by now.
        let missed = self.generation().saturating_sub(then);
        let missed = usize::try_from(missed).unwrap_or(usize::MAX);
        if missed > latest.len() {
            return false;
        }
        !latest.iter().rev().take(missed).any(|filter| mqtt::topic::matches(filter, topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_for_the_topics_that_its_filter_matches() {
        let changes = Changes::default();
        let before = changes.generation();
        let after = changes.add(["a/+", "$share/g/b"].into_iter());
        assert_eq!(after, before + 2);
        assert!(!changes.spare("a/1", before, after));
        assert!(!changes.spare("b", before, after));
        assert!(changes.spare("a", before, after));
        // The change to a/+ was seen.
        assert!(changes.spare("a/1", before + 1, after));
    }

    #[test]
    fn who_has_missed_too_much_knows_nothing() {
        let changes = Changes::default();
        let before = changes.generation();
        for _ in 0..KEPT {
            changes.add(["b"].into_iter());
        }
        assert!(changes.spare("a", before, changes.generation()));
        let after = changes.add(["b"].into_iter());
        assert!(!changes.spare("a", before, after));
        assert!(changes.spare("a", before + 1, after));
    }
}
