//! Deliveries that a lost connection interrupts, and how they go on with the next one.

use mqtt::{Ack, Packet, Properties, Property, Publish, QoS, ReasonCode, Version};

use crate::support::{Broker, Client, Login, Received, both_versions};

both_versions!(
    an_unacknowledged_qos_1_message_is_sent_again,
    an_acknowledged_message_is_not_sent_again,
    an_unanswered_qos_2_message_is_sent_again,
    a_lost_pubrel_is_sent_again,
    a_completed_qos_2_message_is_not_sent_again,
    nothing_is_sent_again_while_the_connection_lives,
    messages_are_sent_again_in_their_order_and_new_ones_after_them,
    a_qos_2_message_from_the_client_is_new_only_once_across_connections,
    a_clean_start_forgets_the_qos_2_messages_from_the_client,
    a_second_pubrec_is_answered_as_the_first,
    an_unknown_pubrec_is_answered,
    an_unknown_pubrel_is_answered,
    unknown_acknowledgements_harm_nothing,
);

/// [MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.3.2-3]
fn an_unacknowledged_qos_1_message_is_sent_again(version: Version) {
    let Scene { login, mut publisher, mut client, broker } = Scene::new(version);
    publisher.publish("a", "x", QoS::AtLeastOnce);
    let first = client.receive_publish();
    assert!(!first.dup);
    // As often as the client comes back without an answer.
    for _ in 0..3 {
        drop(client);
        client = login.connect(broker.address());
        assert_eq!(client.receive_publish(), Received { dup: true, ..first.clone() });
    }
    client.acknowledge(&first);
    client.ping();
    drop(client);
    login.connect(broker.address()).ping();
}

fn an_acknowledged_message_is_not_sent_again(version: Version) {
    let Scene { login, mut publisher, mut client, broker } = Scene::new(version);
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::AtMostOnce] {
        publisher.publish("a", "x", qos);
        client.expect("a", "x");
    }
    client.ping();
    drop(client);
    login.connect(broker.address()).ping();
}

/// [MQTT-4.3.3-3]
fn an_unanswered_qos_2_message_is_sent_again(version: Version) {
    let Scene { login, mut publisher, mut client, broker } = Scene::new(version);
    publisher.publish("a", "x", QoS::ExactlyOnce);
    let first = client.receive_publish();
    drop(client);
    let mut client = login.connect(broker.address());
    let again = client.receive_publish();
    assert_eq!(again, Received { dup: true, ..first });
    client.acknowledge(&again);
    client.ping();
}

/// [MQTT-4.3.3-5] [MQTT-4.3.3-6]
fn a_lost_pubrel_is_sent_again(version: Version) {
    let Scene { login, mut publisher, mut client, broker } = Scene::new(version);
    publisher.publish("a", "x", QoS::ExactlyOnce);
    let packet_id = client.receive_publish().packet_id;
    let ack = Ack::new(packet_id, ReasonCode::Success);
    client.send(&Packet::PubRec(ack));
    client.receive(|packet| assert_eq!(packet, Packet::PubRel(ack)));
    // Neither the message nor anything else comes again, PUBREL does.
    for _ in 0..3 {
        drop(client);
        client = login.connect(broker.address());
        client.receive(|packet| assert_eq!(packet, Packet::PubRel(ack)));
        client.ping();
    }
    client.send(&Packet::PubComp(ack));
    client.ping();
    drop(client);
    login.connect(broker.address()).ping();
}

fn a_completed_qos_2_message_is_not_sent_again(version: Version) {
    let Scene { login, mut publisher, mut client, broker } = Scene::new(version);
    publisher.publish("a", "x", QoS::ExactlyOnce);
    client.expect("a", "x");
    // After PUBCOMP, before anything else: the broker reads it before it sees the close.
    drop(client);
    login.connect(broker.address()).ping();
}

/// [MQTT-4.4.0-1]: at no other time.
fn nothing_is_sent_again_while_the_connection_lives(version: Version) {
    let Scene { mut publisher, mut client, broker, .. } = Scene::new(version);
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        publisher.publish("a", "x", qos);
        client.receive_publish();
    }
    publisher.publish("a", "y", QoS::AtLeastOnce);
    client.expect("a", "y");
    client.subscribe("b", QoS::AtLeastOnce);
    client.ping();
    drop(broker);
}

