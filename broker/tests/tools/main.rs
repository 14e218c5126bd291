//! The commands beside `run`, as people type them: the real binary on good plugins and bad ones.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../it/support/process.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod process;

mod bench;
mod check;
mod ctl;
mod faulty;
mod folder;
mod folders;
mod help;
mod http_auth;
mod manifest;
mod passwd;
mod peer;
mod plugin_check;
mod plugin_list;
mod plugin_new;
mod record;
mod replay;
mod store;
