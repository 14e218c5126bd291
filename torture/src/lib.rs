//! Ends brokers without warning and proves that nothing acknowledged is lost. Used by the broker's tests and by
//! `cargo xtask torture`; no part of the broker.
//!
//! A [`Load`] is a crowd of clients, each on a thread of its own, that goes on whatever becomes of the broker.
//! They write down what they are told in a ledger: what was acknowledged, what came, in which order. The
//! [`Broker`] is the real binary, a process of its own. A run ([`Kill`]) ends and starts it again and again, then lets
//! all that waits arrive, and compares: the [`Report`].

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "what goes wrong here ends a test"
)]

mod address;
mod broker;
mod connection;
mod ended;
mod kill;
mod ledger;
mod load;
mod publisher;
mod random;
mod report;
mod scene;
mod subscriber;
mod watcher;
mod will;

pub use broker::{Broker, Durability, Start};
pub use kill::Kill;
pub use load::Load;
pub use random::Random;
pub use report::Report;
