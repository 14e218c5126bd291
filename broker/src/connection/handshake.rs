//! CONNECT: limits, plugins, the claim on the session, and the refusals. AUTH packets are in
//! `authenticate`; what follows when the session is granted is in `attach`.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;

use mqtt::{ConnAck, Connect, Frame, Packet, PacketType, ReasonCode, Recipient, Violation};

use super::authenticate::facts;
use super::{Connection, End, Exchange, Stage, Who, why};
use crate::broker::Broker;
use crate::hooks::{self, Asking, Edits, Refusal, SessionChange, Verdict};
use crate::overload::Level;
use crate::services::CLIENT_ID_PREFIX;
use crate::session::{Claim, Claimant, Granted, Session};
use crate::shard::Shard;
use crate::tally::Kind;

impl Connection {
    pub(super) fn is_claiming(&self) -> bool {
        matches!(&*self.stage, Stage::Connecting(connecting) if connecting.claiming.is_some())
    }

    /// Goes through the CONNECT again that waits in the tail for its session.
    pub(super) fn claim_again(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
    ) -> Result<(), End> {
        self.go_on(shard, cx)?;
        if self.is_claiming() { Ok(()) } else { self.read(shard, cx) }
    }

    /// The first packet of a connection.
    pub(super) fn on_connect(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
        frame: Frame<'_>,
    ) -> Result<(), End> {
        if self.awaits_auth() {
            return self.on_auth_before_connack(shard, cx, frame);
        }
        // [MQTT-3.1.0-1]
        if frame.packet_type() != PacketType::Connect {
            return Err(End::Unconnected(Violation::NotConnect));
        }
        let connect =
            Connect::decode(frame).map_err(|bad| self.refuse_malformed(frame.bytes(), bad))?;
        let outcome = self.accept(shard, cx, &connect);
        self.keep_connect(frame);
        self.conclude(&connect, outcome)
    }

    /// Tells a client that is refused.
    pub(super) fn conclude(
        &self,
        connect: &Connect<'_>,
        outcome: Result<(), End>,
    ) -> Result<(), End> {
        // What follows a refused CONNECT is never looked at. [MQTT-3.1.4-6]
        let (reason, why) = match outcome {
            Err(End::Refused(reason)) => (reason, why::connect_refused(reason).map(Cow::from)),
            Err(End::Unauthenticated(reason, why)) => (reason, why),
            other => return other,
        };
        self.refuse(connect.recipient(), reason, why.as_deref());
        let (client_id, peer) = (connect.client_id, self.endpoint.peer());
        let kind = Kind::Refused(reason);
        self.broker.tally.count(kind, || format!("{client_id:?} at {peer}"));
        Err(End::Refused(reason))
    }

    /// All that comes before CONNACK, as far as it can be done now; to be called again when it can go
    /// on.
    pub(super) fn accept(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
        connect: &Connect<'_>,
    ) -> Result<(), End> {
        if self.broker.stopping.load(Ordering::Acquire) {
            // CONNACK has no code for shutting down. [MQTT-3.2.2-8]
            return Err(End::Refused(ReasonCode::ServerUnavailable));
        }
        self.check_overload(connect)?;
        self.check_connect(connect)?;
        let assigned = connect.client_id.is_empty().then(|| self.assign_client_id());
        let client_id = assigned.as_deref().unwrap_or(connect.client_id);
        if !self.authenticate(shard, cx, connect, client_id)? {
            return Ok(());
        }
        // From here on the client goes by the name that the plugin knows it by, if it has said one.
        let username: Option<Box<str>> =
            self.exchange().and_then(Exchange::username).map(Into::into);
        let connect = &Connect { username: username.as_deref().or(connect.username), ..*connect };
        if !self.authorise(shard, cx, connect, client_id)? {
            return Ok(());
        }
        let edits = self.edits();
        let by_plugins = edits.as_deref();
        let connect = &Connect {
            username: by_plugins.and_then(|edits| edits.username.as_deref()).or(connect.username),
            ..*connect
        };
        let assigned =
            by_plugins.and_then(|edits| edits.client_id.as_deref()).or(assigned.as_deref());
        let client_id = assigned.unwrap_or(connect.client_id);
        if client_id.starts_with(CLIENT_ID_PREFIX) {
            return Err(End::Refused(ReasonCode::ClientIdentifierNotValid));
        }
        // It is as large when a session is resumed. [MQTT-3.1.2-24]
        if self.connack(connect, by_plugins, false, self.exchange(), assigned).is_err() {
            return Err(End::Refused(ReasonCode::PacketTooLarge));
        }
        let Some(granted) = self.claim(shard, cx, connect, client_id)? else { return Ok(()) };
        self.attach(shard, cx, connect, granted, assigned)
    }

