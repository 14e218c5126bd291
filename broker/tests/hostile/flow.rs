//! Rows 45 to 49, 53, 54 and 57: messages faster, larger, or longer unanswered than is good.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use mqtt::{Ack, Packet, Properties, Property, PropertyBuffer, Publish, QoS, ReasonCode};
use mqtt::{SubscriptionOptions, Version};

use crate::guard::undisturbed;
use crate::program::Program;
use crate::refusal::only_v5;
use crate::support::{Broker, Client, LastWill, Login, both_versions};
use crate::wire::{packet, properties, publish_at, text};

both_versions!(
    row_45_a_subscriber_that_never_reads,
    row_46_a_subscriber_that_never_acknowledges,
    row_47_one_packet_id_a_million_times,
    row_47_messages_that_are_never_released,
    row_48_acknowledgements_of_nothing,
    row_49_retained_messages_without_number,
    row_49_what_the_store_has_in_memory_is_bounded,
    row_53_one_large_message_to_many_subscribers,
    row_57_packets_that_are_too_large,
);

const MIB: u64 = 1024 * 1024;

/// 1 GiB, half of it at QoS 1, for one that takes nothing: at most the write buffer and the queue
/// are kept of it, and the connection ends at the send timeout, which its will tells.
fn row_45_a_subscriber_that_never_reads(version: Version) {
    let broker = Program::start(&["send_timeout: 2s", "max_queued_messages: 1000"]);
    broker.keeps_its_memory(|| {
        let mut heir = Login::new(version, "heir").connect(broker.address);
        heir.subscribe("will", QoS::AtMostOnce);
        let login = Login::new(version, "deaf").will(LastWill::new("will", "gone"));
        let mut deaf = login.connect(broker.address);
        deaf.subscribe("flood", QoS::AtLeastOnce);
        let before = broker.peak();
        let mut publisher = Login::new(version, "publisher").connect(broker.address);
        let payload = vec![b'x'; 64 * 1024];
        for number in 0..16_384_u16 {
            let qos = if number % 2 == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
            publisher.publish_with(&message("flood", qos, &payload));
        }
        let grown = broker.peak() - before;
        assert!(grown < 24 * MIB, "{grown} bytes for one that does not read");
        heir.expect("will", "gone");
        deaf.drain_until_closed();
    });
    broker.stop();
}

/// The window is kept, the queue has its limit, and nothing is sent twice on one connection.
fn row_46_a_subscriber_that_never_acknowledges(version: Version) {
    let broker = Broker::with(|config| {
        config.limits.max_inflight = 10;
        config.limits.max_queued_messages = 100;
    });
    undisturbed(broker.address(), || {
        let mut subscriber = Login::new(version, "mute").connect(broker.address());
        subscriber.subscribe("a", QoS::AtLeastOnce);
        let mut publisher = Login::new(version, "publisher").connect(broker.address());
        for number in 0..1000 {
            publisher.publish("a", &number.to_string(), QoS::AtLeastOnce);
        }
        let in_flight: Vec<_> = (0..10).map(|_| subscriber.receive_publish()).collect();
        assert!(in_flight.iter().enumerate().all(|(number, received)| {
            !received.dup && received.payload == number.to_string().as_bytes()
        }));
        for _ in 0..10 {
            subscriber.ping();
        }
        for received in &in_flight {
            subscriber.acknowledge(received);
        }
        for _ in 0..100 {
            let received = subscriber.receive_publish();
            assert!(!received.dup);
            subscriber.acknowledge(&received);
        }
        subscriber.ping();
    });
}

/// Each is the same message again: acknowledged, and delivered once. [MQTT-4.3.3-10]
fn row_47_one_packet_id_a_million_times(version: Version) {
    let broker = Program::start(&[]);
    broker.keeps_its_memory(|| {
        let mut subscriber = Login::new(version, "subscriber").connect(broker.address);
        subscriber.subscribe("a", QoS::AtLeastOnce);
        let mut client = Login::new(version, "hostile").connect(broker.address);
        let batch = publish_at(version, 2, b"a", 7).repeat(1000);
        for _ in 0..1000 {
            client.send_bytes(&batch);
            for _ in 0..1000 {
                client.receive(|packet| match packet {
                    Packet::PubRec(ack) => {
                        assert_eq!((ack.packet_id, ack.reason), (7, ReasonCode::Success));
                    }
                    other => panic!("PUBREC expected: {other:?}"),
                });
            }
        }
        subscriber.expect("a", "x");
        subscriber.ping();
    });
    broker.stop();
}

