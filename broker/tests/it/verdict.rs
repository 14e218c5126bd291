//! What clients hear of plugins' refusals, and how they wait: the plugin in C of
//! `broker/tests/plugins/verdicts.c`, which is told by names what to answer.

use mqtt::{
    Connect, FilterList, Packet, Properties, Property, Publish, QoS, ReasonCode, RefusedPublish,
    Subscribe, Subscription, SubscriptionList, SubscriptionOptions, Unsubscribe, Version,
};
use serde_json::json;

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::{Broker, Client, LastWill, Login, both_versions};

both_versions!(
    a_refused_socket_is_closed,
    a_refused_connect_hears_the_code,
    a_client_refused_after_connack_is_disconnected_with_the_code,
    a_refused_subscription_hears_the_code_and_is_not_made,
    a_refused_unsubscribe_hears_the_code_and_the_subscription_stays,
    a_refused_publish_hears_the_code_and_goes_nowhere,
    a_refused_publish_may_end_the_connection_of_who_cannot_be_told,
    a_message_that_is_not_retained_is_no_refused_publish,
    a_refused_will_goes_nowhere,
    a_throttled_client_is_not_read_and_others_are,
    what_a_throttled_client_has_sent_is_read_later,
    a_client_is_throttled_by_every_hook,
    a_throttled_socket_is_not_read,
    a_throttled_client_is_not_taken_for_gone,
);

fn broker() -> Broker {
    broker_with(RefusedPublish::Acknowledge)
}

fn broker_with(refused_publish: RefusedPublish) -> Broker {
    let directory = PluginDir::new();
    directory.put(plugins::c("broker/tests/plugins/verdicts.c"), "verdicts");
    Broker::with_plugins_and(&directory, vec![entry("verdicts", json!(null))], |config| {
        config.refused_publish = refused_publish;
    })
}

/// What a client hears: the code and words where its version has them.
fn told(version: Version, reason: ReasonCode, words: &str) -> (ReasonCode, Option<String>) {
    match version {
        Version::V5 => (reason, Some(words.to_owned())),
        _ => (ReasonCode::Success, None),
    }
}

fn words(properties: Properties<'_>) -> Option<String> {
    properties.reason_string().map(str::to_owned)
}

fn a_refused_socket_is_closed(version: Version) {
    let directory = PluginDir::new();
    let name = format!("refuses-sockets-{}", version.level());
    directory.put(plugins::rust("hook-log"), &name);
    log::take();
    let config = json!({ "refuse": { "on_socket_open": { "code": 0x97, "reason": "full" } } });
    let broker = Broker::with_plugins(&directory, vec![entry(&name, config)]);
    Client::open(broker.address(), version).expect_closed();
    let line = format!("plugin {name} refused in on_socket_open: Quota exceeded (0x97), full");
    assert_eq!(log::lines(&line).len(), 1);
}

/// [MQTT-3.1.4-2] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT3-3.2.2-6]
fn a_refused_connect_hears_the_code(version: Version) {
    let broker = broker();
    for (client_id, reason, words, old) in [
        ("before/0x86/no", ReasonCode::BadUserNameOrPassword, Some("no"), Some(4)),
        ("before/0x8A", ReasonCode::Banned, None, Some(5)),
        ("before/0x89/later", ReasonCode::ServerBusy, Some("later"), Some(3)),
        ("before/0", ReasonCode::NotAuthorized, None, Some(5)),
        // Of DISCONNECT alone.
        ("before/0x96/slow down", ReasonCode::QuotaExceeded, Some("slow down"), Some(3)),
        ("before/0x8E", ReasonCode::UnspecifiedError, None, Some(3)),
        // No reason codes.
        ("before/0xFF/never", ReasonCode::NotAuthorized, None, Some(5)),
        ("before/3", ReasonCode::NotAuthorized, None, Some(5)),
        // 3.1.1 has no code that is near.
        ("before/0x99", ReasonCode::PayloadFormatInvalid, None, None),
    ] {
        if version == Version::V5 {
            let (mut client, answer) = Login::new(version, client_id).ask(broker.address());
            assert_eq!(answer.reason, reason, "{client_id}");
            assert_eq!(answer.properties().reason_string(), words, "{client_id}");
            client.expect_closed();
            continue;
        }
        let mut client = Client::open(broker.address(), version);
        client.send(&Packet::Connect(Connect::new(version, client_id)));
        if let Some(code) = old {
            let mut expected = Vec::new();
            client.receive(|packet| packet.encode(version, &mut expected));
            assert_eq!(expected, [0x20, 2, 0, code], "{client_id}");
        }
        client.expect_closed();
    }
}

