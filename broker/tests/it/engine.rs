//! What the delivery path promises under load: order, no lost wakeup, backpressure, fairness, and
//! that a close is a close.

use std::collections::HashMap;
use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mqtt::{
    Ack, Connect, Packet, Properties, Publish, QoS, ReasonCode, SubscriptionOptions, Version, Will,
};

use crate::support::{Broker, Client, Done, both_versions};

both_versions!(
    every_subscriber_gets_every_publishers_messages_in_order,
    nobody_is_forgotten_when_one_message_at_a_time_goes_round,
    payloads_of_every_size_arrive_whole_and_in_order,
    a_publisher_waits_for_a_subscriber_that_does_not_read_and_nothing_is_lost,
    a_subscriber_that_never_reads_is_closed_and_holds_nobody_up,
    two_clients_that_flood_each_other_come_free,
    a_quiet_client_is_served_beside_a_flood,
    a_quiet_client_is_served_beside_topics_that_are_costly_to_match,
    subscribers_that_come_and_go_do_not_disturb_the_others,
);

/// Messages that a publisher here has unacknowledged at most.
const WINDOW: usize = 50;

fn publish(topic: &str, payload: &[u8], qos: QoS, packet_id: u16, version: Version) -> Vec<u8> {
    let publish = Publish {
        dup: false,
        qos,
        retain: false,
        packet_id,
        topic,
        properties: Properties::EMPTY,
        payload,
    };
    let mut bytes = Vec::new();
    publish.encode(version, &mut bytes);
    bytes
}

/// Publishes `count` messages, each of which says who sent it and its number.
fn publish_numbered(client: &mut Client, topic: &str, sender: u32, count: u32, qos: QoS) {
    let mut open = 0;
    for number in 0..count {
        let payload = [sender.to_be_bytes(), number.to_be_bytes()].concat();
        let packet_id = client.take_packet_id();
        client.send_bytes(&publish(topic, &payload, qos, packet_id, client.version));
        if qos > QoS::AtMostOnce {
            open += 1;
        }
        while open >= WINDOW {
            open -= usize::from(complete_one(client));
        }
    }
    while open > 0 {
        open -= usize::from(complete_one(client));
    }
    client.ping();
}

/// Goes on with one acknowledgement; returns whether it was the last of its message.
fn complete_one(client: &mut Client) -> bool {
    let release = client.receive(|packet| match packet {
        Packet::PubAck(_) | Packet::PubComp(_) => None,
        Packet::PubRec(ack) => Some(ack.packet_id),
        other => panic!("an acknowledgement expected: {other:?}"),
    });
    if let Some(packet_id) = release {
        client.send(&Packet::PubRel(Ack::new(packet_id, ReasonCode::Success)));
    }
    release.is_none()
}

/// Receives `count` numbered messages of each of `senders` senders, and checks that none is
/// missing, doubled or out of order.
fn receive_numbered(client: &mut Client, senders: u32, count: u32) {
    let mut next: HashMap<u32, u32> = HashMap::new();
    for _ in 0..senders * count {
        let (sender, number) = receive_numbered_one(client);
        let expected = next.entry(sender).or_default();
        assert_eq!(number, *expected, "of sender {sender}");
        *expected += 1;
    }
    assert!(next.values().all(|received| *received == count), "{next:?}");
}

fn receive_numbered_one(client: &mut Client) -> (u32, u32) {
    loop {
        let (reply, numbers) = client.receive(|packet| match packet {
            Packet::Publish(publish) => {
                let word = |at: usize| publish.payload[at..at + 4].try_into().unwrap();
                let numbers = (u32::from_be_bytes(word(0)), u32::from_be_bytes(word(4)));
                let ack = Ack::new(publish.packet_id, ReasonCode::Success);
                let reply = match publish.qos {
                    QoS::AtMostOnce => None,
                    QoS::AtLeastOnce => Some(Packet::PubAck(ack)),
                    QoS::ExactlyOnce => Some(Packet::PubRec(ack)),
                };
                (reply, Some(numbers))
            }
            Packet::PubRel(ack) => {
                (Some(Packet::PubComp(Ack::new(ack.packet_id, ReasonCode::Success))), None)
            }
            other => panic!("PUBLISH expected: {other:?}"),
        });
        if let Some(reply) = reply {
            client.send(&reply);
        }
        if let Some(numbers) = numbers {
            return numbers;
        }
    }
}

/// [MQTT-4.6.0-5] [MQTT-4.6.0-6]
fn every_subscriber_gets_every_publishers_messages_in_order(version: Version) {
    const COUNT: u32 = 3000;
    let broker = Broker::start();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        thread::scope(|scope| {
            for subscriber in 0..5 {
                let mut client = Client::connect(&broker, version, &format!("s{subscriber}"));
                client.subscribe("numbers", qos);
                scope.spawn(move || receive_numbered(&mut client, 4, COUNT));
            }
            for sender in 0..4 {
                let mut client = Client::connect(&broker, version, &format!("p{sender}"));
                scope.spawn(move || publish_numbered(&mut client, "numbers", sender, COUNT, qos));
            }
        });
    }
}

