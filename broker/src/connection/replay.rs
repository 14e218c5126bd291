//! Retained messages for new subscriptions, sent as fast as the client takes them.

use std::task::Context;

use super::{Connection, Stage};
use crate::router::Next;
use crate::shard::Shard;

/// Messages sent before others have their turn.
const PER_TURN: usize = 1000;
/// Steps of walks before others have their turn.
const STEPS_PER_TURN: usize = 8;

impl Connection {
    /// Goes on with it; woken again when there is more and the client takes it. Nothing is added to
    /// what waits for the client: there it would push out what cannot be had again.
    pub(super) fn replay(&mut self, shard: &mut Shard, cx: &Context<'_>) {
        let Stage::Connected(client) = &mut self.stage else { return };
        let Some(replay) = &mut client.kept.replay else { return };
        let (second, limits) = (shard.second(), shard.outgoing.limits);
        let mut outbox = client.session.outbox.lock();
        outbox.lend_buffer(&mut shard.outgoing.pool);
        let (mut sent, mut steps) = (0, 0);
        let ended = loop {
            if sent == PER_TURN || steps == STEPS_PER_TURN {
                cx.waker().wake_by_ref();
                break false;
            }
            // Looked up under the lock, so that nothing newer is sent before it.
            match replay.next(&self.broker.retained, second) {
                Next::Message(message) if !outbox.takes_at_once(&message, &limits) => {
                    replay.put_back(message);
                    // An acknowledgement is read, and so brings a turn by itself.
                    if outbox.has_enough_to_write(&limits) {
                        outbox.park(cx.waker());
                    }
                    break false;
                }
                Next::Message(message) => {
                    outbox.send(message, second, &limits);
                    sent += 1;
                }
                Next::NotYet => steps += 1,
                Next::End => break true,
            }
        };
        shard.outgoing.mark(&client.session, outbox);
        if ended {
            client.kept.replay = None;
        }
    }
}
