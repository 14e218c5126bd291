//! SUBSCRIBE and UNSUBSCRIBE: which filters are granted, which messages they bring, how they end.

use mqtt::{FilterList, Packet, Properties, QoS, ReasonCode};
use mqtt::{Subscribe, Subscription, SubscriptionList, SubscriptionOptions, Unsubscribe, Version};

use crate::support::{Broker, Client, LastWill, Login, both_versions};

both_versions!(
    suback_has_a_code_for_each_filter_in_their_order,
    invalid_filters_are_refused_and_the_connection_lives,
    filters_beyond_the_limits_are_refused,
    a_subscription_above_the_quota_is_refused,
    wildcards_match_as_the_standard_says,
    topics_are_not_normalised,
    a_second_subscription_to_a_filter_replaces_the_first,
    nothing_comes_after_unsuback,
    a_delivery_that_has_begun_is_finished_after_unsuback,
    unsubscribe_compares_filters_byte_by_byte,
    one_unsuback_answers_several_filters,
    a_subscribe_without_a_filter_is_a_protocol_error,
    an_unsubscribe_without_a_filter_is_a_protocol_error,
    a_packet_identifier_of_0_is_a_protocol_error,
    a_clients_own_message_comes_back_to_it,
    a_gone_client_leaves_the_others_subscribed,
);

/// [MQTT-2.2.1-6] [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7]
/// [MQTT-3.9.3-1]
fn suback_has_a_code_for_each_filter_in_their_order(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    let filters = [
        ("a", QoS::ExactlyOnce),
        ("a/#/b", QoS::AtMostOnce),
        ("b/+", QoS::AtMostOnce),
        ("$share/g", QoS::AtLeastOnce),
        ("#", QoS::AtLeastOnce),
    ];
    let invalid = refusal(version, ReasonCode::TopicFilterInvalid);
    let expected =
        [ReasonCode::GrantedQoS2, invalid, ReasonCode::Success, invalid, ReasonCode::GrantedQoS1];
    assert_eq!(subscribe_all(&mut client, &filters), expected);
    // What was granted beside a refusal works.
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("b/c", "x", QoS::AtMostOnce);
    client.expect("b/c", "x");
}

/// [MQTT-4.7.1-1] [MQTT-4.7.1-2]
fn invalid_filters_are_refused_and_the_connection_lives(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    let refused = refusal(version, ReasonCode::TopicFilterInvalid);
    for filter in [
        "a#",
        "#/a",
        "a/#/b",
        "a+",
        "+a/b",
        "a/b+/c",
        "##",
        "++",
        "$share//a",
        "$share/+/a",
        "$share/g/",
        "$share/g/a#",
    ] {
        assert_eq!(client.subscribe(filter, QoS::ExactlyOnce), refused, "{filter}");
    }
    client.ping();
}

fn filters_beyond_the_limits_are_refused(version: Version) {
    let broker = Broker::with(|config| {
        config.limits.max_topic_levels = 3;
        config.limits.max_topic_length = 10;
    });
    let mut client = Client::connect(&broker, version, "client");
    let refused = refusal(version, ReasonCode::TopicFilterInvalid);
    assert_eq!(client.subscribe("a/b/c", QoS::AtMostOnce), ReasonCode::Success);
    assert_eq!(client.subscribe("a/b/c/d", QoS::AtMostOnce), refused);
    assert_eq!(client.subscribe("0123456789", QoS::AtMostOnce), ReasonCode::Success);
    assert_eq!(client.subscribe("0123456789a", QoS::AtMostOnce), refused);
}

fn a_subscription_above_the_quota_is_refused(version: Version) {
    let broker = Broker::with(|config| config.limits.max_subscriptions = 2);
    let mut client = Client::connect(&broker, version, "client");
    let refused = refusal(version, ReasonCode::QuotaExceeded);
    assert_eq!(client.subscribe("a", QoS::AtMostOnce), ReasonCode::Success);
    assert_eq!(client.subscribe("b", QoS::AtMostOnce), ReasonCode::Success);
    assert_eq!(client.subscribe("c", QoS::AtMostOnce), refused);
    // One that is there already may change.
    assert_eq!(client.subscribe("a", QoS::AtLeastOnce), ReasonCode::GrantedQoS1);
    client.unsubscribe("b");
    assert_eq!(client.subscribe("c", QoS::AtMostOnce), ReasonCode::Success);
}

