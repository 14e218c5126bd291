//! One thread of the broker, with its own event loop and its own state.
//!
//! A connection lives on one shard for all its life. What the connections of a shard share without
//! a lock is [`Shard`]: buffers, the list of those to flush, timers, a cache of subscriptions.

use std::cell::RefCell;
use std::sync::Arc;

mod activity;
mod batch;
mod flusher;
mod outgoing;
mod thread;
mod ticker;
mod timers;

pub(crate) use batch::Batch;
pub(crate) use outgoing::Outgoing;
pub(crate) use thread::{ShardThread, start};
pub(crate) use ticker::TICK_MILLISECONDS;
pub(crate) use timers::TimerKey;

use crate::hooks::{Hooks, Live, running};
use crate::router::TopicCache;
use crate::session::Outcome;
use activity::Activity;
use outgoing::Told;
use timers::Timers;

/// Bytes read from a socket at once.
pub(crate) const READ_SIZE: usize = 64 * 1024;

/// The state of this thread.
pub(crate) struct Shard {
    /// Those in force when the turn began.
    pub(crate) hooks: Arc<Hooks>,
    pub(crate) outgoing: Outgoing,
    pub(crate) cache: TopicCache,
    pub(crate) timers: Timers,
    pub(crate) activity: Activity,
    /// What the connection whose turn it is collects before it answers.
    pub(crate) batch: Batch,
    /// An incomplete packet of an earlier read, then what is read now.
    pub(crate) read_buffer: Vec<u8>,
    /// Milliseconds of the broker's clock at the last tick.
    pub(crate) now: u64,
}

impl Shard {
    fn new() -> Shard {
        Shard {
            hooks: Arc::new(Hooks::none()),
            outgoing: Outgoing::default(),
            cache: TopicCache::default(),
            timers: Timers::default(),
            activity: Activity::default(),
            batch: Batch::default(),
            read_buffer: vec![0; 2 * READ_SIZE],
            now: 0,
        }
    }

    /// Looks for new hooks. To be called at the beginning of a turn.
    #[inline]
    pub(crate) fn renew_hooks(&mut self, live: &Live) {
        if !live.is_current(&self.hooks) {
            self.hooks = live.current();
            self.outgoing.watched = self.hooks.watched();
        }
    }

    /// Tells the plugins what became of messages. Nobody may hold an outbox.
    #[inline]
    pub(crate) fn tell_outcomes(&mut self) {
        if self.outgoing.outcomes.is_empty() {
            return;
        }
        let _depth = running::at_depth(self.outgoing.depth);
        let mut outcomes = std::mem::take(&mut self.outgoing.outcomes);
        for Told { session, whom, message, outcome } in outcomes.drain(..) {
            let client = whom.client(&session);
            match outcome {
                Outcome::Delivered => self.hooks.on_delivered(&client, &message),
                Outcome::Dropped(cause) => self.hooks.on_dropped(&client, &message, cause),
            }
        }
        if self.outgoing.outcomes.is_empty() {
            self.outgoing.outcomes = outcomes;
        }
    }

    /// Puts away what a connection left that did not come to the end of its turn.
    pub(crate) fn forget_turn(&mut self) {
        self.batch = Batch::default();
        self.read_buffer.resize(2 * READ_SIZE, 0);
    }

    /// Second of the broker's clock at the last tick.
    pub(crate) fn second(&self) -> u32 {
        (self.now / 1000) as u32
    }
}

thread_local! {
    static SHARD: RefCell<Shard> = RefCell::new(Shard::new());
}

/// Runs `f` with the state of this thread's shard. Not reentrant: nothing that `f` calls may call
/// this again.
pub(crate) fn with<R>(f: impl FnOnce(&mut Shard) -> R) -> R {
    SHARD.with_borrow_mut(f)
}

/// As [`with`], for a thread that may be ending: `None` if its state is gone or in use.
pub(crate) fn try_with<R>(f: impl FnOnce(&mut Shard) -> R) -> Option<R> {
    SHARD.try_with(|shard| shard.try_borrow_mut().ok().map(|mut shard| f(&mut shard))).ok()?
}
