//! Retained messages: which are kept, and who gets them when.

use std::collections::HashSet;

use hookmq::config::Config;
use mqtt::{Properties, Property, PropertyBuffer, Publish, QoS, ReasonCode, RetainHandling};
use mqtt::{SubscriptionOptions, Version};

use crate::support::{Broker, Client, Login, both_versions};

both_versions!(
    a_retained_message_comes_with_a_new_subscription,
    the_newest_retained_message_replaces_the_ones_before,
    an_empty_payload_clears_and_is_delivered,
    an_established_subscription_gets_it_without_the_flag,
    the_lower_qos_counts,
    subscribing_again_brings_it_again,
    every_matching_topic_brings_its_message,
    a_retained_message_outlives_its_publisher,
    a_message_without_the_flag_leaves_the_retained_one_alone,
    beyond_the_limit_a_message_is_delivered_and_not_retained,
    who_publishes_beyond_a_limit_is_told,
    what_has_grown_beyond_the_limit_is_not_kept_in_its_old_form,
    a_large_retained_message_is_kept,
    all_come_to_a_client_that_holds_publishers_up,
    none_pushes_out_a_message_that_waits,
    at_qos_0_it_does_not_wait_for_acknowledgements,
    what_has_not_come_yet_comes_after_a_reconnect,
    a_clean_start_or_an_unsubscribe_ends_what_has_not_come_yet,
);

const ALL: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// [MQTT-3.3.1-5] [MQTT-3.3.1-9] [MQTT3-3.3.1-8]
fn a_retained_message_comes_with_a_new_subscription(version: Version) {
    let broker = Broker::start();
    let mut publisher = Client::connect(&broker, version, "publisher");
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    for qos in ALL {
        publisher.publish_retained("a/b", "kept", qos);
        subscriber.subscribe("a/+", QoS::ExactlyOnce);
        let received = subscriber.expect("a/b", "kept");
        assert!(received.retain && !received.dup);
        assert_eq!(received.qos, qos);
        subscriber.unsubscribe("a/+");
    }
    subscriber.ping();
}

/// [MQTT-3.3.1-5]
fn the_newest_retained_message_replaces_the_ones_before(version: Version) {
    let broker = Broker::start();
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish_retained("a", "one", QoS::ExactlyOnce);
    publisher.publish_retained("a", "two", QoS::AtLeastOnce);
    publisher.publish_retained("a", "three", QoS::AtMostOnce);
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("a", QoS::ExactlyOnce);
    assert_eq!(subscriber.expect("a", "three").qos, QoS::AtMostOnce);
    subscriber.ping();
}

/// [MQTT-3.3.1-6] [MQTT-3.3.1-7]
fn an_empty_payload_clears_and_is_delivered(version: Version) {
    let broker = Broker::start();
    let mut publisher = Client::connect(&broker, version, "publisher");
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("a", QoS::AtMostOnce);
    for qos in ALL {
        publisher.publish_retained("a", "kept", qos);
        publisher.publish_retained("a", "", qos);
        assert!(!watcher.expect("a", "kept").retain);
        assert!(!watcher.expect("a", "").retain);
        let mut subscriber = Client::connect(&broker, version, "subscriber");
        subscriber.subscribe("#", QoS::ExactlyOnce);
        subscriber.ping();
    }
}

/// [MQTT-3.3.1-12]
fn an_established_subscription_gets_it_without_the_flag(version: Version) {
    let broker = Broker::start();
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for qos in ALL {
        publisher.publish_retained("a", "kept", qos);
        assert!(!subscriber.expect("a", "kept").retain);
    }
}

/// [MQTT-3.8.4-8]
fn the_lower_qos_counts(version: Version) {
    let broker = Broker::start();
    let mut publisher = Client::connect(&broker, version, "publisher");
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    for published in ALL {
        publisher.publish_retained("a", "kept", published);
        for granted in ALL {
            subscriber.subscribe("a", granted);
            assert_eq!(subscriber.expect("a", "kept").qos, published.min(granted));
        }
        subscriber.unsubscribe("a");
    }
}

