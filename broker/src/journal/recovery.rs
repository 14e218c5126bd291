//! From what the store holds to sessions, subscriptions, queues and retained messages, before the first
//! client comes.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use hookmq_store::{Queued, Session as Kept, State, Will as KeptWill};
use mqtt::{Properties, PropertyBuffer, Publish, SubscriptionOptions};

use super::Durable;
use crate::broker::Broker;
use crate::connection::Endpoint;
use crate::router::RetainedLimits;
use crate::session::{self, Author, Chunk, Due, MatchedBy, Message, RetainFlag, Session, Will};

/// Gives the broker what the last one had. To be called once, before anybody connects.
pub(crate) fn restore(broker: &Broker, durable: &Durable, state: State) {
    Chunk::begin_numbers_at(state.next_message);
    let (sessions, retained) = (state.sessions.len(), state.retained.len());
    let mut waiting = 0;
    for kept in state.sessions {
        waiting += kept.queue.len();
        restore_session(broker, durable, &kept, &state.messages);
    }
    let limits = RetainedLimits { messages: usize::MAX, bytes: usize::MAX };
    for (topic, message) in &state.retained {
        as_publish(durable, message, |publish| {
            let publish = Publish { topic, ..*publish };
            broker.retained.set(&publish, &message.publisher, limits, durable.now())
        });
    }
    if sessions + retained > 0 {
        log::info!(
            "from the store: {sessions} sessions with {waiting} messages, {retained} retained messages"
        );
    }
}

fn restore_session<S: BuildHasher>(
    broker: &Broker,
    durable: &Durable,
    kept: &Kept,
    messages: &HashMap<u64, hookmq_store::Message, S>,
) {
    let session = Arc::new(Session::new(kept.client_id.clone(), broker.limits.max_inflight));
    session.set_number(kept.number);
    for subscription in &kept.subscriptions {
        let Ok(options) = SubscriptionOptions::from_bits(subscription.options) else { continue };
        let (filter, identifier) = (&*subscription.filter, subscription.identifier);
        let share = mqtt::topic::is_shared(filter).then_some(filter);
        let matched_by = MatchedBy::new(identifier, share);
        broker.router.subscribe(filter, &session, options, matched_by);
        session.subscriptions.lock().insert(filter, options, identifier);
    }
    let mut outbox = session.outbox.lock();
    for (number, packet_id) in &kept.received {
        outbox.restore_received(*number, *packet_id);
    }
    for (queued, packet_id) in &kept.queue {
        let Some(message) = messages.get(&queued.message) else { continue };
        outbox.restore(message_for(durable, queued, message), *packet_id);
    }
    drop(outbox);
    let mut rest = session::Kept::default();
    for packet_id in &kept.begun {
        rest.inbound().publish(*packet_id);
    }
    leave(broker, durable, &session, rest, kept);
}

/// As if its client had gone when it did, or now if it was there to the end.
fn leave(
    broker: &Broker,
    durable: &Durable,
    session: &Arc<Session>,
    rest: session::Kept,
    kept: &Kept,
) {
    let now = broker.clock.milliseconds();
    let wall = durable.wall(broker.clock.seconds());
    let left = |due: u64| u32::try_from(due.saturating_sub(wall)).unwrap_or(u32::MAX);
    let will = kept.will.as_ref().map(|will| Box::new(restored_will(durable, will, session)));
    let departure = broker.sessions.restore(session, kept.user.as_deref(), rest, will);
    let client_id = session.client_id.clone();
    let mut timers = Vec::new();
    let since = kept.lease.away.unwrap_or(wall);
    let expiry = match kept.lease.expiry {
        u32::MAX => u32::MAX,
        expiry => left(since + u64::from(expiry)),
    };
    if let Some(will) = &kept.will {
        let due = will.due.unwrap_or(wall + u64::from(will.delay));
        let due_in = left(due).min(expiry);
        let due = Due::Will { client_id: client_id.clone(), departure };
        timers.push(broker.schedule.add_after(now, due_in, due));
    }
    if expiry < u32::MAX {
        let due = Due::SessionExpiry { client_id, departure };
        timers.push(broker.schedule.add_after(now, expiry, due));
    }
    broker.sessions.note_timers(session, departure, &timers);
}

fn restored_will(durable: &Durable, will: &KeptWill, session: &Arc<Session>) -> Will {
    let message = as_publish(durable, &will.message, |publish| {
        let mut message = Message::new(publish, durable.now());
        message.retain = RetainFlag::new(will.message.retain, true);
        message
    });
    let endpoint = Arc::new(Endpoint::unknown());
    Will { message, delay: will.delay, author: Author { session: session.clone(), endpoint } }
}

fn message_for(durable: &Durable, queued: &Queued, message: &hookmq_store::Message) -> Message {
    let mut restored = as_publish(durable, message, |publish| {
        let numbered = |bytes: &[u8]| Chunk::numbered(queued.message, bytes);
        Message::in_new(numbered, publish, durable.now())
    });
    restored.qos = queued.qos;
    restored.retain = RetainFlag::new(message.retain, queued.retain);
    restored.matched_by = MatchedBy::of_many(&queued.identifiers, queued.share.as_deref());
    restored
}

/// The PUBLISH that a message came with, as if it had come now: what it has been kept for is taken off its
/// Message Expiry Interval. [MQTT-3.3.2-6]
fn as_publish<R>(
    durable: &Durable,
    message: &hookmq_store::Message,
    take: impl FnOnce(&Publish<'_>) -> R,
) -> R {
    let properties = Properties::from_validated(message.properties());
    let mut aged = PropertyBuffer::new();
    let mut publish = Publish {
        dup: false,
        qos: message.qos,
        retain: message.retain,
        packet_id: 0,
        topic: message.topic(),
        properties,
        payload: message.payload(),
    };
    if let Some(interval) = properties.message_expiry() {
        let kept = durable.wall(durable.now()).saturating_sub(message.received);
        let left = u64::from(interval).saturating_sub(kept);
        session::age(properties, u32::try_from(left).unwrap_or(u32::MAX), &mut aged);
        publish.properties = aged.as_properties();
    }
    take(&publish)
}
