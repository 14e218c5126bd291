//! What the broker does when there is more than it can take: who waits, who is refused, what is dropped.
//! The store looks after itself (`journal/backlog.rs`); memory and disk are looked at here.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use parking_lot::Mutex;

use crate::config::{Limits, Mark};
use crate::session::{DropCause, Parked};

mod level;
mod readings;
mod watch;

pub(crate) use level::Level;
pub(crate) use readings::Machine;
pub use readings::{Readings, Space};
pub(crate) use watch::Watch;

#[derive(Default)]
pub(crate) struct Overload {
    /// A [`Level`].
    level: AtomicU8,
    memory_used: AtomicU64,
    /// 0: none is known, or there is none.
    memory_limit: AtomicU64,
    /// The disk has so little space that nothing more is kept.
    disk_is_short: AtomicBool,
    disk_free: AtomicU64,
    /// Clients that are not read now.
    halted: AtomicUsize,
    /// How often one began to wait; anew after each message that it was let publish.
    halts: AtomicU64,
    /// Messages that clients did not get, by the reason.
    dropped: [AtomicU64; DropCause::ALL.len()],
    /// Publishers that wait for memory, or for space on the disk.
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

    /// Clients that are not read now, and how often one began to wait.
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

    /// How short memory is.
    #[inline]
    pub(crate) fn level(&self) -> Level {
        Level::of_number(self.level.load(Ordering::Acquire))
    }

    /// Bytes of memory that are used, and that may be.
    pub(crate) fn memory(&self) -> (u64, u64) {
        (self.memory_used.load(Ordering::Relaxed), self.memory_limit.load(Ordering::Relaxed))
    }

    /// Whether nothing more is taken that must be kept on the disk.
    #[inline]
    pub(crate) fn disk_is_short(&self) -> bool {
        self.disk_is_short.load(Ordering::Acquire)
    }

    /// Bytes that the disk of the store has left.
    pub(crate) fn disk_free(&self) -> u64 {
        self.disk_free.load(Ordering::Relaxed)
    }

    /// Whether publishers have to wait.
    #[inline]
    pub(crate) fn holds_publishers(&self) -> bool {
        self.level.load(Ordering::Relaxed) > Level::Enough as u8
    }

    /// Whether this one has to; then it is woken when it has not any more. `has_waited`: it has waited
    /// to publish what it is about to.
    pub(crate) fn holds_publisher(&self, has_waited: bool, publisher: &Waker) -> bool {
        if self.level() == Level::Enough {
            return false;
        }
        let is_new = self.parked.lock().add(publisher);
        // One that was woken a moment ago publishes its message a second, or nobody would ever know that
        // there is memory again that the process has and does not give back; nor would acknowledgements be read
        // that come behind it, which are what frees memory.
        let may = has_waited && is_new;
        // Either the change is seen here, or the publisher on the list by who brings it about.
        !may && self.level() > Level::Enough
    }

    /// Whether a publisher has to wait for space on the disk; then it is woken to look again.
    pub(crate) fn waits_for_disk(&self, publisher: &Waker) -> bool {
        self.parked.lock().add(publisher);
        self.disk_is_short()
    }

    /// Looks at how much there is, and acts on it. `is_kept`: there is a store.
    pub(crate) fn look(&self, limits: &Limits, is_kept: bool, readings: &mut dyn Readings) {
        self.look_at_memory(limits.max_memory, readings);
        if is_kept {
            self.look_at_disk(limits.min_disk_free, readings);
        }
        let parked = self.parked.lock().take();
        parked.into_iter().for_each(Waker::wake);
    }

    fn look_at_memory(&self, max: Mark, readings: &mut dyn Readings) {
        let limit = match max {
            Mark::Off => None,
            Mark::Bytes(bytes) => Some(bytes),
            Mark::Auto => readings.memory_total().map(|total| total / 5 * 4),
        };
        let used = readings.memory_used();
        self.memory_used.store(used.unwrap_or_default(), Ordering::Relaxed);
        self.memory_limit.store(limit.unwrap_or_default(), Ordering::Relaxed);
        let (before, mut level) = (self.level(), Level::Enough);
        if let (Some(used), Some(limit)) = (used, limit) {
            level = before.next(used, limit);
            if level != before {
                let (used, limit) = (used / 1024 / 1024, limit / 1024 / 1024);
                log::warn!(
                    "memory is {}: {used} MiB of {limit} (limits.max_memory); {}",
                    level.name(),
                    level.effect()
                );
            }
        }
        self.level.store(level as u8, Ordering::Release);
    }

    fn look_at_disk(&self, min: Mark, readings: &mut dyn Readings) {
        let Some(space) = readings.disk() else { return };
        self.disk_free.store(space.free, Ordering::Relaxed);
        let min = match min {
            Mark::Off => 0,
            Mark::Bytes(bytes) => bytes,
            Mark::Auto => (space.total / 20).min(1024 * 1024 * 1024),
        };
        let before = self.disk_is_short();
        // It ends a little above where it begins.
        let is_short = space.free < if before { min.saturating_add(min / 8) } else { min };
        if is_short != before {
            let (free, min) = (space.free / 1024 / 1024, min / 1024 / 1024);
            if is_short {
                log::warn!(
                    "the disk of the store has {free} MiB left, less than {min} (limits.min_disk_free): \
                     nothing more is taken that must be kept"
                );
            } else {
                log::warn!(
                    "the disk of the store has {free} MiB left: what must be kept is taken again"
                );
            }
        }
        self.disk_is_short.store(is_short, Ordering::Release);
    }
}
