//! What a store must hold, kept in the plainest way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hookmq_store::{
    Change, Lease, Message, Pair, PairValue, Queued, Session, State, Subscription, Will,
};

#[derive(Clone, Default)]
pub(crate) struct Model {
    sessions: BTreeMap<u64, Kept>,
    messages: BTreeMap<u64, Message>,
    retained: BTreeMap<Box<str>, Message>,
    pairs: BTreeMap<Name, PairValue>,
}

/// The plugin and the key.
type Name = (Arc<str>, Box<[u8]>);

#[derive(Clone)]
struct Kept {
    client_id: Arc<str>,
    user: Option<Box<str>>,
    lease: Lease,
    subscriptions: BTreeMap<Box<str>, Subscription>,
    queue: BTreeMap<u64, (Queued, Option<u16>)>,
    received: BTreeMap<u64, u16>,
    begun: BTreeSet<u16>,
    will: Option<Will>,
}

impl Model {
    pub(crate) fn apply(&mut self, group: &[Change]) {
        for change in group {
            self.change(change.clone());
        }
        if group.iter().any(|change| matches!(change, Change::Message { .. })) {
            self.drop_messages();
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Message { id, message } => _ = self.messages.insert(id, message),
            Change::Retained { topic, message: Some(message) } => {
                self.retained.insert(topic, message);
            }
            Change::Retained { topic, message: None } => _ = self.retained.remove(&topic),
            Change::Kv { plugin, key, value: Some(value) } => {
                self.pairs.insert((plugin, key), value);
            }
            Change::Kv { plugin, key, value: None } => _ = self.pairs.remove(&(plugin, key)),
            Change::SessionBegun { session, client_id, user, lease } => {
                self.sessions.entry(session).or_insert_with(|| Kept {
                    client_id,
                    user,
                    lease,
                    subscriptions: BTreeMap::new(),
                    queue: BTreeMap::new(),
                    received: BTreeMap::new(),
                    begun: BTreeSet::new(),
                    will: None,
                });
            }
            Change::SessionEnded { session } => {
                self.sessions.remove(&session);
                self.drop_messages();
            }
            Change::Queued { session, queued } => {
                let waits = self.messages.contains_key(&queued.message);
                if let Some(kept) = self.sessions.get_mut(&session)
                    && waits
                    && !kept.queue.contains_key(&queued.seq)
                    && !kept.received.contains_key(&queued.seq)
                {
                    kept.queue.insert(queued.seq, (queued, None));
                }
            }
            _ => self.of_session(change),
        }
    }

    fn of_session(&mut self, change: Change) {
        let (Change::SessionUpdated { session, .. }
        | Change::Subscribed { session, .. }
        | Change::Unsubscribed { session, .. }
        | Change::Sent { session, .. }
        | Change::Received { session, .. }
        | Change::Done { session, .. }
        | Change::Begun { session, .. }
        | Change::Released { session, .. }
        | Change::Will { session, .. }
        | Change::WillGone { session }) = change
        else {
            panic!("{change:?}");
        };
        let is_end = matches!(change, Change::Received { .. } | Change::Done { .. });
        let Some(kept) = self.sessions.get_mut(&session) else { return };
        match change {
            Change::SessionUpdated { lease, .. } => kept.lease = lease,
            Change::Subscribed { subscription, .. } => {
                kept.subscriptions.insert(subscription.filter.clone(), subscription);
            }
            Change::Unsubscribed { filter, .. } => _ = kept.subscriptions.remove(&filter),
            Change::Sent { seq, packet_id, .. } => {
                if let Some((_, sent)) = kept.queue.get_mut(&seq) {
                    *sent = Some(packet_id);
                }
            }
            Change::Received { seq, .. } => {
                if let Some(&(_, Some(packet_id))) = kept.queue.get(&seq) {
                    kept.queue.remove(&seq);
                    kept.received.insert(seq, packet_id);
                }
            }
            Change::Done { seq, .. } => {
                kept.queue.remove(&seq);
                kept.received.remove(&seq);
            }
            Change::Begun { packet_id, .. } => _ = kept.begun.insert(packet_id),
            Change::Released { packet_id, .. } => _ = kept.begun.remove(&packet_id),
            Change::Will { will, .. } => kept.will = Some(*will),
            _ => kept.will = None,
        }
        if is_end {
            self.drop_messages();
        }
    }

    /// Those that were queued and wait for nobody any more. One that is new is queued by the next change.
    fn drop_messages(&mut self) {
        let queues = self.sessions.values().flat_map(|kept| kept.queue.values());
        let waiting: BTreeSet<u64> = queues.map(|(queued, _)| queued.message).collect();
        self.messages.retain(|id, _| waiting.contains(id));
    }

    /// Panics with the first difference.
    #[track_caller]
    pub(crate) fn must_be(&self, state: &State) {
        let expected = self.clone().state(state);
        assert_eq!(expected.sessions.len(), state.sessions.len());
        for (expected, session) in expected.sessions.iter().zip(&state.sessions) {
            assert_eq!(expected, session, "after {}", state.sequence);
        }
        let ids = |state: &State| state.messages.keys().copied().collect::<BTreeSet<u64>>();
        assert_eq!(ids(&expected), ids(state), "after {}", state.sequence);
        assert!(expected == *state, "after {}: {expected:?} {state:?}", state.sequence);
    }

    /// The same as a state, with what is no content taken from `of`.
    fn state(self, of: &State) -> State {
        let sessions = self.sessions.into_iter().map(|(number, kept)| Session {
            number,
            client_id: kept.client_id,
            user: kept.user,
            lease: kept.lease,
            subscriptions: kept.subscriptions.into_values().collect(),
            queue: in_order(kept.queue),
            received: kept.received.into_iter().collect(),
            begun: kept.begun.into_iter().collect(),
            will: kept.will,
        });
        let pairs = self.pairs.into_iter();
        State {
            sequence: of.sequence,
            next_session: of.next_session,
            next_message: of.next_message,
            sessions: sessions.collect(),
            messages: self.messages.into_iter().collect(),
            retained: self.retained.into_iter().collect(),
            pairs: pairs.map(|((plugin, key), value)| Pair { plugin, key, value }).collect(),
            cut: of.cut.clone(),
        }
    }
}

fn in_order(queue: BTreeMap<u64, (Queued, Option<u16>)>) -> Vec<(Queued, Option<u16>)> {
    let mut queue: Vec<_> = queue.into_values().collect();
    queue.sort_by_key(|(queued, _)| queued.order);
    queue
}