/// [MQTT-3.3.2-3] [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1]
fn wildcards_match_as_the_standard_says(version: Version) {
    let broker = Broker::start();
    let topics = ["a", "a/", "a/b", "a/b/c", "/a", "/", "b/b"];
    for (filter, expected) in [
        ("#", &topics[..]),
        ("a/#", &["a", "a/", "a/b", "a/b/c"]),
        ("+", &["a"]),
        ("+/+", &["a/", "a/b", "/a", "/", "b/b"]),
        ("a/+", &["a/", "a/b"]),
        ("+/b", &["a/b", "b/b"]),
        ("+/b/#", &["a/b", "a/b/c", "b/b"]),
        ("/+", &["/a", "/"]),
        ("a/b", &["a/b"]),
        ("$SYS/#", &[]),
    ] {
        let mut client = Client::connect(&broker, version, "client");
        client.subscribe(filter, QoS::AtMostOnce);
        let mut publisher = Client::connect(&broker, version, "publisher");
        for topic in topics {
            publisher.publish(topic, filter, QoS::AtMostOnce);
        }
        for topic in expected {
            client.expect(topic, filter);
        }
        client.ping();
    }
}

/// [MQTT-4.7.3-4]
fn topics_are_not_normalised(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("Größe/\u{feff}a", QoS::AtMostOnce);
    for other in ["größe/\u{feff}a", "Gro\u{308}ße/\u{feff}a", "Größe/a"] {
        client.publish(other, "other", QoS::AtMostOnce);
    }
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("Größe/\u{feff}a", "same", QoS::AtMostOnce);
    client.expect("Größe/\u{feff}a", "same");
}

/// [MQTT-3.8.4-3]
fn a_second_subscription_to_a_filter_replaces_the_first(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    let mut publisher = Client::connect(&broker, version, "publisher");
    for qos in [QoS::ExactlyOnce, QoS::AtMostOnce, QoS::AtLeastOnce] {
        assert_eq!(client.subscribe("a/+", qos), ReasonCode::granted(qos));
        publisher.publish("a/b", "x", QoS::ExactlyOnce);
        assert_eq!(client.expect("a/b", "x").qos, qos);
        client.ping();
    }
    client.unsubscribe("a/+");
    publisher.publish("a/b", "x", QoS::ExactlyOnce);
    client.ping();
}

/// [MQTT-3.10.4-2]
fn nothing_comes_after_unsuback(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    let mut publisher = Client::connect(&broker, version, "publisher");
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        client.subscribe("a/#", qos);
        publisher.publish("a/b", "before", qos);
        client.expect("a/b", "before");
        assert_eq!(client.unsubscribe("a/#"), ReasonCode::Success);
        publisher.publish("a/b", "after", qos);
        client.ping();
    }
}

/// [MQTT-3.10.4-3]
fn a_delivery_that_has_begun_is_finished_after_unsuback(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("a", "one", QoS::AtLeastOnce);
    publisher.publish("a", "two", QoS::ExactlyOnce);
    let begun = [client.receive_publish(), client.receive_publish()];
    assert_eq!(client.unsubscribe("a"), ReasonCode::Success);
    for received in &begun {
        client.acknowledge(received);
    }
    client.ping();
}

/// [MQTT-3.10.4-1] [MQTT-3.10.4-5]
fn unsubscribe_compares_filters_byte_by_byte(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("a/+", QoS::AtMostOnce);
    let unknown = match version {
        Version::V3_1 | Version::V3_1_1 => ReasonCode::Success,
        Version::V5 => ReasonCode::NoSubscriptionExisted,
    };
    for other in ["a/b", "a/#", "A/+", "a/+/", "#"] {
        assert_eq!(client.unsubscribe(other), unknown, "{other}");
    }
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("a/b", "still", QoS::AtMostOnce);
    client.expect("a/b", "still");
    assert_eq!(client.unsubscribe("a/+"), ReasonCode::Success);
    assert_eq!(client.unsubscribe("a/+"), unknown);
}

