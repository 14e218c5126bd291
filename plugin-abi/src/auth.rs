//! A round of enhanced authentication, as `on_auth` is told of it. What it answers is an
//! [`AuthVerdict`](crate::AuthVerdict).

use std::fmt;

use crate::{
    event::{Client, events, field},
    properties::UserProperties,
};

events! {
    /// A round of enhanced authentication (MQTT 5, section 4.12).
    ///
    /// The first round of an exchange is a CONNECT with an Authentication Method, or the AUTH packet
    /// by which a connected client authenticates again. Each later one is the client's answer to what
    /// the plugin asked.
    Auth;
}

impl<'a> Auth<'a> {
    /// Who is to be authenticated. Before that, nobody has checked the user name that it gave.
    pub fn client(&self) -> Client<'a> {
        Client::new(field!(self, client))
    }

    /// The Authentication Method. It is the same in all rounds and exchanges of a connection.
    pub fn method(&self) -> &'a str {
        field!(self, method).as_str()
    }

    /// The Authentication Data, if the packet has some.
    pub fn data(&self) -> Option<&'a [u8]> {
        (field!(self, has_data) != 0).then(|| field!(self, data).as_bytes())
    }

    /// What the plugin has kept in the round before ([`AuthVerdict::keeping`]); empty in the first.
    ///
    /// [`AuthVerdict::keeping`]: crate::AuthVerdict::keeping
    pub fn state(&self) -> &'a [u8] {
        field!(self, state).as_bytes()
    }

    /// 1 in the first round of an exchange.
    pub fn round(&self) -> u16 {
        field!(self, round)
    }

    /// The client is connected already, and authenticates again.
    pub fn is_reauthentication(&self) -> bool {
        field!(self, reauthentication) != 0
    }

    /// The properties of the packet as they stand there, without their length.
    pub fn properties(&self) -> &'a [u8] {
        field!(self, properties).as_bytes()
    }

    /// The user properties of the packet.
    pub fn user_properties(&self) -> UserProperties<'a> {
        UserProperties::new(self.properties())
    }
}

/// What the client and the plugin say to each other stays out of logs.
impl fmt::Debug for Auth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("client", &self.client())
            .field("method", &self.method())
            .field("round", &self.round())
            .field("is_reauthentication", &self.is_reauthentication())
            .finish_non_exhaustive()
    }
}
