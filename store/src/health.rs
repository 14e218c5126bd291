//! How the store is, and what it tells its owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::change::Sequence;

/// A commit that takes longer is not expected to end.
const STALLED: Duration = Duration::from_secs(10);

/// How the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// What is submitted becomes durable.
    Well,
    /// The disk is full: nothing becomes durable until there is space again, and then everything does.
    Full,
    /// Nothing becomes durable any more, for this reason. The process has to be started again.
    Failed(Arc<str>),
}

/// What is reported from the committer's thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Every group up to this one is durable.
    pub durable: Sequence,
    /// How the store is.
    pub health: Health,
}

/// What everybody may ask, without waiting for the committer.
pub(crate) struct Status {
    durable: AtomicU64,
    health: Mutex<Health>,
    opened: Instant,
    /// Milliseconds after `opened` at which the commit under way began, and 1; 0 while there is none.
    committing: AtomicU64,
}

impl Status {
    pub(crate) fn new(durable: Sequence) -> Status {
        Status {
            durable: AtomicU64::new(durable),
            health: Mutex::new(Health::Well),
            opened: Instant::now(),
            committing: AtomicU64::new(0),
        }
    }

    pub(crate) fn durable(&self) -> Sequence {
        self.durable.load(Ordering::Acquire)
    }

    pub(crate) fn set_durable(&self, durable: Sequence) {
        self.durable.store(durable, Ordering::Release);
    }

    pub(crate) fn set_health(&self, health: Health) {
        *self.health.lock() = health;
    }

    pub(crate) fn health(&self) -> Health {
        let health = self.health.lock().clone();
        let began = self.committing.load(Ordering::Relaxed);
        if health == Health::Well && began != 0 {
            let took = self.opened.elapsed().saturating_sub(Duration::from_millis(began));
            if took > STALLED {
                let why = format!("a commit has not ended for {} seconds", took.as_secs());
                return Health::Failed(why.into());
            }
        }
        health
    }

    pub(crate) fn commit_begins(&self) {
        let elapsed = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.committing.store(elapsed.saturating_add(1), Ordering::Relaxed);
    }

    pub(crate) fn commit_ends(&self) {
        self.committing.store(0, Ordering::Relaxed);
    }
}
