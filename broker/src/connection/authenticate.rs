//! Enhanced authentication on a connection: asks the plugins and sends what `exchange` says. What may
//! come when is decided there. Until it is done CONNECT is kept as it came; then it goes the way of any
//! other.

use std::io::ErrorKind;
use std::task::Context;

use mqtt::{
    Auth, Connect, Frame, Packet, PacketType, Properties, ReasonCode, Recipient, Violation,
};

use super::endpoint::socket_address;
use super::exchange::Exchange;
use super::{Connection, End, Endpoint, Stage, Who};
use crate::broker::Broker;
use crate::hooks::{self, Asking, AuthOutcome};
use crate::shard::{Shard, TICK_MILLISECONDS};

impl Connection {
    /// Whether CONNECT has been read, and the client was asked for more.
    pub(super) fn awaits_auth(&self) -> bool {
        self.exchange().is_some_and(|exchange| !exchange.connect.is_empty())
    }

    /// The authentication of a client that is not connected yet.
    pub(super) fn exchange(&self) -> Option<&Exchange> {
        match &*self.stage {
            Stage::Connecting(connecting) => connecting.exchange.as_deref(),
            _ => None,
        }
    }

    /// The plugins' first round, where CONNECT has a method. Returns whether the client may go on:
    /// else it was asked for more.
    pub(super) fn authenticate(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
        connect: &Connect<'_>,
        client_id: &str,
    ) -> Result<bool, End> {
        let Stage::Connecting(connecting) = &mut *self.stage else { return Ok(false) };
        let begun = connecting.exchange.take();
        if begun.is_none() && connect.authentication_method.is_none() {
            return Ok(true);
        }
        let is_first = begun.as_ref().is_none_or(|exchange| exchange.is_connecting());
        let Some(mut exchange) = begun.or_else(|| Exchange::begin(connect).map(Box::new)) else {
            return Ok(true);
        };
        if is_first {
            let progress = self.waiting.take().map(|waiting| waiting.progress);
            let mut asking = Asking::waiting(&self.broker.limits, cx.waker(), progress);
            let facts = facts(&self.endpoint, connect, client_id);
            let who = [Who::of(connect), Who::Anybody];
            let asked = (&facts, &who[..]);
            let packet =
                ask(&self.broker, shard, &mut exchange, asked, connect.properties, &mut asking)?;
            let progress = asking.progress;
            exchange.unsent = packet.unwrap_or_default();
            connecting.exchange = Some(exchange);
            if progress.is_some() {
                self.wait(shard, progress);
                return Ok(false);
            }
            self.write_auth(cx)?;
        } else {
            connecting.exchange = Some(exchange);
        }
        Ok(self.exchange().is_none_or(|exchange| !exchange.is_connecting()))
    }

    /// Keeps the CONNECT of a client that was asked for more.
    pub(super) fn keep_connect(&mut self, frame: Frame<'_>) {
        if let Stage::Connecting(connecting) = &mut *self.stage
            && let Some(exchange) = &mut connecting.exchange
            && exchange.is_connecting()
            && self.waiting.is_none()
        {
            exchange.connect = frame.bytes().to_vec();
        }
    }

    /// A client that was asked for more sends AUTH or DISCONNECT. What begins otherwise is not waited
    /// for. [MQTT-3.1.2-30]
    pub(super) fn check_awaited(&self, packet_type: u8) -> Result<(), End> {
        let awaited = [PacketType::Auth as u8, PacketType::Disconnect as u8];
        match self.exchange() {
            Some(exchange) if !awaited.contains(&packet_type) => {
                let violation = Violation::NotAuth;
                Err(self.refuse_violation(exchange.recipient(), violation))
            }
            _ => Ok(()),
        }
    }

    /// What a client sends that was asked for more: AUTH or DISCONNECT.
    pub(super) fn on_auth_before_connack(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
        frame: Frame<'_>,
    ) -> Result<(), End> {
        let Stage::Connecting(connecting) = &mut *self.stage else { return Ok(()) };
        let Some(exchange) = &mut connecting.exchange else { return Ok(()) };
        let recipient = exchange.recipient();
        let bytes = std::mem::take(&mut exchange.connect);
        let outcome = self.connect_on(shard, cx, &bytes, frame);
        if let Stage::Connecting(connecting) = &mut *self.stage
            && let Some(exchange) = &mut connecting.exchange
        {
            exchange.connect = bytes;
        }
        outcome.map_err(|end| match end {
            End::Violation(violation) => self.refuse_violation(recipient, violation),
            other => other,
        })
    }

    fn refuse_violation(&self, recipient: Recipient, violation: Violation) -> End {
        self.refuse(recipient, violation.reason(), Some(&violation.to_string()));
        End::Unconnected(violation)
    }

    /// Goes on with the CONNECT in `bytes`.
    fn connect_on(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
        bytes: &[u8],
        frame: Frame<'_>,
    ) -> Result<(), End> {
        // It was read before.
        let Some(connect) = mqtt::split_frame(bytes, u32::MAX)? else { return Ok(()) };
        let connect = Connect::decode(connect)?;
        // Else it is in the queue for its session, and only there again.
        let outcome = match self.exchange().is_some_and(Exchange::is_connecting) {
            true => self.next_round(shard, cx, &connect, frame),
            false => Ok(true),
        };
        let outcome = outcome.and_then(|is_authenticated| {
            if is_authenticated { self.accept(shard, cx, &connect) } else { Ok(()) }
        });
        self.conclude(&connect, outcome)
    }

