//! Rows 9, 26 to 29, 32, 40, 41, 51 and 52: topic names and filters.

use mqtt::{
    FilterList, Packet, Properties, Publish, QoS, ReasonCode, Subscribe, Subscription,
    SubscriptionList, SubscriptionOptions, Unsubscribe, Version,
};

use crate::guard::undisturbed;
use crate::refusal::{check_connect_refused, check_refused, only_v5};
use crate::support::{Broker, Client, Login, both_versions};
use crate::wire::{CLEAN, RawConnect, WILL, publish, publish_at, subscribe, text, unsubscribe};

both_versions!(
    row_09_an_empty_topic,
    row_26_a_topic_of_slashes_alone,
    row_26_as_many_levels_as_a_topic_can_have,
    row_27_topics_of_the_brokers_own,
    row_28_wildcards_in_a_topic_name,
    row_29_filters_that_are_none,
    row_40_shared_subscriptions_that_are_none,
    row_41_a_shared_subscription_is_another_subscription,
    row_51_more_filters_than_a_subscribe_may_have,
    row_51_more_subscriptions_than_a_client_may_have,
    row_51_filters_larger_than_a_client_may_have,
    row_51_more_filters_than_an_unsubscribe_may_have,
    row_52_a_topic_that_matches_in_as_many_ways_as_can_be,
);

/// [MQTT-4.7.3-1]
fn row_09_an_empty_topic(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        for bytes in [publish(version, b"", &[], b"x"), publish_at(version, 1, b"", 1)] {
            check_refused(broker.address(), version, &bytes, ReasonCode::ProtocolError);
        }
    });
}

/// Above the limits of length and levels: refused, and the connection goes on. 3.1.1 can say it in
/// SUBACK alone.
fn row_26_a_topic_of_slashes_alone(version: Version) {
    let broker = Broker::start();
    let address = broker.address();
    let slashes = "/".repeat(65_535);
    undisturbed(address, || {
        let mut client = Login::new(version, "hostile").connect(address);
        for topic in [&*slashes, &"a/".repeat(64), &"a".repeat(4097)] {
            let said = |reason| only_v5(version, reason);
            let refused = said(ReasonCode::TopicNameInvalid).unwrap_or(ReasonCode::Success);
            for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
                assert_eq!(client.publish_with(&message(topic, qos)), refused);
            }
            client.publish(topic, "x", QoS::AtMostOnce);
            let refused = said(ReasonCode::TopicFilterInvalid);
            let refused = refused.unwrap_or(ReasonCode::UnspecifiedError);
            assert_eq!(client.subscribe(topic, QoS::AtMostOnce), refused);
            // There can be no such subscription.
            let none = said(ReasonCode::NoSubscriptionExisted).unwrap_or(ReasonCode::Success);
            assert_eq!(client.unsubscribe(topic), none);
            client.ping();
        }
        // As long as a CONNECT may be.
        let will_topic = slashes.as_bytes()[..65_000].to_vec();
        check_will_refused(&broker, version, will_topic);
    });
}

/// The highest that `max_topic_levels` can be: deeper trees would not fit a thread's stack.
fn row_26_as_many_levels_as_a_topic_can_have(version: Version) {
    let broker = Broker::with(|config| {
        config.limits.max_topic_levels = 512;
        config.limits.max_topic_length = 65_535;
    });
    let slashes = "/".repeat(511);
    undisturbed(broker.address(), || {
        let mut client = Login::new(version, "hostile").connect(broker.address());
        let filters =
            [slashes.clone(), format!("{}+", "+/".repeat(511)), format!("{}#", "/".repeat(510))];
        for filter in &filters {
            assert_eq!(client.subscribe(filter, QoS::AtMostOnce), ReasonCode::Success);
        }
        let mut publisher = Login::new(version, "publisher").connect(broker.address());
        publisher.publish_retained(&slashes, "x", QoS::AtMostOnce);
        assert_eq!(client.receive_publish().topic, slashes);
        for filter in &filters {
            assert_eq!(client.subscribe(filter, QoS::AtMostOnce), ReasonCode::Success);
            client.skip_messages_until_pinged();
            assert_eq!(client.unsubscribe(filter), ReasonCode::Success);
        }
        publisher.publish_retained(&slashes, "", QoS::AtMostOnce);
        client.skip_messages_until_pinged();
    });
}

