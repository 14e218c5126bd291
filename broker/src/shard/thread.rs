//! Starting and stopping the threads of the shards.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::flusher::Flusher;
use super::ticker;
use crate::broker::Broker;
use crate::hooks::slot;
use crate::journal::Journal;

/// A running shard.
pub(crate) struct ShardThread {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts shard number `index`. Tasks spawned on its handle run on its thread.
pub(crate) fn start(index: usize, broker: Arc<Broker>) -> io::Result<ShardThread> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
        let _slot = slot::claim();
        super::with(|shard| {
            shard.outgoing.limits = broker.queue_limits;
            shard.outgoing.journal = Journal::of(broker.durable.as_ref());
            shard.now = broker.clock.milliseconds();
            shard.renew_hooks(&broker.hooks);
        });
        runtime.block_on(async {
            tokio::spawn(Flusher);
            tokio::spawn(ticker::tick(broker.clone(), index == 0));
            // An error means that the broker is gone, which also is a reason to stop.
            let _ = stopped.await;
        });
        super::with(|shard| {
            shard.outgoing.journal.submit();
            shard.tell_outcomes();
            shard.outgoing.report_dropped(&broker);
        });
    })?;
    Ok(ShardThread { handle, stop: Some(stop), thread: Some(thread) })
}

impl ShardThread {
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Drops the tasks that are left and ends the thread. Blocks until it has ended.
    pub(crate) fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("a shard ended by a panic");
        }
    }
}
