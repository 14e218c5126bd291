//! Publishing and delivery at each QoS.

use mqtt::{Ack, Packet, Properties, Publish, QoS, ReasonCode, Version};

use crate::support::{Broker, Client, both_versions};

both_versions!(
    every_qos_reaches_every_qos,
    a_qos_2_message_sent_again_is_delivered_once,
    overlapping_subscriptions_deliver_once,
);

const ALL: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// The lower of the two QoS counts. [MQTT-3.8.4-8] [MQTT-2.2.1-5] [MQTT-3.3.4-1] [MQTT-4.3.1-1]
/// [MQTT-4.3.2-4] [MQTT-4.3.3-4] [MQTT-4.3.3-8]
fn every_qos_reaches_every_qos(version: Version) {
    let broker = Broker::start();
    let mut publisher = Client::connect(&broker, version, "publisher");
    for granted in ALL {
        let mut subscriber = Client::connect(&broker, version, "subscriber");
        assert_eq!(subscriber.subscribe("a/+", granted), ReasonCode::granted(granted));
        for qos in ALL {
            publisher.publish("a/b", "hello", qos);
            let received = subscriber.expect("a/b", "hello");
            assert_eq!(received.qos, qos.min(granted));
            assert!(!received.retain && !received.dup);
        }
        subscriber.disconnect();
    }
}

fn a_qos_2_message_sent_again_is_delivered_once(version: Version) {
    let broker = Broker::start();
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    let publish = Publish {
        dup: false,
        qos: QoS::ExactlyOnce,
        retain: false,
        packet_id: 7,
        topic: "a",
        properties: Properties::EMPTY,
        payload: b"once",
    };
    for dup in [false, true, true] {
        publisher.send(&Packet::Publish(Publish { dup, ..publish }));
        let received = Packet::PubRec(Ack::new(7, ReasonCode::Success));
        publisher.receive(|packet| assert_eq!(packet, received));
    }
    publisher.send(&Packet::PubRel(Ack::new(7, ReasonCode::Success)));
    let complete = Packet::PubComp(Ack::new(7, ReasonCode::Success));
    publisher.receive(|packet| assert_eq!(packet, complete));
    subscriber.expect("a", "once");
    subscriber.ping();
    // The identifier is free again: this is a new message.
    publisher.send(&Packet::Publish(publish));
    subscriber.expect("a", "once");
}

/// [MQTT-3.3.4-2]
fn overlapping_subscriptions_deliver_once(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("a/#", QoS::AtMostOnce);
    client.subscribe("a/+", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("a/b", "x", QoS::ExactlyOnce);
    assert_eq!(client.expect("a/b", "x").qos, QoS::ExactlyOnce);
    client.ping();
}
