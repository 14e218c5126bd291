//! What has become of messages whose places in a queue are still to come. Two threads hand over what they
//! have done to one queue, and one may be sooner than the other; by some milliseconds.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::index::Step;

/// How far a delivery was when it was last heard of, and its Packet Identifier.
type Heard = (Step, u16);

#[derive(Default)]
pub(crate) struct Early {
    /// By session and place.
    recent: HashMap<(u64, u64), Heard, RandomState>,
    /// Noted a minute ago and more. What was not asked for until it is forgotten is of a place that was
    /// gone before.
    older: HashMap<(u64, u64), Heard, RandomState>,
}

impl Early {
    pub(crate) fn note(&mut self, session: u64, seq: u64, step: Step, packet_id: u16) {
        let known = self.recent.get(&(session, seq)).map_or(0, |(_, packet_id)| *packet_id);
        let packet_id = if packet_id == 0 { known } else { packet_id };
        self.recent.insert((session, seq), (step, packet_id));
    }

    pub(crate) fn take(&mut self, session: u64, seq: u64) -> Option<Heard> {
        if self.recent.is_empty() && self.older.is_empty() {
            return None;
        }
        let older = self.older.remove(&(session, seq));
        self.recent.remove(&(session, seq)).or(older)
    }

    /// Makes what is recent older, and forgets what is that already.
    pub(crate) fn age(&mut self) {
        self.older = std::mem::take(&mut self.recent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_was_heard_counts() {
        let mut early = Early::default();
        early.note(1, 7, Step::Sent, 3);
        early.note(1, 7, Step::Received, 0);
        assert_eq!(early.take(1, 8), None);
        assert_eq!(early.take(1, 7), Some((Step::Received, 3)));
        assert_eq!(early.take(1, 7), None);
    }

    #[test]
    fn what_is_not_asked_for_is_forgotten() {
        let mut early = Early::default();
        early.note(1, 7, Step::Gone, 0);
        early.age();
        early.note(1, 8, Step::Gone, 0);
        early.age();
        assert_eq!(early.take(1, 7), None);
        assert_eq!(early.take(1, 8), Some((Step::Gone, 0)));
    }
}
