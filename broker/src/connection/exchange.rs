//! Enhanced authentication as a state machine: which AUTH packet may come, and what goes back. It
//! knows neither socket nor plugin; `authenticate` connects it to both. [MQTT-4.12.0-5]

use std::borrow::Cow;
use std::sync::Arc;

use mqtt::{Auth, Connect, Packet, PacketType, Properties, Property, PropertyBuffer, ReasonCode};
use mqtt::{Recipient, Violation};

use super::End;
use crate::hooks::{AuthOutcome, AuthReply, AuthRound, Authenticator, Hooks};

/// Packets that a client may send to be authenticated once. No known method needs half a dozen.
const MAX_ROUNDS: u16 = 32;

/// Milliseconds from the beginning of a re-authentication to that of the next, at least: a plugin may take
/// its time, and others wait for it.
const BETWEEN: u64 = 1000;

/// The authentication of one connection whose CONNECT had a method, and of its repetitions.
pub(super) struct Exchange {
    recipient: Recipient,
    method: Box<str>,
    /// Who the client is, if the plugin has said it. What CONNECT says nobody has checked.
    username: Option<Box<str>>,
    phase: Phase,
    /// When the client may begin again, in milliseconds of the broker's clock.
    not_before: u64,
    /// Of the exchange under way; the first is 1.
    round: u16,
    /// What the plugin keeps between the rounds.
    state: Vec<u8>,
    pub(super) taken_by: Option<Authenticator>,
    /// Those that were asked first, while there are more rounds to come.
    pub(super) hooks: Option<Arc<Hooks>>,
    /// CONNECT as it came, while the client is asked for more.
    pub(super) connect: Vec<u8>,
    /// What the socket has not taken yet of an AUTH before CONNACK.
    pub(super) unsent: Vec<u8>,
    /// What CONNACK has to say.
    welcome: AuthReply,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not let in yet.
    Connecting,
    /// Let in, or about to be.
    Authenticated,
    /// Let in, and asked for more; by then, in milliseconds of the broker's clock, it must be over.
    Again { due: u64 },
}

impl Exchange {
    /// At the CONNECT; `None` if it has no method. [MQTT-4.12.0-6]
    pub(super) fn begin(connect: &Connect<'_>) -> Option<Exchange> {
        Some(Exchange {
            recipient: connect.recipient(),
            method: connect.authentication_method?.into(),
            username: None,
            phase: Phase::Connecting,
            not_before: 0,
            round: 1,
            state: Vec::new(),
            taken_by: None,
            hooks: None,
            connect: Vec::new(),
            unsent: Vec::new(),
            welcome: AuthReply::default(),
        })
    }

    /// Whether the client still has to be let in.
    pub(super) fn is_connecting(&self) -> bool {
        self.phase == Phase::Connecting
    }

    /// What the client can be sent.
    pub(super) fn recipient(&self) -> Recipient {
        self.recipient
    }

    pub(super) fn method(&self) -> &str {
        &self.method
    }

    /// The name that the plugin answers for.
    pub(super) fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// When an exchange of a connected client must be over, in milliseconds of the broker's clock;
    /// `u64::MAX` if there is none.
    pub(super) fn due(&self) -> u64 {
        if let Phase::Again { due } = self.phase { due } else { u64::MAX }
    }

    /// A plugin has taken so many milliseconds, which the client could not use.
    pub(super) fn prolong(&mut self, waited: u64) {
        if let Phase::Again { due } = &mut self.phase {
            *due += waited;
        }
    }

    /// An AUTH packet came at `now`; if it begins an exchange, that must be over at `due`. Success: the
    /// plugins are to be asked.
    pub(super) fn receive(&mut self, auth: &Auth<'_>, now: u64, due: u64) -> Result<(), End> {
        // [MQTT-4.12.0-5] [MQTT-4.12.1-1]
        if auth.properties.authentication_method() != Some(&*self.method) {
            return Err(Violation::AuthenticationMethodChanged.into());
        }
        match (self.phase, auth.reason) {
            // It cannot have read what it is to answer.
            (_, reason) if !self.unsent.is_empty() => {
                return Err(Violation::AuthenticationOrder(reason as u8).into());
            }
            // [MQTT-4.12.0-3]
            (Phase::Connecting | Phase::Again { .. }, ReasonCode::ContinueAuthentication) => {
                self.round += 1;
            }
            // [MQTT-4.12.1-1]
            (Phase::Authenticated, ReasonCode::ReAuthenticate) => {
                if now < self.not_before {
                    let why = Some("authenticated again too soon".into());
                    return Err(self.refused(ReasonCode::MessageRateTooHigh, why));
                }
                self.not_before = now + BETWEEN;
                self.phase = Phase::Again { due };
                self.round = 1;
            }
            (_, reason) => return Err(Violation::AuthenticationOrder(reason as u8).into()),
        }
        if self.round > MAX_ROUNDS {
            return Err(self.refused(ReasonCode::QuotaExceeded, Some("too many rounds".into())));
        }
        Ok(())
    }

