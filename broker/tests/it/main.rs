//! The broker over real sockets. One binary; each test starts a broker of its own on a free port,
//! and runs for both protocol versions where both apply.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic, in its helpers too"
)]

#[path = "../common/mod.rs"]
mod common;
mod support;

mod auth_backoff;
mod bounds;
mod connect;
mod connection_rate;
mod engine;
mod expiry;
mod first_run;
mod fuzz;
mod handshakes;
mod keep_alive;
mod last_words;
mod mosquitto;
mod packets;
mod plugins;
mod publish;
mod resume;
mod retain;
mod rumqttc;
mod session;
mod subscribe;
mod takeover;
mod will;
mod window;
