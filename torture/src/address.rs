//! Where the broker listens just now, for clients that wait until there is one.

use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

#[derive(Default)]
pub(crate) struct Address {
    now: Mutex<Option<SocketAddr>>,
    changed: Condvar,
}

impl Address {
    pub(crate) fn set(&self, address: Option<SocketAddr>) {
        *self.now.lock() = address;
        self.changed.notify_all();
    }

    /// Waits for one, but not for long.
    pub(crate) fn wait(&self) -> Option<SocketAddr> {
        let mut now = self.now.lock();
        if now.is_none() {
            self.changed.wait_for(&mut now, Duration::from_millis(50));
        }
        *now
    }
}
