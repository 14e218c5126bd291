//! Which messages have come to a subscriber: what is lost, comes twice or in another order.

use std::collections::BTreeMap;

use crate::bitmap::Bitmap;

/// What a message that has come is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    New,
    /// New, but a later one of the same publisher was here before.
    Late,
    Duplicate,
}

/// The messages that one subscriber is to have.
#[derive(Clone, Debug, Default)]
pub(crate) enum Tracker {
    #[default]
    Nothing,
    /// All of the publishers from the `first` on, each one's in order.
    All { first: u32, sequences: Vec<Sequence> },
    /// Some of all publishers from 0 on, each one's in order: others have the rest.
    Some(Vec<Sequence>),
    /// All of all publishers, in any order.
    InAnyOrder(Bitmap),
}

impl Tracker {
    /// All messages of so many publishers.
    pub(crate) fn all(first: u32, publishers: u32) -> Tracker {
        Tracker::All { first, sequences: vec![Sequence::default(); publishers as usize] }
    }

    /// What one of several members of a share gets.
    pub(crate) fn some(publishers: u32) -> Tracker {
        Tracker::Some(vec![Sequence::default(); publishers as usize])
    }

    /// `None`: this subscriber should not have it at all.
    #[inline]
    pub(crate) fn see(&mut self, publisher: u32, sequence: u32) -> Option<Verdict> {
        match self {
            Tracker::Nothing => None,
            Tracker::All { first, sequences } => {
                let index = publisher.checked_sub(*first)?;
                Some(sequences.get_mut(index as usize)?.next(sequence))
            }
            Tracker::Some(sequences) => {
                Some(sequences.get_mut(publisher as usize)?.later(sequence))
            }
            Tracker::InAnyOrder(seen) => Some(match seen.insert(publisher, sequence) {
                true => Verdict::New,
                false => Verdict::Duplicate,
            }),
        }
    }
}

/// The messages of one publisher.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sequence {
    /// One more than the last that has come.
    next: u32,
    /// Those below that have not come: from, to (exclusive).
    missing: BTreeMap<u32, u32>,
}

impl Sequence {
    #[inline]
    fn next(&mut self, sequence: u32) -> Verdict {
        if sequence == self.next {
            self.next += 1;
            return Verdict::New;
        }
        self.out_of_turn(sequence)
    }

    #[cold]
    fn out_of_turn(&mut self, sequence: u32) -> Verdict {
        if sequence > self.next {
            self.missing.insert(self.next, sequence);
            self.next = sequence.saturating_add(1);
            return Verdict::New;
        }
        let before = self.missing.range(..=sequence).next_back();
        let Some((&from, &to)) = before.filter(|&(_, &to)| sequence < to) else {
            return Verdict::Duplicate;
        };
        self.missing.remove(&from);
        if from < sequence {
            self.missing.insert(from, sequence);
        }
        if sequence + 1 < to {
            self.missing.insert(sequence + 1, to);
        }
        Verdict::Late
    }

    /// Where what lies between is for others. That a message has come before is seen for the last alone.
    #[inline]
    fn later(&mut self, sequence: u32) -> Verdict {
        if sequence >= self.next {
            self.next = sequence.saturating_add(1);
            return Verdict::New;
        }
        if sequence + 1 == self.next { Verdict::Duplicate } else { Verdict::Late }
    }
}

#[cfg(test)]
mod tests {
    use super::{Tracker, Verdict};
    use Verdict::{Duplicate, Late, New};

    #[track_caller]
    fn check(mut tracker: Tracker, publisher: u32, came: &[(u32, Verdict)]) {
        for &(sequence, verdict) in came {
            assert_eq!(tracker.see(publisher, sequence), Some(verdict), "{sequence}");
        }
    }

    #[test]
    fn finds_what_is_late_and_what_comes_twice() {
        let came = [(0, New), (1, New), (5, New), (3, Late), (3, Duplicate), (1, Duplicate)];
        let then = [(2, Late), (4, Late), (6, New), (5, Duplicate)];
        check(Tracker::all(3, 1), 3, &[&came[..], &then].concat());
    }

    #[test]
    fn a_member_of_a_share_misses_nothing() {
        check(Tracker::some(2), 1, &[(4, New), (9, New), (9, Duplicate), (5, Late)]);
    }

    #[test]
    fn any_order_is_fine_where_there_is_none() {
        check(Tracker::InAnyOrder(Default::default()), 0, &[(4, New), (2, New), (4, Duplicate)]);
    }

    #[test]
    fn what_is_for_others_is_told() {
        let mut tracker = Tracker::all(3, 1);
        assert_eq!((tracker.see(2, 0), tracker.see(4, 0)), (None, None));
        assert_eq!(Tracker::Nothing.see(0, 0), None);
    }
}
