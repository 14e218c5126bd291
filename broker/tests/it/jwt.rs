//! The plugin jwt with a real broker: who comes in with which token, what they may do then, and for how
//! long.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mqtt::{
    Connect, Packet, Properties, Property, PropertyBuffer, Publish, QoS, ReasonCode,
    SubscriptionOptions, Version, Will,
};
use ring::hmac;
use serde_json::{Value, json};

use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::{self, Broker, Client, both_versions};

both_versions!(
    a_good_token_lets_in_and_others_do_not,
    publishers_keep_to_the_topics_of_their_tokens,
    subscribers_keep_to_the_topics_of_their_tokens,
    a_will_to_another_topic_keeps_its_client_out,
    a_takeover_brings_the_rights_of_the_newcomer,
    a_token_that_expires_allows_nothing_more,
    a_session_with_more_than_the_token_allows_ends,
);

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn broker(name: &str, version: Version) -> Broker {
    let directory = PluginDir::new();
    let name = format!("jwt-{name}-{}", version.level());
    directory.put(plugins::rust("jwt"), &name);
    let config = json!({ "keys": [{ "secret": SECRET }], "leeway": "0s" });
    Broker::with_plugins(&directory, vec![entry(&name, config)])
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Good for an hour unless it says something else.
fn token(mut claims: Value) -> String {
    if claims.get("exp").is_none() {
        claims["exp"] = json!(now() + 3600);
    }
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let text =
        format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(claims.to_string().as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    format!("{text}.{}", encode(hmac::sign(&key, text.as_bytes()).as_ref()))
}

/// A CONNECT of `alice`.
fn connect<'a>(version: Version, client_id: &'a str, token: &'a str) -> Connect<'a> {
    let mut connect = Connect::new(version, client_id);
    connect.username = Some("alice");
    connect.password = Some(token.as_bytes());
    connect
}

fn come_in(broker: &Broker, version: Version, client_id: &str, claims: Value) -> Client {
    Client::connect_with(broker, connect(version, client_id, &token(claims))).0
}

/// The reason of CONNACK, in 3.1.1 the nearest one.
fn ask(broker: &Broker, connect: Connect<'_>) -> ReasonCode {
    let mut client = Client::open(broker.address(), connect.version);
    client.send(&Packet::Connect(connect));
    client.connack().0
}

fn message<'a>(topic: &'a str, payload: &'a str) -> Publish<'a> {
    support::message(topic, payload, QoS::AtLeastOnce)
}

/// What SUBACK or PUBACK says: the reason where the version has it.
fn told(version: Version, reason: ReasonCode, otherwise: ReasonCode) -> ReasonCode {
    if version.has_properties() { reason } else { otherwise }
}

fn a_good_token_lets_in_and_others_do_not(version: Version) {
    let broker = broker("in", version);
    let good = token(json!({}));
    assert_eq!(ask(&broker, connect(version, "c", &good)), ReasonCode::Success);
    let bad = ReasonCode::BadUserNameOrPassword;
    let (signed, signature) = good.rsplit_once('.').unwrap();
    for text in ["secret", signed, &format!("{signed}."), &format!("x{signed}.{signature}")] {
        assert_eq!(ask(&broker, connect(version, "c", text)), bad, "{text}");
    }
    let expired = token(json!({ "exp": now() - 1 }));
    assert_eq!(ask(&broker, connect(version, "c", &expired)), ReasonCode::NotAuthorized);
    let without = Connect::new(version, "c");
    assert_eq!(ask(&broker, without), ReasonCode::NotAuthorized);
}

fn publishers_keep_to_the_topics_of_their_tokens(version: Version) {
    let broker = broker("publish", version);
    let mut reader = come_in(&broker, version, "reader", json!({ "sub": ["#"] }));
    reader.subscribe("#", QoS::AtLeastOnce);
    let mut pump = come_in(&broker, version, "pump", json!({ "pub": ["up/%c/+"] }));
    let refused = told(version, ReasonCode::NotAuthorized, ReasonCode::Success);
    assert_eq!(pump.publish_with(&message("up/other/level", "no")), refused);
    assert!(!pump.publish_with(&message("up/pump/level", "yes")).is_error());
    assert_eq!(pump.publish_with(&message("up/pump", "no")), refused);
    reader.expect("up/pump/level", "yes");
    assert_eq!(reader.publish_with(&message("up/pump/level", "no")), refused);
    reader.ping();
}

fn subscribers_keep_to_the_topics_of_their_tokens(version: Version) {
    let broker = broker("subscribe", version);
    let mut client = come_in(&broker, version, "c", json!({ "sub": ["down/%u/#"], "pub": ["#"] }));
    let refused = told(version, ReasonCode::NotAuthorized, ReasonCode::UnspecifiedError);
    for filter in ["#", "down/#", "down/+/a", "down/bob/#", "up"] {
        assert_eq!(client.subscribe(filter, QoS::AtMostOnce), refused, "{filter}");
    }
    for filter in ["down/alice/#", "down/alice", "down/alice/+/a"] {
        assert_eq!(client.subscribe(filter, QoS::AtMostOnce), ReasonCode::Success, "{filter}");
    }
    client.publish("down/bob/a", "no", QoS::AtMostOnce);
    client.subscribe("down/alice/x", QoS::AtMostOnce);
    client.send(&Packet::Publish(Publish { qos: QoS::AtMostOnce, ..message("down/alice", "yes") }));
    client.expect("down/alice", "yes");
}

fn a_will_to_another_topic_keeps_its_client_out(version: Version) {
    let broker = broker("will", version);
    let token = token(json!({ "pub": ["last/%c"] }));
    let with_will = |topic| {
        let mut connect = connect(version, "c", &token);
        connect.will = Some(Will {
            qos: QoS::AtMostOnce,
            retain: false,
            topic,
            payload: b"gone",
            delay: 0,
            properties: Properties::EMPTY,
        });
        connect
    };
    assert_eq!(ask(&broker, with_will("last/d")), ReasonCode::NotAuthorized);
    let mut reader = come_in(&broker, version, "reader", json!({ "sub": ["last/+"] }));
    reader.subscribe("last/+", QoS::AtMostOnce);
    drop(Client::connect_with(&broker, with_will("last/c")));
    reader.expect("last/c", "gone");
}

fn a_takeover_brings_the_rights_of_the_newcomer(version: Version) {
    let broker = broker("takeover", version);
    let refused = told(version, ReasonCode::NotAuthorized, ReasonCode::UnspecifiedError);
    let mut first = come_in(&broker, version, "c", json!({ "sub": ["a"] }));
    assert_eq!(first.subscribe("a", QoS::AtMostOnce), ReasonCode::Success);
    let mut second = come_in(&broker, version, "c", json!({ "sub": ["b"] }));
    first.expect_disconnect(ReasonCode::SessionTakenOver);
    assert_eq!(second.subscribe("b", QoS::AtMostOnce), ReasonCode::Success);
    assert_eq!(second.subscribe("a", QoS::AtMostOnce), refused);
}

/// Until it is sent away, it hears that it may not.
fn a_token_that_expires_allows_nothing_more(version: Version) {
    let broker = broker("expires", version);
    let claims = json!({ "exp": now() + 2, "sub": ["#"] });
    let mut client = come_in(&broker, version, "c", claims);
    let refused = told(version, ReasonCode::NotAuthorized, ReasonCode::UnspecifiedError);
    let mut granted = 0;
    let reason = loop {
        client.start_subscribe("a", SubscriptionOptions::new(QoS::AtMostOnce));
        let reason = client.receive(|packet| match packet {
            Packet::SubAck(suback) => suback.reasons[0],
            Packet::Disconnect(disconnect) => disconnect.reason,
            other => panic!("SUBACK or DISCONNECT expected: {other:?}"),
        });
        if reason != ReasonCode::Success {
            break reason;
        }
        granted += 1;
    };
    assert!(granted > 0);
    assert_eq!(reason, refused);
}

fn a_session_with_more_than_the_token_allows_ends(version: Version) {
    let broker = broker("session", version);
    let mut properties = PropertyBuffer::new();
    if version.has_properties() {
        assert!(properties.push(Property::SessionExpiryInterval(3600)));
    }
    let come_back = |claims| {
        let token = token(claims);
        let mut connect = connect(version, "c", &token);
        (connect.clean_start, connect.properties) = (false, properties.as_properties());
        Client::connect_with(&broker, connect)
    };
    let (mut client, _) = come_back(json!({ "sub": ["a/#"] }));
    assert_eq!(client.subscribe("a/+", QoS::AtMostOnce), ReasonCode::Success);
    let (mut client, session_present) = come_back(json!({ "sub": ["a/+", "b"] }));
    assert!(session_present);
    client.ping();
    let mut refused = 0;
    // It ends soon after the client was refused.
    while let (mut client, true) = come_back(json!({ "sub": ["b"] })) {
        client.expect_disconnect(ReasonCode::NotAuthorized);
        refused += 1;
    }
    assert!(refused > 0);
}
