//! Re-authentication: a connected client is authenticated again, and the rest of its life goes on.

use std::time::Duration;

use mqtt::{Packet, Property, PropertyBuffer, QoS, ReasonCode, Version};

use crate::common::plugins::PluginDir;
use crate::support::auth::{broker, challenge, connect, login};
use crate::support::{Broker, Client, LastWill};

/// A client that alice has connected by the method `CHALLENGE`.
fn alice(broker: &Broker) -> Client {
    alice_as(broker, "c")
}

fn alice_as(broker: &Broker, client_id: &str) -> Client {
    let mut client = Client::start(broker, &login(client_id, "CHALLENGE", "alice"));
    client.answer_challenge("a");
    assert_eq!(client.connack().0, ReasonCode::Success);
    client
}

/// [MQTT-4.12.1-1] [MQTT-4.12.0-5]
#[test]
fn a_client_authenticates_again() {
    let broker = broker();
    let mut client = alice(&broker);
    client.send_auth(ReasonCode::ReAuthenticate, "CHALLENGE", "alice");
    client.answer_challenge("a");
    let done = client.asked();
    assert_eq!((done.reason, &*done.method), (ReasonCode::Success, "CHALLENGE"));
    assert_eq!(done.data.as_deref(), Some("welcome alice"));
    client.ping();
    let mut client = connect(&broker, "t", "bob:b");
    client.send_auth(ReasonCode::ReAuthenticate, "TOKEN", "bob:b");
    assert_eq!(client.asked().reason, ReasonCode::Success);
    client.ping();
}

#[test]
fn other_packets_go_on_meanwhile() {
    let broker = broker();
    let mut client = alice(&broker);
    client.subscribe("a", QoS::AtLeastOnce);
    client.send_auth(ReasonCode::ReAuthenticate, "CHALLENGE", "alice");
    let nonce = client.asked().data.unwrap();
    let mut other = Client::connect(&broker, Version::V5, "other");
    other.subscribe("b", QoS::AtLeastOnce);
    client.publish("b", "1", QoS::ExactlyOnce);
    other.expect("b", "1");
    other.publish("a", "2", QoS::AtLeastOnce);
    client.expect("a", "2");
    client.ping();
    client.send_auth(ReasonCode::ContinueAuthentication, "CHALLENGE", &format!("{nonce}:a"));
    assert_eq!(client.asked().reason, ReasonCode::Success);
}

/// The answers come in the order of the packets.
#[test]
fn in_one_read_with_others() {
    let broker = broker();
    let mut client = connect(&broker, "c", "alice:a");
    let mut properties = PropertyBuffer::new();
    properties.push(Property::AuthenticationMethod("TOKEN"));
    properties.push(Property::AuthenticationData(b"alice:a"));
    let reason = ReasonCode::ReAuthenticate;
    let auth = mqtt::Auth { reason, properties: properties.as_properties() };
    let mut bytes = Vec::new();
    for packet in [Packet::PingReq, Packet::Auth(auth), Packet::PingReq] {
        packet.encode(Version::V5, &mut bytes);
    }
    client.send_bytes(&bytes);
    client.receive(|packet| assert_eq!(packet, Packet::PingResp));
    assert_eq!(client.asked().reason, ReasonCode::Success);
    client.receive(|packet| assert_eq!(packet, Packet::PingResp));
}

/// [MQTT-4.12.1-2]; the will is published. [MQTT-3.1.2-8]
#[test]
fn who_fails_is_disconnected() {
    let broker = broker();
    let mut watcher = Client::connect(&broker, Version::V5, "watcher");
    watcher.subscribe("will", QoS::AtMostOnce);
    let login = login("c", "TOKEN", "alice:a").will(LastWill::new("will", "gone"));
    let mut client = login.connect(broker.address());
    client.send_auth(ReasonCode::ReAuthenticate, "TOKEN", "alice:wrong");
    client.receive(|packet| match packet {
        Packet::Disconnect(disconnect) => {
            // The plugin's code, 0x86, is one of CONNACK alone.
            assert_eq!(disconnect.reason, ReasonCode::NotAuthorized);
            let text = disconnect.properties.reason_string();
            assert_eq!(text, Some("wrong name or secret"));
        }
        other => panic!("DISCONNECT expected: {other:?}"),
    });
    client.expect_closed();
    watcher.expect("will", "gone");
    let mut client = alice(&broker);
    client.send_auth(ReasonCode::ReAuthenticate, "CHALLENGE", "alice");
    client.answer_challenge("wrong");
    client.expect_disconnect(ReasonCode::NotAuthorized);
}

#[test]
fn nobody_becomes_somebody_else() {
    let broker = broker();
    let mut client = alice(&broker);
    client.send_auth(ReasonCode::ReAuthenticate, "CHALLENGE", "bob");
    client.answer_challenge("b");
    client.expect_disconnect(ReasonCode::NotAuthorized);
}

/// [MQTT-4.12.1-1] [MQTT-4.12.0-5]
#[test]
fn an_auth_out_of_order_is_a_protocol_error() {
    let broker = broker();
    for (reason, method) in [
        (ReasonCode::ReAuthenticate, "TOKEN"),
        (ReasonCode::ContinueAuthentication, "CHALLENGE"),
        (ReasonCode::Success, "CHALLENGE"),
    ] {
        let mut client = alice(&broker);
        client.send_auth(reason, method, "alice:a");
        client.expect_disconnect(ReasonCode::ProtocolError);
    }
    let mut client = alice(&broker);
    for _ in 0..2 {
        client.send_auth(ReasonCode::ReAuthenticate, "CHALLENGE", "alice");
    }
    client.asked();
    client.expect_disconnect(ReasonCode::ProtocolError);
}

/// Each time plugins are asked, and others wait meanwhile.
#[test]
fn who_authenticates_again_at_once_is_disconnected() {
    let broker = broker();
    let mut client = connect(&broker, "c", "alice:a");
    let mut properties = PropertyBuffer::new();
    properties.push(Property::AuthenticationMethod("TOKEN"));
    properties.push(Property::AuthenticationData(b"alice:a"));
    let reason = ReasonCode::ReAuthenticate;
    let auth = Packet::Auth(mqtt::Auth { reason, properties: properties.as_properties() });
    let mut bytes = Vec::new();
    auth.encode(Version::V5, &mut bytes);
    auth.encode(Version::V5, &mut bytes);
    client.send_bytes(&bytes);
    assert_eq!(client.asked().reason, ReasonCode::Success);
    client.expect_disconnect(ReasonCode::MessageRateTooHigh);
}

#[test]
fn who_does_not_finish_is_disconnected() {
    let directory = PluginDir::new();
    let plugins = vec![challenge(&directory, "challenge")];
    let broker = Broker::with_plugins_and(&directory, plugins, |config| {
        config.limits.connect_timeout = Duration::from_secs(1);
    });
    let mut client = alice(&broker);
    client.send_auth(ReasonCode::ReAuthenticate, "CHALLENGE", "alice");
    client.asked();
    client.expect_disconnect(ReasonCode::NotAuthorized);
    // Who has finished has all the time there is.
    let mut client = alice(&broker);
    client.send_auth(ReasonCode::ReAuthenticate, "CHALLENGE", "alice");
    client.answer_challenge("a");
    assert_eq!(client.asked().reason, ReasonCode::Success);
    let mut late = alice_as(&broker, "late");
    late.send_auth(ReasonCode::ReAuthenticate, "CHALLENGE", "alice");
    late.asked();
    late.expect_disconnect(ReasonCode::NotAuthorized);
    client.ping();
}
