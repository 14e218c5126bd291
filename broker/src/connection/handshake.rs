//! From CONNECT to CONNACK: limits, plugins, the claim on the session, the way out to the socket.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;

use mqtt::{ConnAck, Connect, Frame, Lowered, Packet, PacketType, Property, PropertyBuffer};
use mqtt::{ReasonCode, Version, Violation};

use super::client::ConnectedClient;
use super::{Connection, End, Stage};
use crate::hooks::{self, Decision};
use crate::session::{Author, Claim, Kept, Link, Session, Will};
use crate::shard::{self, Shard};

impl Connection {
    pub(super) fn is_claiming(&self) -> bool {
        matches!(&self.stage, Stage::Connecting(connecting) if connecting.claiming.is_some())
    }

    /// Goes through the CONNECT again that waits in the tail for its session.
    pub(super) fn claim_again(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
    ) -> Result<(), End> {
        let mut tail = std::mem::take(&mut self.tail);
        let used = self.packets(shard, cx, &tail)?;
        tail.drain(..used);
        self.tail = tail;
        if self.is_claiming() { Ok(()) } else { self.read(shard, cx) }
    }

    /// The first packet of a connection.
    pub(super) fn on_connect(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
        frame: Frame<'_>,
    ) -> Result<(), End> {
        // [MQTT-3.1.0-1]
        if frame.packet_type() != PacketType::Connect {
            return Err(End::Unconnected(Violation::NotConnect));
        }
        let connect = Connect::decode(frame).map_err(|bad| self.refuse_malformed(frame, bad))?;
        let outcome = self.accept(shard, cx, &connect);
        if let Err(End::Refused(reason)) = &outcome {
            self.refuse(connect.version, *reason);
        }
        outcome
    }

    fn accept(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
        connect: &Connect<'_>,
    ) -> Result<(), End> {
        if self.broker.stopping.load(Ordering::Acquire) {
            return Err(End::Refused(ReasonCode::ServerShuttingDown));
        }
        self.check_connect(connect)?;
        let assigned = connect.client_id.is_empty().then(|| self.assign_client_id());
        let client_id = assigned.as_deref().unwrap_or(connect.client_id);
        self.authorise(connect, client_id)?;
        let (session, kept, resumed) = match self.claim(shard, cx, connect, client_id)? {
            Some(granted) => granted,
            None => return Ok(()),
        };
        let Stage::Connecting(connecting) = std::mem::replace(&mut self.stage, Stage::Closed)
        else {
            return Ok(());
        };
        let broker = self.broker.clone();
        let session_expiry = connect.session_expiry.min(broker.max_session_expiry());
        let username: Option<Box<str>> = connect.username.map(Into::into);
        let will = connect.will.as_ref().map(|will| {
            let author = Author {
                client_id: session.client_id.clone(),
                username: username.clone(),
                protocol: connect.version.level(),
                endpoint: self.endpoint.clone(),
            };
            Box::new(Will::new(will, author, shard.second()))
        });
        let client = Box::new(ConnectedClient {
            session,
            kept,
            version: connect.version,
            username,
            keep_alive: patience(connect.keep_alive),
            last_packet: shard.now,
            session_expiry,
            connected_without_expiry: connect.session_expiry == 0,
            will,
            receive_quota: connect.version.receive_quota(broker.limits.receive_maximum),
            waits_for: None,
            blocked_since: None,
        });
        if session_expiry > 0 {
            let client_id = &client.session.client_id;
            broker.store.session_begun(client_id, session_expiry);
        }
        let reply = self.connack(connect, resumed, session_expiry, assigned.as_deref());
        let link = Link::new(
            connecting.write,
            cx.waker().clone(),
            client.version,
            connect.maximum_packet_size,
        );
        let mut outbox = client.session.outbox.lock();
        outbox.attach(link, connect.receive_maximum.min(broker.limits.max_inflight));
        outbox.lend_buffer(&mut shard.outgoing.pool);
        // [MQTT-3.2.0-1]
        outbox.append(&reply);
        outbox.resume(shard.second());
        shard.outgoing.mark(&client.session, outbox);
        client.session.mark_attention();
        let decision =
            broker.hooks.on_connect(&client.facts(&self.endpoint), resumed, connect.clean_start);
        broker.clients.fetch_add(1, Ordering::Relaxed);
        self.stage = Stage::Connected(client);
        let next = self.keep_alive_deadline();
        self.set_check(shard, next);
        if decision == Decision::Veto { Err(End::ConnectVetoed) } else { Ok(()) }
    }

    fn keep_alive_deadline(&self) -> u64 {
        match &self.stage {
            Stage::Connected(client) if client.keep_alive > 0 => {
                client.last_packet + client.keep_alive
            }
            _ => u64::MAX,
        }
    }

    /// What is refused whatever the plugins say.
    fn check_connect(&self, connect: &Connect<'_>) -> Result<(), End> {
        let limits = &self.broker.limits;
        if connect.client_id.len() > limits.max_client_id_length {
            return Err(End::Refused(ReasonCode::ClientIdentifierNotValid));
        }
        // [MQTT-4.12.0-1]
        if connect.authentication_method.is_some() {
            return Err(End::Refused(ReasonCode::BadAuthenticationMethod));
        }
        if let Some(will) = &connect.will
            && !self.broker.accepts_topic(will.topic)
        {
            return Err(End::Refused(ReasonCode::TopicNameInvalid));
        }
        Ok(())
    }

