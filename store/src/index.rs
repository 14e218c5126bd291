//! What the committer knows by heart: which sessions there are, which message stands at each place of their
//! queues, and how many places refer to each message. 24 bytes a place; the content is on the disk alone.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

use crate::early::Early;

#[derive(Default)]
pub(crate) struct Index {
    /// By session, in the order of the places.
    queues: HashMap<u64, Queue, RandomState>,
    references: HashMap<u64, u32, RandomState>,
    /// Messages without a reference, or that had none when they were added.
    without: Vec<u64>,
    early: Early,
    pub(crate) next_session: u64,
    pub(crate) next_message: u64,
}

/// The places of a session.
#[derive(Default)]
struct Queue {
    places: VecDeque<Place>,
    /// How many of them are gone.
    gone: usize,
}

/// A queue with fewer places that are gone keeps them.
const FEW: usize = 64;

/// A place in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) seq: u64,
    pub(crate) message: u64,
    pub(crate) packet_id: u16,
    pub(crate) step: Step,
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Waiting,
    Sent,
    /// PUBREC came: the place refers to no message any more.
    Received,
    /// Only until what is before it is gone as well, or most of the queue.
    Gone,
}

impl Place {
    pub(crate) fn refers(&self) -> bool {
        matches!(self.step, Step::Waiting | Step::Sent)
    }
}

impl Index {
    pub(crate) fn begin(&mut self, session: u64) {
        self.queues.entry(session).or_default();
        self.next_session = self.next_session.max(session.saturating_add(1));
    }

    pub(crate) fn has_session(&self, session: u64) -> bool {
        self.queues.contains_key(&session)
    }

    /// Forgets a session with its queue.
    pub(crate) fn end(&mut self, session: u64) {
        for place in self.queues.remove(&session).unwrap_or_default().places {
            if place.refers() {
                self.release(place.message);
            }
        }
    }

    /// A message that nothing refers to yet.
    pub(crate) fn add_message(&mut self, id: u64) {
        self.references.entry(id).or_insert(0);
        self.without.push(id);
        self.next_message = self.next_message.max(id.saturating_add(1));
    }

    pub(crate) fn has_message(&self, id: u64) -> bool {
        self.references.contains_key(&id)
    }

    /// Notes what has become of a place that is not there yet.
    pub(crate) fn note_early(&mut self, session: u64, seq: u64, step: Step, packet_id: u16) {
        if self.has_session(session) {
            self.early.note(session, seq, step, packet_id);
        }
    }

    /// What was noted of a place that is there now.
    pub(crate) fn take_early(&mut self, session: u64, seq: u64) -> Option<(Step, u16)> {
        self.early.take(session, seq)
    }

    /// To be called every minute or so.
    pub(crate) fn forget_early(&mut self) {
        self.early.age();
    }

    /// Adds a place. False if its session or message is not there, or the place is taken.
    pub(crate) fn queue(&mut self, session: u64, place: Place) -> bool {
        let Some(queue) = self.queues.get_mut(&session) else { return false };
        if place.refers() {
            let Some(count) = self.references.get_mut(&place.message) else { return false };
            *count = count.saturating_add(1);
        }
        let places = &mut queue.places;
        if places.back().is_none_or(|last| last.seq < place.seq) {
            places.push_back(place);
            return true;
        }
        match places.binary_search_by_key(&place.seq, |other| other.seq) {
            Err(at) => {
                places.insert(at, place);
                true
            }
            Ok(_) => {
                if place.refers() {
                    self.release(place.message);
                }
                false
            }
        }
    }

    /// A place that is not gone.
    pub(crate) fn place(&mut self, session: u64, seq: u64) -> Option<&mut Place> {
        let places = &mut self.queues.get_mut(&session)?.places;
        let at = places.binary_search_by_key(&seq, |place| place.seq).ok()?;
        places.get_mut(at).filter(|place| place.step != Step::Gone)
    }

    /// Takes a place away, and says what it was.
    pub(crate) fn take(&mut self, session: u64, seq: u64) -> Option<Place> {
        let place = self.place(session, seq)?;
        let was = *place;
        place.step = Step::Gone;
        self.queues.get_mut(&session)?.note_gone();
        if was.refers() {
            self.release(was.message);
        }
        Some(was)
    }

    /// A place refers to the message no more; another of the same group may do so yet.
    pub(crate) fn release(&mut self, message: u64) {
        if let Some(count) = self.references.get_mut(&message) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.without.push(message);
            }
        }
    }

    /// Forgets the messages that nothing refers to, and says which.
    pub(crate) fn drop_unreferenced(&mut self, mut gone: impl FnMut(u64)) {
        for id in self.without.drain(..) {
            if self.references.get(&id).is_some_and(|count| *count == 0) {
                self.references.remove(&id);
                gone(id);
            }
        }
    }
}

impl Queue {
    /// One more place is gone.
    fn note_gone(&mut self) {
        self.gone += 1;
        while self.places.front().is_some_and(|place| place.step == Step::Gone) {
            self.places.pop_front();
            self.gone -= 1;
        }
        // A client may never acknowledge the first.
        if self.gone > FEW && self.gone > self.places.len() / 2 {
            self.places.retain(|place| place.step != Step::Gone);
            self.gone = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(seq: u64, message: u64) -> Place {
        Place { seq, message, packet_id: 0, step: Step::Waiting }
    }

    fn unreferenced(index: &mut Index) -> Vec<u64> {
        let mut ids = Vec::new();
        index.drop_unreferenced(|id| ids.push(id));
        ids
    }

    #[test]
    fn a_message_goes_with_its_last_place() {
        let mut index = Index::default();
        index.begin(1);
        index.begin(2);
        index.add_message(7);
        assert!(index.queue(1, waiting(1, 7)) && index.queue(2, waiting(1, 7)));
        assert!(unreferenced(&mut index).is_empty());
        assert_eq!(index.take(1, 1).map(|place| place.message), Some(7));
        assert_eq!(index.take(1, 1), None);
        assert!(unreferenced(&mut index).is_empty());
        index.end(2);
        assert_eq!(unreferenced(&mut index), [7]);
    }

    #[test]
    fn a_message_may_change_its_place_within_a_batch() {
        let mut index = Index::default();
        index.begin(1);
        index.begin(2);
        index.add_message(7);
        index.queue(1, waiting(1, 7));
        assert!(index.queue(2, waiting(1, 7)));
        index.take(1, 1);
        assert!(unreferenced(&mut index).is_empty());
        assert!(!index.queue(2, waiting(1, 7)), "the place is taken");
        index.end(2);
        assert_eq!(unreferenced(&mut index), [7]);
        assert!(!index.queue(1, waiting(2, 7)), "the message is gone");
    }

    #[test]
    fn places_go_in_any_order() {
        let mut index = Index::default();
        index.begin(1);
        for seq in 0..4 {
            index.add_message(seq);
            index.queue(1, waiting(seq, seq));
        }
        for seq in [2, 0, 3, 1] {
            assert!(index.take(1, seq).is_some(), "{seq}");
        }
        assert!(index.queues[&1].places.is_empty());
    }

    #[test]
    fn what_is_gone_behind_one_that_stays_takes_no_room() {
        let mut index = Index::default();
        index.begin(1);
        for seq in 0..10_000 {
            index.add_message(seq);
            index.queue(1, waiting(seq, seq));
            if seq > 0 {
                index.take(1, seq);
            }
        }
        assert!(index.queues[&1].places.len() < 200);
        assert!(index.take(1, 0).is_some() && index.queues[&1].places.is_empty());
        assert_eq!(index.queues[&1].gone, 0);
    }
}
