//! What one client can make the broker hold, and what it may rely on while others are busy.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use mqtt::{Ack, Packet, Properties, Publish, QoS, ReasonCode, Version};

use crate::support::{Broker, Client, Done, both_versions};

both_versions!(
    a_client_that_does_not_take_what_it_asks_for_is_not_read,
    more_retained_messages_than_a_queue_holds_all_arrive,
    no_retained_message_comes_after_its_successor,
    nothing_is_delivered_after_unsuback,
    no_retained_message_comes_after_unsuback,
    an_unknown_pubrec_with_an_error_is_not_answered,
);

/// It subscribes to what it publishes, and reads none of it: each byte that it sends makes more.
fn a_client_that_does_not_take_what_it_asks_for_is_not_read(version: Version) {
    const FAR_TOO_MUCH: usize = 256 * 1024 * 1024;
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("own", QoS::AtMostOnce);
    let mut message = Vec::new();
    let publish = Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        packet_id: 0,
        topic: "own",
        properties: Properties::EMPTY,
        payload: &[7; 4000],
    };
    publish.encode(version, &mut message);
    let message = message.repeat(16);
    client.stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut sent = 0;
    // Until the broker has taken nothing for a while.
    while client.stream.write_all(&message).is_ok() {
        sent += message.len();
        assert!(sent < FAR_TOO_MUCH, "the broker takes all");
    }
    // Others are served meanwhile.
    Client::connect(&broker, version, "other").ping();
}

fn more_retained_messages_than_a_queue_holds_all_arrive(version: Version) {
    const COUNT: usize = 200;
    let broker = Broker::with(|config| {
        config.limits.max_queued_bytes = 1024 * 1024;
        config.limits.write_buffer = 256 * 1024;
    });
    let mut publisher = Client::connect(&broker, version, "publisher");
    let payload = "x".repeat(20_000);
    for number in 0..COUNT {
        publisher.publish_retained(&format!("r/{number}"), &payload, QoS::AtLeastOnce);
    }
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("r/+", QoS::AtLeastOnce);
    let mut topics: Vec<String> = (0..COUNT)
        .map(|_| {
            let received = subscriber.receive_publish();
            subscriber.acknowledge(&received);
            assert!(received.retain);
            received.topic
        })
        .collect();
    topics.sort();
    topics.dedup();
    assert_eq!(topics.len(), COUNT);
}

fn no_retained_message_comes_after_its_successor(version: Version) {
    const ROUNDS: usize = 500;
    let broker = Broker::start();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (broker, done) = (&broker, &done);
        scope.spawn(move || {
            let mut publisher = Client::connect(broker, version, "publisher");
            for number in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                publisher.publish_retained("state", &format!("{number:09}"), QoS::AtLeastOnce);
            }
        });
        let _done = Done(done);
        let mut client = Client::connect(broker, version, "client");
        for _ in 0..ROUNDS {
            let options = mqtt::SubscriptionOptions::new(QoS::AtMostOnce);
            client.start_subscribe("state", options);
            let mut newest = Vec::new();
            let mut acknowledged = false;
            // SUBACK, the retained message, and some live ones, in whatever order.
            for packets in 0.. {
                if packets >= 5 && acknowledged {
                    break;
                }
                assert!(packets < 10_000, "no SUBACK");
                let payload = client.receive(|packet| match packet {
                    Packet::Publish(publish) => Some(publish.payload.to_vec()),
                    _ => None,
                });
                let Some(payload) = payload else {
                    acknowledged = true;
                    continue;
                };
                assert!(payload >= newest, "{payload:?} after {newest:?}");
                newest = payload;
            }
            client.stop_subscription("state");
        }
    });
}

/// [MQTT-3.10.4-2]
fn nothing_is_delivered_after_unsuback(version: Version) {
    const ROUNDS: usize = 1000;
    let broker = Broker::start();
    // More receivers, so that a delivery takes a while.
    let others: Vec<Client> = (0..20)
        .map(|number| {
            let mut other = Client::connect(&broker, version, &format!("other{number}"));
            other.subscribe("flood", QoS::AtMostOnce);
            other
        })
        .collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (broker, done) = (&broker, &done);
        scope.spawn(move || {
            let mut publisher = Client::connect(broker, version, "publisher");
            while !done.load(Ordering::Relaxed) {
                publisher.publish("flood", "x", QoS::AtLeastOnce);
            }
        });
        let _done = Done(done);
        let mut client = Client::connect(broker, version, "client");
        for _ in 0..ROUNDS {
            let options = mqtt::SubscriptionOptions::new(QoS::AtMostOnce);
            client.start_subscribe("flood", options);
            for _ in 0..3 {
                client.receive(|_| ());
            }
            client.stop_subscription("flood");
            client.ping();
        }
    });
    drop(others);
}

/// More of them than are sent in one turn. [MQTT-3.10.4-2]
fn no_retained_message_comes_after_unsuback(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    for number in 0..2000 {
        client.publish_retained(&format!("r/{number}"), "x", QoS::AtMostOnce);
    }
    for _ in 0..20 {
        client.start_subscribe("r/+", mqtt::SubscriptionOptions::new(QoS::AtMostOnce));
        client.stop_subscription("r/+");
        client.ping();
    }
}

/// Only a PUBREC without an error asks for a PUBREL. [MQTT-4.3.3-4]
fn an_unknown_pubrec_with_an_error_is_not_answered(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    let refused = if version.has_properties() {
        Ack::new(9, ReasonCode::QuotaExceeded)
    } else {
        // 3.1.1 knows no error: it is answered.
        Ack::new(9, ReasonCode::Success)
    };
    client.send(&Packet::PubRec(refused));
    if !version.has_properties() {
        client.receive(|packet| assert!(matches!(packet, Packet::PubRel(_)), "{packet:?}"));
    }
    // What comes of a read's acknowledgements is sent after its answers: the second one shows.
    client.ping();
    client.ping();
}
