//! The plugin event-log: what clients do is in its file when the broker has stopped.

use std::path::Path;

use mqtt::{QoS, Version};
use serde_json::{Value, json};

use crate::common::plugins::{self, PluginDir};
use crate::plugins::entry;
use crate::support::{Broker, Client, both_versions};

both_versions!(
    what_clients_do_is_written,
    what_becomes_of_messages_and_sessions_is_written,
    a_full_file_is_put_aside,
);

fn broker(config: Value) -> Broker {
    let directory = PluginDir::new();
    directory.put(plugins::rust("event-log"), "event-log");
    Broker::with_plugins(&directory, vec![entry("event-log", config)])
}

fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn what_clients_do_is_written(version: Version) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let events = ["open", "connect", "disconnect", "subscribe", "unsubscribe", "publish"];
    let mut broker = broker(json!({ "file": file, "events": events, "payload": "text" }));
    let mut client = Client::connect(&broker, version, "c1");
    client.subscribe("a/#", QoS::AtLeastOnce);
    client.publish("b", "hi", QoS::ExactlyOnce);
    client.unsubscribe("a/#");
    client.unsubscribe("never");
    client.disconnect();
    broker.stop();
    let lines = lines(&file);
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    let expected = ["open", "connect", "subscribe", "publish", "unsubscribe", "disconnect"];
    assert_eq!(events, expected);
    let [open, connect, subscribe, publish, unsubscribe, disconnect] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(open["address"], connect["address"]);
    assert!(lines[1..].iter().all(|line| line["client_id"] == "c1"), "{lines:?}");
    let protocol = if version.has_properties() { "5" } else { "3.1.1" };
    assert_eq!(connect["protocol"], protocol);
    assert_eq!(subscribe["filter"], "a/#");
    let seen = ["topic", "payload", "qos", "origin"].map(|key| publish[key].clone());
    assert_eq!(seen, [json!("b"), json!("hi"), json!(2), json!("client")]);
    assert_eq!(unsubscribe["filter"], "a/#");
    assert_eq!(disconnect["graceful"], true);
}

/// acl stands before it, and keeps a message from one client.
fn what_becomes_of_messages_and_sessions_is_written(version: Version) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let directory = PluginDir::new();
    for name in ["acl", "event-log"] {
        directory.put(plugins::rust(name), name);
    }
    let rules = json!([{ "deny": "deliver", "topics": "a/secret" }]);
    let config = json!({ "file": file, "events": ["session", "delivered", "dropped"] });
    let plugins = vec![
        entry("acl", json!({ "default": "allow", "rules": rules })),
        entry("event-log", config),
    ];
    let mut broker = Broker::with_plugins(&directory, plugins);
    let mut client = Client::connect(&broker, version, "c1");
    client.subscribe("a/#", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "p");
    publisher.publish("a/secret", "x", QoS::AtLeastOnce);
    publisher.publish("a/open", "xy", QoS::AtLeastOnce);
    client.expect("a/open", "xy");
    client.ping();
    client.disconnect();
    publisher.disconnect();
    broker.stop();
    let lines = lines(&file);
    let of = |event: &str| {
        let lines = lines.iter().filter(|line| line["event"] == event && line["client_id"] == "c1");
        lines.cloned().collect::<Vec<_>>()
    };
    let changes: Vec<_> = of("session").iter().map(|line| line["change"].clone()).collect();
    assert_eq!(changes, ["created", "deleted"]);
    let [dropped] = &of("dropped")[..] else { panic!("{lines:?}") };
    assert_eq!([&dropped["topic"], &dropped["reason"]], ["a/secret", "vetoed"]);
    let [delivered] = &of("delivered")[..] else { panic!("{lines:?}") };
    assert_eq!(delivered["topic"], "a/open");
    assert_eq!(delivered["bytes"], 2);
}

fn a_full_file_is_put_aside(version: Version) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let mut broker = broker(json!({
        "file": file,
        "events": "publish",
        "topics": "n/#",
        "rotate": { "size": "1KiB", "keep": 100 },
        "fsync": "always",
    }));
    let mut client = Client::connect(&broker, version, "c1");
    for number in 0..50 {
        client.publish(&format!("n/{number}"), "x", QoS::AtMostOnce);
        client.publish("other", "x", QoS::AtMostOnce);
    }
    broker.stop();
    let mut all = Vec::new();
    for number in (1..100).rev() {
        let old = folder.path().join(format!("events.jsonl.{number}"));
        if old.exists() {
            assert!(std::fs::metadata(&old).unwrap().len() <= 1024);
            all.extend(lines(&old));
        }
    }
    assert!(!all.is_empty());
    all.extend(lines(&file));
    let topics = all.iter().map(|line| line["topic"].as_str().unwrap().to_owned());
    assert!(topics.eq((0..50).map(|number| format!("n/{number}"))), "{all:?}");
}
