//! A client that is not read for a while because a plugin says so. What it has sent waits in its socket.

use std::time::Duration;

use super::Connection;
use crate::shard::{Shard, TICK_MILLISECONDS};

#[derive(Default)]
pub(super) struct Throttle {
    /// In milliseconds. Not begun yet: the packet at hand comes first.
    asked: u32,
    /// Milliseconds of the broker's clock.
    until: u64,
}

impl Throttle {
    /// Of several waits the longest counts.
    #[inline]
    pub(super) fn ask(&mut self, wait: Duration) {
        // Most of the time there is none.
        if !wait.is_zero() {
            let wait = wait.as_nanos().div_ceil(1_000_000);
            self.asked = self.asked.max(u32::try_from(wait).unwrap_or(u32::MAX));
        }
    }

    #[inline]
    pub(super) fn is_asked(&self) -> bool {
        self.asked > 0
    }

    /// Whether the client is not to be read at millisecond `now`.
    #[inline]
    pub(super) fn holds(&self, now: u64) -> bool {
        now < self.until
    }

    /// When it is to be read again, in milliseconds of the broker's clock; 0 if it never was held.
    pub(super) fn until(&self) -> u64 {
        self.until
    }
}

impl Connection {
    /// Lets the wait begin that was asked for.
    #[cold]
    pub(super) fn begin_throttle(&mut self, shard: &mut Shard) {
        let wait = u64::from(std::mem::take(&mut self.throttle.asked));
        // Time stamps lag behind by a tick.
        self.throttle.until = shard.now + wait + TICK_MILLISECONDS;
        self.check_by(shard, self.throttle.until);
    }
}
