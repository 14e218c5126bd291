//! How the store is, and what it tells its owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::change::Sequence;

/// A step that has not ended when it was looked at so often is not expected to end. Looks are counted, for a
/// process that was stopped for a while has not waited.
const STALLED: u32 = 10;
/// No step follows.
const GIVEN_UP: u64 = u64::MAX;

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
    /// The number of the committer's step: odd while it uses the disk, even while it waits for something to do.
    step: AtomicU64,
    /// The step that was under way at the last look, and at how many looks in a row.
    seen: Mutex<(u64, u32)>,
}

/// A step took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GivenUp;

impl Status {
    pub(crate) fn new(durable: Sequence) -> Status {
        Status {
            durable: AtomicU64::new(durable),
            health: Mutex::new(Health::Well),
            step: AtomicU64::new(0),
            seen: Mutex::new((0, 0)),
        }
    }

    pub(crate) fn durable(&self) -> Sequence {
        self.durable.load(Ordering::Acquire)
    }

    pub(crate) fn set_durable(&self, durable: Sequence) {
        self.durable.store(durable, Ordering::Release);
    }

    /// What has failed stays so.
    pub(crate) fn set_health(&self, health: Health) {
        let mut is = self.health.lock();
        if !matches!(*is, Health::Failed(_)) {
            *is = health;
        }
    }

    pub(crate) fn health(&self) -> Health {
        self.health.lock().clone()
    }

    /// The committer uses the disk from now on.
    pub(crate) fn begin_step(&self) -> Result<(), GivenUp> {
        self.pass(1)
    }

    /// It has come on, and uses the disk still.
    pub(crate) fn next_step(&self) -> Result<(), GivenUp> {
        self.pass(2)
    }

    /// It waits for something to do.
    pub(crate) fn end_step(&self) -> Result<(), GivenUp> {
        self.pass(1)
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.step.load(Ordering::Acquire) == GIVEN_UP
    }

    fn pass(&self, steps: u64) -> Result<(), GivenUp> {
        let pass = |step| (step != GIVEN_UP).then(|| step + steps);
        let passed = self.step.fetch_update(Ordering::AcqRel, Ordering::Acquire, pass);
        passed.map(drop).map_err(|_| GivenUp)
    }

    /// Looks whether the committer comes on. True if it has just been given up.
    pub(crate) fn look(&self) -> bool {
        let step = self.step.load(Ordering::Acquire);
        let mut seen = self.seen.lock();
        if step.is_multiple_of(2) || step == GIVEN_UP || seen.0 != step {
            *seen = (step, 0);
            return false;
        }
        seen.1 += 1;
        let is_over = seen.1 >= STALLED
            && self
                .step
                .compare_exchange(step, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire)
                .is_ok();
        if is_over {
            self.set_health(Health::Failed(GivenUp.to_string().into()));
        }
        is_over
    }
}

impl std::fmt::Display for GivenUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the disk has not answered for {STALLED} seconds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(status: &Status) -> u32 {
        (1..100).find(|_| status.look()).unwrap_or_default()
    }

    #[test]
    fn a_step_that_does_not_end_fails_the_store() {
        let status = Status::new(0);
        assert_eq!(looks(&status), 0, "it waits for something to do");
        status.begin_step().unwrap();
        for _ in 0..100 {
            assert!(!status.look());
            status.next_step().unwrap();
        }
        assert_eq!(looks(&status), STALLED + 1);
        assert!(matches!(status.health(), Health::Failed(_)));
        assert_eq!(status.end_step(), Err(GivenUp));
        status.set_health(Health::Well);
        assert!(matches!(status.health(), Health::Failed(_)), "whatever comes later");
        assert_eq!(looks(&status), 0, "it is told once");
    }
}
