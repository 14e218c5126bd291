//! Where a connection comes from and as whom: what plugins are told of a client besides its id.
//!
//! The connection shares it with its session, whose messages are sent by other threads, also when the
//! client is away.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::hooks;

#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    /// The listener as the config names it, for example `tcp://127.0.0.1:1883`.
    pub(crate) listener: Arc<str>,
    /// Of a client that is connected, or was.
    pub(crate) username: Option<Box<str>>,
    /// The byte of its CONNECT.
    pub(crate) protocol: u8,
}

impl Endpoint {
    /// Before the client has said who it is.
    pub(crate) fn new(peer: SocketAddr, local: SocketAddr, listener: Arc<str>) -> Endpoint {
        Endpoint { peer, local, listener, username: None, protocol: 0 }
    }

    /// What plugins are told of the client.
    pub(crate) fn facts<'a>(&'a self, client_id: &'a str) -> hooks::Client<'a> {
        hooks::Client {
            client_id,
            username: self.username.as_deref(),
            protocol: self.protocol,
            peer: self.peer,
            local: self.local,
            listener: &self.listener,
        }
    }
}
