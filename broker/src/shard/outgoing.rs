//! The sessions that have bytes to send since the last flush, and the flush.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;

use mqtt::ReasonCode;
use parking_lot::MutexGuard;

use crate::broker::Broker;
use crate::config::QueueFull;
use crate::journal::{Hold, Journal};
use crate::router::Whom;
use crate::session::{AfterWrite, BufferPool, DropCause, Message, Outbox, Outcome, Outcomes};
use crate::session::{QueueLimits, Session, Watched};
use crate::tally::Kind;

/// Writes to one session in a row while others keep adding to it; then it goes to the end of the
/// list.
const MAX_WRITES: usize = 4;

#[derive(Default)]
pub(crate) struct Outgoing {
    pub(crate) pool: BufferPool,
    pub(crate) limits: QueueLimits,
    /// What the store is to be told of.
    pub(crate) journal: Journal,
    dirty: Vec<Arc<Session>>,
    flusher: Option<Waker>,
    /// Whether the flusher was woken and has not run yet.
    scheduled: bool,
    /// Messages that clients did not get, and one of these clients for each cause.
    dropped: HashMap<DropCause, (u64, Arc<str>)>,
    /// What plugins want to hear of.
    pub(crate) watched: Watched,
    /// For the plugins, who are told when nobody holds an outbox.
    pub(super) outcomes: Vec<Told>,
    /// The depth of what plugins have brought about and is flushed next.
    pub(super) depth: u32,
}

/// What became of a message for a client.
pub(super) struct Told {
    pub(super) session: Arc<Session>,
    pub(super) whom: Arc<Whom>,
    pub(super) message: Message,
    pub(super) outcome: Outcome,
}

impl Outgoing {
    pub(super) fn set_flusher(&mut self, flusher: &Waker) {
        if self.flusher.is_none() {
            self.journal.set_waker(flusher);
            self.flusher = Some(flusher.clone());
        }
    }

    /// Has a session flushed at the end of the turn, after the connections that are runnable now.
    pub(crate) fn mark(&mut self, session: &Arc<Session>, mut outbox: MutexGuard<'_, Outbox>) {
        self.collect(session, &mut outbox);
        session.note_behind(outbox.has_too_much_to_write(&self.limits));
        if outbox.dirty {
            return;
        }
        if !outbox.has_something_to_write() {
            outbox.return_buffer(&mut self.pool);
            return;
        }
        outbox.dirty = true;
        drop(outbox);
        self.dirty.push(session.clone());
        self.schedule();
    }

    /// A plugin has brought something about at this depth; what is told of its outcome is no less deep.
    pub(crate) fn note_depth(&mut self, depth: u32) {
        if self.scheduled {
            self.depth = self.depth.max(depth);
        }
    }

    /// Collects what became of the client's messages.
    #[inline]
    pub(crate) fn collect(&mut self, session: &Arc<Session>, outbox: &mut Outbox) {
        if let Some(outcomes) = outbox.take_outcomes() {
            self.take_outcomes(session, *outcomes, outbox);
        }
        if let Some(noted) = outbox.ledger.take() {
            self.journal.take(session, noted);
            self.schedule();
        }
    }

    #[cold]
    fn take_outcomes(&mut self, session: &Arc<Session>, outcomes: Outcomes, outbox: &Outbox) {
        for (cause, messages) in outcomes.dropped.each() {
            let all = self.dropped.entry(cause).or_insert_with(|| (0, session.client_id.clone()));
            all.0 += u64::from(messages);
            let is_overfull = cause == DropCause::QueueFull && outbox.link().is_some();
            if is_overfull && self.limits.full == QueueFull::Disconnect {
                session.order_close_of(outbox, ReasonCode::QuotaExceeded);
            }
        }
        if outcomes.messages.is_empty() {
            return;
        }
        let whom = Arc::new(Whom::of(outbox));
        for (message, outcome) in outcomes.messages {
            let (session, whom) = (session.clone(), whom.clone());
            self.outcomes.push(Told { session, whom, message, outcome });
        }
        self.schedule();
    }

    /// A message that came by a share is lost with the session of its last member.
    pub(crate) fn forget(&mut self, session: &Arc<Session>, message: Message) {
        if self.watched.dropped {
            let whom = Arc::new(Whom::of(&session.outbox.lock()));
            let outcome = Outcome::Dropped(DropCause::SessionEnded);
            self.outcomes.push(Told { session: session.clone(), whom, message, outcome });
            self.schedule();
        }
    }

    /// Hands over what [`Outgoing::collect`] has counted.
    pub(super) fn report_dropped(&mut self, broker: &Broker) {
        for (cause, (messages, client_id)) in self.dropped.drain() {
            broker.overload.note_dropped(cause, messages);
            broker.tally.add(Kind::Dropped(cause), messages, || format!("one for {client_id:?}"));
        }
    }

    /// Hands over to the store what was noted in this turn, and lets go on what has waited for it.
    pub(super) fn attend_journal(&mut self) {
        if !self.journal.is_on() {
            return;
        }
        self.journal.submit();
        while let Some((session, hold)) = self.journal.next_released() {
            let mut wake = None;
            let mut outbox = session.outbox.lock();
            match hold {
                Hold::Answers { generation, answers, wakes }
                    if outbox.generation() == generation =>
                {
                    outbox.lend_buffer(&mut self.pool);
                    outbox.append(&answers);
                    wake = outbox.owner_waker().filter(|_| wakes);
                }
                // The connection that they were for is gone.
                Hold::Answers { .. } => {}
                Hold::Writes => outbox.ledger.release(),
            }
            self.mark(&session, outbox);
            wake.into_iter().for_each(Waker::wake);
        }
        self.journal.sift();
    }

    /// Writes what has been marked. Sockets of any shard, never blocking.
    pub(super) fn flush_all(&mut self) {
        self.scheduled = false;
        let mut dirty = std::mem::take(&mut self.dirty);
        for session in dirty.drain(..) {
            self.flush(&session);
        }
        if self.dirty.is_empty() {
            self.dirty = dirty;
        }
    }

    /// Writes what lies in one session's outbox. The lock is not held during a write.
    pub(crate) fn flush(&mut self, session: &Arc<Session>) {
        let mut outbox = session.outbox.lock();
        outbox.dirty = false;
        let mut wake = Vec::new();
        for _ in 0..MAX_WRITES {
            let Some(mut write) = outbox.begin_write() else { break };
            let outcome = MutexGuard::unlocked(&mut outbox, || write.run());
            match outbox.finish_write(write, &outcome, &mut self.pool) {
                AfterWrite::Nothing => {}
                AfterWrite::CallOwner(owner) => {
                    session.mark_attention();
                    wake.push(owner);
                }
                AfterWrite::LastWords(mut write) => {
                    // What the client does not take now it does not get.
                    let _ = MutexGuard::unlocked(&mut outbox, || write.run());
                    outbox.finish_last(write);
                }
            }
        }
        wake.append(&mut outbox.unpark(&self.limits));
        self.mark(session, outbox);
        wake.into_iter().for_each(Waker::wake);
    }

    /// Has the flusher run at the end of the turn.
    pub(crate) fn schedule(&mut self) {
        if !self.scheduled
            && let Some(flusher) = &self.flusher
        {
            self.scheduled = true;
            flusher.wake_by_ref();
        }
    }
}
