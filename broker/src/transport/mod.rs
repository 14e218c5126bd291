//! Ways for clients to reach the broker: each accepts sockets and hands connections to the shards.

mod addresses;
mod connection_rate;
mod handshakes;
mod local_ends;
mod tcp;

pub(crate) use addresses::{Addresses, Counted};
pub(crate) use connection_rate::ConnectionRate;
pub(crate) use handshakes::{Handshake, Handshakes};
pub(crate) use tcp::{TcpAcceptor, bind};
