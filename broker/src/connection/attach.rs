//! From a granted session to a connected client: CONNACK, the link to the socket, what was owed from
//! before; or the DISCONNECT that a plugin wants.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;

use mqtt::{ConnAck, Connect, Packet, PacketType, Property, PropertyBuffer, ReasonCode, Untold};

use super::alias::Aliases;
use super::client::ConnectedClient;
use super::{Connection, End, Exchange, Stage};
use crate::hooks::{Origin, SessionChange};
use crate::session::{Author, Granted, Link, Session, Taken, Will};
use crate::shard::Shard;

impl Connection {
    pub(super) fn attach(
        &mut self,
        shard: &mut Shard,
        cx: &Context<'_>,
        connect: &Connect<'_>,
        granted: Granted,
        assigned_client_id: Option<&str>,
    ) -> Result<(), End> {
        let Stage::Connecting(connecting) = std::mem::replace(&mut self.stage, Stage::Closed)
        else {
            return Ok(());
        };
        let exchange = connecting.exchange;
        let broker = self.broker.clone();
        let resumed = granted.resumed;
        let reply = self.connack(connect, resumed, exchange.as_deref(), assigned_client_id)?;
        let taken = granted.take();
        broker.schedule.remove(&taken.timers);
        broker.clients.fetch_add(1, Ordering::Relaxed);
        self.introduce(connect, &taken.session);
        taken.session.end_attributes_of_connection();
        let mut client = Box::new(self.client(shard, connect, taken));
        client.exchange = exchange.map(Exchange::forget_connect);
        // From here on its close gives the session back, whatever happens.
        self.stage = Stage::Connected(client);
        let Stage::Connected(client) = &self.stage else { return Ok(()) };
        let session = &client.session;
        if client.session_expiry > 0 {
            broker.store.session_begun(&session.client_id, client.session_expiry);
        }
        let change = if resumed { SessionChange::Resumed } else { SessionChange::Created };
        shard.hooks.on_session(&client.facts(&self.endpoint), change, Origin::Client);
        // Asked before anything that the session has kept is sent.
        let decision =
            shard.hooks.on_connect(&client.facts(&self.endpoint), resumed, connect.clean_start);
        if let Some(refusal) = decision.verdict.told_in(PacketType::Disconnect) {
            let end = End::ConnectVetoed(refusal);
            // Without a link nobody can send it anything else. What the client does not take now it
            // does not get. [MQTT-3.2.0-1]
            let _ = connecting.write.try_write(&[reply, client.good_bye(&end)].concat());
            return Err(end);
        }
        let waker = cx.waker().clone();
        let link = Link::new(
            connecting.write,
            waker,
            client.version,
            connect.maximum_packet_size,
            connect.topic_alias_maximum,
        );
        let mut outbox = session.outbox.lock();
        // [MQTT-4.9.0-1]
        outbox.attach(link, connect.receive_maximum.min(broker.limits.max_inflight));
        outbox.lend_buffer(&mut shard.outgoing.pool);
        outbox.watch(shard.outgoing.watched);
        // [MQTT-3.1.4-5] [MQTT-3.2.0-1]
        outbox.append(&reply);
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
        let next = client.keep_alive_deadline(client.last_packet);
        self.set_check(shard, next);
        self.throttle.ask(decision.throttle);
        Ok(())
    }

    /// From here on whoever has something to tell of the session knows whose it is.
    fn introduce(&mut self, connect: &Connect<'_>, session: &Session) {
        let endpoint = Arc::make_mut(&mut self.endpoint);
        endpoint.username = connect.username.map(Into::into);
        endpoint.protocol = connect.version.level();
        session.outbox.lock().introduce(self.endpoint.clone());
    }

    fn client(&self, shard: &Shard, connect: &Connect<'_>, taken: Taken) -> ConnectedClient {
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
            keep_alive: self.keep_alive(connect),
            last_packet: shard.now,
            session_expiry: self.session_expiry(connect),
            connected_without_expiry: connect.session_expiry == 0,
            will,
            receive_quota: connect.version.receive_quota(self.broker.limits.receive_maximum),
            aliases: Aliases::default(),
            waits_for: None,
            blocked_since: None,
            exchange: None,
        }
    }

    fn session_expiry(&self, connect: &Connect<'_>) -> u32 {
        connect.session_expiry.min(self.broker.max_session_expiry())
    }

    fn keep_alive(&self, connect: &Connect<'_>) -> u16 {
        let max = self.broker.limits.max_keep_alive.as_secs();
        connect.version.keep_alive(connect.keep_alive, u16::try_from(max).unwrap_or(u16::MAX))
    }

    /// CONNACK with what the client must know of the broker. [MQTT-3.2.2-2] [MQTT-3.2.2-3]
    pub(super) fn connack(
        &self,
        connect: &Connect<'_>,
        session_present: bool,
        exchange: Option<&Exchange>,
        assigned_client_id: Option<&str>,
    ) -> Result<Vec<u8>, Untold> {
        let (session_expiry, keep_alive) = (self.session_expiry(connect), self.keep_alive(connect));
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
        // [MQTT-3.1.2-28]
        if connect.request_response_information
            && let Some(text) = self.broker.response_information(client_id)
        {
            properties.push(Property::ResponseInformation(&text));
        }
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
