//! From a granted session to a connected client: CONNACK, the link to the socket, what was owed from
//! before; or the DISCONNECT that a plugin wants.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;

use mqtt::{ConnAck, Connect, Identifier, Packet, PacketType, Property, PropertyBuffer};
use mqtt::{ReasonCode, Untold};
use tokio::net::tcp::OwnedWriteHalf;

use super::client::ConnectedClient;
use super::{Connecting, Connection, End, Exchange, Stage};
use crate::hooks::{Asking, Edits, Origin, SessionChange, Verdict};
use crate::session::{Author, Granted, Link, Session, Taken, Will};
use crate::shard::{Shard, TICK_MILLISECONDS};

/// A client whose session is there, and that has still to be let in.
pub(super) struct Attaching {
    pub(super) client: ConnectedClient,
    write: OwnedWriteHalf,
    connack: Vec<u8>,
    session_present: bool,
    /// What CONNECT has said.
    clean_start: bool,
    receive_maximum: u16,
    maximum_packet_size: u32,
    topic_alias_maximum: u16,
}

impl Attaching {
    /// Looks at orders from elsewhere.
    pub(super) fn attend(&self) -> Result<(), End> {
        match self.client.session.ordered_close() {
            Some(reason) => Err(End::Ordered(reason)),
            None => self.obey(),
        }
    }

    /// Obeys a plugin that sends the client away. What else plugins want waits until it is let in.
    fn obey(&self) -> Result<(), End> {
        let Some((plugin, kick)) = self.client.session.take_close() else { return Ok(()) };
        let end = End::Kicked(plugin, kick);
        self.send_last(&end);
        Err(end)
    }

    /// Without a link nobody can send the client anything else. What it does not take now it does not
    /// get. [MQTT-3.2.0-1]
    fn send_last(&self, end: &End) {
        let last = [&*self.connack, &*self.client.good_bye(end)].concat();
        let _ = self.write.try_write(&last);
    }
}

impl Connection {
    pub(super) fn attach(
        &mut self,
        shard: &mut Shard,
        cx: &Context<'_>,
        connect: &Connect<'_>,
        granted: Granted,
        assigned_client_id: Option<&str>,
    ) -> Result<(), End> {
        let Stage::Connecting(connecting) = std::mem::replace(&mut *self.stage, Stage::Closed)
        else {
            return Ok(());
        };
        let Connecting { write, exchange, edits, .. } = connecting;
        let edits = edits.as_deref();
        let broker = self.broker.clone();
        let session_present = granted.resumed;
        let exchange_there = exchange.as_deref();
        let connack =
            self.connack(connect, edits, session_present, exchange_there, assigned_client_id)?;
        let taken = granted.take();
        broker.schedule.remove(&taken.timers);
        broker.clients.fetch_add(1, Ordering::Relaxed);
        self.introduce(connect, &taken.session);
        taken.session.end_attributes_of_connection();
        let mut client = self.client(shard, connect, edits, taken);
        client.exchange = exchange.map(Exchange::forget_connect);
        let ConnectedClient { session, kept, will, session_expiry, .. } = &client;
        let user = || broker.sessions.user(session);
        let journal = &mut shard.outgoing.journal;
        journal.connected(session, kept, *session_expiry, will.as_deref(), user);
        shard.outgoing.schedule();
        let change = if session_present { SessionChange::Resumed } else { SessionChange::Created };
        shard.hooks.on_session(&client.facts(&self.endpoint), change, Origin::Client);
        // From here on its close gives the session back, whatever happens.
        *self.stage = Stage::Attaching(Box::new(Attaching {
            client,
            write,
            connack,
            session_present,
            clean_start: connect.clean_start,
            receive_maximum: connect.receive_maximum,
            maximum_packet_size: connect.maximum_packet_size,
            topic_alias_maximum: connect.topic_alias_maximum,
        }));
        self.attach_on(shard, cx)
    }

    /// Asks the plugins before anything that the session has kept is sent; then the client is connected.
    pub(super) fn attach_on(&mut self, shard: &mut Shard, cx: &Context<'_>) -> Result<(), End> {
        let progress = self.waiting.take().map(|waiting| waiting.progress);
        let Stage::Attaching(attaching) = &*self.stage else { return Ok(()) };
        let Attaching { client, session_present, clean_start, .. } = &**attaching;
        let mut asking = Asking::waiting(&self.broker.limits, cx.waker(), progress);
        let facts = client.facts(&self.endpoint);
        let decision = shard.hooks.on_connect(&facts, *session_present, *clean_start, &mut asking);
        let progress = asking.progress;
        if decision.verdict == Verdict::Pending {
            self.wait(shard, progress);
            // Nobody can wake it when it is to close.
            self.check_by(shard, shard.now + TICK_MILLISECONDS);
            return Ok(());
        }
        self.throttle.ask(decision.throttle);
        match decision.verdict.told_in(PacketType::Disconnect) {
            None => {
                attaching.obey()?;
                self.link(shard, cx);
                Ok(())
            }
            Some(refusal) => {
                let end = End::ConnectVetoed(refusal);
                attaching.send_last(&end);
                Err(end)
            }
        }
    }

