//! Packets as bytes on a connection: cut anywhere, too large, out of place, malformed.

use mqtt::{Ack, Auth, Disconnect, Packet, Properties, Property, PropertyBuffer, Publish, QoS};
use mqtt::{ConnAck, ReasonCode, Version};

use crate::support::{Broker, Client, Login, both_versions};

both_versions!(
    ping_is_answered,
    disconnect_is_answered_by_the_close,
    bytes_may_come_one_by_one,
    large_packets_may_come_in_odd_pieces,
    a_packet_of_just_the_maximum_size_is_taken,
    a_packet_above_the_maximum_size_is_refused_by_its_header,
    what_came_before_a_bad_packet_counts,
    packets_that_only_a_server_sends_are_refused,
    auth_is_refused,
    reserved_flags_are_malformed,
    a_publish_with_both_qos_bits_is_malformed,
    a_topic_with_a_wildcard_is_refused,
    a_topic_of_the_brokers_own_is_not_published,
);

/// [MQTT-3.12.4-1]
fn ping_is_answered(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    for _ in 0..3 {
        client.ping();
    }
}

fn disconnect_is_answered_by_the_close(version: Version) {
    let broker = Broker::start();
    let client = Client::connect(&broker, version, "client");
    client.disconnect();
}

fn bytes_may_come_one_by_one(version: Version) {
    let broker = Broker::start();
    let mut client = Client::open(broker.address(), version);
    let mut bytes = Login::new(version, "client").bytes();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        message(b"hello", qos).encode(version, &mut bytes);
    }
    Packet::PingReq.encode(version, &mut bytes);
    for byte in bytes {
        client.send_bytes(&[byte]);
    }
    assert_eq!(client.answer().reason, ReasonCode::Success);
    let kinds: Vec<_> = (0..2).map(|_| client.receive(|packet| packet.kind())).collect();
    assert_eq!(kinds, ["PUBACK", "PINGRESP"]);
}