/// [MQTT-4.7.2-1] leaves names with `$` to the server. `#` and `+` at the front do not match them, and
/// there is nothing behind a filter that names them (row 32).
fn row_27_topics_of_the_brokers_own(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let mut watcher = Login::new(version, "watcher").connect(broker.address());
        for filter in ["#", "+/+", "+/+/+", "$SYS/#", "$x/y", "$CONTROL/#"] {
            assert_eq!(watcher.subscribe(filter, QoS::ExactlyOnce), ReasonCode::GrantedQoS2);
        }
        let mut client = Login::new(version, "hostile").connect(broker.address());
        let refused = ReasonCode::TopicNameInvalid;
        let said = only_v5(version, refused).unwrap_or(ReasonCode::Success);
        for topic in ["$x/y", "$SYS/broker", "$share/g/a", "$CONTROL/dynamic-security/v1", "$"] {
            client.publish(topic, "x", QoS::AtMostOnce);
            client.publish_retained(topic, "x", QoS::AtMostOnce);
            for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
                assert_eq!(client.publish_with(&message(topic, qos)), said);
            }
            check_will_refused(&broker, version, topic.into());
        }
        watcher.skip_only("bystanders");
        // Nor was it retained.
        watcher.subscribe("$SYS/#", QoS::AtMostOnce);
        watcher.skip_only("bystanders");
    });
}

/// [MQTT-3.3.2-2] [MQTT-3.3.2-14]. By its words 0x90 is for a name that is correctly formed; it is
/// sent for this one too, as by other servers, since it tells a client which field is meant.
fn row_28_wildcards_in_a_topic_name(version: Version) {
    let broker = Broker::start();
    let address = broker.address();
    undisturbed(address, || {
        for topic in [&b"#"[..], b"+", b"a/+/b", b"a/#", b"a+", b"a#b"] {
            let invalid = ReasonCode::TopicNameInvalid;
            check_refused(address, version, &publish(version, topic, &[], b""), invalid);
            check_refused(address, version, &publish_at(version, 1, topic, 1), invalid);
            check_will_refused(&broker, version, topic.into());
            if version.has_properties() {
                let response_topic = [&[0x08], &*text(topic)].concat();
                let bytes = publish(version, b"a", &response_topic, b"");
                check_refused(address, version, &bytes, ReasonCode::ProtocolError);
            }
        }
    });
}

/// [MQTT-4.7.1-1] [MQTT-4.7.1-2]; an empty filter breaks [MQTT-4.7.3-1] and cannot be answered in
/// SUBACK, because what follows it cannot be trusted.
fn row_29_filters_that_are_none(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let mut client = Login::new(version, "hostile").connect(broker.address());
        let refused = only_v5(version, ReasonCode::TopicFilterInvalid);
        for filter in ["a/#/b", "a#", "+a", "#/", "##", "a/b+", "++", "/+#"] {
            let reason = client.subscribe(filter, QoS::AtLeastOnce);
            assert_eq!(reason, refused.unwrap_or(ReasonCode::UnspecifiedError), "{filter}");
        }
        client.ping();
        let malformed = ReasonCode::MalformedPacket;
        for bytes in [subscribe(version, &[], b"", 0), unsubscribe(version, b"")] {
            check_refused(broker.address(), version, &bytes, malformed);
        }
    });
}

/// [MQTT-3.8.3-4] [MQTT-4.8.2-1] [MQTT-4.8.2-2]. 3.1.1 has no shared subscriptions and would take
/// `$share//f` for a filter like any other; as nothing can be published below `$share`, it would never
/// match, and the client had better know.
fn row_40_shared_subscriptions_that_are_none(version: Version) {
    let broker = Broker::start();
    let address = broker.address();
    undisturbed(address, || {
        let mut client = Login::new(version, "hostile").connect(address);
        let refused = only_v5(version, ReasonCode::TopicFilterInvalid);
        for filter in
            ["$share//f", "$share/g", "$share/g/", "$share/+/f", "$share/#", "$share/g/a#"]
        {
            let reason = client.subscribe(filter, QoS::AtLeastOnce);
            assert_eq!(reason, refused.unwrap_or(ReasonCode::UnspecifiedError), "{filter}");
        }
        client.ping();
        if version.has_properties() {
            let no_local = subscribe(version, &[], b"$share/g/a", 0b100);
            check_refused(address, version, &no_local, ReasonCode::ProtocolError);
        }
    });
}

