//! CONNECT: limits, plugins, the claim on the session, and the refusals. What follows when the
//! session is granted is in `attach`.

use std::sync::atomic::Ordering;
use std::task::Context;

use mqtt::{ConnAck, Connect, Frame, Lowered, Packet, PacketType, ReasonCode, Version, Violation};

use super::{Connection, End, Stage};
use crate::broker::Broker;
use crate::hooks::{self, Decision};
use crate::session::{Claim, Claimant, Granted, Session};
use crate::shard::Shard;
use crate::tally::Kind;

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
        self.tail = if tail.is_empty() { Vec::new() } else { tail };
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
        // What follows a refused CONNECT is never looked at. [MQTT-3.1.4-6]
        if let Err(End::Refused(reason)) = &outcome {
            self.refuse(connect.version, *reason);
            let (client_id, peer) = (connect.client_id, self.endpoint.peer);
            let kind = Kind::Refused(*reason);
            self.broker.tally.count(kind, || format!("{client_id:?} at {peer}"));
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
            // CONNACK has no code for shutting down. [MQTT-3.2.2-8]
            return Err(End::Refused(ReasonCode::ServerUnavailable));
        }
        self.check_connect(connect)?;
        let assigned = connect.client_id.is_empty().then(|| self.assign_client_id());
        let client_id = assigned.as_deref().unwrap_or(connect.client_id);
        self.authorise(connect, client_id)?;
        let Some(granted) = self.claim(shard, cx, connect, client_id)? else { return Ok(()) };
        self.attach(shard, cx, connect, granted, assigned.as_deref())
    }

    /// What is refused whatever the plugins say.
    fn check_connect(&self, connect: &Connect<'_>) -> Result<(), End> {
        let limits = &self.broker.limits;
        // [MQTT-3.1.3-8]
        if connect.client_id.len() > limits.max_client_id_length {
            return Err(End::Refused(ReasonCode::ClientIdentifierNotValid));
        }
        let will_properties = connect.will.map(|will| will.properties).unwrap_or_default();
        if !self.broker.accepts_properties(connect.properties)
            || !self.broker.accepts_properties(will_properties)
        {
            return Err(End::Refused(ReasonCode::QuotaExceeded));
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
    /// [MQTT-3.1.3-6]
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
        let Broker { hooks, backoff, clock, .. } = &*self.broker;
        let (address, user) = (self.endpoint.peer.ip(), connect.username);
        if !backoff.is_over(address, user, clock.milliseconds()) {
            return Err(End::Refused(ReasonCode::ConnectionRateExceeded));
        }
        if hooks.on_before_connect(&facts, &asked) == Decision::Veto {
            backoff.refused(address, user, clock.milliseconds());
            return Err(End::Refused(ReasonCode::NotAuthorized)); // [MQTT-3.1.4-2]
        }
        backoff.accepted(address, user);
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
    ) -> Result<Option<Granted>, End> {
        let Stage::Connecting(connecting) = &mut self.stage else { return Ok(None) };
        let window = connect.receive_maximum.min(self.broker.limits.max_inflight);
        let claimant = Claimant {
            client_id,
            // Where nobody checks user names, they say nothing.
            user: connect.username.filter(|_| self.broker.hooks.decides_who_connects()),
            connection: self.id,
            clean_start: connect.clean_start,
            waited: connecting.claiming.is_some(),
            waker: cx.waker(),
        };
        if self.broker.sessions.would_take_over(&claimant)
            && !self.broker.accepts_takeover(self.endpoint.peer.ip(), client_id)
        {
            return Err(End::Refused(ReasonCode::ConnectionRateExceeded));
        }
        let create = |client_id| Session::new(client_id, window);
        let claim = self.broker.sessions.claim(&claimant, create);
        match claim {
            Claim::Wait => {
                connecting.claiming = Some(client_id.into());
                Ok(None)
            }
            Claim::Denied => Err(End::Refused(ReasonCode::NotAuthorized)),
            Claim::Full => Err(End::Refused(ReasonCode::QuotaExceeded)),
            Claim::Superseded => Err(End::Refused(ReasonCode::ServerBusy)),
            Claim::Granted(granted) => {
                connecting.claiming = None;
                self.broker.schedule.remove(&granted.timers);
                if let Some(ended) = &granted.ended {
                    self.broker.end_session(shard, ended);
                }
                Ok(Some(granted))
            }
        }
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
    /// [MQTT-3.1.4-1] [MQTT3-3.1.4-1] [MQTT-3.1.2-2]
    fn refuse_malformed(&self, frame: Frame<'_>, violation: Violation) -> End {
        if let Some(version) = Connect::answer_version(frame) {
            self.refuse(version, violation.reason());
        }
        End::Unconnected(violation)
    }
}
