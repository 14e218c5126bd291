//! Publishing and delivery at each QoS.

use mqtt::{Ack, Packet, Properties, Property, PropertyBuffer, Publish, QoS, ReasonCode, Version};

use crate::support::{Broker, Client, both_versions};

both_versions!(
    every_qos_reaches_every_qos,
    a_qos_2_message_sent_again_is_delivered_once,
    overlapping_subscriptions_deliver_once,
    dup_is_not_passed_on,
    an_acknowledged_identifier_means_a_new_message,
    acknowledgements_come_in_the_order_of_the_messages,
    pubrels_come_in_the_order_of_the_pubrecs,
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
    let publish = message(QoS::ExactlyOnce, 7, "once");
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

/// DUP is between a sender and its receiver. [MQTT-3.3.1-3]
fn dup_is_not_passed_on(version: Version) {
    let broker = Broker::start();
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        publisher.publish_with(&Publish { dup: true, ..message(qos, 0, "again") });
        assert!(!subscriber.expect("a", "again").dup);
    }
}

/// [MQTT-4.3.2-5]
fn an_acknowledged_identifier_means_a_new_message(version: Version) {
    let broker = Broker::start();
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for payload in ["one", "two"] {
        publisher.send(&Packet::Publish(message(QoS::AtLeastOnce, 7, payload)));
        let acknowledged = Packet::PubAck(Ack::new(7, ReasonCode::Success));
        publisher.receive(|packet| assert_eq!(packet, acknowledged));
        subscriber.expect("a", payload);
    }
}

/// [MQTT-4.6.0-2] [MQTT-4.6.0-3]
fn acknowledgements_come_in_the_order_of_the_messages(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    let sent: Vec<_> = [1, 2, 2, 1, 2, 1, 1, 2].into_iter().zip([5, 3, 9, 1, 2, 8, 7, 6]).collect();
    let mut bytes = Vec::new();
    for &(qos, packet_id) in &sent {
        let topic = ["a", "b"][usize::from(packet_id % 2)];
        Publish { topic, ..message(ALL[qos], packet_id, "x") }.encode(version, &mut bytes);
    }
    client.send_bytes(&bytes);
    for (qos, packet_id) in sent {
        let ack = Ack::new(packet_id, ReasonCode::Success);
        let expected = if qos == 1 { Packet::PubAck(ack) } else { Packet::PubRec(ack) };
        client.receive(|packet| assert_eq!(packet, expected));
    }
}

/// [MQTT-4.6.0-4]
fn pubrels_come_in_the_order_of_the_pubrecs(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for payload in ["one", "two", "three"] {
        publisher.publish("a", payload, QoS::ExactlyOnce);
    }
    let received: Vec<_> = (0..3).map(|_| client.receive_publish().packet_id).collect();
    let order = [received[2], received[0], received[1]];
    let mut bytes = Vec::new();
    for packet_id in order {
        Packet::PubRec(Ack::new(packet_id, ReasonCode::Success)).encode(version, &mut bytes);
    }
    client.send_bytes(&bytes);
    for packet_id in order {
        let release = Packet::PubRel(Ack::new(packet_id, ReasonCode::Success));
        client.receive(|packet| assert_eq!(packet, release));
    }
}

/// Receive Maximum is about what has not been answered; what comes at QoS 1 is answered with the read
/// that it came in. [MQTT-3.3.4-7]
#[test]
fn any_number_of_qos_1_messages_may_come_at_once() {
    let broker = Broker::with(|config| config.limits.receive_maximum = 1);
    let mut client = Client::connect(&broker, Version::V5, "client");
    let mut bytes = Vec::new();
    for packet_id in 1..=1000 {
        message(QoS::AtLeastOnce, packet_id, "x").encode(Version::V5, &mut bytes);
    }
    client.send_bytes(&bytes);
    for packet_id in 1..=1000 {
        let acknowledged = Packet::PubAck(Ack::new(packet_id, ReasonCode::Success));
        client.receive(|packet| assert_eq!(packet, acknowledged));
    }
}

/// It is looked at if the config says so.
#[test]
fn a_payload_that_is_not_what_it_says_is_refused() {
    let mut text = PropertyBuffer::new();
    assert!(text.push(Property::PayloadFormatIndicator(1)));
    let mut bytes = PropertyBuffer::new();
    assert!(bytes.push(Property::PayloadFormatIndicator(0)));
    for check in [false, true] {
        let broker = Broker::with(|config| config.check_payload_format = check);
        let mut client = Client::connect(&broker, Version::V5, "client");
        let mut subscriber = Client::connect(&broker, Version::V5, "subscriber");
        subscriber.subscribe("a", QoS::AtLeastOnce);
        for qos in ALL {
            let latin1 = Publish { payload: b"M\xFCnster", ..message(qos, 0, "") };
            let bad = Publish { properties: text.as_properties(), ..latin1 };
            let delivered = !check;
            let refused = check && qos > QoS::AtMostOnce;
            let reason = client.publish_with(&bad);
            assert_eq!(reason == ReasonCode::PayloadFormatInvalid, refused, "{reason}");
            for good in [
                latin1,
                Publish { properties: bytes.as_properties(), ..latin1 },
                Publish { properties: text.as_properties(), ..message(qos, 0, "Münster") },
            ] {
                assert_eq!(client.publish_with(&good), ReasonCode::Success);
            }
            for _ in 0..if delivered { 4 } else { 3 } {
                let received = subscriber.receive_publish();
                subscriber.acknowledge(&received);
            }
            subscriber.ping();
        }
    }
}

fn message(qos: QoS, packet_id: u16, payload: &str) -> Publish<'_> {
    Publish {
        dup: false,
        qos,
        retain: false,
        packet_id,
        topic: "a",
        properties: Properties::EMPTY,
        payload: payload.as_bytes(),
    }
}
