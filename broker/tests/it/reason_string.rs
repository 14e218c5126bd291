//! What the broker says about a refusal, to whom it says it, and what of it fits. MQTT 5.0 alone: the
//! versions before have no words for it.

use mqtt::{
    Packet, Properties, Property, PropertyBuffer, Publish, QoS, ReasonCode, Subscribe,
    Subscription, SubscriptionList, SubscriptionOptions, Version,
};

use crate::support::{Broker, Client, Login};

const V5: Version = Version::V5;

#[test]
fn connack_says_why_whether_it_is_asked_or_not() {
    let broker = Broker::with(|config| config.limits.max_client_id_length = 23);
    for asked in [0, 1] {
        let long = "x".repeat(24);
        let login = Login::new(V5, &long).with(Property::RequestProblemInformation(asked));
        let (_, answer) = login.ask(broker.address());
        assert_eq!(answer.reason, ReasonCode::ClientIdentifierNotValid);
        let why = answer.properties().reason_string();
        assert_eq!(why, Some("the client identifier is too long, or begins with $plugin/"));
    }
    // Not well formed: the reserved connect flag.
    let mut client = Client::open(broker.address(), V5);
    client.send_bytes(b"\x10\x0E\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x01a");
    let answer = client.answer();
    assert_eq!(answer.reason, ReasonCode::MalformedPacket);
    let why = answer.properties().reason_string();
    assert_eq!(why, Some("CONNECT: the reserved connect flag is set"));
}

#[test]
fn connack_of_a_success_explains_nothing() {
    let broker = Broker::start();
    let (_client, answer) = Login::new(V5, "client").ask(broker.address());
    assert_eq!(answer.properties().reason_string(), None);
}

/// [MQTT-3.1.2-29] leaves DISCONNECT out.
#[test]
fn disconnect_says_why_whether_it_is_asked_or_not() {
    let broker = Broker::start();
    for asked in [0, 1] {
        let login = Login::new(V5, "client").with(Property::RequestProblemInformation(asked));
        let mut client = login.connect(broker.address());
        client.send_bytes(b"\x36\x00");
        expect_disconnect(
            &mut client,
            ReasonCode::MalformedPacket,
            Some("PUBLISH: QoS 3 does not exist"),
        );
    }
    let mut client = Client::connect(&broker, V5, "client");
    let _newer = Client::connect(&broker, V5, "client");
    let why = Some("another connection has the client identifier now");
    expect_disconnect(&mut client, ReasonCode::SessionTakenOver, why);
}

/// [MQTT-3.1.2-29]
#[test]
fn acknowledgements_say_why_to_those_who_ask() {
    let broker = Broker::start();
    for asked in [0, 1] {
        let login = Login::new(V5, "client").with(Property::RequestProblemInformation(asked));
        let mut client = login.connect(broker.address());
        let told = |why: &str| Some(why.to_owned()).filter(|_| asked == 1);
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            client.send(&Packet::Publish(publish("$x", qos)));
            let why = "the topic name is too long, has too many levels, or begins with $";
            assert_eq!(acknowledgement(&mut client), (ReasonCode::TopicNameInvalid, told(why)));
            client.send(&Packet::Publish(publish("x", qos)));
            assert_eq!(acknowledgement(&mut client), (ReasonCode::Success, None));
        }
        let why = "a topic filter is malformed, too long, or has too many levels";
        for (filters, expected) in [(&["a"][..], None), (&["a", "a#", "b"], told(why))] {
            subscribe(&mut client, filters);
            assert_eq!(suback(&mut client), (filters.len(), expected));
        }
    }
}

