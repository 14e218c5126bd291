//! A client that is not read for a while because a plugin says so. What it has sent waits in its socket.

use std::time::Duration;

use super::Connection;
use crate::shard::{Shard, TICK_MILLISECONDS};

#[derive(Default)]
pub(super) struct Throttle {
    /// Not begun yet: the packet at hand comes first.
    asked: Duration,
    /// Milliseconds of the broker's clock.
    until: u64,
}

impl Throttle {
    /// Of several waits the longest counts.
    #[inline]
    pub(super) fn ask(&mut self, wait: Duration) {
        self.asked = self.asked.max(wait);
    }

    #[inline]
    pub(super) fn is_asked(&self) -> bool {
        !self.asked.is_zero()
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
        let wait = std::mem::take(&mut self.throttle.asked).as_millis() as u64;
        // Time stamps lag behind by a tick.
        self.throttle.until = shard.now + wait + TICK_MILLISECONDS;
        self.check_by(shard, self.throttle.until);
    }
}
