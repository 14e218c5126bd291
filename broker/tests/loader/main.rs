//! Loads real plugins into this process: broken ones, whose errors must name plugin, file and
//! reason; failing ones, which must not take the broker along; and the ones of `plugins/`. Not
//! their effect on MQTT clients, which is in `it`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;

mod attribute;
mod broken;
mod deny_list;
mod failing;
mod hooks;
mod lifecycle;
mod on_error;
mod shadow;
mod stats;
mod sub_limiter;
mod terms;
mod testing;
mod trace;
mod tutorial;
mod verdict;
mod versions;

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
};

use hookmq::{
    config::Limits,
    hooks::{
        Asking, AuthOutcome, AuthRound, BeforeConnect, Client, Decision, Disconnected, Hooks,
        Origin, Publication, Refusal, Subscription, Unsubscription, Verdict, Will,
    },
    plugins::{LoadError, PluginEntry, Plugins},
};
use mqtt::{QoS, RetainHandling, SubscriptionOptions};
use serde_json::Value;

use common::{plugins::PluginDir, scratch};

fn entry(name: &str, config: Value) -> PluginEntry {
    PluginEntry { name: name.into(), config, ..PluginEntry::default() }
}

fn load(dir: &PluginDir, entries: &[PluginEntry]) -> Plugins {
    try_load(dir, entries).unwrap()
}

fn try_load(dir: &PluginDir, entries: &[PluginEntry]) -> Result<Plugins, LoadError> {
    common::log::take();
    Plugins::load(dir.path(), entries)
}

/// The text of the error that loading the one plugin ends with; it names plugin and file.
fn load_error(dir: &PluginDir, entry: PluginEntry) -> String {
    let name = entry.name.clone();
    let error = try_load(dir, &[entry]).unwrap_err().to_string();
    assert!(error.contains(&format!("plugin {name}")), "{error}");
    assert!(error.contains(&dir.path().display().to_string()), "{error}");
    error
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

const LISTENER: &str = "tcp://127.0.0.1:1883";

/// User property `a` = `b`.
const PROPERTIES: &[u8] = &[0x26, 0, 1, b'a', 0, 1, b'b'];

fn client(client_id: &str) -> Client<'_> {
    Client {
        client_id,
        username: Some("alice"),
        protocol: 5,
        peer: address("192.0.2.7:5555").into(),
        local: address("127.0.0.1:1883").into(),
        listener: LISTENER,
    }
}

fn connect() -> BeforeConnect<'static> {
    BeforeConnect {
        clean_start: true,
        keep_alive: 60,
        session_expiry: 3600,
        password: Some(b"secret"),
        will: Some(Will { topic: "gone", payload: b"", properties: &[], qos: 0, retain: false }),
        properties: PROPERTIES,
        authentication_method: Some("SCRAM"),
    }
}

fn auth_round() -> AuthRound<'static> {
    AuthRound {
        method: "SCRAM",
        data: Some(b"n,,n=alice"),
        state: b"",
        properties: PROPERTIES,
        round: 1,
        reauthentication: false,
    }
}

fn subscription(filter: &str) -> Subscription<'_> {
    Subscription {
        filter,
        original_filter: filter,
        options: SubscriptionOptions {
            qos: QoS::AtLeastOnce,
            no_local: true,
            retain_as_published: false,
            retain_handling: RetainHandling::DoNotSend,
        },
        properties: PROPERTIES,
        origin: Origin::Client,
    }
}

fn publication(topic: &str) -> Publication<'_> {
    Publication {
        topic,
        payload: b"21.5",
        properties: PROPERTIES,
        qos: 2,
        retain: true,
        dup: false,
        origin: Origin::Client,
        original_topic: topic,
        depth: 0,
    }
}

/// Nobody waits for an answer.
fn at_once() -> Asking<'static> {
    static LIMITS: LazyLock<Limits> = LazyLock::new(Limits::default);
    Asking::at_once(&LIMITS)
}

fn disconnected(session_kept: bool) -> Disconnected<'static> {
    Disconnected {
        graceful: false,
        reason_code: 0x8E,
        session_kept,
        reason: "taken over",
        origin: Origin::Broker,
    }
}

/// Calls every hook once and says which had to be refused.
fn call_all(hooks: &Arc<Hooks>) -> Vec<&'static str> {
    let refused = |(hook, verdict)| (verdict != Verdict::Continue).then_some(hook);
    verdicts(hooks).into_iter().filter_map(refused).collect()
}

/// Calls every hook once and says what those answered that decide.
fn verdicts(hooks: &Arc<Hooks>) -> Vec<(&'static str, Verdict)> {
    let client = client("c1");
    let mut verdicts = Vec::new();
    let mut ask = |hook, decision: Decision| verdicts.push((hook, decision.verdict));
    ask(
        "on_socket_open",
        hooks.on_socket_open(client.peer, client.local, LISTENER, &mut at_once()),
    );
    let auth = hooks.on_auth(&client, &auth_round(), &mut None, &mut at_once());
    let verdict = match auth {
        AuthOutcome::Refused(reason, why) => {
            let why = why.map(|why| String::from(why).into());
            Verdict::Refuse(Refusal { reason, why })
        }
        _ => Verdict::Continue,
    };
    ask("on_auth", Decision { verdict, ..Decision::CONTINUE });
    ask("on_before_connect", hooks.on_before_connect(&client, &connect(), &mut at_once()));
    ask("on_connect", hooks.on_connect(&client, false, true, &mut at_once()));
    ask(
        "on_before_subscribe",
        hooks.on_before_subscribe(&client, &subscription("a/#"), &mut at_once()),
    );
    hooks.on_subscribe(&client, &subscription("a/#"));
    hooks.on_message(&client, &publication("a/b"));
    ask("on_before_publish", hooks.on_before_publish(&client, &publication("a/b"), &mut at_once()));
    hooks.on_publish(&client, &publication("a/b"));
    ask(
        "on_before_unsubscribe",
        hooks.on_before_unsubscribe(&client, &Unsubscription::by_client("a/#"), &mut at_once()),
    );
    hooks.on_unsubscribe(&client, &Unsubscription::by_client("a/#"));
    hooks.on_disconnect(&client, &disconnected(false));
    verdicts
}

const ALL_HOOKS: [&str; 12] = [
    "on_socket_open",
    "on_auth",
    "on_before_connect",
    "on_connect",
    "on_before_subscribe",
    "on_subscribe",
    "on_message",
    "on_before_publish",
    "on_publish",
    "on_before_unsubscribe",
    "on_unsubscribe",
    "on_disconnect",
];

/// Those that may say no.
const DECIDING_HOOKS: [&str; 7] = [
    "on_socket_open",
    "on_auth",
    "on_before_connect",
    "on_connect",
    "on_before_subscribe",
    "on_before_publish",
    "on_before_unsubscribe",
];

/// Those whose failure is a no.
const REFUSING_HOOKS: [&str; 6] = [
    "on_socket_open",
    "on_auth",
    "on_before_connect",
    "on_connect",
    "on_before_subscribe",
    "on_before_publish",
];