/// [MQTT-3.10.4-1]
fn row_41_a_shared_subscription_is_another_subscription(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let mut client = Login::new(version, "hostile").connect(broker.address());
        client.subscribe("a/b", QoS::AtMostOnce);
        let none = only_v5(version, ReasonCode::NoSubscriptionExisted);
        for filter in ["$share/g/a/b", "a/+", "a/#", "A/b", "a/b/"] {
            assert_eq!(client.unsubscribe(filter), none.unwrap_or(ReasonCode::Success));
        }
        Login::new(version, "publisher").connect(broker.address()).publish(
            "a/b",
            "x",
            QoS::AtLeastOnce,
        );
        client.expect("a/b", "x");
        assert_eq!(client.unsubscribe("a/b"), ReasonCode::Success);
    });
}

/// Those within the limit are made, each further one hears 0x97.
fn row_51_more_filters_than_a_subscribe_may_have(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let mut client = Login::new(version, "hostile").connect(broker.address());
        let reasons = subscribe_to(&mut client, 0..10_000);
        let (made, refused) = reasons.split_at(100);
        assert!(made.iter().all(|reason| *reason == ReasonCode::Success));
        check_over_quota(version, refused);
        let mut publisher = Login::new(version, "publisher").connect(broker.address());
        for (topic, comes) in [("filter/99", true), ("filter/100", false)] {
            publisher.publish(topic, "x", QoS::AtLeastOnce);
            assert_eq!(client.next_is_publish_before_ping(), comes);
        }
    });
}

fn row_51_more_subscriptions_than_a_client_may_have(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let mut client = Login::new(version, "hostile").connect(broker.address());
        for from in (0..1000).step_by(100) {
            let reasons = subscribe_to(&mut client, from..from + 100);
            assert!(reasons.iter().all(|reason| *reason == ReasonCode::Success));
        }
        check_over_quota(version, &subscribe_to(&mut client, 1000..1100));
        // One that it has can be renewed.
        assert_eq!(client.subscribe("filter/7", QoS::AtMostOnce), ReasonCode::Success);
    });
}

/// 1 MiB, and each level takes some of it. What is given back can be had again.
fn row_51_filters_larger_than_a_client_may_have(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let mut client = Login::new(version, "hostile").connect(broker.address());
        let large = |number: usize| format!("{number:04}{}", "x".repeat(3996));
        let deep = |number: usize| format!("{number:04}{}", "/".repeat(63));
        let filters: [&dyn Fn(usize) -> String; 2] = [&large, &deep];
        for (filter, room) in filters.into_iter().zip([1024 * 1024 / 4100, 1024 * 1024 / 6467]) {
            for number in 0..room {
                let reason = client.subscribe(&filter(number), QoS::AtMostOnce);
                assert_eq!(reason, ReasonCode::Success);
            }
            check_over_quota(version, &[client.subscribe(&filter(room), QoS::AtMostOnce)]);
            assert_eq!(client.subscribe(&filter(0), QoS::AtMostOnce), ReasonCode::Success);
            for number in 0..room {
                assert_eq!(client.unsubscribe(&filter(number)), ReasonCode::Success);
            }
        }
    });
}

/// UNSUBACK cannot say it.
fn row_51_more_filters_than_an_unsubscribe_may_have(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let mut client = Login::new(version, "hostile").connect(broker.address());
        client.unsubscribe_from_all(100);
        client.receive(|packet| assert_eq!(packet.kind(), "UNSUBACK"));
        client.unsubscribe_from_all(101);
        client.expect_disconnect(ReasonCode::QuotaExceeded);
    });
}