    /// An identifier for a client that brings none: nobody else can have it by accident.
    fn assign_client_id(&self) -> String {
        format!("auto-{:016x}-{}", self.broker.instance, self.id)
    }

    fn authorise(&mut self, connect: &Connect<'_>, client_id: &str) -> Result<(), End> {
        let Stage::Connecting(connecting) = &mut self.stage else { return Ok(()) };
        if connecting.authorised {
            return Ok(());
        }
        let facts = hooks::Client {
            client_id,
            username: connect.username,
            protocol: connect.version.level(),
            peer: self.endpoint.peer,
            local: self.endpoint.local,
            listener: &self.endpoint.listener,
        };
        let asked = hooks::BeforeConnect {
            clean_start: connect.clean_start,
            keep_alive: connect.keep_alive,
            session_expiry: connect.session_expiry,
            password: connect.password,
            will_topic: connect.will.as_ref().map(|will| will.topic),
            properties: connect.properties.as_bytes(),
        };
        if self.broker.hooks.on_before_connect(&facts, &asked) == Decision::Veto {
            return Err(End::Refused(ReasonCode::NotAuthorized));
        }
        connecting.authorised = true;
        Ok(())
    }

    /// Claims the session; `None` if its owner has to go first.
    fn claim(
        &mut self,
        shard: &mut Shard,
        cx: &Context<'_>,
        connect: &Connect<'_>,
        client_id: &str,
    ) -> Result<Option<(Arc<Session>, Box<Kept>, bool)>, End> {
        let Stage::Connecting(connecting) = &mut self.stage else { return Ok(None) };
        let window = connect.receive_maximum.min(self.broker.limits.max_inflight);
        let claim = self.broker.sessions.claim(
            client_id,
            self.id,
            connect.clean_start,
            connecting.claiming.is_some(),
            cx.waker(),
            |client_id| Session::new(client_id, window),
        );
        match claim {
            Claim::Wait => {
                connecting.claiming = Some(client_id.into());
                Ok(None)
            }
            Claim::Superseded => Err(End::Refused(ReasonCode::ServerBusy)),
            Claim::Granted { session, kept, resumed, ended } => {
                connecting.claiming = None;
                if let Some(ended) = ended {
                    self.broker.end_session(shard, &ended);
                }
                Ok(Some((session, kept, resumed)))
            }
        }
    }

    /// CONNACK with what the client must know of the broker. [MQTT-3.2.2-2]
    fn connack(
        &self,
        connect: &Connect<'_>,
        session_present: bool,
        session_expiry: u32,
        assigned_client_id: Option<&str>,
    ) -> Vec<u8> {
        let limits = &self.broker.limits;
        let mut properties = PropertyBuffer::new();
        if session_expiry != connect.session_expiry {
            properties.push(Property::SessionExpiryInterval(session_expiry));
        }
        properties.push(Property::ReceiveMaximum(limits.receive_maximum));
        properties.push(Property::MaximumPacketSize(limits.max_packet_size));
        if let Some(client_id) = assigned_client_id {
            // [MQTT-3.2.2-16]
            properties.push(Property::AssignedClientIdentifier(client_id));
        }
        properties.push(Property::SubscriptionIdentifierAvailable(0));
        properties.push(Property::SharedSubscriptionAvailable(0));
        let connack = Packet::ConnAck(ConnAck {
            session_present,
            reason: ReasonCode::Success,
            properties: properties.as_properties(),
        });
        let mut bytes = Vec::new();
        if let Lowered::Send(connack) = connect.version.lower(connack) {
            connack.encode(connect.version, &mut bytes);
        }
        bytes
    }

    /// Answers a CONNECT with a refusal; the connection then ends. [MQTT-3.2.2-7]
    fn refuse(&self, version: Version, reason: ReasonCode) {
        let Stage::Connecting(connecting) = &self.stage else { return };
        if let Lowered::Send(connack) = version.lower(Packet::ConnAck(ConnAck::refused(reason))) {
            let mut bytes = Vec::new();
            connack.encode(version, &mut bytes);
            // The socket is new and the packet small; a client that takes not even this loses it.
            let _ = connecting.write.try_write(&bytes);
        }
    }

    /// A CONNECT that cannot be understood is answered where the standard has an answer.
    /// [MQTT-3.1.4-1] [MQTT-3.1.2-2]
    fn refuse_malformed(&self, frame: Frame<'_>, violation: Violation) -> End {
        if let Some(version) = Connect::answer_version(frame) {
            self.refuse(version, violation.reason());
        }
        End::Unconnected(violation)
    }
}

/// One and a half times the keep alive, in milliseconds, and what time stamps may lag behind.
/// [MQTT-3.1.2-22]
fn patience(keep_alive: u16) -> u64 {
    if keep_alive == 0 { 0 } else { u64::from(keep_alive) * 1500 + shard::TICK_MILLISECONDS }
}
