//! The plugin acl: what clients hear that may not do something, and that they cannot do it.

use mqtt::{
    Connect, Packet, Properties, Publish, QoS, ReasonCode, SubscriptionOptions, Version, Will,
};
use serde_json::{Value, json};

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::plugins::entry;
use crate::support::{Broker, Client, both_versions};

both_versions!(
    who_may_not_publish_is_told_and_nobody_gets_it,
    who_may_not_subscribe_is_told_and_gets_nothing,
    a_silent_refusal_looks_like_success,
    who_may_not_connect_is_refused,
    a_client_cannot_leave_a_will_where_it_may_not_publish,
    a_name_with_a_wildcard_gives_no_rights,
    who_subscribes_to_more_gets_what_it_may,
    a_new_rule_is_for_the_next_message,
);

fn broker(config: Value) -> Broker {
    let directory = PluginDir::new();
    directory.put(plugins::rust("acl"), "acl");
    Broker::with_plugins(&directory, vec![entry("acl", config)])
}

fn publish(client: &mut Client, topic: &str, qos: QoS) -> ReasonCode {
    client.publish_with(&Publish {
        dup: false,
        qos,
        retain: true,
        packet_id: 0,
        topic,
        properties: Properties::EMPTY,
        payload: b"x",
    })
}

/// What a version hears in the acknowledgement of a message.
fn not_authorized(version: Version) -> ReasonCode {
    if version.has_properties() { ReasonCode::NotAuthorized } else { ReasonCode::Success }
}

fn who_may_not_publish_is_told_and_nobody_gets_it(version: Version) {
    let broker = broker(json!({ "rules": [
        { "allow": "publish", "topics": "from/%c/#" },
        { "allow": "subscribe" },
    ]}));
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("#", QoS::AtMostOnce);
    let mut client = Client::connect(&broker, version, "c1");
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        assert_eq!(publish(&mut client, "from/c2/x", qos), not_authorized(version));
    }
    publish(&mut client, "from/c2/x", QoS::AtMostOnce);
    assert_eq!(publish(&mut client, "from/c1/x", QoS::AtLeastOnce), ReasonCode::Success);
    watcher.expect("from/c1/x", "x");
    watcher.ping();
}

fn who_may_not_subscribe_is_told_and_gets_nothing(version: Version) {
    let broker = broker(json!({ "default": "allow", "strict": true, "rules": [
        { "deny": "subscribe", "topics": "secret/#" },
    ]}));
    let refused = match version.has_properties() {
        true => ReasonCode::NotAuthorized,
        false => ReasonCode::UnspecifiedError,
    };
    let mut client = Client::connect(&broker, version, "c1");
    for filter in ["secret/#", "secret", "#", "+/x", "$share/g/secret/x"] {
        assert_eq!(client.subscribe(filter, QoS::AtLeastOnce), refused, "{filter}");
    }
    assert_eq!(client.subscribe("open/#", QoS::AtLeastOnce), ReasonCode::GrantedQoS1);
    let mut publisher = Client::connect(&broker, version, "p");
    publish(&mut publisher, "secret/x", QoS::AtLeastOnce);
    publish(&mut publisher, "open/x", QoS::AtLeastOnce);
    client.expect("open/x", "x");
    client.ping();
}

fn a_silent_refusal_looks_like_success(version: Version) {
    let broker = broker(json!({ "refuse": "silently", "rules": [
        { "allow": "subscribe", "topics": "a" },
    ]}));
    let mut client = Client::connect(&broker, version, "c1");
    for filter in ["a", "b"] {
        assert_eq!(client.subscribe(filter, QoS::AtLeastOnce), ReasonCode::GrantedQoS1);
    }
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        assert_eq!(publish(&mut client, "a", qos), ReasonCode::Success);
    }
    client.ping();
}

