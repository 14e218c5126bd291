//! The end of a connection: the last packet, the plugins, the will, and the session's rest or end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mqtt::{Disconnect, Packet, ReasonCode};
use parking_lot::MutexGuard;

use super::client::ConnectedClient;
use super::{Connection, End, Halt, Stage, why};
use crate::hooks::{Disconnected, Origin, SessionChange};
use crate::session::{Due, Ended};
use crate::shard::Shard;

impl Connection {
    /// Ends the connection, whatever stage it is in. What it was reading has been acted on.
    pub(super) fn close(&mut self, shard: &mut Shard, end: &End) {
        if let Some(timer) = self.timer.take() {
            shard.timers.remove(timer);
        }
        self.set_halt(Halt::No);
        // Whoever answers now hears that it is too late.
        if let Some(packet_id) = self.waiting.take().and_then(|waiting| waiting.begun) {
            // It goes nowhere. A client that has not seen PUBREC sends it again, and then it is new.
            self.release_begun(shard, packet_id);
        }
        match std::mem::replace(&mut *self.stage, Stage::Closed) {
            Stage::Connected(client) => {
                self.close_client(shard, client, end);
                self.broker.clients.fetch_sub(1, Ordering::Release);
            }
            Stage::Attaching(attaching) => {
                let mut client = attaching.client;
                // It has not been let in.
                client.will = None;
                self.close_client(shard, client, end);
                self.broker.clients.fetch_sub(1, Ordering::Release);
            }
            Stage::Connecting(connecting) => {
                let peer = self.endpoint.peer();
                log::debug!("{peer}: {end}");
                if let Some(kind) = end.kind() {
                    self.broker.tally.count(kind, || format!("{peer}: {end}"));
                }
                if let Some(client_id) = connecting.claiming {
                    self.broker.sessions.give_up(&client_id, self.id);
                }
            }
            Stage::Opened(_) | Stage::Lingering { .. } | Stage::Closed => {
                log::debug!("{}: {end}", self.endpoint.peer());
            }
        }
    }

    fn close_client(&self, shard: &mut Shard, mut client: ConnectedClient, end: &End) {
        let (client_id, peer) = (&client.session.client_id, self.endpoint.peer());
        log::debug!("{client_id:?} at {peer}: {end}");
        if let Some(kind) = end.kind() {
            self.broker.tally.count(kind, || format!("{client_id:?} at {peer}: {end}"));
        }
        say_good_bye(shard, &client, end);
        // Nothing of what came to this client is told after its going, as far as it is this thread's.
        shard.tell_outcomes();

        if end.ends_session() {
            client.session_expiry = 0;
        }
        let session_kept = client.session_expiry > 0;
        let disconnected = Disconnected {
            graceful: end.is_graceful(),
            reason_code: end.reason_code() as u8,
            session_kept,
            reason: &end.to_string(),
            origin: end.origin(),
        };
        let facts = client.facts(&self.endpoint);
        shard.hooks.on_disconnect(&facts, &disconnected);
        if matches!(end, End::Ordered(ReasonCode::SessionTakenOver)) {
            shard.hooks.on_session(&facts, SessionChange::TakenOver, Origin::Client);
        }

        client.session.end_attributes_of_connection();
        if !end.publishes_will() {
            client.will = None;
        }
        // A delay ends with the session at the latest. [MQTT-3.1.2-8]
        let at_once = |will: &&mut Box<_>| is_due_now(will, session_kept);
        if client.will.as_mut().as_ref().is_some_and(at_once)
            && let Some(will) = client.will.take()
        {
            self.broker.publish_will(shard, *will); // [MQTT-3.1.2-10]
        }
        // [MQTT-3.1.2-23]
        if session_kept {
            self.broker.router.hand_over(&client.session, shard);
            let session = client.session.clone();
            self.leave_session(shard, client);
            self.broker.carry_out_left(shard, &session);
        } else {
            self.end_session(shard, client);
        }
    }

    fn leave_session(&self, shard: &mut Shard, client: ConnectedClient) {
        let ConnectedClient { session, mut kept, will, session_expiry, .. } = client;
        let second = shard.second();
        shard.outgoing.journal.left(&session, session_expiry, will.as_deref(), second);
        // Whoever takes the session over, on another shard, comes behind this.
        shard.outgoing.journal.submit();
        shard.outgoing.schedule();
        kept.rest();
        let delay = will.as_ref().map(|will| will.delay);
        let departure = self.broker.sessions.leave(&session, kept, will);
        let schedule = &self.broker.schedule;
        let client_id: Arc<str> = session.client_id.clone();
        let now = self.broker.clock.milliseconds();
        let mut timers = Vec::new();
        if let Some(delay) = delay.filter(|delay| *delay < session_expiry) {
            let due = Due::Will { client_id: client_id.clone(), departure };
            timers.push(schedule.add_after(now, delay, due));
        }
        if session_expiry < u32::MAX {
            let due = Due::SessionExpiry { client_id, departure };
            timers.push(schedule.add_after(now, session_expiry, due));
        }
        if !self.broker.sessions.note_timers(&session, departure, &timers) {
            // The client is back already.
            schedule.remove(&timers);
        }
    }

    fn end_session(&self, shard: &mut Shard, client: ConnectedClient) {
        let ConnectedClient { session, .. } = client;
        let ended = Ended { session: session.clone(), will: None, timers: Vec::new() };
        self.broker.end_session(shard, ended, SessionChange::Deleted);
        shard.outgoing.journal.submit();
        self.broker.sessions.remove(&session);
    }
}

fn is_due_now(will: &crate::session::Will, session_kept: bool) -> bool {
    will.delay == 0 || !session_kept
}

impl ConnectedClient {
    /// DISCONNECT where there is something to say, or nothing.
    pub(super) fn good_bye(&self, end: &End) -> Vec<u8> {
        let mut last = Vec::new();
        if let Some(reason) = end.disconnect_reason() {
            // [MQTT-3.14.2-2]
            let properties = why::reason_string(end.reason_string().as_deref());
            let properties = properties.as_properties();
            let disconnect = Packet::Disconnect(Disconnect { reason, properties });
            // The close says it too, to whom it cannot be told.
            let _ = self.recipient.write(disconnect, &mut last);
        }
        last
    }
}

/// Says good-bye after what was to be sent before, and lets go of the socket.
fn say_good_bye(shard: &mut Shard, client: &ConnectedClient, end: &End) {
    // [MQTT-3.14.4-1] [MQTT-3.14.4-2]
    let session = &client.session;
    let mut outbox = session.outbox.lock();
    let (write, publishers) = outbox.detach(&client.good_bye(end));
    if let Some(mut write) = write {
        // What the client does not take now it does not get.
        let _ = MutexGuard::unlocked(&mut outbox, || write.run());
        outbox.finish_last(write);
    }
    shard.outgoing.collect(session, &mut outbox);
    drop(outbox);
    publishers.into_iter().for_each(std::task::Waker::wake);
}
