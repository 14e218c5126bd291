//! `acknowledge: before_hooks`: publishers do not wait for plugins, and do not hear what they say.

use hookmq::config::Acknowledge;
use mqtt::{Ack, Packet, Publish, QoS, ReasonCode, Version};
use serde_json::{Value, json};

use crate::support::rewriter::Rewriters;
use crate::support::{self, Client, Login, both_versions};

both_versions!(
    a_publisher_does_not_wait_for_a_plugin,
    a_message_at_qos_2_is_taken_once,
    who_has_seen_no_acknowledgement_can_send_it_again,
    a_refusal_is_heard_by_nobody,
    what_is_malformed_is_still_refused,
);

fn start(test: &str, version: Version, section: Value) -> Rewriters {
    Rewriters::with(test, version, &[section], |config| {
        config.acknowledge = Acknowledge::BeforeHooks;
        config.check_payload_format = true;
        config.refused_publish = mqtt::RefusedPublish::Close;
    })
}

fn message<'a>(topic: &'a str, payload: &'a [u8], qos: QoS, packet_id: u16) -> Publish<'a> {
    Publish { packet_id, ..support::message(topic, payload, qos) }
}

/// Expects PUBACK or PUBREC without an error.
fn acknowledged(client: &mut Client, packet_id: u16) {
    client.receive(|packet| match packet {
        Packet::PubAck(ack) | Packet::PubRec(ack) => {
            assert_eq!((ack.packet_id, ack.reason), (packet_id, ReasonCode::Success));
        }
        packet => panic!("an acknowledgement expected: {packet:?}"),
    });
}

fn slow() -> Value {
    json!({ "on_before_publish": [{ "name": "slow", "later": 60_000 }] })
}

fn a_publisher_does_not_wait_for_a_plugin(version: Version) {
    let test = start("early", version, slow());
    let mut other = test.connect("other");
    other.subscribe("slow", QoS::AtMostOnce);
    let mut client = test.connect("client");
    for (times, qos) in [(1, QoS::AtLeastOnce), (2, QoS::ExactlyOnce)] {
        client.send(&Packet::Publish(message("slow", b"x", qos, 1)));
        acknowledged(&mut client, 1);
        test.wait_for("1 waits slow", times);
        test.connect("third").release("slow", "payload y,continue");
        other.expect("slow", "y");
        client.ping();
    }
}

/// [MQTT-4.3.3-10]
fn a_message_at_qos_2_is_taken_once(version: Version) {
    let test = start("early-once", version, slow());
    let mut other = test.connect("other");
    for topic in ["slow", "a"] {
        other.subscribe(topic, QoS::AtMostOnce);
    }
    let mut client = test.connect("client");
    let first = message("slow", b"x", QoS::ExactlyOnce, 1);
    client.send(&Packet::Publish(first));
    acknowledged(&mut client, 1);
    test.wait_for("1 waits slow", 1);
    client.send(&Packet::Publish(Publish { dup: true, ..first }));
    client.send(&Packet::PubRel(Ack::new(1, ReasonCode::Success)));
    test.connect("third").release("slow", "continue");
    acknowledged(&mut client, 1);
    client.receive(|packet| match packet {
        Packet::PubComp(ack) => assert_eq!(ack.reason, ReasonCode::Success),
        packet => panic!("PUBCOMP expected: {packet:?}"),
    });
    client.publish("a", "z", QoS::ExactlyOnce);
    other.expect("slow", "x");
    other.expect("a", "z");
}

/// [MQTT-4.3.3-10]
fn who_has_seen_no_acknowledgement_can_send_it_again(version: Version) {
    let test = start("early-again", version, slow());
    let mut other = test.connect("other");
    other.subscribe("slow", QoS::AtMostOnce);
    let login = Login::new(version, "client").keeping_session();
    let mut client = login.connect(test.broker.address());
    let first = message("slow", b"x", QoS::ExactlyOnce, 1);
    client.send(&Packet::Publish(first));
    test.wait_for("1 waits slow", 1);
    let (mut again, present) = login.resume(test.broker.address());
    assert!(present);
    let mut third = test.connect("third");
    third.release("slow", "continue");
    test.wait_for("answered continue: Err(NotThere)", 1);
    again.send(&Packet::Publish(Publish { dup: true, ..first }));
    acknowledged(&mut again, 1);
    test.wait_for("1 waits slow", 2);
    third.release("slow", "continue");
    other.expect("slow", "x");
    again.send(&Packet::PubRel(Ack::new(1, ReasonCode::Success)));
    again.receive(|packet| assert!(matches!(packet, Packet::PubComp(_)), "{packet:?}"));
    other.ping();
}

fn a_refusal_is_heard_by_nobody(version: Version) {
    let section = json!({ "on_before_publish": [
        { "name": "refused", "refuse": 135 },
        { "name": "vetoed", "refuse": 0 },
        { "name": "unfit", "change": ["topic other"], "refuse": 135 },
    ]});
    let test = start("early-no", version, section);
    let mut other = test.connect("other");
    other.subscribe("#", QoS::AtMostOnce);
    let mut client = test.connect("client");
    for topic in ["refused", "vetoed", "unfit"] {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            assert_eq!(client.publish_with(&message(topic, b"x", qos, 0)), ReasonCode::Success);
        }
    }
    client.publish("a", "x", QoS::AtLeastOnce);
    other.expect("a", "x");
}

/// That is not the plugins' say.
fn what_is_malformed_is_still_refused(version: Version) {
    let test = start("early-bad", version, json!({}));
    let mut client = test.connect("client");
    let topic = "a/".repeat(200);
    client.send(&Packet::Publish(message(&topic, b"x", QoS::AtLeastOnce, 1)));
    if version.has_properties() {
        client.receive(|packet| match packet {
            Packet::PubAck(ack) => assert_eq!(ack.reason, ReasonCode::TopicNameInvalid),
            packet => panic!("PUBACK expected: {packet:?}"),
        });
    } else {
        client.expect_closed();
    }
}
