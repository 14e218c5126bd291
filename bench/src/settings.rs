//! What all clients of a run have in common.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mqtt::Version;

use crate::process::Process;

pub(crate) struct Settings {
    pub(crate) address: SocketAddr,
    pub(crate) version: Version,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    /// The addresses of this machine to connect from, in turn; none: what the system chooses.
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) broker: Option<Process>,
    /// In seconds; 0: none.
    pub(crate) keep_alive: u16,
    /// How many connections may be under way at once.
    pub(crate) concurrency: usize,
    pub(crate) threads: usize,
    /// What topics and client identifiers begin with.
    pub(crate) prefix: String,
    /// What marks the messages of this run, whatever an earlier one with the same prefix has left behind.
    pub(crate) run: u32,
    /// A run without progress for so long has ended, in nanoseconds.
    pub(crate) stall: u64,
    /// When everything has to end, by [`clock::now`](crate::clock::now).
    pub(crate) deadline: u64,
    /// How long packets may gather before they are looked at, at least; zero: they are looked at as
    /// they come.
    pub(crate) gather: Duration,
    /// How many deliveries may be on their way before unthrottled publishers wait.
    pub(crate) backlog: u64,
    /// How many messages at QoS 1 and 2 a publisher may have unacknowledged.
    pub(crate) window: u16,
    /// A line a second about how it goes.
    pub(crate) progress: bool,
}

impl Settings {
    /// The address to connect from.
    pub(crate) fn source(&self, client: usize) -> Option<IpAddr> {
        self.sources.iter().cycle().nth(client % self.sources.len().max(1)).copied()
    }
}