/// [MQTT-3.9.2-1] [MQTT-3.14.2-3]
#[test]
fn what_is_too_large_with_a_reason_string_is_sent_without() {
    let broker = Broker::start();
    let login = Login::new(V5, "client").with(Property::MaximumPacketSize(40));
    let mut client = login.connect(broker.address());
    subscribe(&mut client, &["a#"]);
    assert_eq!(suback(&mut client), (1, None));
    client.send(&Packet::Publish(publish("$x", QoS::AtLeastOnce)));
    assert_eq!(acknowledgement(&mut client), (ReasonCode::TopicNameInvalid, None));
    client.send_bytes(b"\x38\x04\x00\x01a\x00");
    let why = Some("PUBLISH: DUP is set with QoS 0");
    expect_disconnect(&mut client, ReasonCode::MalformedPacket, why);
    let login = Login::new(V5, "client").with(Property::MaximumPacketSize(30));
    let mut client = login.connect(broker.address());
    client.send_bytes(b"\x38\x04\x00\x01a\x00");
    expect_disconnect(&mut client, ReasonCode::MalformedPacket, None);
}

/// There is nothing else that can be said to such a client. [MQTT-3.1.2-24]
#[test]
fn a_suback_or_unsuback_that_does_not_fit_ends_the_connection() {
    let broker = Broker::start();
    let filters: Vec<String> = (0..40).map(|number| format!("filter/{number}")).collect();
    let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
    let login = Login::new(V5, "client").with(Property::MaximumPacketSize(40));
    let mut client = login.connect(broker.address());
    subscribe(&mut client, &filters);
    expect_disconnect(&mut client, ReasonCode::PacketTooLarge, None);
    let mut client = login.connect(broker.address());
    let mut list = mqtt::FilterList::new(filters[0]);
    for filter in &filters[1..] {
        list.push(filter);
    }
    let unsubscribe = mqtt::Unsubscribe::new(1, Properties::EMPTY, &list);
    client.send(&Packet::Unsubscribe(unsubscribe));
    expect_disconnect(&mut client, ReasonCode::PacketTooLarge, None);
}

/// It is refused before there is a session. [MQTT-3.1.2-24]
#[test]
fn a_client_that_takes_no_connack_is_not_let_in() {
    let broker = Broker::start();
    let login =
        |size| Login::new(V5, "client").keeping_session().with(Property::MaximumPacketSize(size));
    let (mut client, answer) = login(15).ask(broker.address());
    assert_eq!(answer.reason, ReasonCode::PacketTooLarge);
    client.expect_closed();
    for size in [1, 4] {
        let mut client = Client::open(broker.address(), V5);
        client.send_bytes(&login(size).bytes());
        client.expect_closed();
    }
    let (_client, resumed) = login(30).resume(broker.address());
    assert!(!resumed);
}

fn publish(topic: &str, qos: QoS) -> Publish<'_> {
    let properties = Properties::EMPTY;
    Publish { dup: false, qos, retain: false, packet_id: 7, topic, properties, payload: b"x" }
}

fn subscribe(client: &mut Client, filters: &[&str]) {
    let options = SubscriptionOptions::new(QoS::AtMostOnce);
    let mut list = SubscriptionList::new(Subscription { filter: filters[0], options });
    for filter in &filters[1..] {
        list.push(Subscription { filter, options });
    }
    let none = PropertyBuffer::new();
    client.send(&Packet::Subscribe(Subscribe::new(1, none.as_properties(), &list)));
}

/// How many reason codes SUBACK has, and its Reason String.
fn suback(client: &mut Client) -> (usize, Option<String>) {
    client.receive(|packet| match packet {
        Packet::SubAck(suback) => {
            (suback.reasons.len(), suback.properties.reason_string().map(Into::into))
        }
        other => panic!("SUBACK expected: {other:?}"),
    })
}

/// Reason code and Reason String of PUBACK or PUBREC.
fn acknowledgement(client: &mut Client) -> (ReasonCode, Option<String>) {
    client.receive(|packet| match packet {
        Packet::PubAck(ack) | Packet::PubRec(ack) => {
            (ack.reason, ack.properties.reason_string().map(Into::into))
        }
        other => panic!("PUBACK or PUBREC expected: {other:?}"),
    })
}

fn expect_disconnect(client: &mut Client, reason: ReasonCode, why: Option<&str>) {
    client.receive(|packet| match packet {
        Packet::Disconnect(disconnect) => {
            assert_eq!((disconnect.reason, disconnect.properties.reason_string()), (reason, why));
        }
        other => panic!("DISCONNECT expected: {other:?}"),
    });
    client.expect_closed();
}
