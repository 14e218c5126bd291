//! From what the store holds to sessions, subscriptions, queues and retained messages, before the first
//! client comes.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::Arc;

use hookmq_store::{Change, Queued, Session as Kept, State, Will as KeptWill};
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
    let mut messages = Messages { kept: state.messages, made: HashMap::default() };
    // That one has ended and another has begun may not have been durable both.
    let newest: HashMap<Arc<str>, u64> =
        state.sessions.iter().map(|kept| (kept.client_id.clone(), kept.number)).collect();
    for kept in state.sessions {
        if newest.get(&kept.client_id) != Some(&kept.number) {
            durable.submit(&mut vec![Change::SessionEnded { session: kept.number }]);
            continue;
        }
        waiting += kept.queue.len();
        restore_session(broker, durable, &kept, &mut messages);
    }
    drop(messages);
    let limits = RetainedLimits { messages: usize::MAX, bytes: usize::MAX };
    for (topic, message) in state.retained {
        as_publish(durable, &message, |publish| {
            let publish = Publish { topic: &topic, ..*publish };
            broker.retained.set(&publish, &message.publisher, limits, durable.now())
        });
    }
    if sessions + retained > 0 {
        log::info!(
            "from the store: {sessions} sessions with {waiting} messages, {retained} retained messages"
        );
    }
}

/// What waits in queues: made once for all who are to get it, and gone from what was read then.
struct Messages<S> {
    kept: HashMap<u64, hookmq_store::Message, S>,
    made: HashMap<u64, Message, S>,
}

impl<S: BuildHasher> Messages<S> {
    fn get(&mut self, durable: &Durable, queued: &Queued) -> Option<Message> {
        let number = queued.message;
        if let Some(kept) = self.kept.remove(&number) {
            self.made.insert(number, restored(durable, number, &kept));
        }
        let mut message = self.made.get(&number)?.clone();
        message.qos = queued.qos;
        message.retain = message.retain.shown_if(queued.retain);
        message.matched_by = MatchedBy::of_many(&queued.identifiers, queued.share.as_deref());
        Some(message)
    }
}

fn restored(durable: &Durable, number: u64, kept: &hookmq_store::Message) -> Message {
    as_publish(durable, kept, |publish| {
        Message::in_new(|bytes| Chunk::numbered(number, bytes), publish, durable.now())
    })
}

fn restore_session<S: BuildHasher>(
    broker: &Broker,
    durable: &Durable,
    kept: &Kept,
    messages: &mut Messages<S>,
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
    // An identifier that was used again was free: what had it was acknowledged, and that was not durable yet.
    let (mut used, mut gone) = (HashSet::new(), Vec::new());
    let is_newest =
        |packet_id: &Option<u16>| packet_id.is_none_or(|packet_id| used.insert(packet_id));
    let newest: Vec<bool> =
        kept.queue.iter().rev().map(|(_, packet_id)| packet_id).map(is_newest).collect();
    for (number, packet_id) in &kept.received {
        if used.contains(packet_id) {
            gone.push(*number);
        } else {
            outbox.restore_received(*number, *packet_id);
        }
    }
    for ((queued, packet_id), is_newest) in kept.queue.iter().zip(newest.into_iter().rev()) {
        if !is_newest {
            gone.push(queued.seq);
        }
        let message = messages.get(durable, queued).filter(|_| is_newest);
        let Some(message) = message else { continue };
        outbox.restore(message, *packet_id, queued.order);
    }
    drop(outbox);
    if !gone.is_empty() {
        let done = gone.into_iter().map(|seq| Change::Done { session: kept.number, seq });
        durable.store.submit(&mut done.collect());
    }
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
    // What is due already comes before the first client.
    let from = |seconds| if seconds == 0 { now - now % 1000 } else { now };
    let wall = durable.wall(broker.clock.seconds());
    // A clock that was put back makes nothing last longer.
    let left =
        |due: u64, most: u32| u32::try_from(due.saturating_sub(wall)).unwrap_or(u32::MAX).min(most);
    let will = kept.will.as_ref().map(|will| Box::new(restored_will(durable, will, session)));
    let departure = broker.sessions.restore(session, kept.user.as_deref(), rest, will);
    let client_id = session.client_id.clone();
    let mut timers = Vec::new();
    let since = kept.lease.away.unwrap_or(wall);
    let expiry = match kept.lease.expiry {
        u32::MAX => u32::MAX,
        expiry => left(since + u64::from(expiry), expiry),
    };
    if let Some(will) = &kept.will {
        let due = will.due.unwrap_or(wall + u64::from(will.delay));
        let due_in = left(due, will.delay).min(expiry);
        let due = Due::Will { client_id: client_id.clone(), departure };
        timers.push(broker.schedule.add_after(from(due_in), due_in, due));
    }
    if expiry < u32::MAX {
        let due = Due::SessionExpiry { client_id, departure };
        timers.push(broker.schedule.add_after(from(expiry), expiry, due));
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

#[cfg(test)]
mod tests {
    use mqtt::QoS;

    use super::*;

    #[test]
    fn a_message_for_many_is_there_once() {
        let folder = tempfile::tempdir().unwrap();
        let (durable, state) =
            Durable::open(folder.path(), hookmq_store::Durability::Os, usize::MAX)
                .expect("a new store");
        let mut messages = Messages { kept: state.messages, made: HashMap::default() };
        let mut kept = hookmq_store::Message::new("a", &[], b"payload");
        kept.retain = true;
        messages.kept.insert(7, kept);
        let queued = |qos, retain| Queued {
            order: 1,
            seq: 1,
            message: 7,
            qos,
            retain,
            identifiers: Box::default(),
            share: None,
        };
        let one = messages.get(&durable, &queued(QoS::AtLeastOnce, false)).unwrap();
        assert!(messages.kept.is_empty());
        let other = messages.get(&durable, &queued(QoS::ExactlyOnce, true)).unwrap();
        assert_eq!((one.qos, one.retain), (QoS::AtLeastOnce, RetainFlag::Hidden));
        assert_eq!((other.qos, other.retain), (QoS::ExactlyOnce, RetainFlag::Shown));
        assert_eq!((one.number(), one.payload_from(0)), (7, &b"payload"[..]));
        assert!(std::ptr::eq(one.payload_from(0), other.payload_from(0)));
    }
}
