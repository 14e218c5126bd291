//! The thread that writes the plugins' stores, within a tenth of a second of a change. It is there from the
//! first change on.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::Kv;

/// Changes that come so soon after each other are written at once.
const GATHER: Duration = Duration::from_millis(50);
/// After a write that failed.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// What has something to be written, and whose it is.
    changed: Vec<(Arc<str>, Arc<Kv>)>,
    stopping: bool,
}

impl Writer {
    /// A store has changed that had nothing to be written before.
    pub(crate) fn write_soon(&self, plugin: &Arc<str>, kv: &Arc<Kv>) {
        self.shared.state.lock().changed.push((plugin.clone(), kv.clone()));
        self.shared.wake.notify_one();
        let mut thread = self.thread.lock();
        if thread.is_none() {
            let shared = self.shared.clone();
            let builder = std::thread::Builder::new().name("hookmq-kv".into());
            match builder.spawn(move || shared.run()) {
                Ok(handle) => *thread = Some(handle),
                Err(error) => log::error!("no thread to write the stores of plugins: {error}"),
            }
        }
    }

    /// Writes what is left, and ends. Blocks on the disk.
    pub(crate) fn stop(&self) {
        self.shared.state.lock().stopping = true;
        self.shared.wake.notify_one();
        // Whoever starts it must not wait for its end.
        let thread = self.thread.lock().take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            log::error!("the thread that writes the stores of plugins ended by a panic");
        }
        // Whatever came behind it.
        self.shared.write_all();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn run(&self) {
        let mut state = self.state.lock();
        loop {
            while state.changed.is_empty() && !state.stopping {
                self.wake.wait(&mut state);
            }
            if !state.stopping {
                self.wake.wait_for(&mut state, GATHER);
            }
            let is_last = state.stopping;
            drop(state);
            let all_written = self.write_all();
            state = self.state.lock();
            if is_last {
                return;
            }
            if !all_written && !state.stopping {
                self.wake.wait_for(&mut state, RETRY);
            }
        }
    }

    /// Whether it could. What could not be written is kept for the next time.
    fn write_all(&self) -> bool {
        let changed = std::mem::take(&mut self.state.lock().changed);
        let mut failed = Vec::new();
        for (plugin, kv) in changed {
            match kv.write() {
                Ok(()) => log::debug!("the store of plugin {plugin} is written"),
                Err(error) => {
                    log::error!("plugin {plugin}: {error}; what has changed is in memory alone");
                    failed.push((plugin, kv));
                }
            }
        }
        let all_written = failed.is_empty();
        self.state.lock().changed.append(&mut failed);
        all_written
    }
}
