//! Topic aliases that a client sets. The publisher speaks MQTT 5; who receives may speak either.

use mqtt::{Ack, Packet, Properties, Property, PropertyBuffer, Publish, QoS, ReasonCode, Version};

use crate::support::{Broker, Client, Login, both_versions};

both_versions!(
    an_alias_stands_for_its_topic_at_every_qos,
    messages_with_and_without_alias_keep_their_order,
    an_alias_can_be_set_to_another_topic,
    a_message_sent_again_by_alias_is_delivered_once,
    a_message_with_an_alias_is_retained_under_its_topic,
    a_large_message_with_an_alias_arrives_whole,
    a_short_alias_for_a_long_topic_floods_nobody,
);

const ALL: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// [MQTT-3.3.2-12]
fn an_alias_stands_for_its_topic_at_every_qos(version: Version) {
    let broker = Broker::start();
    let mut publisher = Client::connect(&broker, Version::V5, "publisher");
    for granted in ALL {
        let mut subscriber = Client::connect(&broker, version, "subscriber");
        subscriber.subscribe("a/+", granted);
        for qos in ALL {
            for topic in ["a/b", "", ""] {
                let alias = Aliased::new(64);
                assert_eq!(publisher.publish_with(&alias.publish(topic, qos)), ReasonCode::Success);
                let received = subscriber.expect("a/b", "x");
                assert_eq!((received.qos, received.properties), (qos.min(granted), vec![]));
            }
        }
        subscriber.disconnect();
    }
}

/// All in one read.
fn messages_with_and_without_alias_keep_their_order(version: Version) {
    let sent = [
        ("a", 0, "a"),
        ("a", 1, "a"),
        ("", 1, "a"),
        ("", 1, "a"),
        ("b", 2, "b"),
        ("", 1, "a"),
        ("a", 0, "a"),
        ("", 2, "b"),
        ("b", 0, "b"),
        ("b", 0, "b"),
        ("b", 2, "b"),
    ];
    for qos in ALL {
        let broker = Broker::start();
        let mut subscriber = Client::connect(&broker, version, "subscriber");
        subscriber.subscribe("#", QoS::ExactlyOnce);
        let mut publisher = Client::connect(&broker, Version::V5, "publisher");
        let mut bytes = Vec::new();
        for (number, (topic, alias, _)) in sent.iter().enumerate() {
            let aliased = if *alias == 0 { Aliased::none() } else { Aliased::new(*alias) };
            let packet_id = number as u16 + 1;
            let payload = number.to_string();
            let publish = Publish { payload: payload.as_bytes(), ..aliased.publish(topic, qos) };
            Publish { packet_id, ..publish }.encode(Version::V5, &mut bytes);
        }
        publisher.send_bytes(&bytes);
        let mut received = Vec::new();
        while received.len() < sent.len() {
            subscriber.receive_and_answer(&mut received);
        }
        for (number, ((_, _, topic), received)) in sent.iter().zip(&received).enumerate() {
            assert_eq!((&*received.topic, received.qos), (*topic, qos));
            assert_eq!(received.payload, number.to_string().as_bytes());
        }
        publisher.answer_to(sent.len(), qos);
    }
}

fn an_alias_can_be_set_to_another_topic(version: Version) {
    let broker = Broker::start();
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("#", QoS::AtMostOnce);
    let mut publisher = Client::connect(&broker, Version::V5, "publisher");
    for (topic, resolved) in [("a", "a"), ("b", "b"), ("", "b"), ("b", "b"), ("a", "a"), ("", "a")]
    {
        publisher.publish_with(&Aliased::new(1).publish(topic, QoS::AtMostOnce));
        subscriber.expect(resolved, "x");
    }
}

/// [MQTT-4.3.3-10]
fn a_message_sent_again_by_alias_is_delivered_once(version: Version) {
    let broker = Broker::start();
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, Version::V5, "publisher");
    let aliased = Aliased::new(1);
    for (dup, topic) in [(false, "a"), (true, "a"), (true, "")] {
        let publish = aliased.publish(topic, QoS::ExactlyOnce);
        publisher.send(&Packet::Publish(Publish { dup, packet_id: 7, ..publish }));
        let received = Packet::PubRec(Ack::new(7, ReasonCode::Success));
        publisher.receive(|packet| assert_eq!(packet, received));
    }
    assert!(!subscriber.expect("a", "x").dup);
    subscriber.ping();
}

