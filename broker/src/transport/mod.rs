//! Ways for clients to reach the broker: each accepts sockets and hands connections to the shards.

mod tcp;

pub(crate) use tcp::{TcpAcceptor, bind};
