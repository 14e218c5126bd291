//! The table of bad inputs and faults: one test a row or part of a row, named after it. Each also
//! asserts that the broker lives, that two other clients talk on meanwhile and afterwards, and that a
//! newcomer is let in; where memory is the question the broker is a program of its own, and has
//! afterwards what it had before.
//!
//! Tested elsewhere: row 66, which stands in `it/plugins.rs` and `loader/failing.rs`.
//!
//! Left for later, with what they wait for:
//! - 30, 31, 33, 34, 35, 36, 37: permissions, and the users they are given to. A plugin decides who may
//!   do what; the broker has no access list, password file or certificate of its own yet.
//! - 32, the second half: `$SYS` has no messages yet.
//! - 44: TLS.
//! - 55, the wills that survive a restart: the disk.
//! - 56: passwords.
//! - 58, 59: WebSocket.
//! - 61, 62, 63, 64: the disk.
//! - 67: the admin interface.
//! - 68, 69: the cluster.
//! - 70, the second half: SIGHUP does not reload the config yet.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic, in its helpers too"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, unused_macros, reason = "shared with another test binary")]
mod support;

mod guard;
mod program;
mod refusal;
mod wire;

mod absent;
mod connect;
mod crowd;
mod flow;
mod framing;
mod properties;
mod quiet;
mod sockets;
mod strings;
mod topics;
