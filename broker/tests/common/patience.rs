//! How long a test waits for what a slow machine has not done yet: a test that waited for ever would
//! fail nothing.

use std::time::{Duration, Instant};

/// What has not come by then never will.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// Waits until `is_so`, and lets others run meanwhile.
#[track_caller]
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "it never was so");
        std::thread::yield_now();
    }
}
