//! Retained messages for new subscriptions, sent as fast as the client takes them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Context;

use mqtt::QoS;

use super::{Connection, Stage};
use crate::router::{Retained, Walk};
use crate::session::{MatchedBy, Message};
use crate::shard::Shard;

/// Messages sent before others have their turn.
const PER_TURN: usize = 1000;
/// Steps of walks before others have their turn.
const STEPS_PER_TURN: usize = 8;

/// What of the retained messages a client has still to be sent.
#[derive(Default)]
pub(super) struct Replay {
    wanted: VecDeque<Wanted>,
    /// What the first of them has found.
    found: VecDeque<Message>,
}

/// What a new subscription has still to find.
struct Wanted {
    walk: Walk,
    granted: QoS,
    matched_by: Option<Arc<MatchedBy>>,
}

enum Next {
    Message(Message),
    /// Nothing among the topics that were looked at.
    NotYet,
    End,
}

impl Replay {
    /// A subscription is there, perhaps in place of one to the same filter: then all begins anew.
    pub(super) fn add(&mut self, walk: Walk, granted: QoS, matched_by: Option<Arc<MatchedBy>>) {
        self.remove(|other| other.has_filter_of(&walk));
        self.wanted.push_back(Wanted { walk, granted, matched_by });
    }

    /// A subscription is gone. [MQTT-3.10.4-2]
    pub(super) fn unsubscribe(&mut self, filter: &str) {
        self.remove(|walk| walk.has_filter(filter));
    }

    /// There is one for each of the client's subscriptions at most.
    fn remove(&mut self, is_it: impl Fn(&Walk) -> bool) {
        let Some(at) = self.wanted.iter().position(|wanted| is_it(&wanted.walk)) else { return };
        self.wanted.remove(at);
        if at == 0 {
            self.found.clear();
        }
    }

    /// The next message, marked as retained. One that was replaced since it was found is left out:
    /// its successor goes to all subscribers anyway. [MQTT3-3.3.1-8]
    fn next(&mut self, retained: &Retained, second: u32) -> Next {
        let Some(wanted) = self.wanted.front_mut() else { return Next::End };
        while let Some(mut message) = self.found.pop_front() {
            if retained.holds(&message) {
                message.retain = true;
                message.qos = message.qos.min(wanted.granted);
                message.matched_by.clone_from(&wanted.matched_by);
                return Next::Message(message);
            }
        }
        if wanted.walk.is_over() {
            self.wanted.pop_front();
        } else {
            wanted.walk.step(retained, second, &mut self.found);
        }
        Next::NotYet
    }

    /// The client does not take the next message yet.
    fn put_back(&mut self, message: Message) {
        self.found.push_front(message);
    }
}

impl Connection {
    /// Goes on with it; woken again when there is more and the client takes it. Nothing is added to
    /// what waits for the client: there it would push out what cannot be had again.
    pub(super) fn replay(&mut self, shard: &mut Shard, cx: &Context<'_>) {
        let Stage::Connected(client) = &mut self.stage else { return };
        let Some(replay) = &mut client.replay else { return };
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
            client.replay = None;
        }
    }
}
