//! What test binaries share.
#![allow(dead_code, reason = "no binary uses all of it")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "these are tests")]

pub(crate) mod http_service;
pub(crate) mod log;
pub(crate) mod page;
pub(crate) mod patience;
pub(crate) mod plugins;
pub(crate) mod scratch;