/// [MQTT-3.14.2-1]
fn a_client_refused_after_connack_is_disconnected_with_the_code(version: Version) {
    let broker = broker();
    for (client_id, expected, words) in [
        ("connect/0x98/not you", ReasonCode::AdministrativeAction, Some("not you")),
        ("connect/0x8A", ReasonCode::AdministrativeAction, None),
        ("connect/0x88", ReasonCode::ServerBusy, None),
        ("connect/0", ReasonCode::NotAuthorized, None),
    ] {
        let mut client = Client::connect(&broker, version, client_id);
        if version == Version::V5 {
            client.receive(|packet| match packet {
                Packet::Disconnect(disconnect) => {
                    let why = disconnect.properties.reason_string();
                    assert_eq!((disconnect.reason, why), (expected, words), "{client_id}");
                }
                other => panic!("DISCONNECT expected: {other:?}"),
            });
        }
        client.expect_closed();
    }
}

fn subscribe(client: &mut Client, filters: &[&str]) -> (Vec<ReasonCode>, Option<String>) {
    let options = SubscriptionOptions::new(QoS::AtLeastOnce);
    let mut list = SubscriptionList::new(Subscription { filter: filters[0], options });
    for filter in &filters[1..] {
        list.push(Subscription { filter, options });
    }
    let packet_id = client.take_packet_id();
    client.send(&Packet::Subscribe(Subscribe::new(packet_id, Properties::EMPTY, &list)));
    client.receive(|packet| match packet {
        Packet::SubAck(suback) => {
            assert_eq!(suback.packet_id, packet_id);
            (suback.reasons.to_vec(), words(suback.properties))
        }
        other => panic!("SUBACK expected: {other:?}"),
    })
}

/// [MQTT-3.8.4-6] [MQTT-3.9.3-1] [MQTT-3.9.3-2] [MQTT3-3.9.3-2]
fn a_refused_subscription_hears_the_code_and_is_not_made(version: Version) {
    let broker = broker();
    let mut client = Client::connect(&broker, version, "c");
    let filters = ["a", "sub/0x97/enough", "sub/0x90", "sub/0", "$share/g/sub/0x9E", "sub/0xFF"];
    let (reasons, why) = subscribe(&mut client, &filters);
    let granted = ReasonCode::GrantedQoS1;
    let (expected, words) = match version {
        Version::V5 => {
            ([ReasonCode::QuotaExceeded, ReasonCode::TopicFilterInvalid], Some("enough".to_owned()))
        }
        _ => ([ReasonCode::UnspecifiedError; 2], None),
    };
    let shared = match version {
        Version::V5 => ReasonCode::SharedSubscriptionsNotSupported,
        _ => ReasonCode::UnspecifiedError,
    };
    // A veto and a failure are silent.
    assert_eq!(reasons, [granted, expected[0], expected[1], granted, shared, granted]);
    assert_eq!(why, words);
    let mut publisher = Client::connect(&broker, version, "p");
    for topic in ["sub/0x97/enough", "sub/0x90", "sub/0", "sub/0x9E", "sub/0xFF", "a"] {
        publisher.publish(topic, "x", QoS::AtLeastOnce);
    }
    client.expect("a", "x");
    client.ping();
}