    /// Returns whether the client is authenticated.
    fn next_round(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
        connect: &Connect<'_>,
        frame: Frame<'_>,
    ) -> Result<bool, End> {
        let auth = match mqtt::decode(frame, connect.version)? {
            Packet::Auth(auth) => auth,
            Packet::Disconnect(disconnect) => return Err(End::Disconnected(disconnect.reason)),
            other => return Err(Violation::UnexpectedPacket(other.kind()).into()),
        };
        if !self.broker.accepts_properties(auth.properties) {
            return Err(End::Refused(ReasonCode::QuotaExceeded));
        }
        let assigned = self.assign_client_id();
        let client_id = if connect.client_id.is_empty() { &assigned } else { connect.client_id };
        let Stage::Connecting(connecting) = &mut *self.stage else { return Ok(false) };
        let Some(exchange) = &mut connecting.exchange else { return Ok(false) };
        let progress = self.waiting.take().map(|waiting| waiting.progress);
        if progress.is_none() {
            exchange.receive(&auth, self.broker.clock.milliseconds(), connecting.deadline)?;
        }
        let mut asking = Asking::waiting(&self.broker.limits, cx.waker(), progress);
        let facts = facts(&self.endpoint, connect, client_id);
        let who = [Who::of(connect), Who::Anybody];
        let asked = (&facts, &who[..]);
        let packet = ask(&self.broker, shard, exchange, asked, auth.properties, &mut asking)?;
        let progress = asking.progress;
        if progress.is_some() {
            self.wait(shard, progress);
            return Ok(false);
        }
        let is_done = packet.is_none();
        exchange.unsent = packet.unwrap_or_default();
        self.write_auth(cx)?;
        Ok(is_done)
    }

    /// Writes what is left of an AUTH before CONNACK; woken again when the socket takes more.
    pub(super) fn write_auth(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let Stage::Connecting(connecting) = &mut *self.stage else { return Ok(()) };
        let Some(exchange) = &mut connecting.exchange else { return Ok(()) };
        while !exchange.unsent.is_empty() {
            match connecting.write.try_write(&exchange.unsent) {
                Ok(written) => drop(exchange.unsent.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if connecting.write.as_ref().poll_write_ready(cx).is_pending() {
                        break;
                    }
                }
                Err(error) => return Err(End::Failed(error)),
            }
        }
        Ok(())
    }

    /// AUTH of a connected client: it authenticates again. What else it sends goes on meanwhile.
    pub(super) fn on_auth(
        &mut self,
        shard: &mut Shard,
        cx: &Context<'_>,
        auth: &Auth<'_>,
    ) -> Result<(), End> {
        self.check_properties(auth.properties)?;
        let Stage::Connected(client) = &mut *self.stage else { return Ok(()) };
        // [MQTT-4.12.0-6] [MQTT-4.12.0-7]
        let Some(mut exchange) = client.exchange.take() else {
            return Err(Violation::UnexpectedPacket("AUTH").into());
        };
        let progress = self.waiting.take().map(|waiting| waiting.progress);
        if progress.is_none() {
            let timeout = self.broker.limits.connect_timeout.as_millis() as u64;
            exchange.receive(auth, shard.now, shard.now + timeout + TICK_MILLISECONDS)?;
        }
        let mut asking = Asking::waiting(&self.broker.limits, cx.waker(), progress);
        let facts = client.facts(&self.endpoint);
        // A wrong secret ends the connection; by many connections many could be tried.
        let asked = (&facts, &[Who::Anybody][..]);
        let packet = ask(&self.broker, shard, &mut exchange, asked, auth.properties, &mut asking)?;
        let progress = asking.progress;
        if let Some(packet) = packet {
            shard.batch.replies.extend_from_slice(&packet);
        }
        let due = exchange.due();
        client.exchange = Some(exchange);
        self.wait(shard, progress);
        self.check_by(shard, due);
        Ok(())
    }
}

/// Asks the plugins about a packet with these properties, unless they have refused one of `who` and that
/// has to wait. That they let the client pass clears no wait: its names are not yet proved to be its own.
fn ask(
    broker: &Broker,
    shard: &Shard,
    exchange: &mut Exchange,
    (facts, who): (&hooks::Client<'_>, &[Who<'_>]),
    properties: Properties<'_>,
    asking: &mut Asking<'_>,
) -> Result<Option<Vec<u8>>, End> {
    let Broker { backoff, clock, .. } = broker;
    let address = socket_address(facts.peer).ip();
    let is_over = || {
        let now = clock.milliseconds();
        who.iter().all(|who| backoff.is_over(address, *who, now))
    };
    let has_waited = asking.progress.is_some();
    if !has_waited && !is_over() {
        return Err(End::must_wait());
    }
    // Who has begun an exchange ends it, though others may be in force by then.
    let hooks = exchange.hooks.get_or_insert_with(|| shard.hooks.clone()).clone();
    let mut taken_by = exchange.taken_by.take();
    let outcome = hooks.on_auth(facts, &exchange.round(properties), &mut taken_by, asking);
    exchange.taken_by = taken_by;
    if outcome == AuthOutcome::Pending {
        return Ok(None);
    }
    // Of many who have waited at once, one is told; else each would be a guess.
    if has_waited && !is_over() {
        return Err(End::must_wait());
    }
    let answer = exchange.decide(outcome);
    if answer.is_err() && exchange.taken_by.is_some() {
        let now = clock.milliseconds();
        who.iter().for_each(|who| backoff.refused(address, *who, now));
    }
    answer
}

/// What plugins are told of a client that is not connected yet.
pub(super) fn facts<'a>(
    endpoint: &'a Endpoint,
    connect: &Connect<'a>,
    client_id: &'a str,
) -> hooks::Client<'a> {
    endpoint.facts_as(client_id, connect.username, connect.version.level())
}
