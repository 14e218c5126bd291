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
            ("a/b", "x", QoS::AtMostOnce, ("a/b", Some(1))),
            ("a/b", "x", QoS::AtLeastOnce, ("", Some(1))),
            ("c", &large, QoS::AtLeastOnce, ("c", Some(2))),
            ("c", &large, QoS::AtMostOnce, ("", Some(2))),
            ("d", "x", QoS::AtMostOnce, ("d", None)),
            ("a/b", "x", QoS::ExactlyOnce, ("a/b", None)),
        ] {
            publisher.publish(topic, payload, qos);
            assert_eq!(next(&mut client), (sent.0.into(), sent.1));
        }
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
