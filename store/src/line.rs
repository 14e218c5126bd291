//! What a store holds as JSON lines: one object a line, with the kind as its only key. Bytes are in base64.

use std::num::NonZeroU32;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mqtt::topic::{self, check_topic_filter, check_topic_name};
use mqtt::{PacketType, Properties, QoS, SubscriptionOptions};
use serde::{Deserialize, Serialize};

use crate::change::{Lease, Queued, Subscription, Will};
use crate::message::Message;
use crate::state::Pair;

/// No config of the broker allows more.
const MAX_LEVELS: usize = 512;
const MAX_SUBSCRIPTION_IDENTIFIER: u32 = 268_435_455;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Line {
    /// The first line.
    Store {
        version: u32,
        sequence: u64,
        next_session: u64,
        next_message: u64,
    },
    Message {
        id: u64,
        message: Content,
    },
    Session {
        session: u64,
        client_id: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<Box<str>>,
        expiry: u32,
        away: Option<u64>,
    },
    Subscription {
        session: u64,
        filter: Box<str>,
        options: u8,
        identifier: Option<NonZeroU32>,
    },
    Queued {
        session: u64,
        queued: Place,
        packet_id: Option<u16>,
    },
    Received {
        session: u64,
        seq: u64,
        packet_id: u16,
    },
    Begun {
        session: u64,
        packet_id: u16,
    },
    Will {
        session: u64,
        delay: u32,
        due: Option<u64>,
        message: Content,
    },
    Retained {
        topic: Box<str>,
        message: Content,
    },
    Pair {
        plugin: Arc<str>,
        key: String,
        value: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ends: Option<u64>,
    },
    /// The last line: how many were before it.
    End {
        lines: u64,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    topic: String,
    properties: String,
    payload: String,
    qos: u8,
    retain: bool,
    received: u64,
    publisher: Arc<str>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    seq: u64,
    order: u64,
    message: u64,
    qos: u8,
    retain: bool,
    identifiers: Box<[u32]>,
    share: Option<Arc<str>>,
}

impl From<&Message> for Content {
    fn from(message: &Message) -> Content {
        Content {
            topic: message.topic().to_owned(),
            properties: STANDARD.encode(message.properties()),
            payload: STANDARD.encode(message.payload()),
            qos: message.qos as u8,
            retain: message.retain,
            received: message.received,
            publisher: Arc::clone(&message.publisher),
        }
    }
}

impl Content {
    fn check(&self) -> Result<(), String> {
        check_name(&self.topic)?;
        let properties = bytes(&self.properties).ok_or("the properties are no base64")?;
        let check = |place| Properties::check(&properties, place);
        // Those of a will may have one more.
        match check(mqtt::Place::Packet(PacketType::Publish)).or_else(|_| check(mqtt::Place::Will))
        {
            Ok(_) => Ok(()),
            Err(violation) => Err(format!("the properties of a message: {violation}")),
        }
    }

    pub(crate) fn message(&self) -> Option<Message> {
        let (properties, payload) = (bytes(&self.properties)?, bytes(&self.payload)?);
        let mut message = Message::new(&self.topic, &properties, &payload);
        message.qos = QoS::from_bits(self.qos)?;
        (message.retain, message.received) = (self.retain, self.received);
        message.publisher = Arc::clone(&self.publisher);
        Some(message)
    }
}

impl From<Queued> for Place {
    fn from(queued: Queued) -> Place {
        let Queued { seq, order, message, qos, retain, identifiers, share } = queued;
        Place { seq, order, message, qos: qos as u8, retain, identifiers, share }
    }
}

impl Place {
    pub(crate) fn queued(self) -> Option<Queued> {
        let Place { seq, order, message, qos, retain, identifiers, share } = self;
        Some(Queued { seq, order, message, qos: QoS::from_bits(qos)?, retain, identifiers, share })
    }
}

impl Line {
    /// Whether it has what a client could have sent: nothing else may come to others from here.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Line::Message { message, .. } | Line::Will { message, .. } => message.check(),
            Line::Retained { topic, message } => check_name(topic).and_then(|()| message.check()),
            Line::Subscription { filter, options, identifier, .. } => {
                check_filter(filter)?;
                let options = SubscriptionOptions::from_bits(*options);
                options.map_err(|violation| format!("the options {violation}"))?;
                check_identifiers(identifier.iter().map(|identifier| identifier.get()))
            }
            Line::Queued { queued, .. } => {
                queued.share.iter().try_for_each(|share| check_filter(share))?;
                check_identifiers(queued.identifiers.iter().copied())
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn session(
        session: u64,
        client_id: Arc<str>,
        user: Option<Box<str>>,
        lease: Lease,
    ) -> Line {
        Line::Session { session, client_id, user, expiry: lease.expiry, away: lease.away }
    }

    pub(crate) fn subscription(session: u64, subscription: Subscription) -> Line {
        let Subscription { filter, options, identifier } = subscription;
        Line::Subscription { session, filter, options, identifier }
    }

    pub(crate) fn will(session: u64, will: &Will) -> Line {
        let Will { delay, due, message } = will;
        Line::Will { session, delay: *delay, due: *due, message: message.into() }
    }

    pub(crate) fn pair(pair: &Pair) -> Line {
        let (key, value) = (STANDARD.encode(&pair.key), STANDARD.encode(&pair.value.bytes));
        Line::Pair { plugin: Arc::clone(&pair.plugin), key, value, ends: pair.value.ends }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    check_levels(name)?;
    check_topic_name(name).map_err(|error| format!("the topic {name:?}: {error}"))
}

fn check_filter(filter: &str) -> Result<(), String> {
    check_levels(filter)?;
    check_topic_filter(filter).map_err(|error| format!("the filter {filter:?}: {error}"))
}

fn check_levels(topic: &str) -> Result<(), String> {
    let levels = topic::levels(topic).count();
    if levels > MAX_LEVELS {
        return Err(format!("a topic has {levels} levels, more than {MAX_LEVELS}"));
    }
    Ok(())
}

fn check_identifiers(mut identifiers: impl Iterator<Item = u32>) -> Result<(), String> {
    match identifiers.find(|identifier| !(1..=MAX_SUBSCRIPTION_IDENTIFIER).contains(identifier)) {
        Some(identifier) => {
            Err(format!("the subscription identifier {identifier} is out of range"))
        }
        None => Ok(()),
    }
}

pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
