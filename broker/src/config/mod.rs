//! What an operator can decide: the types of `config.yml` and its defaults.
//!
//! Plain data only. `load` reads the file, `first_run` writes it when there is none.

mod accepts;
mod acknowledge;
mod changed;
mod control;
mod document;
mod durability;
mod error;
mod first_run;
mod json;
mod limits;
mod listener;
mod load;
mod mark;
pub(crate) mod nearest;
mod plugin;
mod quantity;
mod queue_full;
mod refused_publish;
mod response_information;
mod setting;
mod store_failure;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

pub use acknowledge::Acknowledge;
pub use changed::needs_restart;
pub use durability::Durability;
pub use error::{ConfigError, Problem};
pub use first_run::{FirstRunError, create_if_absent};
pub use load::{inspect, load, parse, plugin_section};
pub use mark::Mark;
pub use quantity::{read_duration, read_size};
pub use queue_full::QueueFull;
pub use store_failure::StoreFailure;

use mqtt::RefusedPublish;

use crate::plugins::PluginEntry;

/// The file that the broker looks for, and creates on the first run.
pub const FILE_NAME: &str = "config.yml";

/// The folder of plugins, beside the config file unless `plugin_dir` says otherwise.
pub const PLUGIN_DIR: &str = "plugins";

/// The folder of data, beside the config file unless `data_dir` says otherwise.
pub const DATA_DIR: &str = "data";

/// All of `config.yml`.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where clients connect; at least one, none twice.
    pub listeners: Vec<Listener>,
    /// The plugins to load. Their order is the order in which their hooks are called.
    pub plugins: Vec<PluginEntry>,
    /// Where plugins are; `plugins/` beside the config file if it is not given.
    pub plugin_dir: Option<PathBuf>,
    /// Where the broker and plugins keep files; `data/` beside the config file if it is not given.
    pub data_dir: Option<PathBuf>,
    /// The socket that `hookmq ctl` talks to; a relative path starts at the folder of the config file.
    /// `None`: there is none.
    pub control: Option<PathBuf>,
    /// Event loops; one per core if it is not given.
    pub threads: Option<NonZeroUsize>,
    /// What is logged if `RUST_LOG` does not say.
    pub log: log::LevelFilter,
    /// Whether a listener may be open to other machines while no plugin decides who connects.
    pub allow_anonymous: bool,
    /// Whether a payload that is said to be UTF-8 is looked at.
    pub check_payload_format: bool,
    /// What an acknowledgement promises.
    pub durability: Durability,
    /// What becomes of the broker when its store has failed.
    pub store_failure: StoreFailure,
    /// When a client hears that its PUBLISH is taken.
    pub acknowledge: Acknowledge,
    /// What a client hears that cannot be told that its PUBLISH was refused.
    pub refused_publish: RefusedPublish,
    /// How many plugins' hooks may lead from one message to the next.
    pub plugin_publish_depth: u32,
    /// Threads of each plugin for hooks that block, at most; at least 1.
    pub blocking_threads: usize,
    /// How long a hook that blocks may take if its plugin does not say.
    pub blocking_deadline: Duration,
    /// What CONNACK says to clients that ask for Response Information; `%c` in it stands for the
    /// client id.
    pub response_information: Option<String>,
    /// What clients may use.
    pub limits: Limits,
}

/// An address that clients connect to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listener {
    /// Plain TCP.
    Tcp {
        /// Port 0 lets the system choose one.
        address: SocketAddr,
        /// Whether what is published there at QoS 1 is kept as `durability` says; else it is in memory alone.
        keeps: bool,
    },
}

impl Listener {
    /// Plain TCP, and what is published there is kept.
    pub fn tcp(address: SocketAddr) -> Listener {
        Listener::Tcp { address, keeps: true }
    }
}

