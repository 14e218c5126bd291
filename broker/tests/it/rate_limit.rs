//! The plugin rate-limit: who sends too much is not read, or hears so.

use mqtt::{Packet, QoS, ReasonCode, Version};
use serde_json::{Value, json};

use crate::common::plugins::{self, PluginDir};
use crate::plugins::entry;
use crate::support::{Broker, Client, both_versions, message};

both_versions!(
    who_sends_too_much_is_not_read,
    who_sends_too_much_is_told,
    who_connects_too_often_is_kept_out,
);

fn broker(config: Value) -> Broker {
    let directory = PluginDir::new();
    directory.put(plugins::rust("rate-limit"), "rate-limit");
    Broker::with_plugins(&directory, vec![entry("rate-limit", config)])
}

/// The third message goes through, and what follows it waits in the socket.
fn who_sends_too_much_is_not_read(version: Version) {
    let broker = broker(json!({
        "per_client": { "messages": { "rate": "1/h", "burst": 2 } },
        "exempt": [{ "client_ids": "free" }],
    }));
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("#", QoS::AtMostOnce);
    let mut client = Client::connect(&broker, version, "c1");
    for payload in ["1", "2", "3", "4"] {
        client.send(&Packet::Publish(message("a", payload, QoS::AtMostOnce)));
    }
    for payload in ["1", "2", "3"] {
        watcher.expect("a", payload);
    }
    let mut free = Client::connect(&broker, version, "free");
    for payload in ["5", "6", "7", "8"] {
        free.publish("a", payload, QoS::AtLeastOnce);
        watcher.expect("a", payload);
    }
    watcher.ping();
}

fn who_sends_too_much_is_told(version: Version) {
    let broker = broker(json!({
        "per_client": { "messages": "2/h", "bytes": { "rate": "1KiB/h", "burst": "1KiB" } },
        "answer": "refuse",
    }));
    let refused = match version.has_properties() {
        true => ReasonCode::QuotaExceeded,
        false => ReasonCode::Success,
    };
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("#", QoS::AtMostOnce);
    let large = "x".repeat(1023);
    let mut client = Client::connect(&broker, version, "c1");
    let mut publish = |payload, qos| client.publish_with(&message("a", payload, qos));
    assert_eq!(publish("1", QoS::AtLeastOnce), ReasonCode::Success);
    assert_eq!(publish(&large, QoS::AtLeastOnce), refused);
    assert_eq!(publish(&large, QoS::ExactlyOnce), refused);
    publish(&large, QoS::AtMostOnce);
    watcher.expect("a", "1");
    watcher.ping();
    // Another client has a limit of its own.
    let mut other = Client::connect(&broker, version, "c2");
    assert_eq!(other.publish_with(&message("a", "2", QoS::ExactlyOnce)), ReasonCode::Success);
    watcher.expect("a", "2");
    watcher.ping();
}

fn who_connects_too_often_is_kept_out(version: Version) {
    let config = json!({ "per_address": { "connections": { "rate": "1/h", "burst": 2 } } });
    let broker = broker(config);
    let mut clients = ["c1", "c2"].map(|client_id| Client::connect(&broker, version, client_id));
    Client::open(broker.address(), version).expect_closed();
    for client in &mut clients {
        client.ping();
    }
}
