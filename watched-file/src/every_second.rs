//! A thread that does something once a second, as looking at a file.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Such a thread. It ends with this.
#[derive(Debug)]
pub struct EverySecond {
    stopped: Arc<(Mutex<bool>, Condvar)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl EverySecond {
    /// Starts the thread under a name, of which Linux shows 15 bytes. `act` is called for the first time
    /// after a second; if it panics, that was the last time.
    ///
    /// # Errors
    ///
    /// If there can be no more threads.
    pub fn start(name: &str, mut act: impl FnMut() + Send + 'static) -> io::Result<EverySecond> {
        let stopped = Arc::new((Mutex::new(false), Condvar::new()));
        let thread = {
            let stopped = stopped.clone();
            let act = move || {
                while !wait(&stopped) {
                    act();
                }
            };
            thread::Builder::new().name(name.to_owned()).spawn(act)?
        };
        Ok(EverySecond { stopped, thread: Mutex::new(Some(thread)) })
    }

    /// Ends the thread, and waits for what it is doing. Nothing happens the second time.
    pub fn stop(&self) {
        *self.stopped.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stopped.1.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // If it has panicked, that was said.
        let _ = thread.map(JoinHandle::join);
    }
}

impl Drop for EverySecond {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether it has to stop, after a second or at once.
fn wait((stopped, told): &(Mutex<bool>, Condvar)) -> bool {
    let stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = told.wait_timeout_while(stopped, Duration::from_secs(1), |stopped| !*stopped);
    *waited.unwrap_or_else(PoisonError::into_inner).0
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn it_acts_until_it_is_stopped() {
        let (sender, acted) = channel();
        let thread = EverySecond::start("test", move || sender.send(()).unwrap()).unwrap();
        acted.recv().unwrap();
        acted.recv().unwrap();
        thread.stop();
        thread.stop();
        while acted.try_recv().is_ok() {}
        assert!(acted.recv().is_err(), "it has dropped what it had");
    }
}
