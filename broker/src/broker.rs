//! What all connections share: sessions, subscriptions, retained messages, hooks, store, limits.
//!
//! Nothing here knows sockets. Each part has its own lock; ARCHITECTURE.md says which may nest.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use hookmq_store::Change;
use mqtt::{Properties, Publish, RefusedPublish};

use crate::clock::Clock;
use crate::config::{Acknowledge, Config, Limits};
use crate::connection::Backoff;
use crate::hooks::{Client, Live, Origin, Publication, Sender, SessionChange};
use crate::journal::Durable;
use crate::overload::Overload;
use crate::router::{
    Item, Provenance, Receivers, Retained, RetainedLimits, Retention, Router, Run, Whom,
};
use crate::session::{ConnectionId, Due, Ended, QueueLimits, Registry};
use crate::session::{Schedule, Session, TakeoverLimit, Takeovers};
use crate::shard::Shard;
use crate::tally::{Kind, Tally};
use crate::transport::{Addresses, ConnectionRate, Handshakes};

/// Sweeps of retained messages in a row; the rest has to wait for the next tick.
const SWEEPS: usize = 10;

pub(crate) struct Broker {
    pub(crate) limits: Limits,
    check_payload_format: bool,
    pub(crate) acknowledge: Acknowledge,
    pub(crate) refused_publish: RefusedPublish,
    /// With `%c` in place of the client id.
    response_information: Option<Box<str>>,
    pub(crate) queue_limits: QueueLimits,
    /// What happens on a shard asks `shard.hooks`.
    pub(crate) hooks: Arc<Live>,
    pub(crate) router: Router,
    pub(crate) retained: Retained,
    pub(crate) sessions: Arc<Registry>,
    pub(crate) takeovers: Takeovers,
    pub(crate) backoff: Backoff,
    pub(crate) schedule: Schedule,
    /// `None`: nothing outlives the process.
    pub(crate) durable: Option<Arc<Durable>>,
    pub(crate) overload: Overload,
    pub(crate) clock: Clock,
    pub(crate) tally: Tally,
    pub(crate) addresses: Addresses,
    pub(crate) handshakes: Handshakes,
    pub(crate) connection_rate: ConnectionRate,
    /// Open connections, those before CONNECT included.
    pub(crate) connections: AtomicUsize,
    /// Connections that have ended, and wait for their clients to close.
    pub(crate) lingering: AtomicUsize,
    /// Wills about which plugins are asked or waited for, and that may wait.
    pub(crate) waiting_wills: AtomicUsize,
    /// Set when the broker stops: nobody new is let in.
    pub(crate) stopping: AtomicBool,
    /// Open connections whose CONNECT was accepted.
    pub(crate) clients: AtomicUsize,
    /// Differs from one start to the next; part of the client ids that the broker assigns.
    pub(crate) instance: u64,
    next_connection: AtomicU64,
}

impl Broker {
    pub(crate) fn new(config: &Config, hooks: Arc<Live>, durable: Option<Arc<Durable>>) -> Broker {
        let limits = config.limits.clone();
        Broker {
            check_payload_format: config.check_payload_format,
            acknowledge: config.acknowledge,
            refused_publish: config.refused_publish,
            response_information: config.response_information.as_deref().map(Into::into),
            queue_limits: QueueLimits {
                messages: limits.max_queued_messages,
                bytes: limits.max_queued_bytes,
                write_buffer: limits.write_buffer,
                queue_qos0: limits.queue_qos0,
                full: limits.queue_full,
                drops_qos0: false,
                held_is_stalled: false,
            },
            sessions: Arc::new(Registry::new(limits.max_sessions)),
            connection_rate: ConnectionRate::new(limits.max_connection_rate),
            backoff: Backoff::new(limits.auth_backoff, limits.max_auth_backoff),
            limits,
            hooks,
            router: Router::default(),
            retained: Retained::default(),
            takeovers: Takeovers::default(),
            schedule: Schedule::default(),
            durable,
            overload: Overload::default(),
            clock: Clock::start(),
            tally: Tally::new(),
            addresses: Addresses::default(),
            handshakes: Handshakes::default(),
            connections: AtomicUsize::new(0),
            lingering: AtomicUsize::new(0),
            waiting_wills: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            clients: AtomicUsize::new(0),
            instance: RandomState::new().hash_one(std::process::id()),
            next_connection: AtomicU64::new(1),
        }
    }

