//! `hookmq bench`: puts load on a broker, any broker that speaks MQTT, and measures what becomes of it.
//!
//! A run is a list of clients ([`part`]), played by workers ([`play`]): a thread each, with an event loop
//! of its own ([`worker`]). Every message says who sent it, when, and which it is ([`stamp`]), so that what is
//! lost, comes twice or in another order is counted ([`tracker`]) and not guessed. Nothing here is part
//! of the broker.

mod bitmap;
mod client;
mod clock;
mod command;
mod context;
mod course;
mod events;
mod figures;
mod files;
mod idle;
mod incoming;
mod likeness;
mod line;
mod nap;
mod options;
mod part;
mod play;
mod process;
mod progress;
mod publisher;
mod report;
mod settings;
mod stamp;
mod stored;
mod storm;
mod stream;
mod times;
mod tracker;
mod traffic;
mod trouble;
mod worker;

pub use command::Bench;
