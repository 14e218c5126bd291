//! The control socket: an operator lists and changes plugins while the broker serves. A request is a line
//! of JSON, and so is its answer; docs/operate-plugins.md has them all.
//!
//! It has a thread and an event loop of its own, so that it answers however busy the others are. What
//! waits for a plugin to start does so on yet another thread.

mod answer;
mod record;
mod request;
mod serve;
mod socket;
mod trace;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::plugins::Roster;
pub use socket::{ControlSocket, connect};

/// A control socket that is served.
#[derive(Debug)]
pub struct Control {
    /// Dropped, it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another broker has it.
    #[error(
        "control: another broker{} has the control socket {}, and so this folder; stop it, or give \
         this one another config in another folder, or another `control:`",
        process.map(|id| format!(" (process {id})")).unwrap_or_default(),
        path.display()
    )]
    InUse {
        /// The socket.
        path: PathBuf,
        /// Of the other broker, if it says so.
        process: Option<u32>,
    },
    /// It cannot be made.
    #[error(
        "control: the control socket {} cannot be made: {error}; without it `hookmq ctl` cannot reach \
         this broker; give another path as `control:` in the config, or off",
        path.display()
    )]
    Make {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl Control {
    /// Serves on a thread of its own, until it is dropped.
    ///
    /// # Errors
    /// If there is no such thread to be had.
    pub fn start(socket: ControlSocket, roster: Arc<Roster>) -> io::Result<Control> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // As many changes and readers as there can be at once.
            .max_blocking_threads(serve::CONNECTIONS)
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("hookmq-control".into());
        let thread = thread.spawn(move || {
            if let Err(error) = runtime.block_on(serve::serve(&socket, roster, stopped)) {
                log::error!("the control socket is not served any more: {error}");
            }
            // A plugin that does not come back from its start must not hold up the end.
            runtime.shutdown_background();
        });
        Ok(Control { stop: Some(stop), thread: Some(thread?) })
    }
}

impl Drop for Control {
    /// Takes the socket away. Waits for no request.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the control socket's thread has panicked");
        }
    }
}