fn a_message_with_an_alias_is_retained_under_its_topic(version: Version) {
    let broker = Broker::start();
    let mut publisher = Client::connect(&broker, Version::V5, "publisher");
    let aliased = Aliased::new(1);
    publisher.publish_with(&aliased.publish("a", QoS::AtLeastOnce));
    publisher.publish_with(&Publish { retain: true, ..aliased.publish("", QoS::AtLeastOnce) });
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    let received = subscriber.expect("a", "x");
    assert!(received.retain && received.properties.is_empty());
    let clear = Publish { payload: b"", ..aliased.publish("", QoS::AtLeastOnce) };
    publisher.publish_with(&Publish { retain: true, ..clear });
    subscriber.expect("a", "");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    subscriber.ping();
}

fn a_large_message_with_an_alias_arrives_whole(version: Version) {
    let broker = Broker::start();
    let mut publisher = Client::connect(&broker, Version::V5, "publisher");
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    for (size, topic) in [(100_000, "a"), (1_000_000, ""), (3, ""), (300_000, "")] {
        let payload = vec![b'x'; size];
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
            let aliased = Aliased::new(1);
            publisher.publish_with(&Publish { payload: &payload, ..aliased.publish(topic, qos) });
            let received = subscriber.receive_publish();
            assert!(received.payload == payload && received.topic == "a");
            subscriber.acknowledge(&received);
        }
    }
}

/// Eight bytes stand for 4 KiB: what comes of one read is 32 MiB, for each of the receivers.
fn a_short_alias_for_a_long_topic_floods_nobody(version: Version) {
    let broker = Broker::start();
    let long = "x".repeat(4096);
    let mut subscribers: Vec<_> = ["first", "second"]
        .map(|client_id| {
            let mut subscriber = Client::connect(&broker, version, client_id);
            subscriber.subscribe("+", QoS::AtMostOnce);
            subscriber
        })
        .into();
    let mut publisher = Client::connect(&broker, Version::V5, "publisher");
    let mut bytes = Vec::new();
    let aliased = Aliased::new(1);
    for number in 0..8000 {
        let topic = if number == 0 { &*long } else { "" };
        let payload = number.to_string();
        let publish = aliased.publish(topic, QoS::AtMostOnce);
        Publish { payload: payload.as_bytes(), ..publish }.encode(Version::V5, &mut bytes);
    }
    Packet::PingReq.encode(Version::V5, &mut bytes);
    publisher.send_bytes(&bytes);
    std::thread::scope(|scope| {
        for mut subscriber in subscribers.drain(..) {
            let long = &long;
            scope.spawn(move || {
                for number in 0..8000 {
                    let received = subscriber.receive_publish();
                    assert!(received.topic == *long);
                    assert_eq!(received.payload, number.to_string().as_bytes());
                }
            });
        }
    });
    publisher.receive(|packet| assert_eq!(packet, Packet::PingResp));
}

/// [MQTT-3.3.2-15] [MQTT-3.3.2-17] [MQTT-3.3.2-18]
#[test]
fn the_other_properties_are_passed_on_in_their_order() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, Version::V5, "client");
    client.subscribe("a", QoS::AtMostOnce);
    let before = [Property::ContentType("text"), Property::UserProperty("b", "1")];
    let after = [Property::UserProperty("a", "2"), Property::ResponseTopic("re")];
    let (mut sent, mut expected) = (PropertyBuffer::new(), PropertyBuffer::new());
    for property in before.iter().chain(&[Property::TopicAlias(3)]).chain(&after) {
        assert!(sent.push(*property));
    }
    for property in before.iter().chain(&after) {
        assert!(expected.push(*property));
    }
    for topic in ["a", ""] {
        let properties = sent.as_properties();
        let none = Aliased::none();
        let publish = Publish { properties, ..none.publish(topic, QoS::AtMostOnce) };
        client.send(&Packet::Publish(publish));
        let received = client.expect("a", "x");
        assert_eq!(received.properties, expected.as_properties().as_bytes());
    }
}

/// What counts is the packet that the receiver would get. [MQTT-3.1.2-25]
#[test]
fn a_message_that_is_too_large_with_its_topic_is_not_delivered() {
    let broker = Broker::start();
    let login = Login::new(Version::V5, "subscriber").with(Property::MaximumPacketSize(100));
    let mut subscriber = login.connect(broker.address());
    subscriber.subscribe("#", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, Version::V5, "publisher");
    let long = "x".repeat(100);
    for topic in [&*long, ""] {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
            publisher.publish_with(&Aliased::new(1).publish(topic, qos));
        }
    }
    publisher.publish_with(&Aliased::new(1).publish("a", QoS::AtMostOnce));
    subscriber.expect("a", "x");
}

