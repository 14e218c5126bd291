//! Changes become what one batch writes.

use crate::change::Change;
use crate::engine::{Engine, EngineError};
use crate::index::{Index, Place, Step};
use crate::keys::{self, Key};
use crate::message::Message;
use crate::record::{self, Value};
use crate::staged::{Content, Staged, Write};

#[derive(Default)]
pub(crate) struct Batch {
    staged: Staged,
}

impl Batch {
    /// Takes a change into the group and the index.
    ///
    /// # Errors
    /// If the engine cannot read what a session had.
    pub(crate) fn apply(
        &mut self,
        change: Change,
        index: &mut Index,
        engine: &Engine,
    ) -> Result<(), EngineError> {
        match change {
            Change::SessionEnded { session } => return self.end_session(session, index, engine),
            Change::Message { id, message } => self.message(id, message, index),
            Change::Queued { .. }
            | Change::Sent { .. }
            | Change::Received { .. }
            | Change::Done { .. } => self.place(change, index),
            Change::Retained { topic, message } => {
                self.set(keys::retained(&topic), message.map(Content::Message));
            }
            Change::Kv { plugin, key, value } => {
                let pair =
                    value.map(|value| record::encode_kv(&plugin, &key, &value.bytes, value.ends));
                self.set(keys::kv(&plugin, &key), pair.map(Content::Value));
            }
            _ => self.of_session(change, index),
        }
        Ok(())
    }

    /// No change of the same group follows: messages that are queued for nobody are gone.
    pub(crate) fn end(&mut self, index: &mut Index) {
        index.drop_unreferenced(|id| self.staged.remove(keys::numbered(keys::MESSAGE, id)));
    }

    /// Everything, encoded; nothing is left then.
    pub(crate) fn finish(&mut self, writes: &mut Vec<Write>) {
        if !self.staged.is_empty() {
            self.staged.drain_into(writes);
        }
    }

    fn set(&mut self, key: Key, content: Option<Content>) {
        match content {
            Some(content) => self.staged.put(key, content),
            None => self.staged.remove(key),
        }
    }

    fn message(&mut self, id: u64, message: Message, index: &mut Index) {
        if !index.has_message(id) {
            index.add_message(id);
            self.staged.put_new(keys::numbered(keys::MESSAGE, id), Content::Message(message));
        }
    }

    /// What is said of a session itself.
    fn of_session(&mut self, change: Change, index: &mut Index) {
        let (session, key, value) = match change {
            Change::SessionBegun { session, client_id, user, lease } => {
                if index.has_session(session) {
                    return;
                }
                index.begin(session);
                let owner = record::encode_owner(&client_id, user.as_deref());
                self.put_new(keys::numbered(keys::SESSION, session), owner);
                let lease = record::encode_lease(lease);
                return self.put_new(keys::numbered(keys::LEASE, session), lease);
            }
            Change::SessionUpdated { session, lease } => {
                let lease = record::encode_lease(lease);
                (session, keys::numbered(keys::LEASE, session), Some(lease))
            }
            Change::Subscribed { session, subscription } => {
                let key = keys::subscription(session, &subscription.filter);
                (session, key, Some(record::encode_subscription(&subscription)))
            }
            Change::Unsubscribed { session, filter } => {
                (session, keys::subscription(session, &filter), None)
            }
            Change::Begun { session, packet_id } => {
                (session, keys::begun(session, packet_id), Some(Value::new()))
            }
            Change::Released { session, packet_id } => {
                (session, keys::begun(session, packet_id), None)
            }
            Change::Will { session, will } => {
                (session, keys::numbered(keys::WILL, session), Some(record::encode_will(&will)))
            }
            Change::WillGone { session } => (session, keys::numbered(keys::WILL, session), None),
            _ => return,
        };
        if index.has_session(session) {
            self.set(key, value.map(Content::Value));
        }
    }

    /// What happens to a place in a queue.
    fn place(&mut self, change: Change, index: &mut Index) {
        match change {
            Change::Queued { session, queued } => {
                let (seq, message) = (queued.seq, queued.message);
                if index.queue(session, Place { seq, message, packet_id: 0, step: Step::Waiting }) {
                    let value = record::encode_queued(&queued);
                    self.put_new(keys::place(keys::QUEUED, session, seq), value);
                    self.catch_up(session, seq, index);
                }
            }
            Change::Sent { session, seq, packet_id } => {
                self.sent(session, seq, packet_id, index);
                self.catch_up(session, seq, index);
            }
            Change::Received { session, seq } => self.received(session, seq, index),
            Change::Done { session, seq } => self.done(session, seq, index),
            _ => {}
        }
    }

    /// What was heard of a place before the place itself.
    fn catch_up(&mut self, session: u64, seq: u64, index: &mut Index) {
        let Some((step, packet_id)) = index.take_early(session, seq) else { return };
        if step == Step::Gone {
            return self.done(session, seq, index);
        }
        let is_sent = index.place(session, seq).is_some_and(|place| place.step == Step::Sent);
        if packet_id == 0 && !is_sent {
            // Under which identifier it was sent is still to come.
            return index.note_early(session, seq, step, packet_id);
        }
        if !is_sent {
            self.sent(session, seq, packet_id, index);
        }
        if step == Step::Received {
            self.received(session, seq, index);
        }
    }

    fn sent(&mut self, session: u64, seq: u64, packet_id: u16, index: &mut Index) {
        let Some(place) = index.place(session, seq) else {
            return index.note_early(session, seq, Step::Sent, packet_id);
        };
        if place.refers() {
            let again = place.step == Step::Sent;
            (place.step, place.packet_id) = (Step::Sent, packet_id);
            self.in_flight(session, *place, again);
        }
    }

    fn received(&mut self, session: u64, seq: u64, index: &mut Index) {
        let Some(place) = index.place(session, seq) else {
            return index.note_early(session, seq, Step::Received, 0);
        };
        if place.step == Step::Sent {
            place.step = Step::Received;
            let place = *place;
            index.release(place.message);
            self.staged.remove(keys::place(keys::QUEUED, session, seq));
            self.in_flight(session, place, true);
        }
    }

    fn done(&mut self, session: u64, seq: u64, index: &mut Index) {
        let Some(place) = index.take(session, seq) else {
            return index.note_early(session, seq, Step::Gone, 0);
        };
        if place.refers() {
            self.staged.remove(keys::place(keys::QUEUED, session, seq));
        }
        if place.step != Step::Waiting {
            self.staged.remove(keys::place(keys::IN_FLIGHT, session, seq));
        }
    }

    fn in_flight(&mut self, session: u64, place: Place, again: bool) {
        let key = keys::place(keys::IN_FLIGHT, session, place.seq);
        let value = record::encode_in_flight(place.packet_id, place.step == Step::Received);
        if again {
            self.staged.put(key, Content::Value(value));
        } else {
            self.put_new(key, value);
        }
    }

    fn end_session(
        &mut self,
        session: u64,
        index: &mut Index,
        engine: &Engine,
    ) -> Result<(), EngineError> {
        if !index.has_session(session) {
            return Ok(());
        }
        index.end(session);
        let is_new = self.staged.is_new(&keys::numbered(keys::SESSION, session));
        for tag in keys::OF_SESSION {
            let prefix = keys::numbered(tag, session);
            self.staged.remove_prefix(&prefix);
            if !is_new {
                for key in engine.keys(&prefix) {
                    self.staged.remove(Key::from_slice(&key?));
                }
            }
        }
        Ok(())
    }

    fn put_new(&mut self, key: Key, value: Value) {
        self.staged.put_new(key, Content::Value(value));
    }
}
