//! Keep alive: who is silent is closed, who says anything is not.

use std::io::ErrorKind;
use std::time::Duration;

use mqtt::{Properties, Publish, QoS, ReasonCode, Version};

use crate::support::{Broker, Client, Login, both_versions};

both_versions!(
    a_silent_client_is_closed,
    a_client_that_pings_is_not_closed,
    a_client_that_publishes_is_not_closed,
    a_client_that_only_receives_is_closed,
    a_packet_that_trickles_in_does_not_count,
    a_large_packet_on_a_slow_link_may_take_its_time,
);

/// [MQTT-3.1.2-22] [MQTT-3.2.2-22]
fn a_silent_client_is_closed(version: Version) {
    let broker = Broker::start();
    let mut client = Login::new(version, "client").keep_alive(1).connect(broker.address());
    client.expect_disconnect(ReasonCode::KeepAliveTimeout);
}

fn a_client_that_pings_is_not_closed(version: Version) {
    outlive_a_silent_client(&Broker::start(), version, Client::ping).ping();
}

fn a_client_that_publishes_is_not_closed(version: Version) {
    let publish = |client: &mut Client| client.publish("a", "x", QoS::AtLeastOnce);
    outlive_a_silent_client(&Broker::start(), version, publish).ping();
}

/// What the broker sends proves nothing about the client.
fn a_client_that_only_receives_is_closed(version: Version) {
    let broker = Broker::start();
    let mut client = Login::new(version, "client").keep_alive(1).connect(broker.address());
    client.subscribe("a", QoS::AtMostOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    while is_open_for(&client, Duration::from_millis(200)) {
        publisher.publish("a", "x", QoS::AtMostOnce);
        if !client.skip_message() {
            break;
        }
    }
    client.expect_disconnect(ReasonCode::KeepAliveTimeout);
}

/// A byte now and then, of a packet that never ends. [MQTT-3.1.2-22]
fn a_packet_that_trickles_in_does_not_count(version: Version) {
    let broker = Broker::start();
    let mut client = Login::new(version, "client").keep_alive(1).connect(broker.address());
    client.send_bytes(&publish_of(version, 10_000)[..100]);
    let is_closed = (0..50).any(|_| {
        let is_open = is_open_for(&client, Duration::from_millis(200));
        if is_open {
            client.send_bytes(b"x");
        }
        !is_open
    });
    assert!(is_closed, "it trickles on");
    client.expect_disconnect(ReasonCode::KeepAliveTimeout);
}

fn a_large_packet_on_a_slow_link_may_take_its_time(version: Version) {
    let broker = Broker::start();
    let publish = publish_of(version, 500_000);
    let mut pieces = publish.chunks(5000);
    let mut active = outlive_a_silent_client(&broker, version, |client| {
        client.send_bytes(pieces.next().unwrap());
    });
    pieces.for_each(|piece| active.send_bytes(piece));
    active.receive(|packet| assert_eq!(packet.kind(), "PUBACK"));
}

/// At QoS 1, with so many bytes of payload.
fn publish_of(version: Version, payload: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let publish = Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        packet_id: 1,
        topic: "a",
        properties: Properties::EMPTY,
        payload: &vec![b'x'; payload],
    };
    publish.encode(version, &mut bytes);
    bytes
}

/// Two clients with one keep alive: one acts until the other has been closed for its silence. It is
/// returned.
fn outlive_a_silent_client(
    broker: &Broker,
    version: Version,
    mut act: impl FnMut(&mut Client),
) -> Client {
    let mut active = Login::new(version, "active").keep_alive(1).connect(broker.address());
    let mut silent = Login::new(version, "silent").keep_alive(1).connect(broker.address());
    while is_open_for(&silent, Duration::from_millis(200)) {
        act(&mut active);
    }
    silent.expect_disconnect(ReasonCode::KeepAliveTimeout);
    active
}

/// Waits for the broker to say something or to close; `true` if it does neither for so long.
fn is_open_for(client: &Client, wait: Duration) -> bool {
    let before = client.stream.read_timeout().unwrap();
    client.stream.set_read_timeout(Some(wait)).unwrap();
    let outcome = client.stream.peek(&mut [0]);
    client.stream.set_read_timeout(before).unwrap();
    let silence = [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted];
    outcome.is_err_and(|error| silence.contains(&error.kind()))
}
