//! A client id that connects again while it is connected: one session, one connection, in order.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mqtt::{Packet, PacketType, Property, QoS, ReasonCode, SubscriptionOptions, Version};
use socket2::SockRef;

use crate::support::{Broker, Client, Done, Login, Received, both_versions};

both_versions!(
    the_first_connection_is_closed,
    the_session_goes_on_with_its_subscriptions,
    messages_in_flight_and_waiting_come_to_the_second_connection,
    a_qos_2_message_from_the_client_stays_the_same,
    a_clean_start_takes_over_without_the_session,
    a_session_that_was_to_end_is_not_taken_over,
    of_many_at_once_one_is_left,
    of_many_at_once_one_is_left_with_the_session,
    messages_published_during_takeovers_all_arrive,
    a_connection_that_does_not_read_is_taken_over,
);

/// [MQTT-3.1.4-3] [MQTT-3.14.4-2] [MQTT-4.13.2-1]
fn the_first_connection_is_closed(version: Version) {
    let broker = Broker::start();
    let mut first = Client::connect(&broker, version, "client");
    let mut second = Client::connect(&broker, version, "client");
    first.expect_disconnect(ReasonCode::SessionTakenOver);
    second.ping();
}

fn the_session_goes_on_with_its_subscriptions(version: Version) {
    let broker = Broker::start();
    let login = Login::new(version, "client").keeping_session();
    let mut first = login.connect(broker.address());
    first.subscribe("a", QoS::AtMostOnce);
    let (mut second, present) = login.resume(broker.address());
    assert!(present);
    first.expect_disconnect(ReasonCode::SessionTakenOver);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("a", "x", QoS::AtMostOnce);
    second.expect("a", "x");
}

fn messages_in_flight_and_waiting_come_to_the_second_connection(version: Version) {
    let broker = Broker::with(|config| config.limits.max_inflight = 3);
    let login = Login::new(version, "client").keeping_session();
    let mut first = login.connect(broker.address());
    first.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for number in 0..10 {
        let qos = [QoS::AtLeastOnce, QoS::ExactlyOnce][number % 2];
        publisher.publish("a", &number.to_string(), qos);
    }
    let in_flight: Vec<_> = (0..3).map(|_| first.receive_publish()).collect();
    let (mut second, present) = login.resume(broker.address());
    assert!(present);
    first.expect_disconnect(ReasonCode::SessionTakenOver);
    let mut received = Vec::new();
    while received.len() < 10 {
        second.receive_and_answer(&mut received);
    }
    let again: Vec<_> = in_flight.into_iter().map(|one| Received { dup: true, ..one }).collect();
    assert_eq!(received[..3], again);
    for (number, one) in received.iter().enumerate() {
        assert_eq!(one.payload, number.to_string().as_bytes());
    }
    assert!(received[3..].iter().all(|one| !one.dup));
}

fn a_qos_2_message_from_the_client_stays_the_same(version: Version) {
    let broker = Broker::start();
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("a", QoS::ExactlyOnce);
    let login = Login::new(version, "client").keeping_session();
    let publish = mqtt::Publish {
        dup: false,
        qos: QoS::ExactlyOnce,
        retain: false,
        packet_id: 5,
        topic: "a",
        properties: mqtt::Properties::EMPTY,
        payload: b"once",
    };
    let received = Packet::PubRec(mqtt::Ack::new(5, ReasonCode::Success));
    let mut connections = Vec::new();
    for dup in [false, true, true] {
        let mut client = login.connect(broker.address());
        client.send(&Packet::Publish(mqtt::Publish { dup, ..publish }));
        client.receive(|packet| assert_eq!(packet, received));
        connections.push(client);
    }
    watcher.expect("a", "once");
    watcher.ping();
}

fn a_clean_start_takes_over_without_the_session(version: Version) {
    let broker = Broker::start();
    let mut first = Login::new(version, "client").keeping_session().connect(broker.address());
    first.subscribe("a", QoS::AtLeastOnce);
    let (mut second, present) = Login::new(version, "client").resume(broker.address());
    assert!(!present);
    first.expect_disconnect(ReasonCode::SessionTakenOver);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("a", "x", QoS::AtLeastOnce);
    second.ping();
}

fn a_session_that_was_to_end_is_not_taken_over(version: Version) {
    let broker = Broker::start();
    let mut first = Client::connect(&broker, version, "client");
    first.subscribe("a", QoS::AtLeastOnce);
    let login = Login::new(version, "client").keeping_session();
    let (mut second, present) = login.resume(broker.address());
    assert!(!present);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("a", "x", QoS::AtLeastOnce);
    second.ping();
}

fn of_many_at_once_one_is_left(version: Version) {
    check_storm(|| Login::new(version, "client"));
}

fn of_many_at_once_one_is_left_with_the_session(version: Version) {
    check_storm(|| Login::new(version, "client").keeping_session());
}

