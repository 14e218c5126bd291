//! What a shard hands over to be kept: one change of a session, a queue, a will, a retained message or a
//! plugin's pair.

use std::num::NonZeroU32;
use std::sync::Arc;

use mqtt::QoS;

use crate::message::Message;

/// How many groups of changes were handed over, up to and with this one. It goes on across restarts.
pub type Sequence = u64;

/// One change. Whatever belongs to a session that is not there (or no more) is passed over.
#[derive(Clone, Debug)]
pub enum Change {
    /// A session begins. `session` is a number that no other session has or had.
    SessionBegun {
        /// Its number.
        session: u64,
        /// The Client Identifier.
        client_id: Arc<str>,
        /// Whose it is, where user names are checked.
        user: Option<Box<str>>,
        /// How long it outlives its connection.
        lease: Lease,
    },
    /// Its client has come or gone, or the Session Expiry Interval is another one.
    SessionUpdated {
        /// Its number.
        session: u64,
        /// What holds from now on.
        lease: Lease,
    },
    /// A session ends with all that belongs to it: subscriptions, queue, inbound identifiers and will.
    SessionEnded {
        /// Its number.
        session: u64,
    },
    /// A subscription was made or replaced.
    Subscribed {
        /// Whose.
        session: u64,
        /// The subscription.
        subscription: Subscription,
    },
    /// A subscription is gone.
    Unsubscribed {
        /// Whose.
        session: u64,
        /// Its Topic Filter, with `$share/...` if it had that.
        filter: Box<str>,
    },
    /// A message that is queued in the same group, for one session or many. It is gone with the last of
    /// them; one that is queued for nobody is not kept.
    Message {
        /// A number that no other message has or had.
        id: u64,
        /// The message.
        message: Message,
    },
    /// A message waits for a session. It is a new one, or waits for another session before this change: to
    /// move it from one to the other, it is queued here first and done there then.
    ///
    /// What becomes of it may be submitted before, by another thread: it counts from here on.
    Queued {
        /// Whose.
        session: u64,
        /// The place in its queue.
        queued: Queued,
    },
    /// A queued message was sent.
    Sent {
        /// Whose.
        session: u64,
        /// The place in its queue.
        seq: u64,
        /// The Packet Identifier.
        packet_id: u16,
    },
    /// PUBREC came for a message that was sent: the message itself is owed no more, PUBREL is.
    Received {
        /// Whose.
        session: u64,
        /// The place in its queue.
        seq: u64,
    },
    /// Acknowledged, expired or dropped.
    Done {
        /// Whose.
        session: u64,
        /// The place in its queue.
        seq: u64,
    },
    /// A QoS 2 message came in; its identifier is not new again before it is released.
    Begun {
        /// Whose.
        session: u64,
        /// The Packet Identifier.
        packet_id: u16,
    },
    /// The client has released it.
    Released {
        /// Whose.
        session: u64,
        /// The Packet Identifier.
        packet_id: u16,
    },
    /// A message is retained for a topic, or none is any more.
    Retained {
        /// The topic.
        topic: Box<str>,
        /// What is retained.
        message: Option<Message>,
    },
    /// A session has a will, instead of the one it had.
    Will {
        /// Whose.
        session: u64,
        /// The will.
        will: Box<Will>,
    },
    /// A will was published or removed.
    WillGone {
        /// Whose.
        session: u64,
    },
    /// A plugin's pair, or its removal.
    Kv {
        /// The name of the plugin.
        plugin: Arc<str>,
        /// The key.
        key: Box<[u8]>,
        /// The value.
        value: Option<PairValue>,
    },
}

/// The value of a plugin's pair. To clone one copies nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairValue {
    /// The value.
    pub bytes: Arc<[u8]>,
    /// From when on it counts no more, in milliseconds of the wall clock since 1970; `None` is never. The
    /// store keeps it until it is removed.
    pub ends: Option<u64>,
}

/// How long a session outlives its connection, and since when it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The Session Expiry Interval in seconds; `u32::MAX` is for ever.
    pub expiry: u32,
    /// Since which second of the wall clock no client is connected; `None` while one is.
    pub away: Option<u64>,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The Topic Filter, with `$share/...` if it has that.
    pub filter: Box<str>,
    /// The Subscription Options as they stand in SUBSCRIBE.
    pub options: u8,
    /// The Subscription Identifier.
    pub identifier: Option<NonZeroU32>,
}

/// A message in a session's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The place in the queue. Within a session no two are the same.
    pub seq: u64,
    /// Its turn: what is higher is later.
    pub order: u64,
    /// Which message.
    pub message: u64,
    /// How it is to be delivered.
    pub qos: QoS,
    /// Whether the receiver sees RETAIN.
    pub retain: bool,
    /// The Subscription Identifiers that go with it.
    pub identifiers: Box<[u32]>,
    /// The shared subscription that it is for, as `$share/name/filter`.
    pub share: Option<Arc<str>>,
}

/// A will that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// The Will Delay Interval in seconds.
    pub delay: u32,
    /// The second of the wall clock at which it is due, once the connection is gone.
    pub due: Option<u64>,
    /// What is published.
    pub message: Message,
}

impl Change {
    /// Bytes that it holds until it is written, roughly.
    pub(crate) fn size(&self) -> usize {
        let held = match self {
            Change::SessionBegun { client_id, user, .. } => {
                client_id.len() + user.as_ref().map_or(0, |user| user.len())
            }
            Change::Subscribed { subscription, .. } => subscription.filter.len(),
            Change::Unsubscribed { filter, .. } => filter.len(),
            Change::Message { message, .. } => message.len(),
            Change::Retained { topic, message } => {
                topic.len() + message.as_ref().map_or(0, Message::len)
            }
            Change::Queued { queued, .. } => {
                queued.identifiers.len() * 4 + queued.share.as_ref().map_or(0, |share| share.len())
            }
            Change::Will { will, .. } => will.message.len(),
            Change::Kv { key, value, .. } => {
                key.len() + value.as_ref().map_or(0, |v| v.bytes.len())
            }
            _ => 0,
        };
        size_of::<Change>() + held
    }
}
