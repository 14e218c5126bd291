//! Ends brokers without warning and proves that nothing acknowledged is lost. Used by the broker's tests and by
//! `cargo xtask torture`; no part of the broker.
//!
//! A [`Load`] is a crowd of clients, each on a thread of its own, that goes on whatever becomes of the broker.
//! They write down what they are told in a ledger: what was acknowledged, what came, in which order. The
//! [`Broker`] is the real binary, a process of its own. A run ([`Rounds`]) ends and starts it again and again, then lets
//! all that waits arrive, and compares: the [`Report`].

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "what goes wrong here ends a test"
)]

pub mod disk;

mod address;
mod broker;
mod clock;
mod connection;
mod ended;
mod full;
mod ledger;
mod load;
mod pause;
mod power;
mod preload;
mod publisher;
mod random;
mod report;
mod rounds;
mod scene;
mod soak;
mod subscriber;
mod tail;
mod watcher;
mod will;

pub use broker::{Broker, Durability, Start};
pub use clock::ClockJumps;
pub use full::FullDisk;
pub use load::Load;
pub use power::PowerCut;
pub use random::Random;
pub use report::Report;
pub use rounds::{Kill, Rounds, Trouble};
pub use scene::Scene;
pub use soak::Soak;
