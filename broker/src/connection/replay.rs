//! Retained messages for new subscriptions, sent as fast as the client takes them.

use std::sync::Arc;
use std::task::Context;

use super::{Connection, Stage};
use crate::hooks::{Origin, Ruling, Sender};
use crate::router::{Found, Next, Whom};
use crate::session::{DropCause, Session};
use crate::shard::Shard;

/// Messages sent before others have their turn.
const PER_TURN: usize = 1000;
/// Steps of walks before others have their turn.
const STEPS_PER_TURN: usize = 8;

/// What there is to do after a part of the replay.
enum Then {
    /// The client has to take something first.
    Wait,
    /// Plugins are to be asked about this, while nobody holds the outbox.
    Ask(Found),
    /// Others have their turn.
    Yield,
    End,
}

impl Connection {
    /// Goes on with it; woken again when there is more and the client takes it. Nothing is added to
    /// what waits for the client: there it would push out what cannot be had again.
    pub(super) fn replay(&mut self, shard: &mut Shard, cx: &Context<'_>) {
        let Stage::Connected(client) = &mut *self.stage else { return };
        // SUBACK goes first, though it need not.
        if client.kept.replay.is_none() || !shard.outgoing.journal.has_let_go(self.unsaved) {
            return;
        }
        let session = client.session.clone();
        let mut left = Left { messages: PER_TURN, steps: STEPS_PER_TURN };
        loop {
            match self.replay_part(shard, cx, &mut left) {
                Then::Wait => return,
                Then::Ask(found) => self.send_if_allowed(shard, &session, found),
                Then::Yield => return cx.waker().wake_by_ref(),
                Then::End => break,
            }
        }
        if let Stage::Connected(client) = &mut *self.stage {
            client.kept.replay = None;
        }
    }

    fn replay_part(&mut self, shard: &mut Shard, cx: &Context<'_>, left: &mut Left) -> Then {
        let Stage::Connected(client) = &mut *self.stage else { return Then::Wait };
        let Some(replay) = &mut client.kept.replay else { return Then::End };
        let (second, limits) = (shard.second(), shard.outgoing.limits);
        let is_watched = shard.hooks.watches_deliveries();
        let mut outbox = client.session.outbox.lock();
        outbox.lend_buffer(&mut shard.outgoing.pool);
        outbox.watch(shard.outgoing.watched);
        let then = loop {
            if left.messages == 0 || left.steps == 0 {
                break Then::Yield;
            }
            // Looked up under the lock, so that nothing newer is sent before it.
            match replay.next(&self.broker.retained, second) {
                Next::Message(found) if !outbox.takes_at_once(&found.message, &limits) => {
                    replay.put_back(found);
                    // An acknowledgement is read, and so brings a turn by itself.
                    if outbox.has_enough_to_write(&limits) {
                        outbox.park(cx.waker());
                    }
                    break Then::Wait;
                }
                Next::Message(found) => {
                    left.messages -= 1;
                    if is_watched {
                        break Then::Ask(found);
                    }
                    let message = outbox.ledger.own(found.message);
                    outbox.send(message, second, &limits);
                }
                Next::NotYet => left.steps -= 1,
                Next::End => break Then::End,
            }
        };
        shard.outgoing.mark(&client.session, outbox);
        then
    }

    /// Asks the plugins about a message. What has been replaced meanwhile is left out, as before.
    fn send_if_allowed(&self, shard: &mut Shard, session: &Arc<Session>, found: Found) {
        let retained = &self.broker.retained;
        let Some(publisher) = retained.publisher(&found) else { return };
        let sender = Sender { client_id: &publisher, origin: Origin::Client };
        let topic = found.message.publish(0, false).topic;
        let ruling = match shard.hooks.on_before_deliver(sender, topic) {
            Some(deliveries) => {
                let whom = Whom::of(&session.outbox.lock());
                whom.ask(&deliveries, session, &found.message, true)
            }
            None => Ruling::Allowed,
        };
        let (second, limits) = (shard.second(), shard.outgoing.limits);
        let mut outbox = session.outbox.lock();
        if retained.holds(&found) {
            let message = found.message;
            outbox.lend_buffer(&mut shard.outgoing.pool);
            outbox.watch(shard.outgoing.watched);
            match ruling {
                Ruling::Allowed => {
                    let message = outbox.ledger.own(message);
                    outbox.send(message, second, &limits);
                }
                Ruling::Vetoed => outbox.drop_message(DropCause::Vetoed, || message.clone()),
                Ruling::Edited(edited) => outbox.send(edited.apply(&message), second, &limits),
            }
        }
        shard.outgoing.mark(session, outbox);
    }
}

/// What may still be done in this turn.
struct Left {
    messages: usize,
    /// Of walks.
    steps: usize,
}