/// [MQTT-3.3.4-7]. A 3.1.1 client cannot be told a Receive Maximum: it may have as many as there are
/// packet identifiers.
fn row_47_messages_that_are_never_released(version: Version) {
    let broker = Program::start(&[]);
    broker.keeps_its_memory(|| {
        let mut client = Login::new(version, "hostile").connect(broker.address);
        let most = if version.has_properties() { 256 } else { u16::MAX };
        for packet_id in 1..=most {
            client.send_bytes(&publish_at(version, 2, b"a", packet_id));
            client.receive(|packet| assert_eq!(packet.kind(), "PUBREC"));
        }
        if version.has_properties() {
            client.send_bytes(&publish_at(version, 2, b"a", most + 1));
            client.expect_disconnect(ReasonCode::ReceiveMaximumExceeded);
        } else {
            client.ping();
        }
    });
    broker.stop();
}

/// 0x92 where there is an answer to hold it, none to PUBACK and PUBCOMP, and no line of log.
fn row_48_acknowledgements_of_nothing(version: Version) {
    let broker = Program::start(&[]);
    broker.keeps_its_memory(|| {
        let mut client = Login::new(version, "hostile").connect(broker.address);
        let none = [packet(0x40, &[&[0, 9]]), packet(0x70, &[&[0, 9]])].concat();
        let answered = [packet(0x50, &[&[0, 9]]), packet(0x62, &[&[0, 9]])].concat();
        let batch = [none, answered].concat().repeat(500);
        for _ in 0..100 {
            client.send_bytes(&batch);
            // Answers of both kinds, in whatever order.
            for _ in 0..1000 {
                client.receive(|packet| match packet {
                    Packet::PubRel(ack) | Packet::PubComp(ack) => check_unknown(version, &ack),
                    other => panic!("PUBREL or PUBCOMP expected: {other:?}"),
                });
            }
        }
        client.ping();
    });
    let said = broker.stop();
    assert!(said.len() < 10, "{said:#?}");
}

fn check_unknown(version: Version, ack: &Ack<'_>) {
    let expected = if version.has_properties() {
        ReasonCode::PacketIdentifierNotFound
    } else {
        ReasonCode::Success
    };
    assert_eq!((ack.packet_id, ack.reason), (9, expected));
}

/// 200 MiB of retained messages on 5,000 topics: the store has some tables of 16 MiB in memory that are being
/// written, whatever clients do.
fn row_49_what_the_store_has_in_memory_is_bounded(version: Version) {
    let broker = Program::start_with_store(&["max_retained_messages: 5000"]);
    let before = broker.peak();
    let mut publisher = Login::new(version, "publisher").connect(broker.address);
    for _ in 0..20 {
        let messages: Vec<u8> =
            (0..5000).flat_map(|number| retained(version, number, &[b'x'; 2048])).collect();
        publisher.send_bytes(&messages);
        publisher.ping();
    }
    let grown = broker.peak() - before;
    assert!(grown < 160 * MIB, "{grown} bytes");
    broker.stop();
}

/// 20,000 topics and no more, and 50 subscribers to all of them that do not read: each is sent what it
/// takes, and none makes the broker hold the rest for it.
fn row_49_retained_messages_without_number(version: Version) {
    const TOPICS: usize = 20_000;
    let broker = Program::start(&["max_retained_messages: 20000", "write_buffer: 16KiB"]);
    broker.keeps_its_memory(|| {
        let mut publisher = Login::new(version, "publisher").connect(broker.address);
        let retain = |publisher: &mut Client, payload: &[u8]| {
            let messages: Vec<u8> =
                (0..TOPICS).flat_map(|number| retained(version, number, payload)).collect();
            publisher.send_bytes(&messages);
            publisher.ping();
        };
        retain(&mut publisher, &[b'x'; 100]);
        let full = Publish { retain: true, ..message("one/more", QoS::AtLeastOnce, b"x") };
        let told = only_v5(version, ReasonCode::QuotaExceeded).unwrap_or(ReasonCode::Success);
        assert_eq!(publisher.publish_with(&full), told);
        let before = broker.peak();
        let mut subscribers: Vec<Client> = (0..50)
            .map(|number| {
                let client_id = format!("subscriber-{number}");
                let mut client = Login::new(version, &client_id).connect(broker.address);
                // Without what the bystanders say.
                let options = SubscriptionOptions::new(QoS::AtMostOnce);
                client.start_subscribe("retained/#", options);
                client
            })
            .collect();
        // All of them have begun, and the last has all.
        let mut last = subscribers.pop().unwrap();
        last.receive_retained(TOPICS);
        let grown = broker.peak() - before;
        assert!(grown < 16 * MIB, "{grown} bytes for those who do not read");
        drop(subscribers);
        retain(&mut publisher, b"");
    });
    broker.stop();
}

