//! Ways for clients to reach the broker: each accepts sockets and hands connections to the shards.

mod addresses;
mod tcp;

pub(crate) use addresses::{Addresses, Counted};
pub(crate) use tcp::{TcpAcceptor, bind};
