//! The threads that look once a second: one at memory and disk, one at the store. A disk that does not answer
//! may hold up the first, and is what the second finds out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Readings;
use crate::broker::Broker;

const EVERY: Duration = Duration::from_secs(1);
/// A look takes no time, unless the disk does not answer.
const END_WITHIN: Duration = Duration::from_secs(2);

/// They end with this.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn start(
        broker: Arc<Broker>,
        mut readings: Box<dyn Readings>,
    ) -> std::io::Result<Watch> {
        let mut watch = Watch { stop: Arc::default(), threads: Vec::new() };
        let durable = broker.durable.clone();
        let is_kept = durable.is_some();
        watch.look("overload", move || {
            broker.overload.look(&broker.limits, is_kept, &mut *readings);
        })?;
        if let Some(durable) = durable {
            watch.look("store-watch", move || durable.look())?;
        }
        Ok(watch)
    }

    fn look(&mut self, name: &str, mut look: impl FnMut() + Send + 'static) -> std::io::Result<()> {
        let stopped = self.stop.clone();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                look();
                thread::park_timeout(EVERY);
            }
        })?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.threads.iter().for_each(|thread| thread.thread().unpark());
        let deadline = Instant::now() + END_WITHIN;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < deadline {
                thread::park_timeout(Duration::from_millis(1));
            }
            if !thread.is_finished() {
                log::error!(
                    "the thread {:?} waits for the disk, and is left",
                    thread.thread().name()
                );
            } else if thread.join().is_err() {
                log::error!("a thread that looks at memory, disk and store has ended by a panic");
            }
        }
    }
}
