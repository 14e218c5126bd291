//! Reads everything when a store is opened, and makes the index of the committer.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::change::{Lease, Queued};
use crate::engine::{Engine, EngineError};
use crate::format::Identity;
use crate::index::{Index, Place, Step};
use crate::keys::{self, MARK};
use crate::opening;
use crate::record::{self, Mark};
use crate::scan::Scan;
use crate::state::{Session, State};
use crate::store::OpenError;

/// What was read.
pub(crate) struct Recovered {
    pub(crate) state: State,
    pub(crate) index: Index,
    pub(crate) mark: Mark,
}

/// Why it cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A record is none, or refers to what is not there.
    #[error("{what} is not readable")]
    Record { what: String },
}

impl From<LoadError> for OpenError {
    fn from(error: LoadError) -> OpenError {
        match error {
            LoadError::Engine(error) => opening::damaged(error),
            LoadError::Record { what } => OpenError::Damaged { what },
        }
    }
}

/// # Errors
/// If something cannot be read, or refers to what is not there.
pub(crate) fn load(engine: &Engine, identity: Identity) -> Result<Recovered, LoadError> {
    let mark = engine.pairs(MARK).next().transpose()?;
    let first = Mark { identity, ..Mark::default() };
    let mark = mark.map_or(Some(first), |(_, value)| Mark::decode(&value, identity));
    let mark = mark.ok_or_else(|| unreadable("the mark of the last batch"))?;
    // Opening it has brought everything to the disk.
    let mark = Mark { synced: mark.batch, closed: false, ..mark };
    let mut index = Index::default();
    (index.next_session, index.next_message) = (mark.next_session, mark.next_message);
    let mut state = State { sequence: mark.sequence, ..State::default() };
    messages(engine, &mut state, &mut index)?;
    let mut records = Records::new(engine);
    for pair in engine.pairs(&[keys::SESSION]) {
        let (key, owner) = pair?;
        let session = records.session(&key, &owner, &mut index)?;
        state.sessions.push(session);
    }
    for pair in engine.pairs(&[keys::RETAINED]) {
        let (key, value) = pair?;
        let message =
            record::decode_message(&value).ok_or_else(|| what("a retained message", &key))?;
        state.retained.push((message.topic().into(), message));
    }
    for pair in engine.pairs(&[keys::KV]) {
        let (key, value) = pair?;
        let pair = record::decode_kv(&value).ok_or_else(|| what("a pair of a plugin", &key))?;
        state.pairs.push(pair);
    }
    (state.next_session, state.next_message) = (index.next_session, index.next_message);
    Ok(Recovered { state, index, mark })
}

fn messages(engine: &Engine, state: &mut State, index: &mut Index) -> Result<(), LoadError> {
    let mut publishers = HashSet::<Arc<str>, RandomState>::default();
    for pair in engine.pairs(&[keys::MESSAGE]) {
        let (key, value) = pair?;
        let message = keys::session_of(&key).zip(record::decode_message(&value));
        let ((id, _), mut message) = message.ok_or_else(|| what("a message", &key))?;
        match publishers.get(&message.publisher) {
            Some(publisher) => message.publisher = Arc::clone(publisher),
            None => _ = publishers.insert(Arc::clone(&message.publisher)),
        }
        index.add_message(id);
        state.messages.insert(id, message);
    }
    Ok(())
}

/// Where the walk over each kind of record is.
struct Records {
    leases: Scan,
    subscriptions: Scan,
    queued: Scan,
    in_flight: Scan,
    begun: Scan,
    wills: Scan,
}

type Places = Vec<(Queued, Option<u16>)>;

/// A lease is written with its session.
const FOR_EVER: Lease = Lease { expiry: u32::MAX, away: None };

impl Records {
    fn new(engine: &Engine) -> Records {
        Records {
            leases: Scan::new(engine, keys::LEASE),
            subscriptions: Scan::new(engine, keys::SUBSCRIPTION),
            queued: Scan::new(engine, keys::QUEUED),
            in_flight: Scan::new(engine, keys::IN_FLIGHT),
            begun: Scan::new(engine, keys::BEGUN),
            wills: Scan::new(engine, keys::WILL),
        }
    }

