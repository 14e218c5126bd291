//! What a plugin under test takes for the broker: it keeps what the plugin logs and asks for, and has
//! the clients and the clock that a test gives it.

mod api;
mod calls;
mod clients;
mod clock;
mod metrics;
mod pending;
mod seat;
mod store;
#[cfg(test)]
mod tests;

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use log::Level;

pub use pending::Pending;
pub(super) use seat::{Seat, Ticking};

use super::{log_line::Log, running};

/// Stands for the broker in a test. It keeps what plugins log while it calls them; the lines are
/// printed as well, so that a test that fails shows them.
///
/// Each test makes its own. Several plugins may be started with one, as a broker has several; they share
/// what it keeps.
///
/// What a plugin asks of the broker is done at once, as far as it shows here: [`published`](Self::published)
/// has what it has published, and nobody else gets it. There are the clients, subscriptions and retained
/// messages that the test has added, and what the plugin has made of them.
#[derive(Debug)]
pub struct Host {
    recorder: &'static Recorder,
}

impl Host {
    /// A host that has heard nothing yet.
    ///
    /// The first one of a process takes over the logger of [`log`](crate::log), unless the tests have
    /// set one themselves: then nothing is recorded.
    pub fn new() -> Self {
        running::install();
        Host { recorder: Recorder::new() }
    }

    /// What was logged so far: in `bootstrap`, hooks, `shutdown` and `drop`, by the thread that they
    /// were called on. Not what the plugin's own threads log, see [`logs_of_threads`].
    ///
    /// A panic is a line too, as the broker's log has it.
    ///
    /// [`logs_of_threads`]: super::logs_of_threads
    pub fn logs(&self) -> Vec<Log> {
        self.recorder.lock().logs.clone()
    }

    /// As [`logs`](Self::logs), and forgets them.
    pub fn take_logs(&self) -> Vec<Log> {
        std::mem::take(&mut self.recorder.lock().logs)
    }

    /// From now on the operator has not granted this capability, as `publish`; unless denied, all are.
    ///
    /// # Panics
    ///
    /// If there is no such capability.
    #[track_caller]
    pub fn deny(&self, capability: &str) {
        match api::CAPABILITIES.iter().find(|known| **known == capability) {
            Some(known) => self.recorder.lock().denied.push(known),
            None => panic!("there is no capability {capability:?}: {:?}", api::CAPABILITIES),
        }
    }

    /// The folder of the config file, and below it that of the plugin's data. Unless set, there is none.
    pub fn set_folder(&self, folder: impl Into<std::path::PathBuf>) {
        self.recorder.lock().folder = Some(folder.into());
    }

    /// The reason that `bootstrap` has given: the broker shows it in its own error, and not as a line.
    pub(super) fn take_refusal(&self) -> Option<String> {
        let logs = &mut self.recorder.lock().logs;
        let last = logs.iter().rposition(|log| log.level == Level::Error)?;
        Some(logs.remove(last).text)
    }

    /// A plugin's place at this host.
    pub(super) fn seat(&self, config: &str) -> &'static Seat {
        Seat::new(self.recorder, config)
    }
}

impl Default for Host {
    fn default() -> Self {
        Host::new()
    }
}

/// Lives for ever, since the threads of a plugin may outlive the test.
#[derive(Debug, Default)]
struct Recorder {
    world: Mutex<World>,
    /// An answer has come.
    completed: Condvar,
}

/// What there is for the plugins of a host.
#[derive(Debug, Default)]
struct World {
    logs: Vec<Log>,
    denied: Vec<&'static str>,
    folder: Option<std::path::PathBuf>,
    calls: calls::Calls,
    clients: clients::Clients,
    store: store::Store,
    metrics: metrics::Metrics,
    pending: pending::Tickets,
    /// Milliseconds since the host was made.
    now: u64,
}

impl Recorder {
    fn new() -> &'static Recorder {
        let recorder: &'static Recorder = Box::leak(Box::default());
        // Kept within reach, so that who looks for leaks in a plugin finds none of ours.
        ALL.lock().unwrap_or_else(PoisonError::into_inner).push(recorder);
        recorder
    }

    fn record(&self, log: Log) {
        eprintln!("{log}");
        self.lock().logs.push(log);
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static ALL: Mutex<Vec<&'static Recorder>> = Mutex::new(Vec::new());
