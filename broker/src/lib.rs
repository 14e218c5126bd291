//! An MQTT broker whose behaviour beyond the protocol comes from plugins.
//!
//! A PUBLISH goes through the modules in the order they stand below:
//!
//! ```text
//! transport    a socket is accepted
//! shard        the thread that the connection lives on
//! connection   bytes to a packet (crate `mqtt`), the sender's QoS handshake
//! hooks        plugins allow it or veto it
//! router       who is subscribed; what is retained
//! journal      what must survive, before any acknowledgement
//! session      one outbox per subscriber, kept if the session is
//! shard        the flusher writes each outbox once a turn
//! ```

pub mod server;

mod broker;
mod clock;
mod failures;
mod few;
mod orders;
mod publish;
mod tally;

mod transport;

mod shard;

mod connection;

pub mod hooks;

pub mod plugins;

mod services;

pub use services::Folders;

mod router;

mod journal;

mod overload;

pub use overload::{Readings, Space};

mod status;

pub use status::{Status, StoreStatus};

mod session;

pub mod config;

pub mod control;

pub mod reload;

#[doc(hidden)]
pub mod microbench;

/// Compiles the plugin of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