    fn session(
        &mut self,
        key: &[u8],
        owner: &[u8],
        index: &mut Index,
    ) -> Result<Session, LoadError> {
        let parts = keys::session_of(key).zip(record::decode_owner(owner));
        let ((number, _), (client_id, user)) = parts.ok_or_else(|| what("a session", key))?;
        index.begin(number);
        let mut subscriptions = Vec::new();
        while let Some((key, value)) = self.subscriptions.next_of(number)? {
            let subscription = record::decode_subscription(&value);
            subscriptions.push(subscription.ok_or_else(|| what("a subscription", &key))?);
        }
        let mut begun = Vec::new();
        while let Some((key, _)) = self.begun.next_of(number)? {
            let packet_id = keys::session_of(&key).and_then(|(_, rest)| rest.try_into().ok());
            begun.push(u16::from_be_bytes(packet_id.ok_or_else(|| what("an identifier", &key))?));
        }
        let mut queue = self.queue(number, index)?;
        let received = self.sent(number, &mut queue, index)?;
        queue.sort_by_key(|(queued, _)| queued.order);
        Ok(Session {
            number,
            client_id: client_id.into(),
            user: user.map(Into::into),
            lease: one(&mut self.leases, number, record::decode_lease)?.unwrap_or(FOR_EVER),
            subscriptions,
            queue,
            received,
            begun,
            will: one(&mut self.wills, number, record::decode_will)?,
        })
    }

    fn queue(&mut self, number: u64, index: &mut Index) -> Result<Places, LoadError> {
        let mut queue = Vec::new();
        while let Some((key, value)) = self.queued.next_of(number)? {
            let seq = keys::place_of(&key).map(|(_, seq)| seq);
            let queued = seq.and_then(|seq| record::decode_queued(seq, &value));
            let queued = queued.ok_or_else(|| what("a place in a queue", &key))?;
            let (seq, message) = (queued.seq, queued.message);
            if !index.queue(number, Place { seq, message, packet_id: 0, step: Step::Waiting }) {
                return Err(what("the message of a place in a queue", &key));
            }
            queue.push((queued, None));
        }
        Ok(queue)
    }

    /// Says of what is in `queue` that it was sent; returns what the receiver has.
    fn sent(
        &mut self,
        number: u64,
        queue: &mut Places,
        index: &mut Index,
    ) -> Result<Vec<(u64, u16)>, LoadError> {
        let mut received = Vec::new();
        while let Some((key, value)) = self.in_flight.next_of(number)? {
            let parts = keys::place_of(&key).zip(record::decode_in_flight(&value));
            let ((_, seq), (packet_id, was_received)) =
                parts.ok_or_else(|| what("a packet identifier", &key))?;
            if was_received {
                received.push((seq, packet_id));
                index.queue(number, Place { seq, message: 0, packet_id, step: Step::Received });
                continue;
            }
            let place = queue.binary_search_by_key(&seq, |(queued, _)| queued.seq).ok();
            let place = place.and_then(|at| queue.get_mut(at)).zip(index.place(number, seq));
            let ((_, sent), place) = place.ok_or_else(|| what("what was sent", &key))?;
            *sent = Some(packet_id);
            (place.packet_id, place.step) = (packet_id, Step::Sent);
        }
        Ok(received)
    }
}

/// What a session has one of.
fn one<T>(
    scan: &mut Scan,
    number: u64,
    decode: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, LoadError> {
    let Some((key, value)) = scan.next_of(number)? else { return Ok(None) };
    decode(&value).map(Some).ok_or_else(|| what("a lease or a will", &key))
}

fn what(what: &str, key: &[u8]) -> LoadError {
    unreadable(&format!("{what} (key {})", key.escape_ascii()))
}

fn unreadable(what: &str) -> LoadError {
    LoadError::Record { what: what.to_owned() }
}
