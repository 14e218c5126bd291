//! All that the author of a hookmq plugin compiles against. A whole plugin:
//!
//! ```
//! use plugin_abi::serde::Deserialize;
//! use plugin_abi::{BeforeConnect, Config, Connect, Host, Plugin, Result, log, plugin};
//!
//! struct Doorman {
//!     settings: Settings,
//! }
//!
//! #[derive(Deserialize)]
//! #[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
//! struct Settings {
//!     prefix: String,
//! }
//!
//! #[plugin]
//! impl Plugin for Doorman {
//!     fn bootstrap(_host: Host, config: Config) -> Result<Self> {
//!         Ok(Doorman { settings: config.get()? })
//!     }
//!
//!     fn on_before_connect(&self, event: &BeforeConnect<'_>) -> bool {
//!         event.client().client_id().starts_with(&self.settings.prefix)
//!     }
//!
//!     fn on_connect(&self, event: &Connect<'_>) -> bool {
//!         log::info!("{} came in", event.client().client_id());
//!         true
//!     }
//! }
//! ```
//!
//! Its `Cargo.toml` has `crate-type = ["cdylib"]` under `[lib]` and depends on `plugin-abi` alone.
//! `cargo build --release` makes the `.so`; copy it into `plugins/` beside `config.yml` and name it
//! there:
//!
//! ```yaml
//! plugins:
//!   - name: doorman
//!     config: { prefix: sensor- }
//! ```
//!
//! [`Plugin`] says when each hook is called, on which thread, and what its answer means. What a
//! plugin writes with the macros of [`log`] comes out of the broker's log under the plugin's name.
//! A name that is no hook is a compile error, as for any trait:
//!
//! ```compile_fail
//! # use plugin_abi::*;
//! # struct Doorman;
//! #[plugin]
//! impl Plugin for Doorman {
//!     # fn bootstrap(_host: Host, _config: Config) -> Result<Self> { Ok(Doorman) }
//!     fn on_conect(&self, _event: &Connect<'_>) -> bool { // did you mean `on_connect`?
//!         true
//!     }
//! }
//! ```
//!
//! [`testing`] is for unit tests of a plugin, without a broker.
//!
//! Plugins in C and in languages that can call C use `plugin.h`, beside this crate's `ABI.md`,
//! which has the rules that keep old plugins loading.

#![allow(unsafe_code, reason = "the border to the broker is a C ABI; each use says why it holds")]

mod answer;
mod auth;
mod auth_verdict;
mod config;
mod deliver;
mod edit;
mod error;
mod event;
#[doc(hidden)]
pub mod export;
mod guard;
mod host;
mod later;
#[cfg(test)]
mod layout;
mod logger;
#[doc(hidden)]
pub mod manifest;
mod message;
pub mod module;
mod plugin;
mod properties;
mod property;
pub mod raw;
pub mod testing;
mod verdict;

pub use auth::Auth;
pub use auth_verdict::AuthVerdict;
pub use config::Config;
pub use deliver::{Deliver, DropReason, Dropped};
pub use edit::{Deciding, EditError, SubscriptionOptions};
pub use error::{Error, Result};
pub use event::{
    BeforeConnect, Client, Connect, Disconnect, Origin, Protocol, Publish, Session, SessionChange,
    SocketOpen, Subscribe, Tick, Unsubscribe,
};
pub use host::{
    ClientInfo, Counter, Gauge, Histogram, Host, HostError, Interest, Kick, Scope, SubscriptionInfo,
};
pub use later::{Change, Later};
pub use message::{Message, RetainedMessage};
pub use plugin::Plugin;
pub use plugin_abi_macros::plugin;
pub use properties::UserProperties;
pub use property::Property;
pub use verdict::Verdict;

pub use abi_stable;
pub use log;
pub use serde;