/// PUBLISH at QoS 0 with RETAIN.
fn retained(version: Version, number: usize, payload: &[u8]) -> Vec<u8> {
    let topic = format!("retained/{number}/value");
    packet(0x31, &[&text(topic.as_bytes()), &properties(version, &[]), payload])
}

impl Client {
    /// Waits for the retained messages of so many topics, among whatever else comes.
    fn receive_retained(&mut self, topics: usize) {
        let mut seen = HashSet::new();
        while seen.len() < topics {
            self.receive(|packet| match packet {
                Packet::Publish(publish) if publish.retain => {
                    assert!(seen.insert(publish.topic.to_owned()), "{} came twice", publish.topic);
                }
                _ => {}
            });
        }
    }
}

/// 300 subscribers that do not read, and one message of nearly 1 MiB: it is in memory once.
fn row_53_one_large_message_to_many_subscribers(version: Version) {
    let broker = Program::start(&[]);
    broker.keeps_its_memory(|| {
        let mut subscribers: Vec<Client> = (0..300)
            .map(|number| {
                let client_id = format!("subscriber-{number}");
                let mut client = Login::new(version, &client_id).connect(broker.address);
                client.subscribe("large", QoS::AtLeastOnce);
                client
            })
            .collect();
        let before = broker.peak();
        let payload = vec![b'x'; 1_000_000];
        let mut publisher = Login::new(version, "publisher").connect(broker.address);
        publisher.publish_with(&message("large", QoS::AtLeastOnce, &payload));
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.receive_publish().payload.len(), payload.len());
        }
        let grown = broker.peak() - before;
        assert!(grown < 16 * MIB, "{grown} bytes for one message");
    });
    broker.stop();
}

/// [MQTT-3.3.2-5] [MQTT-3.3.2-6]; 3.1.1 has no expiry.
#[test]
fn row_54_messages_that_expire_while_they_wait() {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let login = || Login::new(Version::V5, "away").keeping_session();
        let mut subscriber = login().connect(broker.address());
        subscriber.subscribe("a", QoS::AtLeastOnce);
        subscriber.disconnect();
        let mut publisher = Login::new(Version::V5, "publisher").connect(broker.address());
        let begin = Instant::now();
        for _ in 0..1000 {
            publisher.publish_with(&expiring("a", 1).publish());
        }
        publisher.publish_with(&expiring("a", 3600).publish());
        while begin.elapsed() < Duration::from_secs(3) {
            publisher.ping();
        }
        let mut subscriber = login().without_clean_start().connect(broker.address());
        let received = subscriber.receive_publish();
        let left = Properties::from_validated(&received.properties).message_expiry().unwrap();
        let waited = begin.elapsed().as_secs() as u32 + 2;
        assert!((3600 - waited..=3598).contains(&left), "{left} of 3600 seconds are left");
        subscriber.acknowledge(&received);
        subscriber.ping();
    });
}

/// 0x95 by the header; and a client that takes no large packet misses that one and nothing else
/// [MQTT-3.1.2-24] [MQTT-3.1.2-25].
fn row_57_packets_that_are_too_large(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let mut hostile = Login::new(version, "hostile").connect(broker.address());
        // 1 MiB and one byte.
        hostile.send_bytes(&[0x30, 0xFD, 0xFF, 0x3F]);
        hostile.expect_disconnect(ReasonCode::PacketTooLarge);

        let modest = Login::new(version, "modest").with(Property::MaximumPacketSize(100));
        let mut modest = modest.connect(broker.address());
        let mut other = Login::new(version, "other").connect(broker.address());
        for client in [&mut modest, &mut other] {
            client.subscribe("a", QoS::AtLeastOnce);
        }
        let mut publisher = Login::new(version, "publisher").connect(broker.address());
        let large = "x".repeat(100);
        for payload in [&*large, "small"] {
            publisher.publish("a", payload, QoS::AtLeastOnce);
        }
        other.expect("a", &large);
        other.expect("a", "small");
        if !version.has_properties() {
            modest.expect("a", &large);
        }
        modest.expect("a", "small");
    });
}

/// A message and the properties it borrows.
struct Expiring {
    topic: &'static str,
    properties: PropertyBuffer,
}

fn expiring(topic: &'static str, seconds: u32) -> Expiring {
    let mut properties = PropertyBuffer::new();
    assert!(properties.push(Property::MessageExpiryInterval(seconds)));
    Expiring { topic, properties }
}

impl Expiring {
    fn publish(&self) -> Publish<'_> {
        let properties = self.properties.as_properties();
        Publish { properties, ..message(self.topic, QoS::AtLeastOnce, b"x") }
    }
}

fn message<'a>(topic: &'a str, qos: QoS, payload: &'a [u8]) -> Publish<'a> {
    let properties = Properties::EMPTY;
    Publish { dup: false, qos, retain: false, packet_id: 0, topic, properties, payload }
}
