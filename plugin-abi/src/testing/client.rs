//! The client that an event is about, as a test makes it up.

use std::net::SocketAddr;

use super::rules::{self, Check, ensure};
use crate::{Protocol, raw};

/// A client. Unless set otherwise it speaks MQTT 5, gave no user name, and came from 127.0.0.1:50000 to
/// the listener `tcp://127.0.0.1:1883`. Where one is asked for, its client id will do.
#[derive(Clone, Debug)]
pub struct Client {
    client_id: String,
    username: Option<String>,
    protocol: Protocol,
    peer: Option<SocketAddr>,
    local: Option<SocketAddr>,
    listener: String,
}

impl Client {
    /// A client of that client id.
    pub fn new(client_id: impl Into<String>) -> Self {
        Client {
            client_id: client_id.into(),
            username: None,
            protocol: Protocol::default(),
            peer: Some(PEER),
            local: Some(LOCAL),
            listener: LISTENER.to_owned(),
        }
    }

    /// It gave this user name.
    pub fn username(self, username: impl Into<String>) -> Self {
        Client { username: Some(username.into()), ..self }
    }

    /// It speaks this version of MQTT.
    pub fn protocol(self, protocol: Protocol) -> Self {
        Client { protocol, ..self }
    }

    /// Its end of the connection, as `192.0.2.7:50000`.
    ///
    /// # Panics
    ///
    /// If it is no address with a port.
    #[track_caller]
    pub fn peer(self, peer: &str) -> Self {
        Client { peer: Some(address(peer)), ..self }
    }

    /// The broker's end of the connection, as `127.0.0.1:1883`.
    ///
    /// # Panics
    ///
    /// If it is no address with a port.
    #[track_caller]
    pub fn local(self, local: &str) -> Self {
        Client { local: Some(address(local)), ..self }
    }

    /// The listener that took the connection.
    pub fn listener(self, listener: impl Into<String>) -> Self {
        Client { listener: listener.into(), ..self }
    }

    /// The connection is none of IP: there are no addresses.
    pub fn without_addresses(self) -> Self {
        Client { peer: None, local: None, ..self }
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(super) fn is_of_5(&self) -> bool {
        rules::is_5(self.protocol)
    }

    pub(super) fn has_username(&self) -> bool {
        self.username.is_some()
    }

    pub(super) fn check(&self) -> Check {
        rules::text("client id", &self.client_id)?;
        // Who sends none is given one.
        ensure(!self.client_id.is_empty(), || "the client id is empty".into())?;
        rules::text("user name", self.username.as_deref().unwrap_or_default())?;
        rules::text("listener", &self.listener)
    }

    pub(super) fn raw(&self) -> raw::Client<'_> {
        raw::Client {
            size: size::<raw::Client<'_>>(),
            protocol: self.protocol.level(),
            has_username: self.username.is_some().into(),
            reserved: [0; 2],
            client_id: raw::Text::new(&self.client_id),
            username: raw::Text::new(self.username.as_deref().unwrap_or_default()),
            listener: raw::Text::new(&self.listener),
            peer: raw_address(self.peer),
            local: raw_address(self.local),
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Client::new("client")
    }
}

impl From<&str> for Client {
    fn from(client_id: &str) -> Self {
        Client::new(client_id)
    }
}

impl From<&Client> for Client {
    fn from(client: &Client) -> Self {
        client.clone()
    }
}

pub(super) const PEER: SocketAddr = SocketAddr::new(LOCALHOST, 50_000);
pub(super) const LOCAL: SocketAddr = SocketAddr::new(LOCALHOST, 1883);
pub(super) const LISTENER: &str = "tcp://127.0.0.1:1883";
const LOCALHOST: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[track_caller]
pub(super) fn address(text: &str) -> SocketAddr {
    match text.parse() {
        Ok(address) => address,
        Err(_) => panic!("{text:?} is not an address with a port, as 192.0.2.7:50000"),
    }
}

pub(super) fn raw_address(address: Option<SocketAddr>) -> raw::Address {
    let none = raw::Address { family: raw::FAMILY_NONE, port: 0, scope: 0, bytes: [0; 16] };
    address.map_or(none, Into::into)
}

/// The `size` field of an event.
pub(super) const fn size<T>() -> u32 {
    size_of::<T>() as u32
}