/// [MQTT-4.6.0-1]
fn messages_are_sent_again_in_their_order_and_new_ones_after_them(version: Version) {
    let Scene { login, mut publisher, mut client, broker } = Scene::new(version);
    let qos = [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce, QoS::AtLeastOnce];
    let names = ["one", "two", "three", "four"];
    for (name, qos) in names.into_iter().zip(qos) {
        publisher.publish("a", name, qos);
    }
    let first: Vec<_> = (0..4).map(|_| client.receive_publish()).collect();
    client.disconnect();
    publisher.publish("a", "while away", QoS::AtLeastOnce);
    let mut client = login.connect(broker.address());
    publisher.publish("a", "back", QoS::AtLeastOnce);
    let mut received = Vec::new();
    while received.len() < 6 {
        client.receive_and_answer(&mut received);
    }
    let again: Vec<_> = first.into_iter().map(|one| Received { dup: true, ..one }).collect();
    assert_eq!(received[..4], again);
    assert_eq!(received[4].payload, b"while away");
    assert_eq!(received[5].payload, b"back");
    assert!(!received[4].dup && !received[5].dup);
}

/// [MQTT-4.3.3-10]
fn a_qos_2_message_from_the_client_is_new_only_once_across_connections(version: Version) {
    let broker = Broker::start();
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("a", QoS::ExactlyOnce);
    let login = Login::new(version, "client").keeping_session();
    let (received, complete) = answers(9);
    for dup in [false, true, true] {
        // PUBREC is lost with the connection.
        let mut client = login.connect(broker.address());
        client.send(&Packet::Publish(Publish { dup, ..message(9) }));
        client.receive(|packet| assert_eq!(packet, received));
    }
    watcher.expect("a", "x");
    watcher.ping();
    let mut client = login.connect(broker.address());
    client.send(&Packet::PubRel(Ack::new(9, ReasonCode::Success)));
    client.receive(|packet| assert_eq!(packet, complete));
    // [MQTT-4.3.3-12]
    client.send(&Packet::Publish(message(9)));
    client.receive(|packet| assert_eq!(packet, received));
    watcher.expect("a", "x");
    watcher.ping();
}

fn a_clean_start_forgets_the_qos_2_messages_from_the_client(version: Version) {
    let broker = Broker::start();
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("a", QoS::ExactlyOnce);
    let (received, _) = answers(9);
    for _ in 0..2 {
        let mut client = Client::connect(&broker, version, "client");
        client.send(&Packet::Publish(message(9)));
        client.receive(|packet| assert_eq!(packet, received));
        watcher.expect("a", "x");
    }
}

fn a_second_pubrec_is_answered_as_the_first(version: Version) {
    let Scene { mut publisher, mut client, broker, .. } = Scene::new(version);
    publisher.publish("a", "x", QoS::ExactlyOnce);
    let ack = Ack::new(client.receive_publish().packet_id, ReasonCode::Success);
    for _ in 0..2 {
        client.send(&Packet::PubRec(ack));
        client.receive(|packet| assert_eq!(packet, Packet::PubRel(ack)));
    }
    client.send(&Packet::PubComp(ack));
    client.ping();
    drop(broker);
}

fn an_unknown_pubrec_is_answered(version: Version) {
    let Scene { mut publisher, mut client, broker, .. } = Scene::new(version);
    // The broker owes this client something, but not this.
    publisher.publish("a", "x", QoS::AtLeastOnce);
    client.receive_publish();
    client.send(&Packet::PubRec(Ack::new(77, ReasonCode::Success)));
    let release = Packet::PubRel(Ack::new(77, not_found(version)));
    client.receive(|packet| assert_eq!(packet, release));
    client.ping();
    drop(broker);
}

/// A client that has forgotten less than the broker would ask for ever. [MQTT-4.3.3-11]
fn an_unknown_pubrel_is_answered(version: Version) {
    let Scene { mut client, broker, .. } = Scene::new(version);
    client.send(&Packet::PubRel(Ack::new(77, ReasonCode::Success)));
    let complete = Packet::PubComp(Ack::new(77, not_found(version)));
    client.receive(|packet| assert_eq!(packet, complete));
    client.ping();
    drop(broker);
}

fn unknown_acknowledgements_harm_nothing(version: Version) {
    let Scene { mut publisher, mut client, broker, .. } = Scene::new(version);
    publisher.publish("a", "x", QoS::ExactlyOnce);
    let received = client.receive_publish();
    let known = Ack::new(received.packet_id, ReasonCode::Success);
    let unknown = Ack::new(77, ReasonCode::Success);
    for packet in [
        Packet::PubAck(unknown),
        Packet::PubComp(unknown),
        // Of the wrong kind.
        Packet::PubAck(known),
        Packet::PubComp(known),
    ] {
        client.send(&packet);
    }
    client.ping();
    client.acknowledge(&received);
    client.ping();
    drop(broker);
}