    pub(crate) fn next_connection(&self) -> ConnectionId {
        self.next_connection.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether a topic name is within the limits; a client's may not begin with `$`.
    pub(crate) fn accepts_topic(&self, topic: &str) -> bool {
        self.limits.accepts_topic(topic)
    }

    /// Whether a topic filter is well formed and within the limits.
    pub(crate) fn accepts_filter(&self, filter: &str) -> bool {
        self.limits.accepts_filter(filter)
    }

    /// Whether no more user properties are among `properties` than the limits allow.
    #[inline]
    pub(crate) fn accepts_properties(&self, properties: Properties<'_>) -> bool {
        self.limits.accepts_properties(properties)
    }

    /// Whether a payload is what its Payload Format Indicator says, if that is to be checked.
    #[inline]
    pub(crate) fn accepts_payload(&self, properties: Properties<'_>, payload: &[u8]) -> bool {
        !self.check_payload_format
            || properties.payload_format() != Some(1)
            || std::str::from_utf8(payload).is_ok()
    }

    /// Whether the store can take nothing more for now.
    pub(crate) fn store_is_full(&self) -> bool {
        self.durable.as_ref().is_some_and(|durable| durable.is_full())
    }

    /// Counts a takeover of `client_id`; returns whether it may be.
    pub(crate) fn accepts_takeover(&self, address: IpAddr, client_id: &str) -> bool {
        let limit = TakeoverLimit {
            takeovers: self.limits.max_takeovers,
            ban: self.limits.takeover_ban.as_millis() as u64,
        };
        let now = self.clock.milliseconds();
        let accepted = self.takeovers.count(address, client_id, limit, now);
        if !accepted {
            self.tally.count(Kind::TakeoverRefused, || format!("{client_id:?} from {address}"));
        }
        accepted
    }

    /// What a client can build its response topics from; none where its client id has no place in
    /// a topic name.
    pub(crate) fn response_information(&self, client_id: &str) -> Option<String> {
        let text = self.response_information.as_deref()?.replace("%c", client_id);
        mqtt::topic::check_topic_name(&text).is_ok().then_some(text)
    }

    /// In seconds; `u32::MAX` stands for ever.
    pub(crate) fn max_session_expiry(&self) -> u32 {
        u32::try_from(self.limits.max_session_expiry.as_secs()).unwrap_or(u32::MAX)
    }

    /// Delivers a run to its subscribers, then tells the plugins. Returns a receiver that has more
    /// than it can take, for the publisher to wait for.
    pub(crate) fn route(
        &self,
        shard: &mut Shard,
        run: &Run<'_>,
        client: &Client<'_>,
    ) -> Option<Arc<Session>> {
        let matched = shard.cache.matched(&self.router, run.topic);
        let generation = shard.cache.generation();
        let receivers = Receivers { matched: &matched, generation, router: &self.router };
        let Shard { hooks, outgoing, .. } = shard;
        let origin = run.provenance.origin;
        let sender = Sender { client_id: client.client_id, origin };
        let deliveries = hooks.on_before_deliver(sender, run.topic);
        let crowded = crate::router::deliver(run, &receivers, deliveries.as_ref(), outgoing);
        drop(deliveries);
        if shard.hooks.watches_messages() {
            for item in run.items {
                shard.hooks.on_publish(client, &publication(run, item));
            }
        }
        crowded
    }

    /// Keeps a message with RETAIN set, or clears what was kept. Returns whether it is done: not if
    /// there is no room. [MQTT-3.3.1-5] [MQTT-3.3.1-6]
    pub(crate) fn retain(
        &self,
        shard: &mut Shard,
        publish: &Publish<'_>,
        publisher: &Arc<str>,
    ) -> bool {
        let (now, journal) = (shard.second(), &mut shard.outgoing.journal);
        // [MQTT-3.3.1-7]
        if publish.payload.is_empty() {
            self.retained.clear(publish.topic);
            journal.retained(publish.topic, None);
            return true;
        }
        let limits = RetainedLimits {
            messages: self.limits.max_retained_messages,
            bytes: self.limits.max_retained_bytes,
        };
        let is_short = self.durable.is_some() && self.overload.disk_is_short();
        let limits = if is_short { RetainedLimits { messages: 0, bytes: 0 } } else { limits };
        let retention = self.retained.set(publish, publisher, limits, now);
        if retention == Retention::Full {
            journal.retained(publish.topic, None);
            self.tally.count(Kind::RetainedFull, || format!("one to {:?}", publish.topic));
            return false;
        }
        journal.retained(publish.topic, Some((publish, publisher, now)));
        true
    }

    /// Finishes a session that is over. [MQTT-4.1.0-2]
    pub(crate) fn end_session(
        self: &Arc<Self>,
        shard: &mut Shard,
        ended: Ended,
        change: SessionChange,
    ) {
        let Ended { session, will, .. } = ended;
        let session = &session;
        let subscriptions = std::mem::take(&mut *session.subscriptions.lock());
        self.router.unsubscribe_all(subscriptions.filters(), session);
        let mut outbox = session.outbox.lock();
        outbox.watch(shard.outgoing.watched);
        let left = outbox.end();
        shard.outgoing.collect(session, &mut outbox);
        drop(outbox);
        self.router.inherit(session, left, shard);
        if let Some(session) = session.number() {
            shard.outgoing.journal.push(|_| Change::SessionEnded { session });
            shard.outgoing.schedule();
        }
        if let Some(will) = will {
            self.publish_will(shard, *will);
        }
        shard.tell_outcomes();
        let whom = Whom::of(&session.outbox.lock());
        let origin = match change {
            SessionChange::Expired => Origin::Broker,
            _ => Origin::Client,
        };
        shard.hooks.on_session(&whom.client(session), change, origin);
    }

    /// Ends the sessions, publishes the wills and frees the retained messages whose time has come.
    pub(crate) fn attend_absent(self: &Arc<Self>, shard: &mut Shard) {
        for _ in 0..SWEEPS {
            if self.retained.sweep(shard.second()) {
                break;
            }
        }
        for due in self.schedule.take_due(shard.second()) {
            match due {
                Due::SessionExpiry { client_id, departure } => {
                    if let Some(ended) = self.sessions.expire(&client_id, departure) {
                        log::debug!("session of {client_id:?} has expired");
                        self.end_session(shard, ended, SessionChange::Expired);
                    }
                }
                Due::Will { client_id, departure } => {
                    if let Some(will) = self.sessions.take_will(&client_id, departure) {
                        shard.outgoing.journal.will_gone(&will.author.session);
                        self.publish_will(shard, *will);
                    }
                }
            }
        }
    }

    /// The sessions whose clients are told to go when the broker stops.
    pub(crate) fn order_all_to_close(self: &Arc<Self>, reason: mqtt::ReasonCode) {
        self.stopping.store(true, Ordering::Release);
        for session in self.sessions.sessions() {
            session.order_close(reason);
        }
    }
}

/// What plugins are shown of a message.
pub(crate) fn publication<'a>(run: &Run<'a>, item: &Item) -> Publication<'a> {
    let publish = run.publish(item);
    let Provenance { origin, original_topic, depth } = run.provenance;
    Publication {
        topic: publish.topic,
        payload: publish.payload,
        properties: publish.properties.as_bytes(),
        qos: item.qos as u8,
        retain: item.retain,
        dup: item.dup,
        origin,
        original_topic: original_topic.unwrap_or(publish.topic),
        depth,
    }
}
