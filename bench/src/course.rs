//! What the workers of a run share: how far it is, and whether it is over.

use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::clock::{self, SECOND};
use crate::settings::Settings;

/// How a run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All was sent and has come.
    Done,
    /// Nothing has happened for too long.
    Stalled,
    /// It took too long.
    TimedOut,
    /// Not all clients could be connected.
    NotConnected,
}

pub(crate) struct Course {
    /// How many deliveries the messages that were sent are to cause.
    pub(crate) expected: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
    /// How many clients are ready.
    pub(crate) ready: AtomicU64,
    /// How many publishers are not done.
    pub(crate) publishing: AtomicU32,
    pub(crate) publishers: u32,
    /// A worker could not connect all its clients.
    pub(crate) failed: AtomicBool,
    /// Deliveries that are waited for no more, so that what is lost holds nobody up.
    forgiven: AtomicU64,
    /// When something has come last.
    progressed: AtomicU64,
    end: OnceLock<End>,
    stall: u64,
    deadline: u64,
}

/// After so long without progress, publishers wait no more for deliveries. In nanoseconds.
const PATIENCE: u64 = SECOND / 2;

impl Course {
    /// With so many publishers, and deliveries that are to come whatever they send.
    pub(crate) fn new(settings: &Settings, publishers: u32, expected: u64) -> Course {
        Course {
            expected: AtomicU64::new(expected),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            ready: AtomicU64::new(0),
            publishing: AtomicU32::new(publishers),
            publishers,
            failed: AtomicBool::new(false),
            forgiven: AtomicU64::new(0),
            progressed: AtomicU64::new(clock::now()),
            end: OnceLock::new(),
            stall: settings.stall,
            deadline: settings.deadline,
        }
    }

    /// How it has ended, if it has.
    pub(crate) fn end(&self) -> Option<End> {
        self.end.get().copied()
    }

    /// The same, and looks whether it is time to end.
    pub(crate) fn is_over(&self, now: u64) -> bool {
        if self.end.get().is_some() {
            return true;
        }
        // First: what the last publisher has sent on another thread is expected then.
        let all_sent = self.publishing.load(Acquire) == 0;
        let all_came = self.received.load(Relaxed) >= self.expected.load(Relaxed);
        let end = if all_sent && all_came {
            End::Done
        } else if now > self.deadline {
            End::TimedOut
        } else if now.saturating_sub(self.progressed.load(Relaxed)) > self.stall {
            End::Stalled
        } else {
            return false;
        };
        self.end.get_or_init(|| end);
        true
    }

    /// A publisher is done.
    pub(crate) fn publisher_is_done(&self) {
        self.publishing.fetch_sub(1, Release);
    }

    pub(crate) fn is_late(&self, now: u64) -> bool {
        now > self.deadline
    }

    pub(crate) fn progress(&self, now: u64) {
        self.progressed.store(now, Relaxed);
    }

    /// How many deliveries are on their way.
    pub(crate) fn backlog(&self) -> u64 {
        let come = self.received.load(Relaxed).max(self.forgiven.load(Relaxed));
        self.expected.load(Relaxed).saturating_sub(come)
    }

    /// Forgets the backlog if it has not moved for a while.
    pub(crate) fn forgive(&self, now: u64) {
        if now.saturating_sub(self.progressed.load(Relaxed)) > PATIENCE {
            self.forgiven.store(self.expected.load(Relaxed), Relaxed);
        }
    }
}