/// [MQTT-3.8.4-4]
fn subscribing_again_brings_it_again(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.publish_retained("a", "kept", QoS::AtMostOnce);
    for _ in 0..3 {
        client.subscribe("a", QoS::AtMostOnce);
        assert!(client.expect("a", "kept").retain);
    }
}

fn every_matching_topic_brings_its_message(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    let topics = ["a/1", "a/2", "a/2/x", "b/1"];
    for topic in topics {
        client.publish_retained(topic, topic, QoS::AtLeastOnce);
    }
    client.subscribe("a/#", QoS::AtLeastOnce);
    let mut received: Vec<String> = (0..3)
        .map(|_| {
            let received = client.receive_publish();
            client.acknowledge(&received);
            assert_eq!(received.topic.as_bytes(), received.payload);
            received.topic
        })
        .collect();
    received.sort();
    assert_eq!(received, topics[..3]);
    client.ping();
}

/// Retained messages are no part of a session. [MQTT3-3.1.2-7]
fn a_retained_message_outlives_its_publisher(version: Version) {
    let broker = Broker::start();
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish_retained("a", "kept", QoS::AtLeastOnce);
    publisher.disconnect();
    let mut subscriber = Client::connect(&broker, version, "publisher");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    subscriber.expect("a", "kept");
}

/// [MQTT-3.3.1-8]
fn a_message_without_the_flag_leaves_the_retained_one_alone(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.publish_retained("a", "kept", QoS::AtLeastOnce);
    client.publish("a", "passing", QoS::AtLeastOnce);
    client.publish("a", "", QoS::AtLeastOnce);
    client.subscribe("a", QoS::AtLeastOnce);
    client.expect("a", "kept");
    client.ping();
}

fn beyond_the_limit_a_message_is_delivered_and_not_retained(version: Version) {
    let broker = Broker::with(|config| config.limits.max_retained_messages = 1);
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("#", QoS::AtLeastOnce);
    let mut client = Client::connect(&broker, version, "client");
    for (topic, payload) in [("a", "one"), ("b", "not kept"), ("a", "two")] {
        client.publish_retained(topic, payload, QoS::AtLeastOnce);
        watcher.expect(topic, payload);
    }
    client.subscribe("#", QoS::AtLeastOnce);
    client.expect("a", "two");
    client.ping();
}

/// 3.1.1 has no word for it. At QoS 2 it would say that nobody got the message, and it would be sent
/// again.
fn who_publishes_beyond_a_limit_is_told(version: Version) {
    let limits: [fn(&mut Config); 2] = [
        |config| config.limits.max_retained_messages = 1,
        |config| config.limits.max_retained_bytes = 500,
    ];
    for limit in limits {
        let broker = Broker::with(limit);
        let mut client = Client::connect(&broker, version, "client");
        let kept = retained("a", &[b'x'; 200]);
        assert_eq!(client.publish_with(&kept), ReasonCode::Success);
        let full =
            if version.has_properties() { ReasonCode::QuotaExceeded } else { ReasonCode::Success };
        let mut subscriber = Client::connect(&broker, version, "subscriber");
        subscriber.subscribe("b", QoS::ExactlyOnce);
        for (qos, told) in [(QoS::AtLeastOnce, full), (QoS::ExactlyOnce, ReasonCode::Success)] {
            assert_eq!(client.publish_with(&Publish { qos, ..retained("b", &[b'x'; 200]) }), told);
            assert_eq!(subscriber.receive_publish().qos, qos);
        }
        // Nothing is retained, and nothing has to be.
        assert_eq!(client.publish_with(&retained("b", b"")), ReasonCode::Success);
        client.publish_retained("a", "", QoS::AtLeastOnce);
        assert_eq!(client.publish_with(&retained("b", &[b'x'; 200])), ReasonCode::Success);
    }
}

fn what_has_grown_beyond_the_limit_is_not_kept_in_its_old_form(version: Version) {
    let broker = Broker::with(|config| config.limits.max_retained_bytes = 500);
    let mut client = Client::connect(&broker, version, "client");
    client.publish_retained("a", "old", QoS::AtLeastOnce);
    client.publish_with(&retained("a", &[b'x'; 500]));
    client.subscribe("a", QoS::AtLeastOnce);
    client.ping();
}