/// A client that never had a message at QoS 1 or 2 is answered too.
#[test]
fn an_unknown_pubrec_is_answered_to_a_new_client() {
    for version in [Version::V3_1_1, Version::V5] {
        let broker = Broker::start();
        let mut client = Client::connect(&broker, version, "client");
        client.send(&Packet::PubRec(Ack::new(77, ReasonCode::Success)));
        let release = Packet::PubRel(Ack::new(77, not_found(version)));
        client.receive(|packet| assert_eq!(packet, release));
        client.ping();
    }
}

/// [MQTT-4.4.0-2]
#[test]
fn an_error_ends_a_delivery() {
    let Scene { login, mut publisher, mut client, broker } = Scene::new(Version::V5);
    publisher.publish("a", "one", QoS::AtLeastOnce);
    publisher.publish("a", "two", QoS::ExactlyOnce);
    for _ in 0..2 {
        let received = client.receive_publish();
        let ack = Ack::new(received.packet_id, ReasonCode::QuotaExceeded);
        client.send(&match received.qos {
            QoS::ExactlyOnce => Packet::PubRec(ack),
            _ => Packet::PubAck(ack),
        });
    }
    client.ping();
    drop(client);
    login.connect(broker.address()).ping();
}

/// [MQTT-3.3.4-9]: the window of the new connection counts, also for what is sent again.
#[test]
fn a_smaller_window_holds_back_what_is_sent_again() {
    let Scene { login, mut publisher, mut client, broker } = Scene::new(Version::V5);
    let names = ["one", "two", "three", "four"];
    for name in names {
        publisher.publish("a", name, QoS::AtLeastOnce);
    }
    for name in names {
        assert_eq!(client.receive_publish().payload, name.as_bytes());
    }
    drop(client);
    let mut client = login.with(Property::ReceiveMaximum(2)).connect(broker.address());
    let mut in_flight = [client.receive_publish(), client.receive_publish()];
    client.ping();
    for name in ["three", "four"] {
        client.acknowledge(&in_flight[0]);
        in_flight.swap(0, 1);
        in_flight[1] = client.receive_publish();
        assert_eq!(in_flight[1].payload, name.as_bytes());
        assert!(in_flight[1].dup);
        client.ping();
    }
}

/// [MQTT-3.1.2-24] [MQTT-3.1.2-25]
#[test]
fn what_is_too_large_for_the_new_connection_is_not_sent_again() {
    let Scene { login, mut publisher, mut client, broker } = Scene::new(Version::V5);
    let large = "x".repeat(1000);
    for payload in ["one", &large, "two"] {
        publisher.publish("a", payload, QoS::AtLeastOnce);
        client.receive_publish();
    }
    client.disconnect();
    publisher.publish("a", &large, QoS::AtLeastOnce);
    publisher.publish("a", "three", QoS::AtLeastOnce);
    let login = login.with(Property::MaximumPacketSize(100)).with(Property::ReceiveMaximum(2));
    let mut client = login.connect(broker.address());
    for payload in ["one", "two", "three"] {
        client.expect("a", payload);
    }
    client.ping();
}

/// A client whose session is kept, subscribed to `a` at QoS 2, and somebody who publishes.
struct Scene {
    broker: Broker,
    login: Login<'static>,
    client: Client,
    publisher: Client,
}

impl Scene {
    fn new(version: Version) -> Scene {
        let broker = Broker::start();
        let login = Login::new(version, "client").keeping_session();
        let mut client = login.connect(broker.address());
        client.subscribe("a", QoS::ExactlyOnce);
        let publisher = Client::connect(&broker, version, "publisher");
        Scene { broker, login, client, publisher }
    }
}

fn message(packet_id: u16) -> Publish<'static> {
    Publish {
        dup: false,
        qos: QoS::ExactlyOnce,
        retain: false,
        packet_id,
        topic: "a",
        properties: Properties::EMPTY,
        payload: b"x",
    }
}

/// PUBREC and PUBCOMP.
fn answers(packet_id: u16) -> (Packet<'static>, Packet<'static>) {
    let ack = Ack::new(packet_id, ReasonCode::Success);
    (Packet::PubRec(ack), Packet::PubComp(ack))
}

/// What PUBREL and PUBCOMP say of a packet identifier that is not in use.
fn not_found(version: Version) -> ReasonCode {
    match version {
        Version::V3_1 | Version::V3_1_1 => ReasonCode::Success,
        Version::V5 => ReasonCode::PacketIdentifierNotFound,
    }
}
