//! Message expiry: what it ends, and what it does not.

use mqtt::{Ack, Packet, Properties, Property, PropertyBuffer, Publish, QoS, ReasonCode, Version};

use crate::session::expired_after_a_second;
use crate::support::{Broker, Client, Login};

/// [MQTT-3.3.2-5]
#[test]
fn an_expired_message_is_not_delivered() {
    let broker = Broker::start();
    let login = Login::new(Version::V5, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.subscribe("a", QoS::AtLeastOnce);
    client.disconnect();
    let mut publisher = Client::connect(&broker, Version::V5, "publisher");
    let mut properties = PropertyBuffer::new();
    let expired = short_lived(&mut properties, QoS::AtLeastOnce);
    publisher.publish_with(&expired);
    publisher.publish_with(&Publish { topic: "b", retain: true, ..expired });
    publisher.publish("a", "kept", QoS::AtLeastOnce);
    two_seconds_have_passed(&broker);
    let mut client = login.connect(broker.address());
    client.expect("a", "kept");
    client.subscribe("b", QoS::AtLeastOnce);
    client.ping();
}

/// [MQTT-4.3.3-7]
#[test]
fn a_message_that_has_been_sent_expires_no_more() {
    let broker = Broker::start();
    let login = Login::new(Version::V5, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, Version::V5, "publisher");
    let mut properties = PropertyBuffer::new();
    publisher.publish_with(&short_lived(&mut properties, QoS::ExactlyOnce));
    let first = client.receive_publish();
    drop(client);
    two_seconds_have_passed(&broker);
    let mut client = login.connect(broker.address());
    let again = client.receive_publish();
    assert!(again.dup && again.packet_id == first.packet_id);
    client.acknowledge(&again);
    client.ping();
}

/// [MQTT-4.3.3-13]
#[test]
fn the_handshake_of_an_expired_message_is_finished() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, Version::V5, "client");
    let mut properties = PropertyBuffer::new();
    let publish = short_lived(&mut properties, QoS::ExactlyOnce);
    let ack = Ack::new(7, ReasonCode::Success);
    client.send(&Packet::Publish(Publish { packet_id: 7, ..publish }));
    client.receive(|packet| assert_eq!(packet, Packet::PubRec(ack)));
    two_seconds_have_passed(&broker);
    client.send(&Packet::PubRel(ack));
    client.receive(|packet| assert_eq!(packet, Packet::PubComp(ack)));
}

/// A message that lives for a second.
fn short_lived(properties: &mut PropertyBuffer, qos: QoS) -> Publish<'_> {
    properties.push(Property::MessageExpiryInterval(1));
    let properties: Properties<'_> = properties.as_properties();
    let payload = b"short-lived";
    Publish { dup: false, qos, retain: false, packet_id: 0, topic: "a", properties, payload }
}

/// The broker counts whole seconds, so that a message of one second may live for nearly two.
fn two_seconds_have_passed(broker: &Broker) {
    expired_after_a_second(broker);
    expired_after_a_second(broker);
}
