//! Where shards leave their changes and the committer takes all that have come in meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::change::{Change, Sequence};

pub(crate) struct Inbox {
    held: Mutex<Held>,
    came: Condvar,
    /// As in `held`, for who asks often.
    bytes: AtomicUsize,
    /// More than this is not held.
    max_bytes: usize,
}

struct Held {
    groups: Groups,
    bytes: usize,
    /// Of the last group that was handed over.
    sequence: Sequence,
    /// Of the last one that is held or was taken.
    accepted: Sequence,
    /// The committer waits.
    is_idle: bool,
    is_closing: bool,
    /// A group was not taken: what comes after it must not be kept either.
    is_broken: bool,
}

/// Groups of changes, in their order.
#[derive(Default)]
pub(crate) struct Groups {
    changes: Vec<Change>,
    /// How many changes there are up to the end of each group.
    ends: Vec<usize>,
}

/// What the committer finds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// Of the last group that was taken.
    pub(crate) sequence: Sequence,
    /// Nothing comes after it.
    pub(crate) is_closing: bool,
    /// Something came after it that was not taken.
    pub(crate) is_broken: bool,
}

impl Inbox {
    pub(crate) fn new(sequence: Sequence, max_bytes: usize) -> Inbox {
        let held = Held {
            groups: Groups::default(),
            bytes: 0,
            sequence,
            accepted: sequence,
            is_idle: false,
            is_closing: false,
            is_broken: false,
        };
        Inbox {
            held: Mutex::new(held),
            came: Condvar::new(),
            bytes: AtomicUsize::new(0),
            max_bytes,
        }
    }

    /// Takes all of `changes` as one group, however large, unless there is too much already.
    pub(crate) fn put(&self, changes: &mut Vec<Change>) -> Sequence {
        let bytes: usize = changes.iter().map(Change::size).sum();
        let mut held = self.held.lock();
        held.sequence += 1;
        let fits = held.bytes <= self.max_bytes;
        held.is_broken |= !fits && !held.is_closing;
        if held.is_broken || held.is_closing {
            changes.clear();
        } else {
            held.bytes += bytes;
            self.bytes.store(held.bytes, Ordering::Relaxed);
            held.accepted = held.sequence;
            held.groups.push(changes);
        }
        let sequence = held.sequence;
        let wake = std::mem::take(&mut held.is_idle);
        drop(held);
        if wake {
            self.came.notify_one();
        }
        sequence
    }

    /// Swaps what is there for the empty `groups`; waits for something until `deadline`.
    pub(crate) fn take(&self, groups: &mut Groups, deadline: Instant) -> Taken {
        let mut held = self.held.lock();
        while held.groups.ends.is_empty() && !held.is_closing && !held.is_broken {
            held.is_idle = true;
            if self.came.wait_until(&mut held, deadline).timed_out() {
                break;
            }
        }
        held.is_idle = false;
        std::mem::swap(&mut held.groups, groups);
        held.bytes = 0;
        self.bytes.store(0, Ordering::Relaxed);
        let Held { accepted, is_closing, is_broken, .. } = *held;
        Taken { sequence: accepted, is_closing, is_broken }
    }

    /// Waits for `time`, less if the store is to be closed. True if it is.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut held = self.held.lock();
        while !held.is_closing && !self.came.wait_until(&mut held, deadline).timed_out() {}
        held.is_closing
    }

    /// From now on nothing is taken.
    pub(crate) fn close(&self) {
        self.held.lock().is_closing = true;
        self.came.notify_all();
    }

    /// From now on nothing is taken, and what is held is let go: it will not be written.
    pub(crate) fn break_off(&self) {
        let mut held = self.held.lock();
        held.is_broken = true;
        held.groups = Groups::default();
        held.bytes = 0;
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// Bytes that wait to be written.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// What was needed for a burst is not held for ever.
const MAX_KEPT: usize = 64 * 1024;

impl Groups {
    fn push(&mut self, changes: &mut Vec<Change>) {
        self.changes.append(changes);
        self.ends.push(self.changes.len());
    }

    /// Takes everything out: `change` is called for each change, `end` after each group.
    pub(crate) fn drain<C, E>(
        &mut self,
        context: &mut C,
        change: impl Fn(&mut C, Change) -> Result<(), E>,
        end: impl Fn(&mut C),
    ) -> Result<(), E> {
        let mut changes = self.changes.drain(..);
        let mut at = 0;
        for until in self.ends.drain(..) {
            changes.by_ref().take(until - at).try_for_each(|next| change(context, next))?;
            at = until;
            end(context);
        }
        drop(changes);
        self.changes.shrink_to(MAX_KEPT);
        self.ends.shrink_to(MAX_KEPT);
        Ok(())
    }
}