fn retained<'a>(topic: &'a str, payload: &'a [u8]) -> Publish<'a> {
    Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: true,
        packet_id: 0,
        topic,
        properties: Properties::EMPTY,
        payload,
    }
}

fn a_large_retained_message_is_kept(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    let payload = "0123456789".repeat(50_000);
    client.publish_retained("a", &payload, QoS::AtLeastOnce);
    client.subscribe("a", QoS::AtLeastOnce);
    assert!(client.receive_publish().payload == payload.as_bytes());
}

fn publish_many_retained(publisher: &mut Client, count: usize, payload: &str) {
    for n in 0..count {
        publisher.publish_retained(&format!("many/{n}"), payload, QoS::AtLeastOnce);
    }
}

/// The topics of the next `count` messages, each acknowledged.
fn receive_topics(client: &mut Client, count: usize) -> HashSet<String> {
    let receive = |_| {
        let received = client.receive_publish();
        client.acknowledge(&received);
        received.topic
    };
    (0..count).map(receive).collect()
}

/// After a second publishers go on, and what they send may have to give way; what is retained need not.
fn all_come_to_a_client_that_holds_publishers_up(version: Version) {
    const COUNT: usize = 100;
    let broker = Broker::with(|config| {
        config.limits.max_inflight = 1;
        config.limits.max_queued_messages = 16;
    });
    let mut publisher = Client::connect(&broker, version, "publisher");
    publish_many_retained(&mut publisher, COUNT, "x");
    let mut slow = Client::connect(&broker, version, "slow");
    slow.subscribe("many/+", QoS::AtLeastOnce);
    let first = slow.receive_publish();
    let live = 6;
    for n in 0..live {
        publisher.publish(&format!("many/live-{n}"), "x", QoS::AtLeastOnce);
    }
    // The publisher has waited as long as it does.
    publisher.ping();
    slow.ping();
    slow.acknowledge(&first);
    let mut topics = receive_topics(&mut slow, COUNT + live - 1);
    topics.insert(first.topic);
    assert_eq!(topics.len(), COUNT + live);
    slow.ping();
}

/// However large they are.
fn none_pushes_out_a_message_that_waits(version: Version) {
    const COUNT: usize = 10;
    let broker = Broker::with(|config| {
        config.limits.max_inflight = 1;
        config.limits.max_queued_bytes = 4096;
    });
    let mut publisher = Client::connect(&broker, version, "publisher");
    publish_many_retained(&mut publisher, COUNT, &"x".repeat(3000));
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("live", QoS::AtLeastOnce);
    publisher.publish("live", "one", QoS::AtLeastOnce);
    let two = "2".repeat(1500);
    publisher.publish("live", &two, QoS::AtLeastOnce);
    let first = client.receive_publish();
    client.subscribe("many/+", QoS::AtLeastOnce);
    client.acknowledge(&first);
    client.expect("live", &two);
    assert_eq!(receive_topics(&mut client, COUNT).len(), COUNT);
    client.ping();
}

/// A client may need one to get on with what it has not acknowledged.
fn at_qos_0_it_does_not_wait_for_acknowledgements(version: Version) {
    let broker = Broker::with(|config| {
        config.limits.max_inflight = 1;
        config.limits.max_queued_messages = 4;
    });
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish_retained("kept", "x", QoS::AtMostOnce);
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("live", QoS::AtLeastOnce);
    for payload in ["one", "two", "three", "four"] {
        publisher.publish("live", payload, QoS::AtLeastOnce);
    }
    let first = client.receive_publish();
    client.subscribe("kept", QoS::AtMostOnce);
    client.expect("kept", "x");
    client.acknowledge(&first);
    client.expect("live", "two");
}