/// Every message comes to some connection, none out of order, and none is lost between two.
fn messages_published_during_takeovers_all_arrive(version: Version) {
    const COUNT: usize = 500;
    let broker = Broker::with(|config| config.limits.max_takeovers = 100_000);
    let login = Login::new(version, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    let publishing = thread::spawn(move || {
        for number in 0..COUNT {
            let qos = [QoS::AtLeastOnce, QoS::ExactlyOnce][number % 2];
            publisher.publish("a", &number.to_string(), qos);
        }
    });
    let mut received = Vec::new();
    let mut next = 0;
    while next < COUNT {
        client.receive_and_answer(&mut received);
        for one in received.drain(..) {
            let number: usize = String::from_utf8(one.payload).unwrap().parse().unwrap();
            // One that was answered as the connection ended may come again.
            assert!(number == next || (number < next && one.dup), "{number} after {next}");
            next = next.max(number + 1);
            if number % 20 == 7 {
                let (taken, present) = login.resume(broker.address());
                assert!(present);
                client = taken;
            }
        }
    }
    publishing.join().unwrap();
}

/// Its socket is full, so that it cannot even be told.
fn a_connection_that_does_not_read_is_taken_over(version: Version) {
    const COUNT: usize = 32;
    // 4 MiB; the others wait.
    const IN_FLIGHT: usize = 8;
    // All of it may wait.
    let broker = Broker::with(|config| config.limits.max_queued_bytes = 64 * 1024 * 1024);
    let login = Login::new(version, "client").keeping_session();
    let mut first = login.connect(broker.address());
    // What the kernel takes on our side is no room for the broker.
    SockRef::from(&first.stream).set_recv_buffer_size(16 * 1024).unwrap();
    first.subscribe("a", QoS::AtLeastOnce);
    let payload = "x".repeat(512 * 1024);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for _ in 0..COUNT {
        publisher.publish("a", &payload, QoS::AtLeastOnce);
    }
    let (mut second, present) = login.resume(broker.address());
    assert!(present);
    for number in 0..COUNT {
        let received = second.receive_publish();
        assert_eq!(received.dup, number < IN_FLIGHT);
        assert!(received.payload == payload.as_bytes());
        second.acknowledge(&received);
    }
    second.ping();
    first.drain_until_closed();
}

/// It hears so behind the messages that others are just sending it. [MQTT-3.14.4-1]
#[test]
fn the_first_connection_is_told_amid_a_flood() {
    let broker = Broker::with(|config| config.limits.max_takeovers = 1000);
    let address = broker.address();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _done = Done(&done);
        scope.spawn(|| {
            let mut publisher = Login::new(Version::V5, "publisher").connect(address);
            while !done.load(Ordering::Relaxed) {
                publisher.publish("a", "x", QoS::AtMostOnce);
            }
        });
        let mut first = subscribed_amid_a_flood(address);
        for _ in 0..200 {
            let second = subscribed_amid_a_flood(address);
            first.skip_messages();
            first.expect_disconnect(ReasonCode::SessionTakenOver);
            first = second;
        }
    });
}

fn subscribed_amid_a_flood(address: SocketAddr) -> Client {
    let mut client = Login::new(Version::V5, "client").connect(address);
    client.start_subscribe("a", SubscriptionOptions::new(QoS::AtMostOnce));
    client.skip_messages();
    client.receive(|packet| assert_eq!(packet.packet_type(), PacketType::SubAck));
    client
}

/// The window belongs to the connection, the messages to the session.
#[test]
fn the_second_connection_has_a_window_of_its_own() {
    let broker = Broker::start();
    let login = Login::new(Version::V5, "client").keeping_session();
    let mut first = login.connect(broker.address());
    first.subscribe("a", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, Version::V5, "publisher");
    for payload in ["one", "two"] {
        publisher.publish("a", payload, QoS::AtLeastOnce);
        first.receive_publish();
    }
    let narrow = login.with(Property::ReceiveMaximum(1));
    let mut second = narrow.connect(broker.address());
    let received = second.receive_publish();
    second.ping();
    second.acknowledge(&received);
    second.expect("a", "two");
}

/// 100 connections with one client id from several threads: each is let in, or told that a newer
/// one came before it; in the end one is connected.
fn check_storm(login: impl Fn() -> Login<'static> + Sync) {
    let broker = Broker::with(|config| config.limits.max_takeovers = 1000);
    let address = broker.address();
    let clients: Vec<Client> = thread::scope(|scope| {
        let storms: Vec<_> = (0..4).map(|_| scope.spawn(|| storm(address, &login()))).collect();
        storms.into_iter().flat_map(|storm| storm.join().unwrap()).collect()
    });
    let connected = clients
        .into_iter()
        .map(|mut client| client.is_connected())
        .filter(|connected| *connected)
        .count();
    assert_eq!(connected, 1);
}

/// The connections that were let in, whatever became of them.
fn storm(address: SocketAddr, login: &Login<'_>) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..25 {
        let (mut client, answer) = login.ask(address);
        match answer.reason {
            ReasonCode::Success => clients.push(client),
            ReasonCode::ServerBusy | ReasonCode::ServerUnavailable => client.expect_closed(),
            other => panic!("CONNACK {other}"),
        }
    }
    clients
}
