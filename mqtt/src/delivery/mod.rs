//! QoS 1 and 2 between the broker and one client, without the network: what is in flight, what
//! waits, and what must be said again after a reconnect.
//!
//! The state belongs to the session and outlives connections. Nothing here encodes packets.

mod inbound;
mod outbound;
mod packet_id;

pub use inbound::{Arrival, Inbound};
pub use outbound::{Outbound, Owed, RecAnswer, Resend};
