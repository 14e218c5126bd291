//! Where a connection comes from and as whom: what plugins are told of a client besides its id.
//!
//! The connection shares it with its session, whose messages are sent by other threads, also when the
//! client is away.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use plugin_abi::raw;

use crate::hooks;

#[derive(Clone)]
pub(crate) struct Endpoint {
    /// As plugins are told it, in each event.
    pub(crate) peer: raw::Address,
    pub(crate) local: Arc<LocalEnd>,
    /// Of a client that is connected, or was.
    pub(crate) username: Option<Box<str>>,
    /// The byte of its CONNECT.
    pub(crate) protocol: u8,
}

/// The broker's end of a connection, and of many others.
pub(crate) struct LocalEnd {
    /// As plugins are told it, in each event.
    pub(crate) address: raw::Address,
    /// The listener as the config names it, for example `tcp://127.0.0.1:1883`.
    pub(crate) listener: Arc<str>,
    /// Whether the store is told of what comes there.
    pub(crate) keeps: bool,
}

impl LocalEnd {
    pub(crate) fn new(address: SocketAddr, listener: Arc<str>, keeps: bool) -> Arc<LocalEnd> {
        Arc::new(LocalEnd { address: address.into(), listener, keeps })
    }
}

impl Endpoint {
    /// Before the client has said who it is.
    pub(crate) fn new(peer: SocketAddr, local: Arc<LocalEnd>) -> Endpoint {
        Endpoint { peer: peer.into(), local, username: None, protocol: 0 }
    }

    /// Of a client that was connected before the broker was started.
    pub(crate) fn unknown() -> Endpoint {
        Endpoint::new(NOWHERE, LocalEnd::new(NOWHERE, "".into(), true))
    }

    /// Where the client is.
    pub(crate) fn peer(&self) -> SocketAddr {
        socket_address(self.peer)
    }

    /// What plugins are told of the client.
    pub(crate) fn facts<'a>(&'a self, client_id: &'a str) -> hooks::Client<'a> {
        self.facts_as(client_id, self.username.as_deref(), self.protocol)
    }

    /// The same of one that is not connected yet.
    pub(crate) fn facts_as<'a>(
        &'a self,
        client_id: &'a str,
        username: Option<&'a str>,
        protocol: u8,
    ) -> hooks::Client<'a> {
        hooks::Client {
            client_id,
            username,
            protocol,
            peer: self.peer,
            local: self.local.address,
            listener: &self.local.listener,
        }
    }
}

/// An address of the IP families; any other is all zeroes.
pub(super) fn socket_address(address: raw::Address) -> SocketAddr {
    address.to_socket_addr().unwrap_or(NOWHERE)
}

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