/// [MQTT-3.3.2-7]
#[test]
fn aliases_go_with_the_connection() {
    let broker = Broker::start();
    let login = Login::new(Version::V5, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.publish_with(&Aliased::new(1).publish("a", QoS::AtLeastOnce));
    client.publish_with(&Aliased::new(1).publish("", QoS::AtLeastOnce));
    let mut other = Client::connect(&broker, Version::V5, "other");
    other.send(&Packet::Publish(Aliased::new(1).publish("", QoS::AtMostOnce)));
    other.expect_disconnect(ReasonCode::ProtocolError);
    client.disconnect();
    let (mut client, resumed) = login.resume(broker.address());
    assert!(resumed);
    client.send(&Packet::Publish(Aliased::new(1).publish("", QoS::AtMostOnce)));
    client.expect_disconnect(ReasonCode::ProtocolError);
}

#[test]
fn a_topic_that_is_refused_is_refused_by_its_alias_too() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, Version::V5, "client");
    client.subscribe("#", QoS::AtMostOnce);
    for topic in ["$x", "", &"x".repeat(5000), ""] {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let reason = client.publish_with(&Aliased::new(1).publish(topic, qos));
            assert_eq!(reason, ReasonCode::TopicNameInvalid);
        }
        client.publish_with(&Aliased::new(1).publish(topic, QoS::AtMostOnce));
    }
    client.send(&Packet::Publish(Aliased::new(1).publish("a", QoS::AtMostOnce)));
    client.expect("a", "x");
}

/// [MQTT-3.3.2-9] [MQTT-3.3.2-12]
#[test]
fn connack_says_how_many_there_may_be() {
    for maximum in [0, 1, 65_535] {
        let broker = Broker::with(|config| config.limits.topic_alias_maximum = maximum);
        let (mut client, answer) = Login::new(Version::V5, "client").ask(broker.address());
        let said = answer.properties().topic_alias_maximum();
        assert_eq!(said, Some(maximum).filter(|maximum| *maximum > 0));
        if maximum > 0 {
            client.subscribe("a", QoS::AtMostOnce);
            for topic in ["a", ""] {
                let aliased = Aliased::new(maximum);
                client.send(&Packet::Publish(aliased.publish(topic, QoS::AtMostOnce)));
                client.expect("a", "x");
            }
        }
        if let Some(above) = maximum.checked_add(1) {
            client.send(&Packet::Publish(Aliased::new(above).publish("a", QoS::AtMostOnce)));
            client.expect_disconnect(ReasonCode::TopicAliasInvalid);
        }
    }
}

/// The properties of a message with an alias, or without.
struct Aliased(PropertyBuffer);

impl Aliased {
    fn none() -> Aliased {
        Aliased(PropertyBuffer::new())
    }

    fn new(alias: u16) -> Aliased {
        let mut properties = PropertyBuffer::new();
        assert!(properties.push(Property::TopicAlias(alias)));
        Aliased(properties)
    }

    fn publish<'a>(&'a self, topic: &'a str, qos: QoS) -> Publish<'a> {
        let properties: Properties<'a> = self.0.as_properties();
        Publish { dup: false, qos, retain: false, packet_id: 0, topic, properties, payload: b"x" }
    }
}

impl Client {
    /// Takes the acknowledgements of so many messages, numbered from 1, and ends their handshakes.
    fn answer_to(&mut self, count: usize, qos: QoS) {
        if qos == QoS::AtMostOnce {
            return;
        }
        for packet_id in 1..=count as u16 {
            let ack = Ack::new(packet_id, ReasonCode::Success);
            if qos == QoS::AtLeastOnce {
                self.receive(|packet| assert_eq!(packet, Packet::PubAck(ack)));
                continue;
            }
            self.receive(|packet| assert_eq!(packet, Packet::PubRec(ack)));
        }
        if qos == QoS::ExactlyOnce {
            for packet_id in 1..=count as u16 {
                let ack = Ack::new(packet_id, ReasonCode::Success);
                self.send(&Packet::PubRel(ack));
                self.receive(|packet| assert_eq!(packet, Packet::PubComp(ack)));
            }
        }
    }
}
