//! The connections that have not come to the end of their CONNECT, in the order they were accepted.
//!
//! There is room for so many; then the oldest gives way to a newcomer, so that half open connections
//! never keep newcomers out. Before, it has had a moment for what it was about to send: many clients
//! that come at once wait in the kernel's queue rather than drive each other out. Loopback counts too,
//! for this bounds what the broker holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use parking_lot::Mutex;

use crate::session::ConnectionId;

/// So long, in milliseconds, no connection has to give way.
const GRACE: u64 = 50;

#[derive(Clone, Default)]
pub(crate) struct Handshakes {
    /// Connection ids ascend, so that the first is the oldest.
    waiting: Arc<Mutex<BTreeMap<ConnectionId, Place>>>,
}

struct Place {
    /// Milliseconds of the broker's clock.
    since: u64,
    /// `None`: the connection has not run yet.
    waker: Option<Waker>,
}

/// A connection's place among the handshakes, for as long as this lives.
pub(crate) struct Handshake {
    handshakes: Handshakes,
    connection: ConnectionId,
}

impl Handshakes {
    /// Whether a newcomer finds a place at millisecond `now`: a free one, or that of an oldest which
    /// had its time.
    pub(crate) fn has_room(&self, limit: usize, now: u64) -> bool {
        let waiting = self.waiting.lock();
        let is_due = |place: &Place| now >= place.since + GRACE;
        waiting.len() < limit || waiting.values().next().is_none_or(is_due)
    }

    /// Gives a newcomer its place; where all of `limit` are taken, that of the oldest.
    pub(crate) fn begin(&self, connection: ConnectionId, limit: usize, now: u64) -> Handshake {
        let mut waiting = self.waiting.lock();
        let oldest = if waiting.len() >= limit { waiting.pop_first() } else { None };
        waiting.insert(connection, Place { since: now, waker: None });
        drop(waiting);
        if let Some((_, Place { waker: Some(waker), .. })) = oldest {
            waker.wake();
        }
        Handshake { handshakes: self.clone(), connection }
    }
}

impl Handshake {
    /// Whether the place is still the connection's. If it is, `waker` is woken when it is lost.
    pub(crate) fn is_kept(&self, waker: &Waker) -> bool {
        let mut waiting = self.handshakes.waiting.lock();
        let Some(place) = waiting.get_mut(&self.connection) else { return false };
        if !place.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            place.waker = Some(waker.clone());
        }
        true
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.handshakes.waiting.lock().remove(&self.connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_oldest_gives_way_and_is_woken() {
        let handshakes = Handshakes::default();
        let woken = Arc::new(Count::default());
        let waker = Waker::from(woken.clone());
        let first = handshakes.begin(1, 2, 0);
        assert!(first.is_kept(&waker));
        let second = handshakes.begin(2, 2, 0);
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
        let third = handshakes.begin(3, 2, 0);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(!first.is_kept(&waker));
        assert!(second.is_kept(Waker::noop()) && third.is_kept(Waker::noop()));
    }

    #[test]
    fn one_that_has_not_run_yet_finds_its_place_gone() {
        let handshakes = Handshakes::default();
        let first = handshakes.begin(1, 1, 0);
        let _second = handshakes.begin(2, 1, 0);
        assert!(!first.is_kept(Waker::noop()));
    }

    #[test]
    fn nobody_gives_way_at_once() {
        let handshakes = Handshakes::default();
        assert!(handshakes.has_room(2, 0));
        let first = handshakes.begin(1, 2, 1000);
        let _second = handshakes.begin(2, 2, 1010);
        assert!(!handshakes.has_room(2, 1000 + GRACE - 1));
        assert!(handshakes.has_room(2, 1000 + GRACE));
        drop(first);
        assert!(handshakes.has_room(2, 1010));
    }

    #[test]
    fn a_place_is_free_again_when_the_handshake_is_over() {
        let handshakes = Handshakes::default();
        let first = handshakes.begin(1, 2, 0);
        drop(handshakes.begin(2, 2, 0));
        let _third = handshakes.begin(3, 2, 0);
        assert!(first.is_kept(Waker::noop()));
        drop(first);
        assert_eq!(handshakes.waiting.lock().len(), 1);
    }
}
