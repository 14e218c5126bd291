//! Time that is let pass: clients take theirs, and brokers live for some.

use std::time::Duration;

#[allow(clippy::disallowed_methods, reason = "load is made of it, and every client has its thread")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
