//! What clients hear when the plugin `http-auth` asks its service, and that nobody else waits for it.

use mqtt::{Connect, Packet, Publish, QoS, ReasonCode, SubscriptionOptions, Version};
use serde_json::{Value, json};

use crate::common::http_service::{HttpService, Reply};
use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::{self, Broker, Client, LastWill, Login, both_versions};

both_versions!(
    who_may_connect_is_asked_for,
    only_the_client_waits_that_is_asked_about,
    messages_that_wait_keep_their_order,
    a_refused_subscription_hears_the_code,
    a_will_is_asked_about,
    a_service_that_is_down_refuses_or_allows,
);

fn broker(section: &Value) -> Broker {
    let directory = PluginDir::new();
    directory.put(plugins::rust("http-auth"), "http-auth");
    Broker::with_plugins(&directory, vec![entry("http-auth", section.clone())])
}

/// What CONNACK says to a client with a password.
fn connack(broker: &Broker, version: Version, client_id: &str, password: &str) -> ReasonCode {
    let mut client = Client::open(broker.address(), version);
    let mut connect = Connect::new(version, client_id);
    (connect.username, connect.password) = (Some("user"), Some(password.as_bytes()));
    client.send(&Packet::Connect(connect));
    client.connack().0
}

fn publish(topic: &str) -> Publish<'_> {
    support::message(topic, b"x", QoS::AtLeastOnce)
}

fn who_may_connect_is_asked_for(version: Version) {
    let service = HttpService::start(|asked| match asked.body["password"].as_str() {
        Some("right") => Reply::OK,
        _ => Reply::Answer(401, &[], r#"{"code": 134}"#),
    });
    let broker = broker(&json!({ "connect": service.url("/") }));
    assert_eq!(connack(&broker, version, "alice", "right"), ReasonCode::Success);
    assert_eq!(service.asked().body["client_id"], "alice");
    let refused = connack(&broker, version, "bob", "wrong");
    assert_eq!(refused, ReasonCode::BadUserNameOrPassword);
}

fn only_the_client_waits_that_is_asked_about(version: Version) {
    let service = HttpService::start(|asked| match asked.body["client_id"].as_str() {
        Some("slow") => Reply::Held(200),
        _ => Reply::OK,
    });
    let broker = broker(&json!({ "connect": service.url("/"), "timeout": "30s" }));
    let mut slow = Client::open(broker.address(), version);
    slow.send(&Packet::Connect(Connect::new(version, "slow")));
    assert_eq!(service.asked().body["client_id"], "slow");
    // Clients on each of the broker's two event loops.
    for client_id in ["a", "b", "c", "d"] {
        let mut client = Client::connect(&broker, version, client_id);
        client.publish("t", "x", QoS::ExactlyOnce);
    }
    service.release();
    assert_eq!(slow.connack(), (ReasonCode::Success, false));
    slow.ping();
}

fn messages_that_wait_keep_their_order(version: Version) {
    let service = HttpService::start(|asked| match asked.body["topic"].as_str() {
        Some("first") => Reply::Held(200),
        Some("never") => Reply::Answer(403, &[], ""),
        _ => Reply::OK,
    });
    let broker = broker(&json!({ "publish": service.url("/"), "timeout": "30s" }));
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("#", QoS::AtLeastOnce);
    let mut client = Client::connect(&broker, version, "c");
    for (packet_id, topic) in [(1, "first"), (2, "never"), (3, "last")] {
        client.send(&Packet::Publish(Publish { packet_id, ..publish(topic) }));
    }
    assert_eq!(service.asked().body["topic"], "first");
    watcher.ping();
    service.release();
    let refused = match version {
        Version::V5 => ReasonCode::NotAuthorized,
        _ => ReasonCode::Success,
    };
    for (packet_id, expected) in [(1, ReasonCode::Success), (2, refused), (3, ReasonCode::Success)]
    {
        client.receive(|packet| {
            let Packet::PubAck(ack) = packet else { panic!("PUBACK expected: {packet:?}") };
            assert_eq!((ack.packet_id, ack.reason), (packet_id, expected));
        });
    }
    watcher.expect("first", "x");
    watcher.expect("last", "x");
}

fn a_refused_subscription_hears_the_code(version: Version) {
    let service = HttpService::start(|asked| match asked.body["topic"].as_str() {
        Some("secret/#") => Reply::Answer(200, &[], r#"{"result":"deny","code":151}"#),
        _ => Reply::OK,
    });
    let broker = broker(&json!({ "subscribe": service.url("/") }));
    let mut client = Client::connect(&broker, version, "c");
    let refused = match version {
        Version::V5 => ReasonCode::QuotaExceeded,
        _ => ReasonCode::UnspecifiedError,
    };
    let at_least_once = SubscriptionOptions::new(QoS::AtLeastOnce);
    assert_eq!(client.subscribe_with("secret/#", at_least_once), refused);
    assert_eq!(client.subscribe("open/#", QoS::AtLeastOnce), ReasonCode::GrantedQoS1);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for topic in ["secret/a", "open/a"] {
        publisher.publish(topic, "x", QoS::AtLeastOnce);
    }
    client.expect("open/a", "x");
}

/// Its client is gone, and the service is asked all the same.
fn a_will_is_asked_about(version: Version) {
    let service = HttpService::start(|asked| match asked.body["topic"].as_str() {
        Some("no") => Reply::Answer(403, &[], ""),
        _ => Reply::OK,
    });
    let broker = broker(&json!({ "publish": service.url("/") }));
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("#", QoS::AtLeastOnce);
    for topic in ["no", "yes"] {
        let will = LastWill::new(topic, "gone");
        drop(Login::new(version, topic).will(will).connect(broker.address()));
        let asked = service.asked().body;
        assert_eq!((&asked["topic"], &asked["is_will"]), (&topic.into(), &true.into()));
    }
    watcher.expect("yes", "gone");
}

fn a_service_that_is_down_refuses_or_allows(version: Version) {
    let service = HttpService::start(|_| Reply::Answer(500, &[], ""));
    for (on_failure, reason) in
        [("refuse", ReasonCode::ServerUnavailable), ("allow", ReasonCode::Success)]
    {
        let broker = broker(&json!({ "connect": service.url("/"), "on_failure": on_failure }));
        assert_eq!(connack(&broker, version, "c", "x"), reason);
    }
}
