//! The broker's clock: time since it started, never set back.

use std::time::Duration;

use tokio::time::Instant;

pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    pub(crate) fn milliseconds(&self) -> u64 {
        self.elapsed().as_millis() as u64
    }

    pub(crate) fn seconds(&self) -> u32 {
        u32::try_from(self.elapsed().as_secs()).unwrap_or(u32::MAX)
    }

    pub(crate) fn microseconds(&self) -> u64 {
        self.elapsed().as_micros() as u64
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}
