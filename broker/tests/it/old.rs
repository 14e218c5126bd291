//! Clients that speak MQTT 3.1. What they have in common with those of 3.1.1 is tested with these.

use mqtt::{Ack, Connect, Packet, Properties, QoS, ReasonCode, Version, Will};

use crate::support::{Broker, Client, Login};

const OLD: Version = Version::V3_1;

#[test]
fn every_qos_goes_from_version_to_version() {
    let broker = Broker::start();
    for (from, to) in [(OLD, OLD), (OLD, Version::V5), (Version::V5, OLD), (Version::V3_1_1, OLD)] {
        let mut publisher = Client::connect(&broker, from, "publisher");
        let mut subscriber = Client::connect(&broker, to, "subscriber");
        subscriber.subscribe("a/+", QoS::ExactlyOnce);
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            publisher.publish("a/b", "x", qos);
            assert_eq!(subscriber.expect("a/b", "x").qos, qos);
        }
        subscriber.unsubscribe("a/+");
        publisher.publish("a/b", "x", QoS::AtLeastOnce);
        subscriber.disconnect();
        publisher.disconnect();
    }
}

/// CONNACK has no Session Present.
#[test]
fn a_session_is_found_again_and_not_spoken_of() {
    let broker = Broker::start();
    let login = Login::new(OLD, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.subscribe("a", QoS::AtLeastOnce);
    client.disconnect();
    Client::connect(&broker, OLD, "publisher").publish("a", "x", QoS::AtLeastOnce);
    let (mut client, session_present) = login.resume(broker.address());
    assert!(!session_present);
    client.expect("a", "x");
}

#[test]
fn a_will_is_published() {
    let broker = Broker::start();
    let mut watcher = Client::connect(&broker, OLD, "watcher");
    watcher.subscribe("will", QoS::AtLeastOnce);
    let mut connect = Connect::new(OLD, "client");
    connect.will = Some(Will {
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: "will",
        payload: b"gone",
        delay: 0,
        properties: Properties::EMPTY,
    });
    drop(Client::connect_with(&broker, connect));
    watcher.expect("will", "gone");
}

/// Return code 2.
#[test]
fn a_client_id_must_not_be_empty_and_may_be_long() {
    let broker = Broker::start();
    for login in [Login::new(OLD, ""), Login::new(OLD, "").without_clean_start()] {
        let (mut client, answer) = login.ask(broker.address());
        assert_eq!(answer.reason, ReasonCode::ClientIdentifierNotValid);
        client.expect_closed();
    }
    Login::new(OLD, &"x".repeat(100)).connect(broker.address()).ping();
}

/// As in 3.1.1, although 3.1 does not say how.
#[test]
fn a_refused_filter_is_told_so() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, OLD, "client");
    assert_eq!(client.subscribe("a/#/b", QoS::AtLeastOnce), ReasonCode::UnspecifiedError);
    assert_eq!(client.subscribe("a", QoS::AtLeastOnce), ReasonCode::GrantedQoS1);
}

/// What is sent again has DUP set, whatever packet it is.
#[test]
fn dup_may_be_set_on_what_is_sent_again() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, OLD, "client");
    // SUBSCRIBE to "a" at QoS 0.
    client.send_bytes(b"\x8A\x06\x00\x01\x00\x01a\x00");
    client.receive(|packet| assert!(matches!(packet, Packet::SubAck(_)), "{packet:?}"));
    // PUBLISH at QoS 2, then PUBREL.
    client.send_bytes(b"\x3C\x05\x00\x01b\x00\x07\x6A\x02\x00\x07");
    let ack = Ack::new(7, ReasonCode::Success);
    for expected in [Packet::PubRec(ack), Packet::PubComp(ack)] {
        client.receive(|packet| assert_eq!(packet, expected));
    }
    // UNSUBSCRIBE from "a".
    client.send_bytes(b"\xAA\x05\x00\x02\x00\x01a");
    client.receive(|packet| assert!(matches!(packet, Packet::UnsubAck(_)), "{packet:?}"));
}