    /// Who is refused because the broker is behind.
    fn check_overload(&self, connect: &Connect<'_>) -> Result<(), End> {
        let is_refused = match self.broker.overload.level() {
            Level::Enough | Level::Short => false,
            // Who comes back takes what waits for it, which frees memory.
            Level::Scarce => !self.broker.sessions.has(connect.client_id),
            Level::Exhausted => true,
        };
        if is_refused {
            return Err(End::Refused(ReasonCode::QuotaExceeded));
        }
        let is_kept = connect.session_expiry > 0 || !connect.clean_start || connect.will.is_some();
        if is_kept && self.broker.store_is_full() {
            return Err(End::Refused(ReasonCode::ServerBusy));
        }
        Ok(())
    }

    /// What is refused whatever the plugins say.
    fn check_connect(&self, connect: &Connect<'_>) -> Result<(), End> {
        let limits = &self.broker.limits;
        // [MQTT-3.1.3-8]
        if connect.client_id.len() > limits.max_client_id_length
            || connect.client_id.starts_with(CLIENT_ID_PREFIX)
        {
            return Err(End::Refused(ReasonCode::ClientIdentifierNotValid));
        }
        let will_properties = connect.will.map(|will| will.properties).unwrap_or_default();
        if !self.broker.accepts_properties(connect.properties)
            || !self.broker.accepts_properties(will_properties)
        {
            return Err(End::Refused(ReasonCode::QuotaExceeded));
        }
        if let Some(will) = &connect.will
            && !self.broker.accepts_topic(will.topic)
        {
            return Err(End::Refused(ReasonCode::TopicNameInvalid));
        }
        if let Some(will) = &connect.will
            && !self.broker.accepts_payload(will.properties, will.payload)
        {
            return Err(End::Refused(ReasonCode::PayloadFormatInvalid));
        }
        Ok(())
    }

    /// An identifier for a client that brings none: nobody else can have it by accident.
    /// [MQTT-3.1.3-6]
    pub(super) fn assign_client_id(&self) -> String {
        format!("auto-{:016x}-{}", self.broker.instance, self.id)
    }

    /// Whether the plugins let the client pass. If not, one of them is waited for.
    fn authorise(
        &mut self,
        shard: &mut Shard,
        cx: &Context<'_>,
        connect: &Connect<'_>,
        client_id: &str,
    ) -> Result<bool, End> {
        let Stage::Connecting(connecting) = &mut *self.stage else { return Ok(false) };
        if connecting.authorised {
            return Ok(true);
        }
        let facts = facts(&self.endpoint, connect, client_id);
        let asked = hooks::BeforeConnect {
            clean_start: connect.clean_start,
            keep_alive: connect.keep_alive,
            session_expiry: connect.session_expiry,
            password: connect.password,
            will: connect.will.as_ref().map(|will| hooks::Will {
                topic: will.topic,
                payload: will.payload,
                properties: will.properties.as_bytes(),
                qos: will.qos as u8,
                retain: will.retain,
            }),
            properties: connect.properties.as_bytes(),
            authentication_method: connecting.exchange.as_deref().map(Exchange::method),
        };
        let Broker { backoff, clock, .. } = &*self.broker;
        let (address, who) = (self.endpoint.peer().ip(), Who::of(connect));
        let progress = self.waiting.take().map(|waiting| waiting.progress);
        let has_waited = progress.is_some();
        if !has_waited && !backoff.is_over(address, who, clock.milliseconds()) {
            return Err(End::must_wait());
        }
        let mut asking = Asking::waiting(&self.broker.limits, cx.waker(), progress);
        let decision = shard.hooks.on_before_connect(&facts, &asked, &mut asking);
        let progress = asking.progress;
        self.throttle.ask(decision.throttle);
        if decision.verdict == Verdict::Pending {
            // From now on it is not the client that takes its time.
            connecting.handshake = None;
            self.wait(shard, progress);
            return Ok(false);
        }
        // Of many who have waited at once, one is told; else each would be a guess.
        if has_waited && !backoff.is_over(address, who, clock.milliseconds()) {
            return Err(End::must_wait());
        }
        if let Some(Refusal { reason, why }) = decision.verdict.told_in(PacketType::ConnAck) {
            backoff.refused(address, who, clock.milliseconds());
            return Err(End::Unauthenticated(reason, why)); // [MQTT-3.1.4-2]
        }
        // A user name beside a method is proved where the plugin has said it.
        if connecting.exchange.as_deref().is_none_or(|exchange| exchange.username().is_some()) {
            backoff.accepted(address, who);
        }
        connecting.authorised = true;
        connecting.edits = decision.edits.map(Arc::from);
        Ok(true)
    }

