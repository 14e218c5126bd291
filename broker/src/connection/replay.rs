//! Retained messages for new subscriptions, sent as fast as the client takes them.

use std::collections::VecDeque;
use std::task::Context;

use mqtt::{QoS, SubscriptionOptions};

use super::{Connection, Stage};
use crate::router::Retained;
use crate::session::Message;
use crate::shard::Shard;

/// Messages sent before others have their turn.
const PER_TURN: usize = 1000;

/// What of the retained messages a client has still to be sent.
#[derive(Default)]
pub(super) struct Replay {
    /// Filters that have not been looked up yet, and what was granted for each.
    filters: VecDeque<(Box<str>, SubscriptionOptions)>,
    /// What the filter before matched, and the QoS granted for it.
    messages: VecDeque<Message>,
    granted: Option<QoS>,
}

impl Replay {
    pub(super) fn add(&mut self, filter: &str, granted: SubscriptionOptions) {
        self.filters.push_back((filter.into(), granted));
    }

    /// The next message, marked as retained. One that was replaced since it was found is left out:
    /// its successor goes to all subscribers anyway. [MQTT3-3.3.1-8]
    fn next(&mut self, retained: &Retained, client_id: &str, second: u32) -> Option<Message> {
        loop {
            if let Some(mut message) = self.messages.pop_front() {
                if retained.holds(&message) {
                    message.retain = true;
                    message.qos = message.qos.min(self.granted.unwrap_or(message.qos));
                    return Some(message);
                }
            } else {
                let (filter, granted) = self.filters.pop_front()?;
                // [MQTT-3.8.3-3]
                let not_by = granted.no_local.then_some(client_id);
                self.messages = retained.matching(&filter, second, not_by).into();
                self.granted = Some(granted.qos);
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
            let client_id = &client.session.client_id;
            let next = replay.next(&self.broker.retained, client_id, second);
            let Some(message) = next else { break true };
            outbox.send(message, second, &limits);
            sent += 1;
        };
        shard.outgoing.mark(&client.session, outbox);
        if ended {
            client.replay = None;
        }
    }
}
