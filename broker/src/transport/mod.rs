//! Ways for clients to reach the broker: each accepts sockets and hands connections to the shards.

mod addresses;
mod handshakes;
mod tcp;

pub(crate) use addresses::{Addresses, Counted};
pub(crate) use handshakes::{Handshake, Handshakes};
pub(crate) use tcp::{TcpAcceptor, bind};