/// [MQTT-2.2.1-6] [MQTT-3.10.4-4] [MQTT-3.10.4-6] [MQTT-3.11.3-1]
fn one_unsuback_answers_several_filters(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("a", QoS::AtMostOnce);
    client.subscribe("b", QoS::AtMostOnce);
    let mut filters = FilterList::new("a");
    for filter in ["unknown", "b", "a"] {
        filters.push(filter);
    }
    client.send(&Packet::Unsubscribe(Unsubscribe::new(77, Properties::EMPTY, &filters)));
    let (gone, unknown) = (ReasonCode::Success, ReasonCode::NoSubscriptionExisted);
    let expected = match version {
        Version::V3_1 | Version::V3_1_1 => vec![],
        Version::V5 => vec![gone, unknown, gone, unknown],
    };
    client.receive(|packet| match packet {
        Packet::UnsubAck(unsuback) => {
            assert_eq!((unsuback.packet_id, &*unsuback.reasons), (77, &*expected));
        }
        other => panic!("UNSUBACK expected: {other:?}"),
    });
    client.ping();
}

/// [MQTT-3.8.3-2]
fn a_subscribe_without_a_filter_is_a_protocol_error(version: Version) {
    check_protocol_error(version, 0x82, &[0, 1]);
}

/// [MQTT-3.10.3-2]
fn an_unsubscribe_without_a_filter_is_a_protocol_error(version: Version) {
    check_protocol_error(version, 0xA2, &[0, 1]);
}

/// [MQTT-2.2.1-3]
fn a_packet_identifier_of_0_is_a_protocol_error(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    let options = SubscriptionOptions::new(QoS::AtMostOnce);
    let list = SubscriptionList::new(Subscription { filter: "a", options });
    client.send(&Packet::Subscribe(Subscribe::new(0, Properties::EMPTY, &list)));
    client.expect_disconnect(ReasonCode::ProtocolError);
}

fn a_clients_own_message_comes_back_to_it(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("a", QoS::AtMostOnce);
    let publish = mqtt::Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        packet_id: 0,
        topic: "a",
        properties: Properties::EMPTY,
        payload: b"own",
    };
    client.send(&Packet::Publish(publish));
    client.expect("a", "own");
}

fn a_gone_client_leaves_the_others_subscribed(version: Version) {
    let broker = Broker::start();
    let mut stays = Client::connect(&broker, version, "stays");
    let mut goes = Client::connect(&broker, version, "goes");
    for client in [&mut stays, &mut goes] {
        client.subscribe("a", QoS::AtLeastOnce);
        client.subscribe("+", QoS::AtLeastOnce);
    }
    goes.disconnect();
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("a", "x", QoS::AtLeastOnce);
    stays.expect("a", "x");
    stays.ping();
}

/// [MQTT-3.8.3-3]
#[test]
fn no_local_keeps_a_clients_own_messages_from_it() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, Version::V5, "client");
    let no_local =
        SubscriptionOptions { no_local: true, ..SubscriptionOptions::new(QoS::ExactlyOnce) };
    client.subscribe_with("a", no_local);
    let mut other = Client::connect(&broker, Version::V5, "other");
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        client.publish("a", "own", qos);
        other.publish("a", "other", qos);
        assert_eq!(client.expect("a", "other").qos, qos);
    }
    client.ping();
}