fn who_may_not_connect_is_refused(version: Version) {
    let broker = broker(json!({ "rules": [
        { "allow": "connect", "users": "alice" },
        { "deny": "connect", "addresses": "127.0.0.0/8" },
    ]}));
    for (username, expected) in [
        (Some("alice"), ReasonCode::Success),
        (Some("bob"), ReasonCode::NotAuthorized),
        (None, ReasonCode::NotAuthorized),
    ] {
        let mut client = Client::open(broker.address(), version);
        client.send(&Packet::Connect(Connect { username, ..Connect::new(version, "c1") }));
        assert_eq!(client.connack().0, expected, "{username:?}");
    }
}

fn a_client_cannot_leave_a_will_where_it_may_not_publish(version: Version) {
    let broker = broker(json!({ "rules": [{ "allow": "all", "topics": "gone/%c" }] }));
    for (topic, expected) in
        [("gone/c1", ReasonCode::Success), ("gone/c2", ReasonCode::NotAuthorized)]
    {
        let will = Will {
            qos: QoS::AtMostOnce,
            retain: false,
            topic,
            payload: b"x",
            delay: 0,
            properties: Properties::EMPTY,
        };
        let mut client = Client::open(broker.address(), version);
        client.send(&Packet::Connect(Connect { will: Some(will), ..Connect::new(version, "c1") }));
        assert_eq!(client.connack().0, expected, "{topic}");
    }
}

fn a_name_with_a_wildcard_gives_no_rights(version: Version) {
    let broker = broker(json!({ "default": "allow", "rules": [
        { "allow": "all", "topics": ["own/%c/#", "user/%u/#"] },
        { "deny": "all", "topics": ["own/#", "user/#"] },
    ]}));
    for name in ["+", "#", "a/b", "+/x"] {
        let connect = Connect { username: Some(name), ..Connect::new(version, name) };
        let (mut client, _) = Client::connect_with(&broker, connect);
        for filter in [format!("own/{name}"), format!("user/{name}"), "own/x/+".to_owned()] {
            assert!(client.subscribe(&filter, QoS::AtMostOnce).is_error(), "{name} {filter}");
        }
    }
}

/// A subscription that is wider than a rule that denies is granted, and each message is checked.
fn who_subscribes_to_more_gets_what_it_may(version: Version) {
    let broker = broker(json!({ "rules": [
        { "deny": "subscribe", "topics": "secret/#" },
        { "deny": "deliver", "topics": "own/+/x" },
        { "allow": "all", "topics": "#" },
    ]}));
    let mut publisher = Client::connect(&broker, version, "p");
    let topics = ["secret/a", "own/p/x", "open/a"];
    for topic in topics {
        publish(&mut publisher, topic, QoS::AtLeastOnce);
    }
    let mut client = Client::connect(&broker, version, "c1");
    client.start_subscribe("#", SubscriptionOptions::new(QoS::AtMostOnce));
    // What is retained may come before SUBACK.
    let is_message =
        |packet: Packet<'_>| matches!(packet, Packet::Publish(it) if it.topic == "open/a");
    let retained = [(); 2].map(|()| client.receive(is_message));
    assert_ne!(retained[0], retained[1]);
    client.ping();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        for topic in topics {
            publish(&mut publisher, topic, qos);
        }
        client.expect("open/a", "x");
    }
    client.ping();
}

fn a_new_rule_is_for_the_next_message(version: Version) {
    log::take();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acl.yml");
    std::fs::write(&file, "default: allow").unwrap();
    let broker = broker(json!({ "file": file }));
    let mut client = Client::connect(&broker, version, "c1");
    client.subscribe("#", QoS::AtMostOnce);
    let mut publisher = Client::connect(&broker, version, "p");
    publish(&mut publisher, "a", QoS::AtLeastOnce);
    client.expect("a", "x");
    std::fs::write(&file, "default: allow\nrules:\n  - deny: subscribe\n    topics: a\n").unwrap();
    let changed = format!("{} has changed: 1 rules", file.display());
    log::wait_for(&changed);
    for topic in ["a", "b"] {
        publish(&mut publisher, topic, QoS::AtLeastOnce);
    }
    client.expect("b", "x");
    client.ping();
}
