//! Timers.

use std::time::Duration;

use super::{Host, HostError};

impl Host {
    /// Has [`on_tick`](crate::Plugin::on_tick) called with this number, `after` so long, once. A timer of
    /// the same number is replaced. To the millisecond, and later if other plugins take long in theirs.
    ///
    /// # Errors
    ///
    /// [`HostError::Full`] above 1024 timers.
    pub fn timer(&self, id: u64, after: Duration) -> Result<(), HostError> {
        self.set_timer(id, after, Duration::ZERO)
    }

    /// As [`timer`](Self::timer), again and again; at most each millisecond.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn timer_every(&self, id: u64, interval: Duration) -> Result<(), HostError> {
        let interval = interval.max(Duration::from_millis(1));
        self.set_timer(id, interval, interval)
    }

    /// Forgets a timer.
    ///
    /// # Errors
    ///
    /// [`HostError::NotThere`] if there is none, or it was due already.
    pub fn cancel_timer(&self, id: u64) -> Result<(), HostError> {
        let function = self.api.timer_cancel().ok_or(HostError::NotOffered)?;
        // SAFETY: the context is the one that came with this table.
        HostError::check(unsafe { function(self.context, id) })
    }

    fn set_timer(&self, id: u64, after: Duration, every: Duration) -> Result<(), HostError> {
        let function = self.api.timer_set().ok_or(HostError::NotOffered)?;
        let [after, every] = [after, every].map(|time| time.as_millis() as u64);
        // SAFETY: as above.
        HostError::check(unsafe { function(self.context, id, after, every) })
    }
}