/// [MQTT-3.10.4-4] [MQTT-3.11.3-1] [MQTT-3.11.3-2]
fn a_refused_unsubscribe_hears_the_code_and_the_subscription_stays(version: Version) {
    let broker = broker();
    let mut client = Client::connect(&broker, version, "c");
    let filters = ["unsub/0x97/stay", "a", "unsub/0x87", "unsub/0xFF"];
    for filter in filters {
        client.subscribe(filter, QoS::AtMostOnce);
    }
    let mut list = FilterList::new(filters[0]);
    filters[1..].iter().for_each(|filter| list.push(filter));
    client.send(&Packet::Unsubscribe(Unsubscribe::new(9, Properties::EMPTY, &list)));
    let (reasons, why) = client.receive(|packet| match packet {
        Packet::UnsubAck(unsuback) => (unsuback.reasons.to_vec(), words(unsuback.properties)),
        other => panic!("UNSUBACK expected: {other:?}"),
    });
    if version == Version::V5 {
        let refused = [
            // It has no word for quotas.
            ReasonCode::ImplementationSpecificError,
            ReasonCode::Success,
            ReasonCode::NotAuthorized,
            // A failure keeps nobody in.
            ReasonCode::Success,
        ];
        assert_eq!((reasons, why), (refused.to_vec(), Some("stay".to_owned())));
    }
    let mut publisher = Client::connect(&broker, version, "p");
    for topic in filters {
        publisher.publish(topic, "x", QoS::AtLeastOnce);
    }
    client.expect("unsub/0x97/stay", "x");
    client.expect("unsub/0x87", "x");
    client.ping();
}

/// Publishes under packet identifier 7; the acknowledgement's code and words, none at QoS 0.
fn publish(client: &mut Client, topic: &str, qos: QoS) -> (ReasonCode, Option<String>) {
    let packet_id = if qos == QoS::AtMostOnce { 0 } else { 7 };
    let publish = Publish {
        dup: false,
        qos,
        retain: true,
        packet_id,
        topic,
        properties: Properties::EMPTY,
        payload: b"x",
    };
    client.send(&Packet::Publish(publish));
    if qos == QoS::AtMostOnce {
        client.ping();
        return (ReasonCode::Success, None);
    }
    client.receive(|packet| match (packet, qos) {
        (Packet::PubAck(ack), QoS::AtLeastOnce) | (Packet::PubRec(ack), QoS::ExactlyOnce) => {
            assert_eq!(ack.packet_id, 7);
            (ack.reason, words(ack.properties))
        }
        (other, _) => panic!("an acknowledgement expected: {other:?}"),
    })
}

/// [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-4.3.3-9] [MQTT3-3.3.5-2]
fn a_refused_publish_hears_the_code_and_goes_nowhere(version: Version) {
    let broker = broker();
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("#", QoS::ExactlyOnce);
    let mut client = Client::connect(&broker, version, "c");
    for (topic, reason) in [
        ("pub/0x97/too many", ReasonCode::QuotaExceeded),
        ("pub/0x96/too many", ReasonCode::QuotaExceeded),
        ("pub/0x87/too many", ReasonCode::NotAuthorized),
        ("pub/0x8F/too many", ReasonCode::TopicNameInvalid),
    ] {
        assert_eq!(publish(&mut client, topic, QoS::AtMostOnce), (ReasonCode::Success, None));
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let expected = told(version, reason, "too many");
            // The identifier is free again at once, without PUBREL.
            assert_eq!(publish(&mut client, topic, qos), expected, "{topic}");
            assert_eq!(publish(&mut client, topic, qos), expected, "{topic}");
        }
    }
    // A veto, and numbers that mean nothing, are silent.
    for topic in ["pub/0", "pub/0xFF/x", "pub/0x10"] {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            assert_eq!(publish(&mut client, topic, qos), (ReasonCode::Success, None));
            client.send(&Packet::PubRel(mqtt::Ack::new(7, ReasonCode::Success)));
            client.receive(|packet| assert!(matches!(packet, Packet::PubComp(_)), "{packet:?}"));
        }
    }
    watcher.ping();
    // It was not retained either.
    watcher.subscribe("#", QoS::ExactlyOnce);
    watcher.ping();
}

