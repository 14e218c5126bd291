//! One deadline for each connection of a shard, looked through at every tick.
//!
//! A connection moves its deadline only when it has passed: keep alive then costs nothing per
//! packet, and a scan of one contiguous list per tick.

use std::task::Waker;

use slab::Slab;

/// Half as large as the place that it stands for: every connection holds one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey(u32);

#[derive(Default)]
pub(crate) struct Timers {
    timers: Slab<Timer>,
}

struct Timer {
    /// Milliseconds of the broker's clock.
    due: u64,
    waker: Waker,
}

impl Timers {
    pub(crate) fn add(&mut self, due: u64, waker: &Waker) -> TimerKey {
        // There are no more of them than connections, each of which has a file descriptor.
        TimerKey(self.timers.insert(Timer { due, waker: waker.clone() }) as u32)
    }

    pub(crate) fn set(&mut self, key: TimerKey, due: u64) {
        if let Some(timer) = self.timers.get_mut(key.0 as usize) {
            timer.due = due;
        }
    }

    pub(crate) fn remove(&mut self, key: TimerKey) {
        self.timers.try_remove(key.0 as usize);
        if self.timers.is_empty() {
            self.timers.shrink_to_fit();
        }
    }

    /// Wakes all whose deadline has passed; each once until it is set anew.
    pub(super) fn fire(&mut self, now: u64) {
        for (_, timer) in &mut self.timers {
            if timer.due <= now {
                timer.due = u64::MAX;
                timer.waker.wake_by_ref();
            }
        }
    }
}
