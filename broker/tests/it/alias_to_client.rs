//! Topic aliases from the broker to a client that allows them. MQTT 5 alone.

use mqtt::{Properties, Property, QoS, Version};

use crate::support::{Broker, Client, Login};

const V5: Version = Version::V5;

/// Topic and alias of the next PUBLISH; it is acknowledged.
fn next(client: &mut Client) -> (String, Option<u16>) {
    let received = client.receive_publish();
    client.acknowledge(&received);
    let alias = Properties::from_validated(&received.properties).topic_alias();
    (received.topic, alias)
}

/// [MQTT-3.1.2-26] [MQTT-3.3.2-7] [MQTT-3.3.2-11]
#[test]
fn topics_are_sent_once_while_there_are_aliases_left() {
    let broker = Broker::start();
    let login = Login::new(V5, "client").with(Property::TopicAliasMaximum(2));
    let mut publisher = Client::connect(&broker, V5, "publisher");
    // A connection begins anew.
    for _ in 0..2 {
        let mut client = login.connect(broker.address());
        client.subscribe("#", QoS::ExactlyOnce);
        let large = "x".repeat(20_000);
        for (topic, payload, qos, sent) in [
            ("alpha/b", "x", QoS::AtMostOnce, ("alpha/b", Some(1))),
            ("alpha/b", "x", QoS::AtLeastOnce, ("", Some(1))),
            ("gamma", &large, QoS::AtLeastOnce, ("gamma", Some(2))),
            ("gamma", &large, QoS::AtMostOnce, ("", Some(2))),
            ("delta", "x", QoS::AtMostOnce, ("delta", None)),
            ("alpha/b", "x", QoS::ExactlyOnce, ("alpha/b", None)),
        ] {
            publisher.publish(topic, payload, qos);
            assert_eq!(next(&mut client), (sent.0.into(), sent.1));
        }
    }
}

/// [MQTT-3.1.2-24]
#[test]
fn an_alias_makes_no_packet_larger_than_the_client_takes() {
    const MAX: usize = 300;
    let broker = Broker::start();
    let login = Login::new(V5, "client").with(Property::TopicAliasMaximum(9));
    let mut client = login.with(Property::MaximumPacketSize(MAX as u32)).connect(broker.address());
    client.subscribe("#", QoS::AtMostOnce);
    let mut publisher = Client::connect(&broker, V5, "publisher");
    for topic in ["a", "a/b", "a/bc", "a/bcd"] {
        publisher.publish(topic, "x", QoS::AtMostOnce);
        client.receive_publish();
        // Header 3, length of the topic 2, of the properties 2, and a user property of 122 bytes, to
        // which an alias adds those that make the length two bytes.
        let value = "x".repeat(116);
        let mut properties = mqtt::PropertyBuffer::new();
        properties.push(Property::UserProperty("n", &value));
        let room = MAX - 3 - 2 - topic.len() - 1 - 122;
        publisher.publish_with(&mqtt::Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            packet_id: 0,
            topic,
            properties: properties.as_properties(),
            payload: &vec![b'x'; room],
        });
        let received = client.receive_publish();
        let properties = received.properties.len();
        let length = if properties < 128 { 1 } else { 2 };
        let size = 3 + 2 + received.topic.len() + length + properties + received.payload.len();
        assert!(size <= MAX, "{size} bytes at {topic}");
    }
}

/// [MQTT-3.1.2-27]
#[test]
fn a_client_that_allows_none_gets_none() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, V5, "client");
    client.subscribe("#", QoS::AtMostOnce);
    let mut publisher = Client::connect(&broker, V5, "publisher");
    for _ in 0..2 {
        publisher.publish("a", "x", QoS::AtMostOnce);
        assert_eq!(next(&mut client), ("a".into(), None));
    }
}