    /// What the plugins have changed of a CONNECT that they have let pass.
    fn edits(&self) -> Option<Arc<Edits>> {
        match &*self.stage {
            Stage::Connecting(connecting) => connecting.edits.clone(),
            _ => None,
        }
    }

    /// Claims the session; `None` if its owner has to go first.
    fn claim(
        &mut self,
        shard: &mut Shard,
        cx: &Context<'_>,
        connect: &Connect<'_>,
        client_id: &str,
    ) -> Result<Option<Granted>, End> {
        let Stage::Connecting(connecting) = &mut *self.stage else { return Ok(None) };
        let edits = connecting.edits.clone();
        let named = edits.as_deref().and_then(|edits| edits.username.as_deref());
        let window = connect.receive_maximum.min(self.broker.limits.max_inflight);
        let claimant = Claimant {
            client_id,
            // Where nobody checks user names, they say nothing. Beside a method nobody need have done.
            user: match connecting.exchange.as_deref() {
                Some(exchange) => named.or(exchange.username()),
                None => connect
                    .username
                    .filter(|_| shard.hooks.decides_who_connects_at(&self.endpoint.local.listener)),
            },
            connection: self.id,
            clean_start: connect.clean_start,
            waited: connecting.claiming.is_some(),
            waker: cx.waker(),
        };
        if self.broker.sessions.would_take_over(&claimant)
            && !self.broker.accepts_takeover(self.endpoint.peer().ip(), client_id)
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
            Claim::Granted(mut granted) => {
                connecting.claiming = None;
                if let Some(ended) = granted.ended.take() {
                    self.broker.schedule.remove(&ended.timers);
                    let was_kept = ended.session.number().is_some();
                    self.broker.end_session(shard, *ended, SessionChange::Deleted);
                    if was_kept {
                        shard.outgoing.journal.hold_writes(&granted.session);
                    }
                }
                Ok(Some(granted))
            }
        }
    }

    /// Answers a CONNECT with a refusal; the connection then ends. [MQTT-3.2.2-7]
    pub(super) fn refuse(&self, recipient: Recipient, reason: ReasonCode, why: Option<&str>) {
        let Stage::Connecting(connecting) = &*self.stage else { return };
        // Nothing can follow half a packet.
        if connecting.exchange.as_ref().is_some_and(|exchange| !exchange.unsent.is_empty()) {
            return;
        }
        let properties = why::reason_string(why);
        let properties = properties.as_properties();
        let connack = ConnAck { properties, ..ConnAck::refused(reason) };
        let mut bytes = Vec::new();
        if recipient.write(Packet::ConnAck(connack), &mut bytes).is_ok() {
            // The socket is new and the packet small; a client that takes not even this loses it.
            let _ = connecting.write.try_write(&bytes);
        }
    }

    /// A CONNECT that cannot be understood is answered where the standard has an answer.
    /// [MQTT-3.1.4-1] [MQTT3-3.1.4-1] [MQTT-3.1.2-2]
    pub(super) fn refuse_malformed(&self, packet: &[u8], violation: Violation) -> End {
        if let Some(version) = Connect::answer_version(packet) {
            let recipient = Recipient::stranger(version);
            self.refuse(recipient, violation.reason(), Some(&violation.to_string()));
        }
        End::Unconnected(violation)
    }
}