/// A wakeup that gets lost between two shards would end this in silence.
fn nobody_is_forgotten_when_one_message_at_a_time_goes_round(version: Version) {
    const CLIENTS: u32 = 8;
    const ROUNDS: u32 = 500;
    let broker = Broker::start();
    let mut ring: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let mut client = Client::connect(&broker, version, &format!("c{number}"));
            client.subscribe(&format!("ring/{number}"), QoS::AtMostOnce);
            client
        })
        .collect();
    let kick_off = publish("ring/0", b"token", QoS::AtMostOnce, 0, version);
    ring[0].send_bytes(&kick_off);
    thread::scope(|scope| {
        for (number, mut client) in ring.into_iter().enumerate() {
            scope.spawn(move || {
                let next = format!("ring/{}", (number as u32 + 1) % CLIENTS);
                let on = publish(&next, b"token", QoS::AtMostOnce, 0, version);
                for _ in 0..ROUNDS {
                    client.receive_publish();
                    client.send_bytes(&on);
                }
                client
            });
        }
    });
}

/// Small ones are copied to each receiver, large ones shared, and the largest are read in parts.
fn payloads_of_every_size_arrive_whole_and_in_order(version: Version) {
    const SIZES: [usize; 9] = [0, 1, 100, 8_191, 8_193, 70_000, 5, 200_000, 1_000_000];
    let broker = Broker::start();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        thread::scope(|scope| {
            for subscriber in 0..3 {
                let mut client = Client::connect(&broker, version, &format!("s{subscriber}"));
                client.subscribe("sizes", qos);
                scope.spawn(move || {
                    for size in SIZES {
                        let received = client.receive_publish();
                        client.acknowledge(&received);
                        assert_eq!(received.payload, pattern(size));
                    }
                });
            }
            let mut publisher = Client::connect(&broker, version, "publisher");
            for size in SIZES {
                publisher.publish_with(&Publish {
                    dup: false,
                    qos,
                    retain: false,
                    packet_id: 0,
                    topic: "sizes",
                    properties: Properties::EMPTY,
                    payload: &pattern(size),
                });
            }
        });
    }
}

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at / 251 + at % 251) as u8).collect()
}

/// More is published than the broker may hold for the subscriber: it can only be that the
/// publisher had to wait.
fn a_publisher_waits_for_a_subscriber_that_does_not_read_and_nothing_is_lost(version: Version) {
    const COUNT: u32 = 20_000;
    let broker = Broker::with(|config| {
        config.limits.max_queued_messages = 4_000;
        config.limits.max_queued_bytes = 256 * 1024;
        config.limits.write_buffer = 64 * 1024;
    });
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("numbers", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    let mut other = Client::connect(&broker, version, "other");
    other.subscribe("other", QoS::AtLeastOnce);
    thread::scope(|scope| {
        scope.spawn(|| publish_numbered(&mut publisher, "numbers", 0, COUNT, QoS::AtLeastOnce));
        for _ in 0..200 {
            other.send_bytes(&publish("other", b"x", QoS::AtMostOnce, 0, version));
            other.expect("other", "x");
        }
        receive_numbered(&mut subscriber, 1, COUNT);
    });
}

fn a_subscriber_that_never_reads_is_closed_and_holds_nobody_up(version: Version) {
    const COUNT: u32 = 40_000;
    let broker = Broker::with(|config| {
        config.limits.write_buffer = 64 * 1024;
        config.limits.send_timeout = std::time::Duration::from_millis(1500);
    });
    let mut connect = Connect::new(version, "deaf");
    connect.will = Some(Will {
        qos: QoS::AtMostOnce,
        retain: false,
        topic: "will",
        payload: b"closed",
        delay: 0,
        properties: Properties::EMPTY,
    });
    let (mut deaf, _) = Client::connect_with(&broker, connect);
    deaf.subscribe("flood", QoS::AtMostOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    let flood = publish("flood", &[7; 1000], QoS::AtMostOnce, 0, version);
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("will", QoS::AtMostOnce);
    for _ in 0..COUNT {
        publisher.send_bytes(&flood);
    }
    publisher.ping();
    watcher.expect("will", "closed");
    // What the kernel had taken may still be read; then comes the end.
    deaf.drain_until_closed();
}

/// Each is held up for the other's sake, and neither reads what would free the other.
fn two_clients_that_flood_each_other_come_free(version: Version) {
    const COUNT: u32 = 3_000;
    let broker = Broker::with(|config| {
        config.limits.receive_maximum = u16::MAX;
        config.limits.max_queued_bytes = 8 * 1024;
    });
    let mut left = Client::connect(&broker, version, "left");
    let mut right = Client::connect(&broker, version, "right");
    left.subscribe("to/left", QoS::AtLeastOnce);
    right.subscribe("to/right", QoS::AtLeastOnce);
    for number in 0..COUNT {
        let packet_id = (number + 1) as u16;
        left.send_bytes(&publish("to/right", b"x", QoS::AtLeastOnce, packet_id, version));
        right.send_bytes(&publish("to/left", b"x", QoS::AtLeastOnce, packet_id, version));
    }
    thread::scope(|scope| {
        for mut client in [left, right] {
            scope.spawn(move || {
                let mut acknowledged = 0;
                while acknowledged < COUNT {
                    let ack = client.receive(|packet| match packet {
                        Packet::Publish(publish) => Some(publish.packet_id),
                        Packet::PubAck(_) => None,
                        other => panic!("{other:?}"),
                    });
                    match ack {
                        Some(id) => client.send(&Packet::PubAck(Ack::new(id, ReasonCode::Success))),
                        None => acknowledged += 1,
                    }
                }
                client
            });
        }
    });
}

/// On one thread, where all compete for it.
fn a_quiet_client_is_served_beside_a_flood(version: Version) {
    let broker = Broker::with(|config| config.threads = NonZeroUsize::new(1));
    let done = AtomicBool::new(false);
    let mut quiet = Client::connect(&broker, version, "quiet");
    quiet.subscribe("quiet", QoS::AtMostOnce);
    thread::scope(|scope| {
        let until_here = Done(&done);
        for number in 0..4 {
            let topic = format!("flood/{number}");
            let mut subscriber = Client::connect(&broker, version, &format!("s{number}"));
            subscriber.subscribe(&topic, QoS::AtMostOnce);
            scope.spawn(move || subscriber.drain_until_closed());
            let mut publisher = Client::connect(&broker, version, &format!("p{number}"));
            let done = &done;
            let flood = publish(&topic, &[0; 200], QoS::AtMostOnce, 0, version).repeat(300);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    if publisher.stream.write_all(&flood).is_err() {
                        break; // The broker has stopped.
                    }
                }
            });
        }
        for _ in 0..200 {
            quiet.send_bytes(&publish("quiet", b"x", QoS::AtMostOnce, 0, version));
            quiet.expect("quiet", "x");
        }
        drop(until_here);
        let mut broker = broker;
        broker.stop();
    });
}