/// What clients may use. Reaching a limit has a defined answer; none ends the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest packet that a client may send, in bytes.
    pub max_packet_size: u32,
    /// Open connections, over all listeners.
    pub max_connections: usize,
    /// Open connections from one address; loopback has no such limit.
    pub max_connections_per_address: usize,
    /// New connections in a second, over all listeners; those of loopback do not count; at least 1.
    pub max_connection_rate: u32,
    /// Connections whose CONNECT is not there yet, over all listeners; at least 1.
    pub max_handshakes: usize,
    /// Sessions, connected or left behind; at least 1.
    pub max_sessions: usize,
    /// How often in a minute a client id may be taken over from one address.
    pub max_takeovers: u32,
    /// How long more of them are refused.
    pub takeover_ban: Duration,
    /// How long a client that a plugin has refused waits before plugins are asked again; each further
    /// refusal doubles it. Zero: not at all. Loopback never waits.
    pub auth_backoff: Duration,
    /// The longest such wait; it goes before `auth_backoff` where that is longer.
    pub max_auth_backoff: Duration,
    /// How long a new connection has for its CONNECT.
    pub connect_timeout: Duration,
    /// The longest keep alive that a client may have; at least a second, at most 65535.
    pub max_keep_alive: Duration,
    /// QoS 1 and 2 messages that a client may have sent without an answer; at least 1.
    pub receive_maximum: u16,
    /// QoS 1 and 2 messages that a client is sent before it answers; at least 1.
    pub max_inflight: u16,
    /// Messages that wait for one client.
    pub max_queued_messages: usize,
    /// Bytes of messages that wait for one client.
    pub max_queued_bytes: usize,
    /// Bytes that one connection's socket has not taken yet, before messages wait instead.
    pub write_buffer: usize,
    /// Bytes that wait to be written to the store; with more, clients that bring more are not read.
    pub max_unwritten: usize,
    /// What happens when more messages wait for a client than may.
    pub queue_full: QueueFull,
    /// Memory that the broker may use; by itself 80 % of what there is.
    pub max_memory: Mark,
    /// Space that the disk of the store must have; by itself 1 GiB or 5 %, whichever is less.
    pub min_disk_free: Mark,
    /// The highest topic alias that a client may set; 0: none.
    pub topic_alias_maximum: u16,
    /// How long a client may take nothing from its socket.
    pub send_timeout: Duration,
    /// Levels of a topic name or filter; at most 512.
    pub max_topic_levels: usize,
    /// Bytes of a topic name or filter; at most 65535.
    pub max_topic_length: usize,
    /// Bytes of a client id.
    pub max_client_id_length: usize,
    /// User properties of one packet, and of a will.
    pub max_user_properties: usize,
    /// Bytes of their names and values.
    pub max_user_property_bytes: usize,
    /// Topic filters of one SUBSCRIBE or UNSUBSCRIBE.
    pub max_filters_per_subscribe: usize,
    /// Subscriptions of one client.
    pub max_subscriptions: usize,
    /// Bytes of their filters, with what a level of them takes.
    pub max_subscription_bytes: usize,
    /// How long a session outlives its connection, whatever the client asks for.
    pub max_session_expiry: Duration,
    /// Whether QoS 0 messages wait for a client that is away.
    pub queue_qos0: bool,
    /// Topics with a retained message.
    pub max_retained_messages: usize,
    /// Bytes of retained messages and their topics, with what it takes to hold them.
    pub max_retained_bytes: usize,
    /// Bytes that plugins may note at one session.
    pub max_attribute_bytes: usize,
    /// Bytes in one plugin's store.
    pub max_kv_bytes: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listeners: vec![Listener::tcp((Ipv4Addr::LOCALHOST, 1883).into())],
            plugins: Vec::new(),
            plugin_dir: None,
            data_dir: None,
            control: Some(control::DEFAULT.into()),
            threads: None,
            log: log::LevelFilter::Info,
            allow_anonymous: false,
            check_payload_format: false,
            durability: Durability::Fsync,
            store_failure: StoreFailure::Exit,
            acknowledge: Acknowledge::AfterHooks,
            refused_publish: RefusedPublish::Acknowledge,
            plugin_publish_depth: 4,
            blocking_threads: 64,
            blocking_deadline: Duration::from_secs(10),
            response_information: None,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_packet_size: 1024 * 1024,
            max_connections: 100_000,
            max_connections_per_address: 256,
            max_connection_rate: 1000,
            max_handshakes: 500,
            max_sessions: 1_000_000,
            max_takeovers: 15,
            takeover_ban: Duration::from_secs(5 * 60),
            auth_backoff: Duration::from_secs(1),
            max_auth_backoff: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            max_keep_alive: Duration::from_secs(60 * 60),
            receive_maximum: 256,
            max_inflight: 512,
            max_queued_messages: 100_000,
            max_queued_bytes: 8 * 1024 * 1024,
            write_buffer: 1024 * 1024,
            max_unwritten: 32 * 1024 * 1024,
            queue_full: QueueFull::DropOldest,
            max_memory: Mark::Auto,
            min_disk_free: Mark::Auto,
            send_timeout: Duration::from_secs(15),
            max_topic_levels: 64,
            max_topic_length: 4096,
            topic_alias_maximum: 64,
            max_client_id_length: 256,
            max_user_properties: 64,
            max_user_property_bytes: 32 * 1024,
            max_filters_per_subscribe: 100,
            max_subscriptions: 1000,
            max_subscription_bytes: 1024 * 1024,
            max_session_expiry: Duration::from_secs(7 * 24 * 60 * 60),
            queue_qos0: false,
            max_retained_messages: 1_000_000,
            max_retained_bytes: 1024 * 1024 * 1024,
            max_attribute_bytes: 64 * 1024,
            max_kv_bytes: 16 * 1024 * 1024,
        }
    }
}
