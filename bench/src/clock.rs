//! The monotonic clock, as a number.

use nix::time::ClockId;

/// Nanoseconds since some moment in the past.
#[inline]
pub(crate) fn now() -> u64 {
    nanoseconds(ClockId::CLOCK_MONOTONIC).unwrap_or_default()
}

/// What a clock shows, that of a process's CPU time for instance.
pub(crate) fn nanoseconds(clock: ClockId) -> Option<u64> {
    let time = clock.now().ok()?;
    Some(time.tv_sec() as u64 * SECOND + time.tv_nsec() as u64)
}

/// In nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// In nanoseconds.
pub(crate) const MILLISECOND: u64 = 1_000_000;

/// As people and JSON have it.
pub(crate) fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / SECOND as f64
}