/// [MQTT3-3.3.5-2]
fn a_refused_publish_may_end_the_connection_of_who_cannot_be_told(version: Version) {
    let broker = broker_with(RefusedPublish::Close);
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        for topic in ["pub/0x97/no", "$SYS/a"] {
            let mut client = Client::connect(&broker, version, "c");
            // Nobody waits for an answer to these.
            publish(&mut client, topic, QoS::AtMostOnce);
            if version == Version::V5 {
                assert!(publish(&mut client, topic, qos).0.is_error());
                client.ping();
            } else {
                let publish = Publish {
                    dup: false,
                    qos,
                    retain: false,
                    packet_id: 7,
                    topic,
                    properties: Properties::EMPTY,
                    payload: b"x",
                };
                client.send(&Packet::Publish(publish));
                client.expect_closed();
            }
        }
    }
    // A silent veto stays one.
    let mut client = Client::connect(&broker, version, "c");
    assert_eq!(publish(&mut client, "pub/0", QoS::AtLeastOnce).0, ReasonCode::Success);
    client.ping();
}

/// Its subscribers have got it, so that the connection does not end.
fn a_message_that_is_not_retained_is_no_refused_publish(version: Version) {
    let broker = Broker::with(|config| {
        config.refused_publish = RefusedPublish::Close;
        config.limits.max_retained_messages = 0;
    });
    let mut client = Client::connect(&broker, version, "c");
    let why = "delivered but not retained: there is no room";
    let expected = told(version, ReasonCode::QuotaExceeded, why);
    assert_eq!(publish(&mut client, "a", QoS::AtLeastOnce), expected);
    assert_eq!(publish(&mut client, "a", QoS::ExactlyOnce), (ReasonCode::Success, None));
    client.ping();
}

fn a_refused_will_goes_nowhere(version: Version) {
    let mut broker = broker();
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("#", QoS::AtMostOnce);
    for topic in ["pub/0x97/no", "after"] {
        let will = LastWill::new(topic, "x");
        drop(Login::new(version, "c").will(will).connect(broker.address()));
        if topic == "after" {
            watcher.expect("after", "x");
        }
    }
    watcher.ping();
    broker.stop();
}

/// Sends both in one piece, so that they would be acted on together.
fn publish_twice(client: &mut Client, first: &str, second: &str) {
    let mut bytes = Vec::new();
    for (packet_id, topic) in [(1, first), (2, second)] {
        let properties = Properties::EMPTY;
        let (qos, payload) = (QoS::AtLeastOnce, b"x");
        let publish =
            Publish { dup: false, qos, retain: false, packet_id, topic, properties, payload };
        Packet::Publish(publish).encode(client.version, &mut bytes);
    }
    client.send_bytes(&bytes);
}

fn expect_puback(client: &mut Client, packet_id: u16) {
    client.receive(|packet| match packet {
        Packet::PubAck(ack) => assert_eq!(ack.packet_id, packet_id),
        other => panic!("PUBACK expected: {other:?}"),
    });
}

fn a_throttled_client_is_not_read_and_others_are(version: Version) {
    let mut broker = broker();
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("#", QoS::AtMostOnce);
    let mut client = Client::connect(&broker, version, "c");
    publish_twice(&mut client, "slow/60000", "second");
    expect_puback(&mut client, 1);
    watcher.expect("slow/60000", "x");
    let mut other = Client::connect(&broker, version, "other");
    other.publish("other", "x", QoS::AtLeastOnce);
    watcher.expect("other", "x");
    watcher.ping();
    broker.stop();
    // Nothing of the second until the end.
    client.expect_disconnect(ReasonCode::ServerShuttingDown);
}

