//! Subscription identifiers: which subscriptions a message says it is for. MQTT 5 alone.

use mqtt::{Connect, Properties, Property, PropertyBuffer, Publish, QoS, ReasonCode, Version};

use crate::support::{Broker, Client, Login, Received};

const V5: Version = Version::V5;
const ALL: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

fn identifiers(received: &Received) -> Vec<u32> {
    let mut identifiers: Vec<_> =
        Properties::from_validated(&received.properties).subscription_identifiers().collect();
    identifiers.sort_unstable();
    identifiers
}

/// [MQTT-3.3.4-3]
#[test]
fn a_message_says_which_subscription_it_answers() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, V5, "client");
    let mut plain = Client::connect(&broker, V5, "plain");
    let mut old = Client::connect(&broker, Version::V3_1_1, "old");
    let mut publisher = Client::connect(&broker, V5, "publisher");
    for qos in ALL {
        client.subscribe_as("a/+", qos, 268_435_455);
        plain.subscribe("a/+", qos);
        old.subscribe("a/+", qos);
        let large = "x".repeat(20_000); // shared between receivers
        for payload in ["small", &large] {
            publisher.publish("a/b", payload, qos);
            assert_eq!(identifiers(&client.expect("a/b", payload)), [268_435_455]);
            assert!(plain.expect("a/b", payload).properties.is_empty());
            old.expect("a/b", payload);
        }
    }
}

/// [MQTT-3.3.4-4]
#[test]
fn one_copy_says_all_subscriptions_that_match() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, V5, "client");
    client.subscribe_as("a/#", QoS::AtMostOnce, 1);
    client.subscribe_as("a/+", QoS::ExactlyOnce, 2);
    client.subscribe_as("+/b", QoS::AtLeastOnce, 2);
    client.subscribe("a/b", QoS::AtMostOnce);
    client.subscribe_as("b/#", QoS::AtMostOnce, 4);
    let mut publisher = Client::connect(&broker, V5, "publisher");
    publisher.publish("a/b", "x", QoS::ExactlyOnce);
    let received = client.expect("a/b", "x");
    assert_eq!((identifiers(&received), received.qos), (vec![1, 2, 2], QoS::ExactlyOnce));
    client.ping();
}

/// [MQTT-3.3.2-15] [MQTT-3.3.2-18]
#[test]
fn properties_of_the_publisher_stay_in_front() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, V5, "client");
    client.subscribe_as("a", QoS::AtLeastOnce, 7);
    let mut publisher = Client::connect(&broker, V5, "publisher");
    let mut properties = PropertyBuffer::new();
    properties.push(Property::UserProperty("b", "2"));
    properties.push(Property::UserProperty("a", "1"));
    properties.push(Property::ResponseTopic("r"));
    for qos in ALL {
        publisher.publish_with(&Publish {
            dup: false,
            qos,
            retain: false,
            packet_id: 0,
            topic: "a",
            properties: properties.as_properties(),
            payload: b"x",
        });
        let received = client.expect("a", "x");
        assert!(Properties::from_validated(&received.properties).iter().eq([
            Property::UserProperty("b", "2"),
            Property::UserProperty("a", "1"),
            Property::ResponseTopic("r"),
            Property::SubscriptionIdentifier(7),
        ]));
    }
}

/// [MQTT-3.8.4-3]
#[test]
fn a_subscription_made_again_has_the_new_identifier_or_none() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, V5, "client");
    let mut publisher = Client::connect(&broker, V5, "publisher");
    for identifier in [1, 2] {
        client.subscribe_as("a", QoS::AtLeastOnce, identifier);
        publisher.publish("a", "x", QoS::AtLeastOnce);
        assert_eq!(identifiers(&client.expect("a", "x")), [identifier]);
    }
    client.subscribe("a", QoS::AtLeastOnce);
    publisher.publish("a", "x", QoS::AtLeastOnce);
    assert!(client.expect("a", "x").properties.is_empty());
}

#[test]
fn retained_messages_and_those_that_waited_say_it_too() {
    let broker = Broker::start();
    let mut publisher = Client::connect(&broker, V5, "publisher");
    publisher.publish_retained("a/kept", "kept", QoS::AtLeastOnce);
    let login = Login::new(V5, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.subscribe_as("a/#", QoS::AtLeastOnce, 5);
    assert_eq!(identifiers(&client.expect("a/kept", "kept")), [5]);
    client.disconnect();
    publisher.publish("a/b", "waited", QoS::AtLeastOnce);
    let mut client = login.connect(broker.address());
    let received = client.receive_publish();
    assert_eq!((identifiers(&received), &*received.payload), (vec![5], &b"waited"[..]));
    drop(client);
    let again = login.connect(broker.address()).receive_publish();
    assert_eq!((identifiers(&again), again.dup), (vec![5], true));
}

/// [MQTT-3.1.2-24] [MQTT-3.1.2-25]
#[test]
fn an_identifier_counts_for_the_maximum_packet_size() {
    let broker = Broker::start();
    let connect = Connect { maximum_packet_size: 30, ..Connect::new(V5, "client") };
    let mut size = PropertyBuffer::new();
    size.push(Property::MaximumPacketSize(30));
    let connect = Connect { properties: size.as_properties(), ..connect };
    let (mut client, _) = Client::connect_with(&broker, connect);
    let mut publisher = Client::connect(&broker, V5, "publisher");
    for qos in ALL {
        client.subscribe_as("a", qos, 1);
        // Header 2, topic 3, length of properties 1, identifier 2.
        let room = 30 - 8 - if qos == QoS::AtMostOnce { 0 } else { 2 };
        publisher.publish("a", &"x".repeat(room + 1), qos);
        publisher.publish("a", &"y".repeat(room), qos);
        client.expect("a", &"y".repeat(room));
        client.ping();
    }
}

#[test]
fn an_identifier_of_0_is_a_protocol_error() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, V5, "client");
    // Packet identifier 1, two bytes of properties, filter `a`, options 0.
    client.send_bytes(&[0x82, 9, 0, 1, 2, 0x0B, 0, 0, 1, b'a', 0]);
    client.expect_disconnect(ReasonCode::ProtocolError);
}
