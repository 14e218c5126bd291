//! A client that is cut off while it sends learns why: what it still sends does not reset the
//! connection before it has read the reason.

use std::io::{Read, Write};

use mqtt::{Packet, ReasonCode, Version};

use crate::support::{Broker, Client, Login, both_versions};

both_versions!(
    a_broken_rule_amid_a_flood,
    a_refused_connect_with_packets_behind_it,
    sending_does_not_fail_before_the_reason_is_read,
    who_keeps_sending_is_closed_all_the_same,
);

/// PINGREQs, far more than one read takes.
fn flood() -> Vec<u8> {
    [0xC0, 0].repeat(200_000)
}

/// [MQTT-4.13.1-1]
fn a_broken_rule_amid_a_flood(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    // QoS 3.
    let bytes = [&[0x36, 0][..], &flood()].concat();
    client.send_bytes(&bytes);
    let mut received = end_of_stream(&mut client);
    if version.has_properties() {
        let reason = take_packet(&mut received, version, |packet| match packet {
            Packet::Disconnect(disconnect) => disconnect.reason,
            other => panic!("DISCONNECT expected: {other:?}"),
        });
        assert_eq!(reason, ReasonCode::MalformedPacket);
    }
    assert!(received.is_empty());
}

/// [MQTT-3.1.4-6]
fn a_refused_connect_with_packets_behind_it(version: Version) {
    let broker = Broker::start();
    let mut client = Client::open(broker.address(), version);
    let connect = Login::new(version, &"x".repeat(300)).bytes();
    client.send_bytes(&[connect, flood()].concat());
    let mut received = end_of_stream(&mut client);
    let reason = take_packet(&mut received, version, |packet| match packet {
        Packet::ConnAck(connack) => connack.reason,
        other => panic!("CONNACK expected: {other:?}"),
    });
    assert_eq!(reason, ReasonCode::ClientIdentifierNotValid);
    assert!(received.is_empty());
}

/// The broker has said all; the client, which has not read it, goes on for a moment.
fn sending_does_not_fail_before_the_reason_is_read(version: Version) {
    let broker = Broker::start();
    let succeeds = || {
        let mut client = Client::connect(&broker, version, "client");
        client.send_bytes(&[0x36, 0]);
        end_of_stream(&mut client);
        // One on each thread: the broker has done all that it does at once.
        for _ in 0..2 {
            Client::connect(&broker, version, "other").ping();
        }
        (0..3).all(|_| client.stream.write_all(&[0xC0, 0]).is_ok())
    };
    // It is a moment and no more: the machine may be busy with something else for that long.
    assert!((0..5).any(|_| succeeds()));
}

fn who_keeps_sending_is_closed_all_the_same(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.send_bytes(&[0x36, 0]);
    let flood = flood();
    while client.stream.write_all(&flood).is_ok() {}
}

/// All that comes until the broker closes in good order.
fn end_of_stream(client: &mut Client) -> Vec<u8> {
    let mut received = Vec::new();
    client.stream.read_to_end(&mut received).unwrap();
    received
}

fn take_packet<R>(
    received: &mut Vec<u8>,
    version: Version,
    look: impl FnOnce(Packet<'_>) -> R,
) -> R {
    let frame = mqtt::split_frame(received, u32::MAX).unwrap().unwrap();
    let size = frame.bytes().len();
    let seen = look(mqtt::decode(frame, version).unwrap());
    received.drain(..size);
    seen
}
