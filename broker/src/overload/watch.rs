//! The thread that looks at memory and disk once a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Readings;
use crate::broker::Broker;

const EVERY: Duration = Duration::from_secs(1);

/// Ends with this.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn start(
        broker: Arc<Broker>,
        mut readings: Box<dyn Readings>,
    ) -> std::io::Result<Watch> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::Builder::new().name("overload".into()).spawn(move || {
            let is_kept = broker.durable.is_some();
            while !stopped.load(Ordering::Acquire) {
                broker.overload.look(&broker.limits, is_kept, &mut *readings);
                thread::park_timeout(EVERY);
            }
        })?;
        Ok(Watch { stop, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                log::error!("the thread that looks at memory and disk has ended by a panic");
            }
        }
    }
}