/// Twenty levels and each filter with `+` at others of the last nine: a walk of the tree of filters
/// visits all of them, and no more.
fn row_52_a_topic_that_matches_in_as_many_ways_as_can_be(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let mut client = Login::new(version, "hostile").connect(broker.address());
        for pattern in 0_u32..512 {
            let filter: Vec<&str> = (0..20)
                .map(|level| if level < 11 || pattern >> (level - 11) & 1 == 1 { "+" } else { "a" })
                .collect();
            let reason = client.subscribe(&filter.join("/"), QoS::AtMostOnce);
            assert_eq!(reason, ReasonCode::Success);
        }
        let mut publisher = Login::new(version, "publisher").connect(broker.address());
        let deep = vec!["a"; 20].join("/");
        for number in 0..20 {
            // A miss in whatever is remembered from the time before.
            publisher.publish(&format!("{deep}/{number}"), "x", QoS::AtLeastOnce);
            publisher.publish(&deep.replacen('a', &number.to_string(), 1), "x", QoS::AtLeastOnce);
        }
        client.skip_messages_until_pinged();
    });
}

/// Subscribes to `filter/<number>` for all numbers with one SUBSCRIBE.
fn subscribe_to(client: &mut Client, numbers: std::ops::Range<usize>) -> Vec<ReasonCode> {
    let filters: Vec<String> = numbers.map(|number| format!("filter/{number}")).collect();
    let options = SubscriptionOptions::new(QoS::AtMostOnce);
    let mut list = SubscriptionList::new(Subscription { filter: &filters[0], options });
    for filter in &filters[1..] {
        list.push(Subscription { filter, options });
    }
    client.send(&Packet::Subscribe(Subscribe::new(9, Properties::EMPTY, &list)));
    client.receive(|packet| match packet {
        Packet::SubAck(suback) => suback.reasons.to_vec(),
        other => panic!("SUBACK expected: {other:?}"),
    })
}

fn check_over_quota(version: Version, reasons: &[ReasonCode]) {
    let refused = only_v5(version, ReasonCode::QuotaExceeded);
    let refused = refused.unwrap_or(ReasonCode::UnspecifiedError);
    assert!(reasons.iter().all(|reason| *reason == refused), "{reasons:?}");
}

/// 3.1.1 has no return code for it.
fn check_will_refused(broker: &Broker, version: Version, will_topic: Vec<u8>) {
    let connect = RawConnect { flags: CLEAN | WILL, will_topic, ..RawConnect::new(version) };
    let refused = only_v5(version, ReasonCode::TopicNameInvalid);
    check_connect_refused(broker.address(), version, &connect.bytes(), refused);
}

fn message(topic: &str, qos: QoS) -> Publish<'_> {
    let properties = Properties::EMPTY;
    Publish { dup: false, qos, retain: false, packet_id: 0, topic, properties, payload: b"x" }
}

impl Client {
    /// One UNSUBSCRIBE with so many filters.
    fn unsubscribe_from_all(&mut self, filters: usize) {
        let filters: Vec<String> = (0..filters).map(|number| format!("filter/{number}")).collect();
        let mut list = FilterList::new(&filters[0]);
        filters[1..].iter().for_each(|filter| list.push(filter));
        let packet_id = self.take_packet_id();
        self.send(&Packet::Unsubscribe(Unsubscribe::new(packet_id, Properties::EMPTY, &list)));
    }

    /// Goes past messages at QoS 0 until all that the broker had for this client has come.
    fn skip_messages_until_pinged(&mut self) {
        self.send(&Packet::PingReq);
        self.skip_messages();
        self.receive(|packet| assert_eq!(packet, Packet::PingResp));
    }

    /// Goes past all that the broker has for this client, which may be messages to `topic` alone.
    fn skip_only(&mut self, topic: &str) {
        self.send(&Packet::PingReq);
        loop {
            let answer = self.receive(|packet| match packet {
                Packet::Publish(publish) => {
                    assert_eq!(publish.topic, topic);
                    Some(publish.packet_id)
                }
                other => {
                    assert_eq!(other, Packet::PingResp);
                    None
                }
            });
            let Some(packet_id) = answer else { return };
            self.send(&Packet::PubAck(mqtt::Ack::new(packet_id, ReasonCode::Success)));
        }
    }
}