/// Each publish to a new topic takes a walk through some ten thousand nodes of the tree.
fn a_quiet_client_is_served_beside_topics_that_are_costly_to_match(version: Version) {
    let broker = Broker::with(|config| config.threads = NonZeroUsize::new(1));
    let mut costly = Client::connect(&broker, version, "costly");
    for pattern in 0..1000 {
        let level = |level| if pattern >> level & 1 == 1 { "+/" } else { "a/" };
        let filter: String = (0..10).map(level).chain(["a/"; 9]).chain(["z"]).collect();
        costly.subscribe(&filter, QoS::AtMostOnce);
    }
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("quiet", QoS::AtMostOnce);
    watcher.subscribe("last", QoS::AtMostOnce);
    let mut quiet = Client::connect(&broker, version, "quiet");
    let mut flooder = Client::connect(&broker, version, "flooder");
    let deep = "a/".repeat(19);
    let topics = (0..800).map(|number| format!("{deep}{number}")).chain(["last".into()]);
    let flood: Vec<u8> =
        topics.flat_map(|topic| publish(&topic, b"x", QoS::AtMostOnce, 0, version)).collect();
    flooder.send_bytes(&flood);
    quiet.send_bytes(&publish("quiet", b"x", QoS::AtMostOnce, 0, version));
    watcher.expect("quiet", "x");
    watcher.expect("last", "x");
}

fn subscribers_that_come_and_go_do_not_disturb_the_others(version: Version) {
    const COUNT: u32 = 5_000;
    let broker = Broker::with(|config| config.limits.max_takeovers = 100_000);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _done = Done(&done);
        let mut subscriber = Client::connect(&broker, version, "steady");
        subscriber.subscribe("numbers", QoS::AtLeastOnce);
        let steady = scope.spawn(move || receive_numbered(&mut subscriber, 1, COUNT));
        for number in 0..2 {
            let (broker, done) = (&broker, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    // Gone without a word, with messages for it under way.
                    let mut client = Client::connect(broker, version, &format!("fleeting{number}"));
                    // Messages may come before SUBACK does.
                    client.start_subscribe("numbers", SubscriptionOptions::new(QoS::AtLeastOnce));
                    client.receive(|_| ());
                    client.stream.shutdown(std::net::Shutdown::Both).unwrap();
                }
            });
        }
        let mut publisher = Client::connect(&broker, version, "publisher");
        publish_numbered(&mut publisher, "numbers", 0, COUNT, QoS::AtLeastOnce);
        steady.join().unwrap();
    });
}
