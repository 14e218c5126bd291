//! A connection that waits for a plugin's answer. The packet that was asked about stays in the tail, and
//! nothing more is read; it is gone through again when the answer is there, or when its time is up.
//! What was read before it is answered and routed.

use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use super::subscribe::Answers;
use super::{Connection, End, Stage};
use crate::hooks::Progress;
use crate::shard::{Shard, TICK_MILLISECONDS};

pub(super) struct Waiting {
    pub(super) progress: Box<Progress>,
    /// What the filters of the packet are answered that come before the one at hand.
    pub(super) answers: Answers,
    /// The identifier of a QoS 2 message that is acknowledged already, if that is what is asked about.
    pub(super) begun: Option<u16>,
    since: u64,
    /// Milliseconds of the broker's clock.
    due: u64,
}

impl Waiting {
    pub(super) fn new(progress: Box<Progress>, now: u64) -> Box<Waiting> {
        // Time stamps lag behind by a tick.
        let due = now + progress.deadline().as_millis() as u64 + TICK_MILLISECONDS;
        Box::new(Waiting { progress, answers: Answers::default(), begun: None, since: now, due })
    }

    fn is_over(&self, now: u64) -> bool {
        now >= self.due || self.progress.is_answered()
    }

    pub(super) fn due(&self) -> u64 {
        self.due
    }
}

impl Connection {
    /// Waits for the answer that `progress` is about.
    #[cold]
    pub(super) fn wait(&mut self, shard: &mut Shard, progress: Option<Box<Progress>>) {
        let Some(progress) = progress else { return };
        let waiting = self.waiting.insert(Waiting::new(progress, shard.now));
        let due = waiting.due();
        self.check_by(shard, due);
    }

    /// Goes on if the answer is there, or its time is up. Returns whether the connection may be read.
    #[cold]
    pub(super) fn wait_on(&mut self, shard: &mut Shard, cx: &mut Context<'_>) -> Result<bool, End> {
        let Some(waiting) = &self.waiting else { return Ok(true) };
        if !waiting.is_over(shard.now) {
            self.look_for_departure(cx)?;
            return Ok(false);
        }
        let waited = shard.now - waiting.since;
        match &mut *self.stage {
            // The time was not the client's.
            Stage::Connecting(connecting) => {
                connecting.deadline += waited;
                let deadline = connecting.deadline;
                self.check_by(shard, deadline);
            }
            Stage::Connected(client) => {
                if let Some(exchange) = &mut client.exchange {
                    exchange.prolong(waited);
                    let due = exchange.due();
                    self.check_by(shard, due);
                }
            }
            Stage::Opened(_) => {
                self.open(shard, cx)?;
                return self.has_come(cx);
            }
            _ => {}
        }
        self.go_on(shard, cx)?;
        self.has_come(cx)
    }

    /// Whether the answer has come, and no other is waited for.
    fn has_come(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        if self.waiting.is_some() {
            self.look_for_departure(cx)?;
        }
        Ok(self.waiting.is_none())
    }

    /// A client that is not let in yet may go; nobody answers it then. Of others, what they have sent
    /// before still counts. To be called whenever the wait goes on, or nothing wakes it when the client goes.
    pub(super) fn look_for_departure(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        if matches!(*self.stage, Stage::Connected(_)) {
            return Ok(());
        }
        let mut byte = [0];
        match self.read.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(0)) => Err(End::ClosedByClient),
            Poll::Ready(Err(error)) => Err(End::Failed(error)),
            Poll::Ready(Ok(_)) | Poll::Pending => Ok(()),
        }
    }
}
