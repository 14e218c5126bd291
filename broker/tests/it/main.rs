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

mod acknowledge;
mod acl;
mod alias;
mod alias_to_client;
mod auth;
mod auth_backoff;
mod auth_file;
mod blocking;
mod bounds;
mod connect;
mod connection_rate;
mod control;
mod deliver;
mod durable;
mod edits;
mod engine;
mod event_log;
mod expiry;
mod first_run;
mod full_disk;
mod fuzz;
mod handshakes;
mod http_auth;
mod identifiers;
mod interest;
mod jwt;
mod keep_alive;
mod languages;
mod last_words;
mod live;
mod misbehaving;
mod misuse;
mod mosquitto;
mod mqttjs;
mod old;
mod on_auth;
mod on_session;
mod outcome;
mod overload;
mod packets;
mod paho;
mod pending;
mod plugin_abi;
mod plugin_clients;
mod plugin_kv;
mod plugin_publish;
mod plugin_subscribe;
mod plugin_timers;
mod plugins;
mod publish;
mod rate_limit;
mod reason_string;
mod reauth;
mod reload;
mod replay;
mod resume;
mod retain;
mod rumqttc;
mod script;
mod session;
mod shadow;
mod share;
mod stats;
mod stuck;
mod subscribe;
mod takeover;
mod task_pages;
mod topic_rewrite;
mod torn;
mod trace;
mod unkept;
mod verdict;
mod vetoed_connect;
mod will;
mod window;