/// Larger than the buffer that the broker reads into, so that packets straddle several reads.
/// [MQTT-4.2.0-1]
fn large_packets_may_come_in_odd_pieces(version: Version) {
    let broker = Broker::start();
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("a", QoS::AtMostOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    let sizes = [64 * 1024 - 5, 64 * 1024, 64 * 1024 + 1, 200_000, 3, 1_000_000, 131_072];
    let payloads: Vec<Vec<u8>> = sizes.into_iter().map(pattern).collect();
    let mut bytes = Vec::new();
    for payload in &payloads {
        message(payload, QoS::AtMostOnce).encode(version, &mut bytes);
    }
    let pieces = [1, 4093, 65_535, 17, 65_537, 30_011];
    let mut rest = &*bytes;
    for piece in pieces.into_iter().cycle() {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        publisher.send_bytes(now);
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    for payload in payloads {
        assert!(subscriber.receive_publish().payload == payload, "{} bytes", payload.len());
    }
    publisher.ping();
}

fn a_packet_of_just_the_maximum_size_is_taken(version: Version) {
    let limit = 200_000;
    let broker = Broker::with(|config| config.limits.max_packet_size = limit as u32);
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("a", QoS::AtLeastOnce);
    let empty = message(b"", QoS::AtLeastOnce).encoded_len(version);
    // The remaining length takes two bytes more than that of the empty packet.
    let payload = pattern(limit - empty - 2);
    let publish = message(&payload, QoS::AtLeastOnce);
    assert_eq!(publish.encoded_len(version), limit);
    client.send(&Packet::Publish(publish));
    let mut sizes = [0; 2];
    for size in &mut sizes {
        *size = client.receive(|packet| match packet {
            Packet::Publish(publish) => publish.payload.len(),
            other => other.kind().len(),
        });
    }
    sizes.sort_unstable();
    assert_eq!(sizes, ["PUBACK".len(), payload.len()]);
}

/// [MQTT-3.2.2-15]
fn a_packet_above_the_maximum_size_is_refused_by_its_header(version: Version) {
    let limit = 200_000;
    let broker = Broker::with(|config| config.limits.max_packet_size = limit as u32);
    let mut client = Client::connect(&broker, version, "client");
    let payload = pattern(limit);
    let mut bytes = Vec::new();
    message(&payload, QoS::AtMostOnce).encode(version, &mut bytes);
    // Its first bytes say how long it is.
    client.send_bytes(&bytes[..5]);
    client.expect_disconnect(ReasonCode::PacketTooLarge);
}

/// [MQTT-4.13.1-1]
fn what_came_before_a_bad_packet_counts(version: Version) {
    let broker = Broker::start();
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    let mut bytes = Vec::new();
    message(b"good", QoS::AtLeastOnce).encode(version, &mut bytes);
    bytes.extend_from_slice(&[0xF8, 0]);
    message(b"too late", QoS::AtMostOnce).encode(version, &mut bytes);
    publisher.send_bytes(&bytes);
    let acknowledged = Packet::PubAck(Ack::new(7, ReasonCode::Success));
    publisher.receive(|packet| assert_eq!(packet, acknowledged));
    publisher.expect_disconnect(ReasonCode::MalformedPacket);
    subscriber.expect("a", "good");
    subscriber.ping();
}

fn packets_that_only_a_server_sends_are_refused(version: Version) {
    let broker = Broker::start();
    let connack = Packet::ConnAck(ConnAck {
        session_present: false,
        reason: ReasonCode::Success,
        properties: Properties::EMPTY,
    });
    for packet in [connack, Packet::PingResp] {
        let mut client = Client::connect(&broker, version, "client");
        client.send(&packet);
        client.expect_disconnect(ReasonCode::ProtocolError);
    }
}

/// [MQTT-4.12.0-7]; in 3.1.1 its type is reserved.
fn auth_is_refused(version: Version) {
    let broker = Broker::start();
    let mut properties = PropertyBuffer::new();
    properties.push(Property::AuthenticationMethod("SCRAM"));
    let auth = Auth { reason: ReasonCode::ReAuthenticate, properties: properties.as_properties() };
    let mut client = Client::connect(&broker, version, "client");
    client.send(&Packet::Auth(auth));
    client.expect_disconnect(ReasonCode::ProtocolError);
}

/// [MQTT-2.1.3-1] [MQTT-3.8.1-1] [MQTT-3.14.1-1]
fn reserved_flags_are_malformed(version: Version) {
    let broker = Broker::start();
    for bytes in [&[0xC1, 0][..], &[0x80, 0], &[0x60, 2, 0, 1], &[0xE1, 0]] {
        let mut client = Client::connect(&broker, version, "client");
        client.send_bytes(bytes);
        client.expect_disconnect(ReasonCode::MalformedPacket);
    }
}

/// [MQTT-3.3.1-4]
fn a_publish_with_both_qos_bits_is_malformed(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.send_bytes(&[0x36, 5, 0, 1, b'a', 0, 1]);
    client.expect_disconnect(ReasonCode::MalformedPacket);
}

/// [MQTT-3.3.2-2]
fn a_topic_with_a_wildcard_is_refused(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.send(&Packet::Publish(Publish { topic: "a/#", ..message(b"x", QoS::AtMostOnce) }));
    client.expect_disconnect(ReasonCode::TopicNameInvalid);
}

/// [MQTT3-3.3.5-2]
fn a_topic_of_the_brokers_own_is_not_published(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("$SYS/#", QoS::ExactlyOnce);
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let reason = client.publish_with(&Publish { topic: "$SYS/a", ..message(b"x", qos) });
        let expected = match version {
            Version::V5 if qos > QoS::AtMostOnce => ReasonCode::TopicNameInvalid,
            _ => ReasonCode::Success,
        };
        assert_eq!(reason, expected);
    }
    client.ping();
}

/// [MQTT-3.3.4-7]
#[test]
fn more_unreleased_messages_than_receive_maximum_are_refused() {
    let broker = Broker::with(|config| config.limits.receive_maximum = 2);
    let mut client = Client::connect(&broker, Version::V5, "client");
    for packet_id in 1..=3 {
        let publish = Publish { packet_id, ..message(b"x", QoS::ExactlyOnce) };
        client.send(&Packet::Publish(publish));
    }
    for packet_id in 1..=2 {
        let received = Packet::PubRec(Ack::new(packet_id, ReasonCode::Success));
        client.receive(|packet| assert_eq!(packet, received));
    }
    client.expect_disconnect(ReasonCode::ReceiveMaximumExceeded);
}

/// [MQTT-3.14.4-3] with another code than 0.
#[test]
fn a_disconnect_with_an_error_is_a_disconnect() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, Version::V5, "client");
    client.send(&Packet::Disconnect(Disconnect::new(ReasonCode::UnspecifiedError)));
    client.expect_closed();
}

fn message(payload: &[u8], qos: QoS) -> Publish<'_> {
    let packet_id = if qos == QoS::AtMostOnce { 0 } else { 7 };
    let properties = Properties::EMPTY;
    Publish { dup: false, qos, retain: false, packet_id, topic: "a", properties, payload }
}

/// Bytes that show when some of them are lost or moved.
fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index % 251) as u8).collect()
}
