//! What the broker does when there is more than it can take: who waits, who is refused, what is dropped.
//! The store looks after itself (`journal/backlog.rs`); memory and disk are looked at here.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use parking_lot::Mutex;

use crate::session::{DropCause, Parked};

#[derive(Default)]
pub(crate) struct Overload {
    /// Clients that are not read now.
    halted: AtomicUsize,
    /// How often one was not.
    halts: AtomicU64,
    /// Messages that clients did not get, by the reason.
    dropped: [AtomicU64; DropCause::ALL.len()],
    /// Those that wait for memory.
    parked: Mutex<Parked>,
}

impl Overload {
    pub(crate) fn note_halt(&self) {
        self.halted.fetch_add(1, Ordering::Relaxed);
        self.halts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_end_of_halt(&self) {
        self.halted.fetch_sub(1, Ordering::Relaxed);
    }

    /// Clients that are not read now, and how often one was not.
    pub(crate) fn halted(&self) -> (usize, u64) {
        (self.halted.load(Ordering::Relaxed), self.halts.load(Ordering::Relaxed))
    }

    pub(crate) fn note_dropped(&self, cause: DropCause, messages: u64) {
        if let Some(count) = self.dropped.get(cause as usize) {
            count.fetch_add(messages, Ordering::Relaxed);
        }
    }

    /// Messages that clients did not get for this reason.
    pub(crate) fn dropped(&self, cause: DropCause) -> u64 {
        self.dropped.get(cause as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Whether publishers have to wait.
    #[inline]
    pub(crate) fn holds_publishers(&self) -> bool {
        false
    }

    /// Whether this one has to; then it is woken when it has not any more.
    pub(crate) fn holds_publisher(&self, publisher: &Waker) -> bool {
        if !self.holds_publishers() {
            return false;
        }
        self.parked.lock().add(publisher);
        self.holds_publishers()
    }
}