    /// Sends CONNACK, and what is owed from before.
    fn link(&mut self, shard: &mut Shard, cx: &Context<'_>) {
        let Stage::Attaching(attaching) = std::mem::replace(&mut *self.stage, Stage::Closed) else {
            return;
        };
        let Attaching { client, write, connack, .. } = *attaching;
        let Attaching { receive_maximum, maximum_packet_size, topic_alias_maximum, .. } =
            *attaching;
        let broker = &self.broker;
        let session = &client.session;
        let waker = cx.waker().clone();
        let link =
            Link::new(write, waker, client.version, maximum_packet_size, topic_alias_maximum);
        let mut outbox = session.outbox.lock();
        // [MQTT-4.9.0-1]
        outbox.attach(link, receive_maximum.min(broker.limits.max_inflight));
        outbox.lend_buffer(&mut shard.outgoing.pool);
        outbox.watch(shard.outgoing.watched);
        // [MQTT-3.1.4-5] [MQTT-3.2.0-1]
        outbox.append(&connack);
        outbox.resume(shard.second());
        shard.outgoing.mark(session, outbox);
        session.mark_attention();
        if session.ordered_close().is_some() || session.has_orders() {
            // Ordered between the claim and the attachment, when there was nobody to wake.
            cx.waker().wake_by_ref();
        }
        if broker.stopping.load(Ordering::Acquire) {
            session.order_close(ReasonCode::ServerShuttingDown);
        }
        let next = client.keep_alive_deadline(shard.now);
        *self.stage = Stage::Connected(ConnectedClient { last_packet: shard.now, ..client });
        self.set_check(shard, next);
    }

    /// From here on whoever has something to tell of the session knows whose it is.
    fn introduce(&mut self, connect: &Connect<'_>, session: &Session) {
        let endpoint = Arc::make_mut(&mut self.endpoint);
        endpoint.username = connect.username.map(Into::into);
        endpoint.protocol = connect.version.level();
        session.outbox.lock().introduce(self.endpoint.clone());
    }

    fn client(
        &self,
        shard: &Shard,
        connect: &Connect<'_>,
        edits: Option<&Edits>,
        taken: Taken,
    ) -> ConnectedClient {
        let Taken { session, kept, .. } = taken;
        // [MQTT-3.1.2-7]
        let will = connect.will.as_ref().map(|will| {
            let author = Author { session: session.clone(), endpoint: self.endpoint.clone() };
            Box::new(Will::new(will, author, shard.second()))
        });
        ConnectedClient {
            session,
            kept,
            version: connect.version,
            recipient: connect.recipient(),
            keep_alive: self.keep_alive(connect, edits),
            last_packet: shard.now,
            session_expiry: self.session_expiry(connect, edits),
            max_session_expiry: self.max_session_expiry(edits),
            connected_without_expiry: connect.session_expiry == 0,
            will,
            receive_quota: connect.version.receive_quota(self.broker.limits.receive_maximum),
            aliases: None,
            waits_for: None,
            blocked_since: None,
            exchange: None,
        }
    }

    fn session_expiry(&self, connect: &Connect<'_>, edits: Option<&Edits>) -> u32 {
        let edited = edits.and_then(|edits| edits.session_expiry);
        edited.unwrap_or(connect.session_expiry).min(self.broker.max_session_expiry())
    }

    fn max_session_expiry(&self, edits: Option<&Edits>) -> u32 {
        let edited = edits.and_then(|edits| edits.session_expiry).unwrap_or(u32::MAX);
        edited.min(self.broker.max_session_expiry())
    }

    fn keep_alive(&self, connect: &Connect<'_>, edits: Option<&Edits>) -> u16 {
        let edited = edits.and_then(|edits| edits.keep_alive);
        let max = self.broker.limits.max_keep_alive.as_secs();
        let max = u16::try_from(max).unwrap_or(u16::MAX);
        connect.version.keep_alive(connect.keep_alive, edited, max)
    }

    /// CONNACK with what the client must know of the broker. [MQTT-3.2.2-2] [MQTT-3.2.2-3]
    pub(super) fn connack(
        &self,
        connect: &Connect<'_>,
        edits: Option<&Edits>,
        session_present: bool,
        exchange: Option<&Exchange>,
        assigned_client_id: Option<&str>,
    ) -> Result<Vec<u8>, Untold> {
        let session_expiry = self.session_expiry(connect, edits);
        let keep_alive = self.keep_alive(connect, edits);
        let limits = &self.broker.limits;
        let mut properties = PropertyBuffer::new();
        if session_expiry != connect.session_expiry {
            properties.push(Property::SessionExpiryInterval(session_expiry));
        }
        if keep_alive != connect.keep_alive {
            // [MQTT-3.2.2-21] [MQTT-3.2.2-22]
            properties.push(Property::ServerKeepAlive(keep_alive));
        }
        properties.push(Property::ReceiveMaximum(limits.receive_maximum));
        properties.push(Property::MaximumPacketSize(limits.max_packet_size));
        if limits.topic_alias_maximum > 0 {
            properties.push(Property::TopicAliasMaximum(limits.topic_alias_maximum));
        }
        if let Some(client_id) = assigned_client_id {
            // [MQTT-3.1.3-7] [MQTT-3.2.2-16]
            properties.push(Property::AssignedClientIdentifier(client_id));
        }
        let client_id = assigned_client_id.unwrap_or(connect.client_id);
        let by_plugins = edits.and_then(|edits| edits.connack.as_ref());
        let by_plugins = by_plugins.map(PropertyBuffer::as_properties).unwrap_or_default();
        // [MQTT-3.1.2-28]
        if connect.request_response_information
            && !by_plugins.contains(Identifier::ResponseInformation)
            && let Some(text) = self.broker.response_information(client_id)
        {
            properties.push(Property::ResponseInformation(&text));
        }
        let wanted = |property: &Property<'_>| {
            connect.request_response_information
                || property.identifier() != Identifier::ResponseInformation
        };
        by_plugins.filtered(wanted, &mut properties);
        if let Some(exchange) = exchange {
            exchange.welcome(&mut properties);
        }
        let connack = Packet::ConnAck(ConnAck {
            session_present,
            reason: ReasonCode::Success,
            properties: properties.as_properties(),
        });
        let mut bytes = Vec::new();
        connect.recipient().write(connack, &mut bytes)?;
        Ok(bytes)
    }
}
