//! Retained messages for new subscriptions, sent as fast as the client takes them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Context;

use mqtt::QoS;

use super::{Connection, Stage};
use crate::router::Retained;
use crate::session::{MatchedBy, Message};
use crate::shard::Shard;

/// Messages sent before others have their turn.
const PER_TURN: usize = 1000;

/// What of the retained messages a client has still to be sent.
#[derive(Default)]
pub(super) struct Replay {
    /// Filters that have not been looked up yet.
    filters: VecDeque<Filter>,
    /// What the filter before matched.
    messages: VecDeque<Message>,
    current: Option<Filter>,
}

struct Filter {
    filter: Box<str>,
    granted: QoS,
    matched_by: Option<Arc<MatchedBy>>,
}

impl Replay {
    pub(super) fn add(&mut self, filter: &str, granted: QoS, matched_by: Option<Arc<MatchedBy>>) {
        self.filters.push_back(Filter { filter: filter.into(), granted, matched_by });
    }

    /// The next message, marked as retained. One that was replaced since it was found is left out:
    /// its successor goes to all subscribers anyway. [MQTT3-3.3.1-8]
    fn next(&mut self, retained: &Retained, second: u32) -> Option<Message> {
        loop {
            if let Some(mut message) = self.messages.pop_front() {
                if let Some(current) = &self.current
                    && retained.holds(&message)
                {
                    message.retain = true;
                    message.qos = message.qos.min(current.granted);
                    message.matched_by.clone_from(&current.matched_by);
                    return Some(message);
                }
            } else {
                let next = self.filters.pop_front()?;
                self.messages = retained.matching(&next.filter, second).into();
                self.current = Some(next);
            }
        }
    }
}

impl Connection {
    /// Goes on with it; woken again when there is more and the client takes it.
    pub(super) fn replay(&mut self, shard: &mut Shard, cx: &Context<'_>) {
        let Stage::Connected(client) = &mut self.stage else { return };
        let Some(replay) = &mut client.replay else { return };
        let (second, limits) = (shard.second(), shard.outgoing.limits);
        let mut outbox = client.session.outbox.lock();
        outbox.lend_buffer(&mut shard.outgoing.pool);
        let mut sent = 0;
        let ended = loop {
            if outbox.is_crowded(&limits) {
                outbox.park(cx.waker());
                break false;
            }
            if sent == PER_TURN {
                cx.waker().wake_by_ref();
                break false;
            }
            // Looked up under the lock, so that nothing newer is sent before it.
            let Some(message) = replay.next(&self.broker.retained, second) else { break true };
            outbox.send(message, second, &limits);
            sent += 1;
        };
        shard.outgoing.mark(&client.session, outbox);
        if ended {
            client.replay = None;
        }
    }
}
