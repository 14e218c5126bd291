//! What a store holds when it is opened.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::change::{Lease, PairValue, Queued, Sequence, Subscription, Will};
use crate::message::Message;

/// Everything, as it was after the group `sequence`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The last group of changes that is in it. Groups behind it that were reported changed nothing.
    pub sequence: Sequence,
    /// The lowest number that no session has or had.
    pub next_session: u64,
    /// The lowest number that no message has or had.
    pub next_message: u64,
    /// By their numbers.
    pub sessions: Vec<Session>,
    /// What the queues refer to. To clone one copies no content.
    pub messages: HashMap<u64, Message, RandomState>,
    /// With their topics, which are those of the messages unless a plugin had it otherwise.
    pub retained: Vec<(Box<str>, Message)>,
    /// The pairs of plugins.
    pub pairs: Vec<Pair>,
    /// What a crash left of a batch that was never reported as durable, and was cut off.
    pub cut: Option<Cut>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number.
    pub number: u64,
    /// The Client Identifier.
    pub client_id: Arc<str>,
    /// Whose it is, where user names are checked.
    pub user: Option<Box<str>>,
    /// How long it outlives its connection. A session that was connected when the process ended still says so.
    pub lease: Lease,
    /// Its subscriptions, by their filters.
    pub subscriptions: Vec<Subscription>,
    /// What waits, in order; with the Packet Identifier of what was sent and is not acknowledged.
    pub queue: Vec<(Queued, Option<u16>)>,
    /// Messages that the receiver has, and for which PUBREL is owed: the place and the Packet Identifier.
    pub received: Vec<(u64, u16)>,
    /// Inbound QoS 2 identifiers that are not released.
    pub begun: Vec<u16>,
    /// Its will.
    pub will: Option<Will>,
}

/// A pair of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The name of the plugin.
    pub plugin: Arc<str>,
    /// The key.
    pub key: Box<[u8]>,
    /// The value.
    pub value: PairValue,
}

/// The end of the journal that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub file: String,
    /// Where it ends now.
    pub position: u64,
    /// Bytes that were cut off; zeros at the end do not count.
    pub bytes: u64,
    /// Whole batches among them. Power was lost, and the system had written them before one that it had not.
    pub batches: u64,
}

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Cut { file, position, bytes, batches } = self;
        write!(f, "{file} has {bytes} bytes from byte {position} on that ")?;
        match batches {
            0 => f.write_str("were being written when the process ended"),
            batches => {
                write!(
                    f,
                    "were not all on the disk when power was lost, {batches} batches among them"
                )
            }
        }
    }
}