/// It is the client id that counts, not the connection. [MQTT-3.8.3-3]
#[test]
fn no_local_keeps_a_clients_own_retained_messages_and_will_from_it() {
    let broker = Broker::start();
    let no_local =
        SubscriptionOptions { no_local: true, ..SubscriptionOptions::new(QoS::AtLeastOnce) };
    let will = LastWill { retain: true, qos: QoS::AtLeastOnce, ..LastWill::new("own", "will") };
    let login = Login::new(Version::V5, "client").keeping_session();
    let mut client = login.will(will).connect(broker.address());
    let mut other = Client::connect(&broker, Version::V5, "other");
    client.subscribe_with("+", no_local);
    client.publish_retained("retained", "own", QoS::AtLeastOnce);
    other.subscribe("own", QoS::AtLeastOnce);
    // Neither is it kept for the session, nor is it sent when the client comes back.
    drop(client);
    other.expect("own", "will");
    other.publish_retained("other", "other", QoS::AtLeastOnce);
    let login = Login::new(Version::V5, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.expect("other", "other");
    client.subscribe_with("+", no_local);
    client.expect("other", "other");
    client.ping();
    // It is there, for those who want it.
    let plain = SubscriptionOptions::new(QoS::AtLeastOnce);
    client.subscribe_with("+", plain);
    for _ in 0..3 {
        let received = client.receive_publish();
        assert!(received.retain);
        client.acknowledge(&received);
    }
    other.subscribe_with("retained", no_local);
    other.expect("retained", "own");
}

/// [MQTT-3.3.1-12] [MQTT-3.3.1-13]
#[test]
fn retain_as_published_keeps_the_retain_flag() {
    let broker = Broker::start();
    let mut keeps = Client::connect(&broker, Version::V5, "keeps");
    let mut loses = Client::connect(&broker, Version::V5, "loses");
    let plain = SubscriptionOptions::new(QoS::AtLeastOnce);
    keeps.subscribe_with("a", SubscriptionOptions { retain_as_published: true, ..plain });
    loses.subscribe_with("a", plain);
    let mut publisher = Client::connect(&broker, Version::V5, "publisher");
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        publisher.publish_retained("a", "retained", qos);
        assert!(keeps.expect("a", "retained").retain);
        assert!(!loses.expect("a", "retained").retain);
        publisher.publish("a", "not retained", qos);
        assert!(!keeps.expect("a", "not retained").retain);
        assert!(!loses.expect("a", "not retained").retain);
    }
}

/// [MQTT-3.8.3-4]
#[test]
fn no_local_on_a_shared_subscription_is_a_protocol_error() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, Version::V5, "client");
    let plain = SubscriptionOptions::new(QoS::AtMostOnce);
    client.start_subscribe("$share/g/a", SubscriptionOptions { no_local: true, ..plain });
    client.expect_disconnect(ReasonCode::ProtocolError);
}

/// What 3.1.1 says for a refusal, and what 5.0 says.
fn refusal(version: Version, reason: ReasonCode) -> ReasonCode {
    match version {
        Version::V3_1 | Version::V3_1_1 => ReasonCode::UnspecifiedError,
        Version::V5 => reason,
    }
}

/// Subscribes to all filters with one packet, and returns the codes of its SUBACK.
fn subscribe_all(client: &mut Client, filters: &[(&str, QoS)]) -> Vec<ReasonCode> {
    let mut subscriptions = filters
        .iter()
        .map(|&(filter, qos)| Subscription { filter, options: SubscriptionOptions::new(qos) });
    let mut list = SubscriptionList::new(subscriptions.next().unwrap());
    subscriptions.for_each(|subscription| list.push(subscription));
    client.send(&Packet::Subscribe(Subscribe::new(9, Properties::EMPTY, &list)));
    client.receive(|packet| match packet {
        Packet::SubAck(suback) => {
            assert_eq!(suback.packet_id, 9);
            suback.reasons.to_vec()
        }
        other => panic!("SUBACK expected: {other:?}"),
    })
}

/// A packet of a packet identifier, no properties, and nothing else.
fn check_protocol_error(version: Version, first_byte: u8, packet_id: &[u8; 2]) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    let properties: &[u8] = if version.has_properties() { &[0] } else { &[] };
    let body = [packet_id, properties].concat();
    client.send_bytes(&[&[first_byte, body.len() as u8], &*body].concat());
    client.expect_disconnect(ReasonCode::ProtocolError);
}
