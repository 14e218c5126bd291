//! How fast new connections are accepted, over all listeners. What comes faster waits in the kernel's
//! queue and is not refused: it may be all clients coming back after a restart.
//!
//! Connections of this machine take nothing of the rate; on a listener that others reach too they wait
//! behind those of the others.

use std::time::Duration;

use parking_lot::Mutex;

/// Microseconds; so much of the rate may come at once.
const BURST: u64 = 1_000_000;

pub(crate) struct ConnectionRate {
    /// Microseconds that a connection takes of the rate.
    share: u64,
    /// Up to when the connections so far have used the rate, in microseconds of the broker's clock.
    used: Mutex<u64>,
}

impl ConnectionRate {
    pub(crate) fn new(per_second: u32) -> ConnectionRate {
        ConnectionRate { share: 1_000_000 / u64::from(per_second.max(1)), used: Mutex::new(0) }
    }

    /// Accepts a connection at microsecond `now`.
    ///
    /// # Errors
    /// How long it has to wait.
    pub(crate) fn take(&self, now: u64) -> Result<(), Duration> {
        let mut used = self.used.lock();
        let used_then = now.max(*used) + self.share;
        if used_then > now + BURST {
            return Err(Duration::from_micros(used_then - now - BURST));
        }
        *used = used_then;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seconds_worth_comes_at_once_and_the_rest_at_the_rate() {
        let rate = ConnectionRate::new(1000);
        let mut now = 5_000_000;
        for _ in 0..1000 {
            assert_eq!(rate.take(now), Ok(()));
        }
        for _ in 0..100 {
            assert_eq!(rate.take(now), Err(Duration::from_millis(1)));
            now += 1000;
            assert_eq!(rate.take(now), Ok(()));
        }
        now += 3_000_000;
        assert_eq!((0..2000).filter(|_| rate.take(now).is_ok()).count(), 1000);
    }

    #[test]
    fn the_highest_rate_is_none() {
        let rate = ConnectionRate::new(1_000_000_000);
        assert!((0..100_000).all(|_| rate.take(1).is_ok()));
    }
}