/// They belong to the subscription, and so to the session.
fn what_has_not_come_yet_comes_after_a_reconnect(version: Version) {
    const COUNT: usize = 600;
    let broker = Broker::with(|config| config.limits.max_inflight = 2);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publish_many_retained(&mut publisher, COUNT, "x");
    let login = Login::new(version, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.subscribe("many/+", QoS::AtLeastOnce);
    let in_flight = [client.receive_publish(), client.receive_publish()];
    client.subscribe("many/0", QoS::AtMostOnce);
    in_flight.iter().for_each(|received| client.acknowledge(received));
    let mut topics: HashSet<String> = in_flight.map(|received| received.topic).into();
    // In the middle of what the first and the second look into the topics have found.
    for received in [0, 3, 300] {
        topics.extend(receive_topics(&mut client, received));
        drop(client);
        let resumed;
        (client, resumed) = login.resume(broker.address());
        assert!(resumed);
    }
    // What the second subscription has still to find comes last.
    loop {
        let received = client.receive_publish();
        client.acknowledge(&received);
        if received.qos == QoS::AtMostOnce {
            assert_eq!(received.topic, "many/0");
            break;
        }
        topics.insert(received.topic);
    }
    assert_eq!(topics.len(), COUNT);
    client.ping();
}

fn a_clean_start_or_an_unsubscribe_ends_what_has_not_come_yet(version: Version) {
    let broker = Broker::with(|config| config.limits.max_inflight = 2);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publish_many_retained(&mut publisher, 10, "x");
    let login = Login::new(version, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.subscribe("many/+", QoS::AtLeastOnce);
    drop(client);
    let mut client = login.connect(broker.address());
    let in_flight = [client.receive_publish(), client.receive_publish()];
    client.unsubscribe("many/+");
    in_flight.iter().for_each(|received| client.acknowledge(received));
    client.ping();
    client.subscribe("many/+", QoS::AtLeastOnce);
    drop(client);
    Client::connect(&broker, version, "client").ping();
}

/// [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
#[test]
fn retain_handling_says_when_it_comes() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, Version::V5, "client");
    client.publish_retained("a", "kept", QoS::AtLeastOnce);
    let options = |retain_handling| SubscriptionOptions {
        retain_handling,
        ..SubscriptionOptions::new(QoS::AtLeastOnce)
    };
    client.subscribe_with("a", options(RetainHandling::DoNotSend));
    client.ping();
    // The subscription is no longer new.
    client.subscribe_with("a", options(RetainHandling::SendIfNew));
    client.ping();
    client.subscribe_with("a", options(RetainHandling::Send));
    client.expect("a", "kept");
    client.unsubscribe("a");
    client.subscribe_with("a", options(RetainHandling::SendIfNew));
    client.expect("a", "kept");
    client.ping();
}

/// [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18]
/// [MQTT-3.3.2-20]
#[test]
fn it_comes_with_all_its_properties() {
    let broker = Broker::start();
    let mut properties = PropertyBuffer::new();
    for property in [
        Property::PayloadFormatIndicator(1),
        Property::MessageExpiryInterval(3_000_000_000),
        Property::ContentType("text/plain"),
        Property::ResponseTopic("answers/here"),
        Property::CorrelationData(b"\0\x01\xFF"),
        Property::UserProperty("b", "1"),
        Property::UserProperty("a", "2"),
        Property::UserProperty("b", "1"),
    ] {
        assert!(properties.push(property));
    }
    let mut client = Client::connect(&broker, Version::V5, "client");
    client.publish_with(&Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: true,
        packet_id: 0,
        topic: "a",
        properties: properties.as_properties(),
        payload: b"kept",
    });
    client.subscribe("a", QoS::AtLeastOnce);
    let received = client.expect("a", "kept");
    let received = Properties::from_validated(&received.properties);
    // [MQTT-3.3.2-6]: what it has waited is taken off.
    let expiry = received.message_expiry().unwrap();
    assert!((2_999_000_000..=3_000_000_000).contains(&expiry), "{expiry}");
    let mut others = PropertyBuffer::new();
    let same = |property: &Property<'_>| !matches!(property, Property::MessageExpiryInterval(_));
    received.filtered(same, &mut others);
    let mut expected = PropertyBuffer::new();
    properties.as_properties().filtered(same, &mut expected);
    assert_eq!(others, expected);
}