fn what_a_throttled_client_has_sent_is_read_later(version: Version) {
    let broker = broker();
    let mut client = Client::connect(&broker, version, "c");
    for _ in 0..3 {
        publish_twice(&mut client, "slow/1", "second");
        expect_puback(&mut client, 1);
        expect_puback(&mut client, 2);
    }
    client.ping();
}

/// Each time a PINGREQ stands behind the packet, and would be answered with it.
fn a_client_is_throttled_by_every_hook(version: Version) {
    const SLOW: &str = "slow/60000";
    let mut broker = broker();
    let options = SubscriptionOptions::new(QoS::AtMostOnce);
    let subscriptions = SubscriptionList::new(Subscription { filter: SLOW, options });
    let filters = FilterList::new(SLOW);
    let throttled: Vec<_> = [
        (SLOW, Packet::Connect(Connect::new(version, SLOW))),
        ("s", Packet::Subscribe(Subscribe::new(1, Properties::EMPTY, &subscriptions))),
        ("u", Packet::Unsubscribe(Unsubscribe::new(1, Properties::EMPTY, &filters))),
    ]
    .into_iter()
    .map(|(client_id, packet)| {
        let mut client = match packet {
            Packet::Connect(_) => Client::open(broker.address(), version),
            _ => Client::connect(&broker, version, client_id),
        };
        let mut bytes = Vec::new();
        packet.encode(version, &mut bytes);
        Packet::PingReq.encode(version, &mut bytes);
        client.send_bytes(&bytes);
        client.receive(|answer| assert_ne!(answer, Packet::PingResp));
        client
    })
    .collect();
    Client::connect(&broker, version, "other").ping();
    broker.stop();
    for mut client in throttled {
        client.expect_disconnect(ReasonCode::ServerShuttingDown);
    }
}

fn a_throttled_socket_is_not_read(version: Version) {
    let directory = PluginDir::new();
    let name = format!("slow-sockets-{}", version.level());
    directory.put(plugins::rust("hook-log"), &name);
    log::take();
    let config = json!({ "throttle": { "on_socket_open": 60_000 } });
    let mut broker = Broker::with_plugins(&directory, vec![entry(&name, config)]);
    let mut client = Client::open(broker.address(), version);
    client.send(&Packet::Connect(Connect::new(version, "c")));
    log::until(|| {
        let said = log::messages(&format!("plugin::{name}"));
        said.iter().any(|line| line.contains("on_socket")).then_some(())
    });
    broker.stop();
    client.expect_closed();
    let called = log::messages(&format!("plugin::{name}"));
    assert!(!called.iter().any(|line| line.contains("on_before_connect")), "{called:?}");
}

/// The wait is longer than the client may be silent, which it cannot help.
fn a_throttled_client_is_not_taken_for_gone(version: Version) {
    let broker = broker();
    let mut client = Login::new(version, "c").keep_alive(1).connect(broker.address());
    publish_twice(&mut client, "slow/2000", "second");
    expect_puback(&mut client, 1);
    expect_puback(&mut client, 2);
    client.ping();
}

/// [MQTT-3.1.2-29]: who has not asked for words hears the code alone.
#[test]
fn words_are_for_those_who_want_them() {
    let broker = broker();
    let login = Login::new(Version::V5, "c").with(Property::RequestProblemInformation(0));
    let mut client = login.connect(broker.address());
    let quota = ReasonCode::QuotaExceeded;
    assert_eq!(publish(&mut client, "pub/0x97/no", QoS::AtLeastOnce), (quota, None));
    assert_eq!(subscribe(&mut client, &["sub/0x97/no"]), (vec![quota], None));
}
