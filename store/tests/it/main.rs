//! Tests of the store as its owner sees it: real files, real crashes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may panic, in its helpers too"
)]

mod checked;
mod damaged;
mod fixture;
mod full;
mod killed;
mod model;
mod power;
mod reopened;
mod script;
mod writer;
