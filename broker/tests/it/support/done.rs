//! What goes on beside a test ends with it, also when the test fails.

use std::sync::atomic::{AtomicBool, Ordering};

/// Sets its flag when it is dropped: a thread that loops until then is not waited for in vain.
pub(crate) struct Done<'a>(pub(crate) &'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
