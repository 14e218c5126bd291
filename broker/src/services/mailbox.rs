//! What a plugin wants done and no shard has done yet: bounded, and emptied in its order by a task that
//! is there while there is something.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use super::{Account, Declined, Engine, Errand};
use crate::hooks::running;
use crate::session::Session;
use crate::shard;

/// Errands that may wait.
const MAX_ERRANDS: usize = 100_000;
/// Bytes that they may hold.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Errands that are done before others have their turn.
const PER_TURN: usize = 64;
/// How long a receiver that has more than it can take holds the plugin's errands up, until the mailbox has
/// been empty.
const MAX_HOLD: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Mailbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Errand, u32)>,
    bytes: usize,
    /// A task looks after it.
    attended: bool,
}

impl Mailbox {
    /// `depth`: how many hooks have led to it.
    pub(super) fn put(&self, errand: Errand, depth: u32) -> Result<(), Declined> {
        let mut state = self.state.lock();
        let bytes = state.bytes + errand.size();
        if state.waiting.len() >= MAX_ERRANDS || (bytes > MAX_BYTES && !state.waiting.is_empty()) {
            return Err(Declined::Full);
        }
        state.bytes = bytes;
        state.waiting.push_back((errand, depth));
        Ok(())
    }

    /// Whether a task is to be started, which then has to empty it.
    fn begin(&self) -> bool {
        let mut state = self.state.lock();
        let begins = !state.attended && !state.waiting.is_empty();
        state.attended |= begins;
        begins
    }

    /// The next for the task; with none, it ends.
    pub(super) fn take(&self) -> Option<(Errand, u32)> {
        let mut state = self.state.lock();
        let Some((errand, depth)) = state.waiting.pop_front() else {
            state.waiting.shrink_to(PER_TURN);
            state.attended = false;
            return None;
        };
        state.bytes -= errand.size();
        Some((errand, depth))
    }
}

impl Engine {
    /// Has the plugin's shard empty the mailbox, unless it is about to.
    pub(super) fn attend(self: &Arc<Self>, account: &Arc<Account>) {
        if account.mailbox.begin()
            && let Some(shard) = self.shard_of(account)
        {
            shard.spawn(empty(self.clone(), account.clone()));
        }
    }

    /// Always the same for a plugin.
    fn shard_of(&self, account: &Account) -> Option<&tokio::runtime::Handle> {
        let hash = account
            .name
            .bytes()
            .fold(0, |hash: usize, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        self.shards.get(hash % self.shards.len().max(1))
    }
}

/// Should the task end before its time, another goes on.
struct Attendant {
    engine: Arc<Engine>,
    account: Arc<Account>,
    is_done: bool,
}

impl Drop for Attendant {
    fn drop(&mut self) {
        if !self.is_done {
            self.account.mailbox.state.lock().attended = false;
            self.engine.attend(&self.account);
        }
    }
}

async fn empty(engine: Arc<Engine>, account: Arc<Account>) {
    let mut attendant =
        Attendant { engine: engine.clone(), account: account.clone(), is_done: false };
    let mut too_slow = Vec::new();
    loop {
        for _ in 0..PER_TURN {
            let Some((errand, depth)) = account.mailbox.take() else {
                attendant.is_done = true;
                return;
            };
            let crowded = shard::with(|shard| {
                shard.renew_hooks(&engine.broker.hooks);
                let _depth = running::at_depth(depth);
                let crowded = errand.run(&engine.broker, shard, &account, depth);
                shard.outgoing.note_depth(depth);
                crowded
            });
            let crowded = match crowded {
                Ok(crowded) => crowded,
                Err(waits) => waits.await,
            };
            if let Some(receiver) = crowded {
                wait_for(&engine, &receiver, &mut too_slow).await;
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Waits, for a while, until a receiver has caught up, as a client that publishes does; but not again for one
/// of those that were too slow.
async fn wait_for(engine: &Engine, receiver: &Arc<Session>, too_slow: &mut Vec<Weak<Session>>) {
    let limits = engine.broker.queue_limits;
    let is_known = too_slow.iter().any(|it| it.as_ptr() == Arc::as_ptr(receiver));
    if is_known {
        let mut outbox = receiver.outbox.lock();
        outbox.mute();
        let publishers = if outbox.is_blocked() { outbox.stall() } else { Vec::new() };
        let goes_on = !outbox.is_crowded(&limits);
        drop(outbox);
        publishers.into_iter().for_each(Waker::wake);
        if goes_on {
            return;
        }
        // Somebody is about to write to its socket.
    }
    let has_caught_up = poll_fn(|cx| {
        let mut outbox = receiver.outbox.lock();
        if !outbox.is_crowded(&limits) {
            return Poll::Ready(());
        }
        outbox.park(cx.waker());
        Poll::Pending
    });
    if tokio::time::timeout(MAX_HOLD, has_caught_up).await.is_err() {
        receiver.outbox.lock().mute();
        if !is_known {
            too_slow.retain(|it| it.strong_count() > 0);
            too_slow.push(Arc::downgrade(receiver));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::services::{Draft, Packet};

    fn errand(payload: usize) -> Errand {
        let payload = vec![0; payload];
        let draft =
            Draft { topic: b"t", payload: &payload, properties: b"", qos: 0, retain: false };
        let limits = Limits { max_packet_size: u32::MAX, ..Limits::default() };
        Errand::Publish(Packet::new(&draft, &limits).unwrap())
    }

    #[test]
    fn it_is_bounded_in_bytes_and_in_number() {
        let mailbox = Mailbox::default();
        // One always fits.
        mailbox.put(errand(2 * MAX_BYTES), 0).unwrap();
        assert_eq!(mailbox.put(errand(0), 0), Err(Declined::Full));
        assert!(mailbox.begin() && !mailbox.begin());
        assert!(mailbox.take().is_some());
        for _ in 0..MAX_ERRANDS {
            mailbox.put(errand(0), 0).unwrap();
        }
        assert_eq!(mailbox.put(errand(0), 0), Err(Declined::Full));
        while mailbox.take().is_some() {}
        assert_eq!(mailbox.state.lock().bytes, 0);
        assert!(!mailbox.begin(), "there is nothing to do");
    }
}