    /// What the plugins are told of the packet with these properties.
    pub(super) fn round<'a>(&'a self, properties: Properties<'a>) -> AuthRound<'a> {
        AuthRound {
            method: &self.method,
            data: properties.authentication_data(),
            state: &self.state,
            properties: properties.as_bytes(),
            round: self.round,
            reauthentication: !self.is_connecting(),
        }
    }

    /// What the plugins have said. Returns the AUTH packet to send; none if CONNACK comes next.
    pub(super) fn decide(&mut self, outcome: AuthOutcome) -> Result<Option<Vec<u8>>, End> {
        self.state = Vec::new();
        match outcome {
            // [MQTT-4.12.0-1]
            AuthOutcome::Unknown | AuthOutcome::Pending => {
                let why = Some("no such authentication method".into());
                Err(self.refused(ReasonCode::BadAuthenticationMethod, why))
            }
            // [MQTT-4.12.0-4] [MQTT-4.12.1-2]
            AuthOutcome::Refused(reason, why) => {
                Err(self.refused(reason, why.map(|why| String::from(why).into())))
            }
            AuthOutcome::Challenge(mut reply) => {
                self.state = std::mem::take(&mut reply.state);
                // [MQTT-4.12.0-2]
                self.packet(ReasonCode::ContinueAuthentication, &reply).map(Some)
            }
            AuthOutcome::Authenticated(reply) => self.succeed(reply),
        }
    }

    fn succeed(&mut self, mut reply: AuthReply) -> Result<Option<Vec<u8>>, End> {
        self.hooks = None;
        let name = reply.username.take();
        if self.is_connecting() {
            self.username = name;
            self.phase = Phase::Authenticated;
            self.welcome = reply;
            return Ok(None);
        }
        // A session has one user.
        if name.is_some() && name != self.username {
            let why = Some("the session is another user's".into());
            return Err(self.refused(ReasonCode::NotAuthorized, why));
        }
        self.phase = Phase::Authenticated;
        self.packet(ReasonCode::Success, &reply).map(Some)
    }

    fn refused(&self, reason: ReasonCode, why: Option<Cow<'static, str>>) -> End {
        let packet =
            if self.is_connecting() { PacketType::ConnAck } else { PacketType::Disconnect };
        End::Unauthenticated(reason.nearest_in(packet), why)
    }

    /// Adds to CONNACK what it says of the authentication. [MQTT-4.12.0-5]
    pub(super) fn welcome(&self, connack: &mut PropertyBuffer) {
        let AuthReply { data, reason, .. } = &self.welcome;
        connack.push(Property::AuthenticationMethod(&self.method));
        if let Some(data) = data {
            connack.push(Property::AuthenticationData(data));
        }
        if let Some(reason) = reason {
            connack.push(Property::ReasonString(reason));
        }
    }

    /// CONNACK is on its way: what only CONNECT and CONNACK needed is not kept.
    pub(super) fn forget_connect(mut self: Box<Self>) -> Box<Self> {
        self.connect = Vec::new();
        self.welcome = AuthReply::default();
        self
    }

    /// AUTH, as far as the client takes it. One that is too large without a Reason String cannot be
    /// sent, and so there is no authentication.
    fn packet(&self, reason: ReasonCode, reply: &AuthReply) -> Result<Vec<u8>, End> {
        let mut properties = PropertyBuffer::new();
        properties.push(Property::AuthenticationMethod(&self.method)); // [MQTT-4.12.0-5]
        if let Some(data) = &reply.data {
            properties.push(Property::AuthenticationData(data));
        }
        if let Some(text) = &reply.reason {
            properties.push(Property::ReasonString(text));
        }
        let auth = Packet::Auth(Auth { reason, properties: properties.as_properties() });
        let mut packet = Vec::new();
        self.recipient.write(auth, &mut packet).map_err(|_| {
            let why = Some("AUTH is larger than the Maximum Packet Size".into());
            self.refused(ReasonCode::ImplementationSpecificError, why)
        })?;
        Ok(packet)
    }
}

#[cfg(test)]
mod tests;
