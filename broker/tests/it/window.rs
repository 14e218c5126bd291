//! How much a client is sent: so many messages before it acknowledges, and none that is too large.

use mqtt::{Ack, Packet, Property, QoS, ReasonCode, Version};

use crate::support::{Broker, Client, Login, both_versions};

both_versions!(
    no_more_than_the_window_is_in_flight,
    qos_2_holds_its_place_until_pubcomp,
    a_full_window_holds_back_nothing_else,
    acknowledgements_in_any_order_make_room,
    a_full_window_holds_up_nobody_else,
);

/// [MQTT-4.9.0-2]
fn no_more_than_the_window_is_in_flight(version: Version) {
    let broker = Broker::with(|config| config.limits.max_inflight = 3);
    let (mut client, mut publisher) = pair(&broker, &Login::new(version, "client"));
    for number in 0..10 {
        publisher.publish("a", &number.to_string(), QoS::AtLeastOnce);
    }
    check_window(&mut client, 3, 10);
}

fn qos_2_holds_its_place_until_pubcomp(version: Version) {
    let broker = Broker::with(|config| config.limits.max_inflight = 1);
    let (mut client, mut publisher) = pair(&broker, &Login::new(version, "client"));
    publisher.publish("a", "one", QoS::ExactlyOnce);
    publisher.publish("a", "two", QoS::AtLeastOnce);
    let ack = Ack::new(client.receive_publish().packet_id, ReasonCode::Success);
    client.ping();
    client.send(&Packet::PubRec(ack));
    client.receive(|packet| assert_eq!(packet, Packet::PubRel(ack)));
    client.ping();
    client.send(&Packet::PubComp(ack));
    client.expect("a", "two");
}

/// [MQTT-3.3.4-10] [MQTT-4.9.0-3]
fn a_full_window_holds_back_nothing_else(version: Version) {
    let broker = Broker::with(|config| config.limits.max_inflight = 1);
    let (mut client, mut publisher) = pair(&broker, &Login::new(version, "client"));
    publisher.publish("a", "one", QoS::AtLeastOnce);
    publisher.publish("a", "two", QoS::AtLeastOnce);
    let first = client.receive_publish();
    publisher.publish("a", "at once", QoS::AtMostOnce);
    client.expect("a", "at once");
    client.ping();
    assert_eq!(client.subscribe("b", QoS::AtLeastOnce), ReasonCode::GrantedQoS1);
    client.publish("c", "own", QoS::ExactlyOnce);
    client.acknowledge(&first);
    client.expect("a", "two");
}

fn acknowledgements_in_any_order_make_room(version: Version) {
    let broker = Broker::with(|config| config.limits.max_inflight = 3);
    let (mut client, mut publisher) = pair(&broker, &Login::new(version, "client"));
    for number in 0..6 {
        publisher.publish("a", &number.to_string(), QoS::AtLeastOnce);
    }
    let first: Vec<_> = (0..3).map(|_| client.receive_publish()).collect();
    for (acknowledged, next) in [(2, "3"), (0, "4"), (1, "5")] {
        client.acknowledge(&first[acknowledged]);
        assert_eq!(client.receive_publish().payload, next.as_bytes());
        client.ping();
    }
}

fn a_full_window_holds_up_nobody_else(version: Version) {
    let broker = Broker::with(|config| config.limits.max_inflight = 1);
    let (mut client, mut publisher) = pair(&broker, &Login::new(version, "client"));
    let mut other = Client::connect(&broker, version, "other");
    other.subscribe("a", QoS::ExactlyOnce);
    for number in 0..10 {
        publisher.publish("a", &number.to_string(), QoS::ExactlyOnce);
        other.expect("a", &number.to_string());
    }
    client.expect("a", "0");
}

/// [MQTT-3.3.4-9] [MQTT-4.9.0-1]
#[test]
fn the_window_is_the_receive_maximum_of_the_client() {
    let broker = Broker::start();
    let login = Login::new(Version::V5, "client").with(Property::ReceiveMaximum(2));
    let (mut client, mut publisher) = pair(&broker, &login);
    for number in 0..10 {
        publisher.publish("a", &number.to_string(), QoS::AtLeastOnce);
    }
    check_window(&mut client, 2, 10);
}

#[test]
fn the_window_is_never_more_than_the_config_says() {
    let broker = Broker::with(|config| config.limits.max_inflight = 2);
    let login = Login::new(Version::V5, "client").with(Property::ReceiveMaximum(1000));
    let (mut client, mut publisher) = pair(&broker, &login);
    for number in 0..10 {
        publisher.publish("a", &number.to_string(), QoS::AtLeastOnce);
    }
    check_window(&mut client, 2, 10);
}

/// [MQTT-3.1.2-24] [MQTT-3.1.2-25]
#[test]
fn a_packet_larger_than_the_client_takes_is_not_sent() {
    let broker = Broker::start();
    let limit = 100;
    let login = Login::new(Version::V5, "client").with(Property::MaximumPacketSize(limit));
    let (mut client, mut publisher) = pair(&broker, &login);
    // Header, topic, packet identifier, property length.
    for (qos, rest) in [(QoS::AtMostOnce, 6), (QoS::AtLeastOnce, 8), (QoS::ExactlyOnce, 8)] {
        let fits = "x".repeat(limit as usize - rest);
        publisher.publish("a", &fits, qos);
        client.expect("a", &fits);
        let too_large = "x".repeat(limit as usize - rest + 1);
        publisher.publish("a", &too_large, qos);
        client.ping();
        publisher.publish_retained("a", &too_large, qos);
        client.subscribe("a", QoS::ExactlyOnce);
        client.ping();
    }
}

#[test]
fn a_run_of_messages_loses_only_those_that_are_too_large() {
    let broker = Broker::start();
    let login = Login::new(Version::V5, "client").with(Property::MaximumPacketSize(100));
    let (mut client, mut publisher) = pair(&broker, &login);
    let large = "x".repeat(100);
    let mut bytes = Vec::new();
    for payload in ["one", &large, "two", &large, "three"] {
        let publish = mqtt::Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            packet_id: 0,
            topic: "a",
            properties: mqtt::Properties::EMPTY,
            payload: payload.as_bytes(),
        };
        publish.encode(Version::V5, &mut bytes);
    }
    publisher.send_bytes(&bytes);
    for payload in ["one", "two", "three"] {
        client.expect("a", payload);
    }
    client.ping();
}

/// A client that subscribes to `a` at QoS 2, and somebody who publishes.
fn pair(broker: &Broker, login: &Login<'_>) -> (Client, Client) {
    let mut client = login.connect(broker.address());
    client.subscribe("a", QoS::ExactlyOnce);
    let version = client.version;
    (client, Client::connect(broker, version, "publisher"))
}

/// The messages are numbers from 0 to `count`; at most `window` of them come unacknowledged.
fn check_window(client: &mut Client, window: usize, count: usize) {
    let mut in_flight = std::collections::VecDeque::new();
    for number in 0..count {
        if number >= window {
            client.ping();
            client.acknowledge(&in_flight.pop_front().unwrap());
        }
        let received = client.receive_publish();
        assert_eq!(received.payload, number.to_string().as_bytes());
        in_flight.push_back(received);
    }
    client.ping();
}
