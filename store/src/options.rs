//! How a store is to work.

use std::time::Duration;

/// When a group of changes counts as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it is on the disk: it outlives a loss of power.
    Fsync,
    /// When the system has it: it outlives the process, however that ends. A loss of power takes about the
    /// last second.
    Os,
}

/// How a store is to work.
#[derive(Clone, Debug)]
pub struct Options {
    /// When changes count as durable.
    pub durability: Durability,
    /// Bytes that may wait to be written. With more the store has failed: what comes later could not be kept
    /// without a hole.
    pub max_pending: usize,
    /// How long to wait between looks at a disk that is full.
    pub retry: Duration,
}

impl Options {
    /// 256 MiB, and a second between looks.
    pub fn new(durability: Durability) -> Options {
        Options { durability, max_pending: 256 * 1024 * 1024, retry: Duration::from_secs(1) }
    }
}
