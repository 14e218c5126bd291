//! What the store has still to write, and the clients that are not read until it has: those that brought
//! some of it, and from a second mark on whoever brings more.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use hookmq_store::{Health, Sequence, Store};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::session::Parked;

/// So many times `limits.max_unwritten` are written before anything more is taken from anybody.
const FULL: usize = 4;
/// So many times as much the store takes at most. What comes when nobody is read, and what one read can
/// bring, lies between the two.
const REFUSED: usize = 8;

pub(super) struct Backlog {
    /// In bytes.
    mark: usize,
    is_well: AtomicBool,
    has_failed: AtomicBool,
    commits: AtomicU64,
    /// Is told when the store has failed.
    pub(super) failed: Notify,
    /// The clients that the next report wakes.
    parked: Mutex<Parked>,
}

impl Backlog {
    pub(super) fn new(mark: usize) -> Backlog {
        Backlog {
            mark,
            is_well: AtomicBool::new(true),
            has_failed: AtomicBool::new(false),
            commits: AtomicU64::new(0),
            failed: Notify::new(),
            parked: Mutex::default(),
        }
    }

    /// Bytes that may wait in the store.
    pub(super) fn max_pending(mark: usize) -> usize {
        mark.saturating_mul(REFUSED).max(256 * 1024 * 1024)
    }

    /// The committer has come on, or cannot. Whoever waits looks again.
    pub(super) fn report(&self, health: &Health) {
        match health {
            Health::Well => drop(self.commits.fetch_add(1, Ordering::Relaxed)),
            Health::Full => {}
            Health::Failed(_) => {
                self.has_failed.store(true, Ordering::Release);
                // It is kept until somebody asks.
                self.failed.notify_one();
            }
        }
        self.is_well.store(*health == Health::Well, Ordering::Release);
        self.wake();
    }

    /// Has whoever waits look again.
    pub(super) fn wake(&self) {
        let parked = self.parked.lock().take();
        parked.into_iter().for_each(Waker::wake);
    }

    /// How often something became durable.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Whether nothing becomes durable any more.
    #[inline]
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    /// Whether the store cannot keep up.
    #[inline]
    pub(super) fn is_behind(&self, store: &Store) -> bool {
        store.pending() > self.mark || !self.is_well.load(Ordering::Acquire)
    }

    /// Whether it can take nothing more for now.
    #[inline]
    pub(super) fn is_full(&self, store: &Store) -> bool {
        store.pending() > self.mark.saturating_mul(FULL)
    }

    /// Whether a client is not read that has brought the changes of this group; then it is woken when it
    /// may be. One that is held up already has to wait for more.
    pub(super) fn holds_up(
        &self,
        store: &Store,
        group: Sequence,
        is_held: bool,
        client: &Waker,
    ) -> bool {
        let mark = if is_held { self.mark / 2 } else { self.mark };
        self.park_while(client, || {
            store.durable() < group
                && (store.pending() > mark || !self.is_well.load(Ordering::Acquire))
        })
    }

    /// Whether nothing more is taken from a client; then it is woken when something may be.
    pub(super) fn shuts_out(&self, store: &Store, client: &Waker) -> bool {
        self.park_while(client, || self.is_full(store))
    }

    fn park_while(&self, client: &Waker, waits: impl Fn() -> bool) -> bool {
        if !waits() {
            return false;
        }
        self.parked.lock().add(client);
        // Either this sees what is reported, or the report sees the client on the list. What waits is
        // taken before a report, and a report comes behind it.
        waits()
    }
}
