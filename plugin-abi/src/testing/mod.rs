//! Unit tests of a plugin in `cargo test`, without a broker.
//!
//! A [`Host`] stands for the broker; [`start`] makes the plugin from its config, through the code that the
//! broker calls. The [`Instance`] has a method for each hook. It takes an event that the test makes up, and
//! returns the answer as the broker sees it:
//!
//! ```
//! use plugin_abi::{Config, Host, Plugin, Publish, Result, log, plugin};
//!
//! /// Lets nobody but the owner of a device publish to it.
//! struct Owners;
//!
//! #[plugin]
//! impl Plugin for Owners {
//!     fn bootstrap(_host: Host, _config: Config) -> Result<Self> {
//!         Ok(Owners)
//!     }
//!
//!     fn on_before_publish(&self, event: &Publish<'_>) -> bool {
//!         let (owner, _) = event.topic().split_once('/').expect("devices have two levels");
//!         let allowed = owner == event.client().client_id();
//!         if !allowed {
//!             log::info!("{} is not {owner}", event.client().client_id());
//!         }
//!         allowed
//!     }
//! }
//!
//! # fn main() {
//! // In a function with #[test]:
//! use plugin_abi::{log::Level, testing::{self, Answer, json}};
//!
//! let host = testing::Host::new();
//! let owners = testing::start::<Owners>(&host, json!({})).unwrap();
//!
//! let event = testing::Publish::to("alice/lamp").payload("on").qos(1).client("alice");
//! assert_eq!(owners.on_before_publish(&event), Answer::Continue);
//! assert_eq!(owners.on_before_publish(&event.client("bob")), Answer::Veto);
//! assert_eq!(host.take_logs(), [(Level::Info, "bob is not alice")]);
//!
//! let odd = testing::Publish::to("lamp");
//! let panicked = Answer::Panicked("devices have two levels".into());
//! assert_eq!(owners.on_before_publish(&odd), panicked);
//! # }
//! ```
//!
//! An error from `bootstrap` is what the broker would print:
//!
//! ```
//! # use plugin_abi::{Config, Host, Plugin, Result, serde::Deserialize, testing::{self, json}};
//! # #[derive(Debug, Deserialize)]
//! # #[serde(crate = "plugin_abi::serde")]
//! # struct Limiter { max: u32 }
//! # impl Plugin for Limiter {
//! #     fn bootstrap(_host: Host, config: Config) -> Result<Self> { config.get() }
//! # }
//! let error = testing::start::<Limiter>(&testing::Host::new(), json!({ "max": "two" })).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "it refused to start: `max`: invalid type: string \"two\", expected a whole number from 0"
//! );
//! ```
//!
//! An event that the broker could not send is a mistake of the test, and panics, unless it is
//! [`odd`](Publish::odd) on purpose:
//!
//! ```should_panic
//! # use plugin_abi::{Config, Host, Plugin, Result, testing::{self, json}};
//! # struct Any;
//! # impl Plugin for Any {
//! #     fn bootstrap(_host: Host, _config: Config) -> Result<Self> { Ok(Any) }
//! # }
//! let any = testing::start::<Any>(&testing::Host::new(), json!({})).unwrap();
//! any.on_message(&testing::Publish::to("a/+").odd()).unwrap();
//! any.on_message(&testing::Publish::to("a/+")).unwrap(); // "a/+" is no topic name but a filter
//! ```
//!
//! Tests run at the same time, each with its own host. What a shared library has for itself in a broker, they
//! share: the logger, which is this crate's, and the panic hook. Nothing of this module gets into a plugin's
//! library.

#![allow(clippy::panic, reason = "a test that is wrong fails")]
#![allow(clippy::disallowed_types, reason = "no plugin shall have to build one more crate")]

mod answer;
mod auth;
mod auth_answer;
mod before_connect;
mod client;
mod connect;
mod deliver;
mod disconnect;
mod dropped;
mod edits;
mod event;
mod host;
mod instance;
mod log_line;
mod parts;
mod publish;
mod rules;
mod running;
mod session;
mod socket_open;
mod subscribe;
#[cfg(test)]
mod tests;
mod tick;

use std::ptr::NonNull;

pub use answer::{Answer, Panicked, StartError};
pub use auth::Auth;
pub use auth_answer::AuthAnswer;
pub use before_connect::BeforeConnect;
pub use client::Client;
pub use connect::Connect;
pub use deliver::Deliver;
pub use disconnect::Disconnect;
pub use dropped::Dropped;
pub use edits::Edits;
pub use host::{Host, Pending};
pub use instance::Instance;
pub use log_line::Log;
pub use publish::Publish;
pub use running::{logs_of_threads, wait_for_thread_log};
pub use serde_json::json;
pub use session::Session;
pub use socket_open::SocketOpen;
pub use subscribe::{Subscribe, Unsubscribe};
pub use tick::Tick;

use crate::{
    Plugin, export,
    guard::guard,
    raw::{self, Text},
};

/// Starts a plugin as the broker does. `config` is what stands under `config:` in `config.yml`;
/// [`json`] writes it, and `json!({})` is none.
///
/// # Errors
///
/// What `bootstrap` has returned, or how it panicked.
pub fn start<T: Plugin>(host: &Host, config: serde_json::Value) -> Result<Instance<T>, StartError> {
    let config = match config {
        serde_json::Value::Null => "{}".to_owned(),
        config => config.to_string(),
    };
    let seat = host.seat(&config);
    let callee = running::Callee { host: seat.handle(), crate_name: crate_name::<T>() };
    let mut instance = std::ptr::null_mut();
    let (code, panic) = callee.call("bootstrap", || {
        // SAFETY: the pointer may be written.
        guard(|| unsafe { export::start::<T>(callee.host, Text::new(&config), &raw mut instance) })
    });
    match (code, NonNull::new(instance)) {
        // SAFETY: it was just made, and is given to nobody else.
        (0, Some(instance)) => Ok(unsafe { Instance::new(instance, seat, callee) }),
        (raw::PANICKED, _) => {
            Err(StartError::Panicked(panic.map(|it| it.with_place()).unwrap_or_default()))
        }
        _ => Err(StartError::Refused(host.take_refusal().unwrap_or_default())),
    }
}

/// The first part of the path of a type, by which the broker tells the plugin's own modules.
fn crate_name<T>() -> &'static str {
    std::any::type_name::<T>().split("::").next().unwrap_or_default()
}
