//! What becomes of events that plugins change, and who is asked again about them. The plugin is
//! `broker/tests/plugins/rewriter`.

use hookmq::plugins::OnError;
use mqtt::{
    Disconnect, FilterList, Packet, Properties, Property, PropertyBuffer, Publish, QoS, ReasonCode,
    Subscribe, Subscription, SubscriptionList, SubscriptionOptions, Unsubscribe, Version,
};
use serde_json::json;

use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::rewriter::Rewriters;
use crate::support::{self, Broker, Client, LastWill, Login, both_versions};

both_versions!(
    a_message_is_delivered_as_it_has_become,
    later_plugins_see_what_has_become_of_a_message,
    the_acknowledgement_is_that_of_the_packet,
    a_message_is_retained_as_it_has_become,
    changed_and_other_messages_keep_their_order,
    a_change_that_fits_nothing_is_not_taken,
    who_sends_too_much_for_a_change_is_refused_and_the_plugin_has_not_failed,
    a_veto_takes_the_changes_along,
    a_subscription_is_made_as_it_has_become,
    a_plugin_in_c_changes_and_answers_later,
    who_was_asked_before_is_asked_about_the_new_topic,
    the_second_answer_counts,
    two_rewriters_ask_each_other_once,
    who_is_asked_again_changes_nothing,
    who_was_asked_before_is_asked_about_the_new_filter,
    a_client_is_what_the_plugins_make_of_it,
    no_client_becomes_a_plugin,
    a_will_is_what_the_plugins_make_of_it,
);

/// The only user properties of a message, in both versions none where the version has none.
fn user_properties(block: &[u8]) -> Vec<(String, String)> {
    let properties = Properties::from_validated(block);
    properties.user_properties().map(|(name, value)| (name.into(), value.into())).collect()
}

fn a_message_is_delivered_as_it_has_become(version: Version) {
    let change = ["topic b", "payload new", "qos 1", "property n=v", "content_type t"];
    let section = json!({ "on_before_publish": [{ "name": "a", "change": change }] });
    let test = Rewriters::new("become", version, &[section]);
    let mut watcher = test.connect("watcher");
    watcher.subscribe("#", QoS::ExactlyOnce);
    let mut client = test.connect("client");
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        client.publish("a", "old", qos);
        let received = watcher.expect("b", "new");
        assert_eq!(received.qos, QoS::AtLeastOnce);
        watcher.acknowledge(&received);
        let properties = Properties::from_validated(&received.properties);
        if version.has_properties() {
            assert_eq!(properties.content_type(), Some("t"));
            assert_eq!(user_properties(&received.properties), [("n".into(), "v".into())]);
        }
    }
    let seen = "1 b asked_again=false original=a payload=new qos=1 retain=false origin=Client depth=0 \
                [(\"n\", \"v\")]";
    assert_eq!(test.said("on_publish"), [seen; 3]);
}

/// What a 3.1.1 client publishes can have properties by then.
#[test]
fn properties_come_to_who_can_see_them() {
    let change = ["property n=v"];
    let section = json!({ "on_before_publish": [{ "name": "a", "change": change }] });
    let test = Rewriters::new("across", Version::V3_1_1, &[section]);
    let mut watcher = Client::connect(&test.broker, Version::V5, "watcher");
    watcher.subscribe("#", QoS::AtMostOnce);
    test.connect("client").publish("a", "x", QoS::AtLeastOnce);
    let received = watcher.expect("a", "x");
    assert_eq!(user_properties(&received.properties), [("n".into(), "v".into())]);
}

/// `broker/tests/plugins/changes.c`.
fn a_plugin_in_c_changes_and_answers_later(version: Version) {
    let directory = PluginDir::new();
    directory.put(plugins::c("broker/tests/plugins/changes.c"), "changes");
    let broker = Broker::with_plugins(&directory, vec![entry("changes", json!(null))]);
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("b", QoS::AtMostOnce);
    assert_eq!(client.subscribe("slow", QoS::AtMostOnce), ReasonCode::Success);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("slow", "x", QoS::AtLeastOnce);
    publisher.publish("fast", "x", QoS::AtLeastOnce);
    client.expect("fast", "x");
    publisher.publish("a", "x", QoS::AtLeastOnce);
    let received = client.expect("b", "xx");
    assert_eq!(user_properties(&received.properties).len(), usize::from(version.has_properties()));
}

fn later_plugins_see_what_has_become_of_a_message(version: Version) {
    let first =
        json!({ "on_before_publish": [{ "name": "a", "change": ["payload x", "retain 1"] }] });
    let second = json!({ "on_before_publish": [{ "name": "a", "change": ["qos 2"] }] });
    let test = Rewriters::new("later", version, &[first, second, json!({})]);
    test.connect("client").publish("a", "old", QoS::AtLeastOnce);
    let tail = |payload, qos, retain| {
        format!("original=a payload={payload} qos={qos} retain={retain} origin=Client depth=0 []")
    };
    assert_eq!(
        test.said("on_before_publish"),
        [
            format!("1 a asked_again=false {}", tail("old", 1, false)),
            format!("2 a asked_again=false {}", tail("x", 1, true)),
            format!("3 a asked_again=false {}", tail("x", 2, true)),
        ]
    );
}

fn the_acknowledgement_is_that_of_the_packet(version: Version) {
    let change = |name, qos| json!({ "name": name, "change": [format!("qos {qos}")] });
    let cases = [change("none", 2), change("once", 0), change("twice", 0)];
    let test = Rewriters::new("acks", version, &[json!({ "on_before_publish": cases })]);
    let mut watcher = test.connect("watcher");
    watcher.subscribe("#", QoS::ExactlyOnce);
    let mut client = test.connect("client");
    for (topic, sent, delivered) in [
        ("none", QoS::AtMostOnce, QoS::ExactlyOnce),
        ("once", QoS::AtLeastOnce, QoS::AtMostOnce),
        ("twice", QoS::ExactlyOnce, QoS::AtMostOnce),
    ] {
        // It waits for the acknowledgements of the QoS that it has sent.
        client.publish(topic, "x", sent);
        let received = watcher.expect(topic, "x");
        assert_eq!(received.qos, delivered);
        watcher.acknowledge(&received);
    }
}

/// [MQTT-3.3.1-5] [MQTT-3.3.1-8]
fn a_message_is_retained_as_it_has_become(version: Version) {
    let cases = [
        json!({ "name": "a", "change": ["retain 1", "topic kept", "payload new"] }),
        json!({ "name": "b", "change": ["retain 0"] }),
    ];
    let test = Rewriters::new("retained", version, &[json!({ "on_before_publish": cases })]);
    let mut client = test.connect("client");
    client.publish("a", "old", QoS::AtLeastOnce);
    client.publish_retained("b", "x", QoS::AtLeastOnce);
    client.subscribe("#", QoS::AtMostOnce);
    assert!(client.expect("kept", "new").retain);
    client.ping();
}

fn changed_and_other_messages_keep_their_order(version: Version) {
    let cases = [
        json!({ "name": "a", "change": ["topic b"] }),
        json!({ "name": "c", "change": ["payload c"] }),
    ];
    let test = Rewriters::new("order-of-edits", version, &[json!({ "on_before_publish": cases })]);
    let mut watcher = test.connect("watcher");
    watcher.subscribe("#", QoS::AtMostOnce);
    let mut client = test.connect("client");
    // All in one read.
    let sent = ["b", "a", "a", "b", "c", "c", "b", "c", "a", "d", "d"];
    let mut bytes = Vec::new();
    for (index, topic) in sent.iter().enumerate() {
        let payload = index.to_string();
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            packet_id: 0,
            topic,
            properties: Properties::EMPTY,
            payload: payload.as_bytes(),
        };
        Packet::Publish(publish).encode(version, &mut bytes);
    }
    client.send_bytes(&bytes);
    for (index, topic) in sent.iter().enumerate() {
        match *topic {
            "a" => watcher.expect("b", &index.to_string()),
            "c" => watcher.expect("c", "c"),
            topic => watcher.expect(topic, &index.to_string()),
        };
    }
    // Of a message that came to the same topic nothing else is said.
    let originals: Vec<_> = test
        .said("on_publish")
        .iter()
        .map(|line| line.split(" original=").nth(1).unwrap().split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(originals, sent);
}

/// The alias keeps standing for the topic that the client has given it.
#[test]
fn an_alias_stands_for_the_topic_of_its_client() {
    let section = json!({ "on_before_publish": [{ "name": "a", "change": ["topic b"] }] });
    let test = Rewriters::new("alias-of-edits", Version::V5, &[section]);
    let mut watcher = test.connect("watcher");
    watcher.subscribe("#", QoS::AtMostOnce);
    let mut client = test.connect("client");
    let mut properties = PropertyBuffer::new();
    assert!(properties.push(Property::TopicAlias(1)));
    for topic in ["a", "", "a"] {
        client.publish_with(&Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            packet_id: 0,
            topic,
            properties: properties.as_properties(),
            payload: b"x",
        });
        watcher.expect("b", "x");
    }
    assert_eq!(test.said("on_message"), ["1 a asked_again=false"; 3]);
}

fn a_change_that_fits_nothing_is_not_taken(version: Version) {
    let change = ["topic a/+", "topic $SYS/a", "qos 3", "response_topic a/#", "payload new"];
    let cases = [
        json!({ "name": "a", "change": change }),
        json!({ "name": "large", "change": [format!("payload {}", "x".repeat(2000))] }),
        json!({ "name": "together", "change": [format!("payload {}", "x".repeat(1000)), "property n=v"] }),
    ];
    let section = json!({ "on_before_publish": cases });
    let test = Rewriters::with("unfit", version, &[section], |config| {
        config.limits.max_packet_size = 1024;
    });
    let mut watcher = test.connect("watcher");
    watcher.subscribe("#", QoS::AtMostOnce);
    let mut client = test.connect("client");
    client.publish("a", "old", QoS::AtLeastOnce);
    watcher.expect("a", "new");
    for text in ["topic a/+", "topic $SYS/a", "qos 3", "response_topic a/#"] {
        test.wait_for(&format!("1 {text}: the value cannot stand in its packet"), 1);
    }
    // Not taken at all, and so goes as it was.
    client.publish("large", "old", QoS::AtLeastOnce);
    watcher.expect("large", "old");
    // Taken one by one, but the packet would be too large.
    let refused = client.publish_with(&message("together", "old"));
    assert_eq!(refused, too_large(version));
    watcher.ping();
}

/// Else a client could have it put into quarantine.
fn who_sends_too_much_for_a_change_is_refused_and_the_plugin_has_not_failed(version: Version) {
    let cases = json!([
        { "name": "a", "change": ["property n=v"] },
        { "name": "slow", "later": 60_000 },
    ]);
    let section = json!({ "on_before_publish": cases });
    let test = Rewriters::with("too-large", version, &[section], |config| {
        config.limits.max_packet_size = 1024;
        config.plugins[0].on_error = OnError::Quarantine;
        config.plugins[0].max_failures = 3;
    });
    let mut watcher = test.connect("watcher");
    watcher.subscribe("a", QoS::AtMostOnce);
    let (mut client, mut other) = (test.connect("client"), test.connect("other"));
    let payload = "x".repeat(1005);
    for _ in 0..4 {
        assert_eq!(client.publish_with(&message("a", &payload)), too_large(version));
    }
    for waits in 1..=4 {
        client.send(&Packet::Publish(Publish { packet_id: 1, ..message("slow", "x") }));
        test.wait_for("1 waits slow", waits);
        let longer = format!("topic {},continue", "a/".repeat(300));
        other.release("slow", &longer);
        client.receive(|packet| match packet {
            Packet::PubAck(ack) => {
                assert_eq!(ack.reason, too_large(version));
                assert_eq!(ack.properties.reason_string().is_some(), version.has_properties());
            }
            other => panic!("PUBACK expected: {other:?}"),
        });
    }
    other.publish("a", "y", QoS::AtLeastOnce);
    watcher.expect("a", "y");
}

fn message<'a>(topic: &'a str, payload: &'a str) -> Publish<'a> {
    support::message(topic, payload, QoS::AtLeastOnce)
}

/// PUBACK of 3.1.1 has no words.
fn too_large(version: Version) -> ReasonCode {
    if version.has_properties() { ReasonCode::QuotaExceeded } else { ReasonCode::Success }
}

fn a_veto_takes_the_changes_along(version: Version) {
    let cases = [json!({ "name": "a", "change": ["topic b", "retain 1"], "refuse": 0 })];
    let test =
        Rewriters::new("vetoed", version, &[json!({ "on_before_publish": cases }), json!({})]);
    let mut client = test.connect("client");
    client.subscribe("#", QoS::AtMostOnce);
    client.publish("a", "x", QoS::AtLeastOnce);
    client.subscribe("b", QoS::AtMostOnce);
    assert_eq!(test.said("on_before_publish").len(), 1);
}

fn a_subscription_is_made_as_it_has_become(version: Version) {
    let subscribe = json!([{ "name": "a", "change": ["filter mine/a", "qos 1"] }]);
    let unsubscribe = json!([{ "name": "a", "change": ["filter mine/a"] }]);
    let section = json!({ "on_before_subscribe": subscribe, "on_before_unsubscribe": unsubscribe });
    let test = Rewriters::new("filter", version, &[section, json!({})]);
    let mut client = test.connect("client");
    let options = SubscriptionOptions::new(QoS::ExactlyOnce);
    let mut list = SubscriptionList::new(Subscription { filter: "a", options });
    list.push(Subscription { filter: "b", options });
    let packet_id = client.take_packet_id();
    client.send(&Packet::Subscribe(Subscribe::new(packet_id, Properties::EMPTY, &list)));
    client.receive(|packet| match packet {
        Packet::SubAck(suback) => {
            let expected = [ReasonCode::GrantedQoS1, ReasonCode::GrantedQoS2];
            assert_eq!(suback.reasons.to_vec(), expected);
        }
        other => panic!("SUBACK expected: {other:?}"),
    });
    let mut publisher = test.connect("publisher");
    for topic in ["a", "mine/a", "b"] {
        publisher.publish(topic, "x", QoS::ExactlyOnce);
    }
    for (topic, qos) in [("mine/a", QoS::AtLeastOnce), ("b", QoS::ExactlyOnce)] {
        let received = client.expect(topic, "x");
        assert_eq!(received.qos, qos);
        client.acknowledge(&received);
    }
    let packet_id = client.take_packet_id();
    let list = FilterList::new("a");
    client.send(&Packet::Unsubscribe(Unsubscribe::new(packet_id, Properties::EMPTY, &list)));
    client.receive(|packet| match packet {
        Packet::UnsubAck(unsuback) if version.has_properties() => {
            assert_eq!(unsuback.reasons.to_vec(), [ReasonCode::Success]);
        }
        Packet::UnsubAck(_) => {}
        other => panic!("UNSUBACK expected: {other:?}"),
    });
    publisher.publish("mine/a", "y", QoS::AtLeastOnce);
    client.ping();
    for hook in ["on_subscribe", "on_unsubscribe"] {
        let said = test.said(hook);
        assert!(said[0].starts_with("1 mine/a asked_again=false original=a"), "{said:?}");
    }
}

/// The parts of lines before what the message has become.
fn asked(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| line.split(" original=").next().unwrap().to_owned()).collect()
}

fn who_was_asked_before_is_asked_about_the_new_topic(version: Version) {
    let rewriter = json!({ "on_before_publish": [{ "name": "a", "change": ["topic b"] }] });
    let sections = [json!({}), json!({}), rewriter, json!({})];
    let test = Rewriters::new("again", version, &sections);
    test.connect("client").publish("a", "x", QoS::AtLeastOnce);
    assert_eq!(
        asked(&test.said("on_before_publish")),
        [
            "1 a asked_again=false",
            "2 a asked_again=false",
            "3 a asked_again=false",
            "4 b asked_again=false",
            "1 b asked_again=true",
            "2 b asked_again=true",
        ]
    );
}

fn the_second_answer_counts(version: Version) {
    let guard = json!({ "on_before_publish": [{ "name": "secret", "refuse": 0x87 }] });
    let rewriter = json!({ "on_before_publish": [{ "name": "a", "change": ["topic secret"] }] });
    for (test, sections) in [
        ("guard-first", [guard.clone(), rewriter.clone()]),
        ("guard-last", [rewriter.clone(), guard.clone()]),
    ] {
        let test = Rewriters::new(test, version, &sections);
        let mut client = test.connect("client");
        client.subscribe("#", QoS::AtMostOnce);
        let publish = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: true,
            packet_id: 0,
            topic: "a",
            properties: Properties::EMPTY,
            payload: b"x",
        };
        let reason = client.publish_with(&publish);
        assert_eq!(reason.is_error(), version.has_properties());
        client.ping();
        assert_eq!(test.said("on_publish"), [""; 0]);
    }
}

/// By DISCONNECT a client gets no more than the plugin has granted it.
#[test]
fn a_session_expiry_that_a_plugin_has_set_is_not_prolonged() {
    let cases = json!([{ "name": "client", "change": ["session_expiry 0"] }]);
    let section = json!({ "on_before_connect": cases });
    let test = Rewriters::new("expiry", Version::V5, &[section]);
    let login = Login::new(Version::V5, "client").keeping_session();
    let mut client = login.connect(test.broker.address());
    let mut properties = PropertyBuffer::new();
    properties.push(Property::SessionExpiryInterval(3600));
    let properties = properties.as_properties();
    client.send(&Packet::Disconnect(Disconnect { reason: ReasonCode::Success, properties }));
    client.expect_closed();
    let (_client, resumed) = login.resume(test.broker.address());
    assert!(!resumed);
}

fn two_rewriters_ask_each_other_once(version: Version) {
    let first = json!({ "on_before_publish": [{ "name": "a", "change": ["topic b"] }] });
    // It would turn the message round for ever if it were asked about its own change.
    let second = json!({ "on_before_publish": [
        { "name": "b", "change": ["topic a"] },
    ] });
    let test = Rewriters::new("two", version, &[first, second]);
    let mut client = test.connect("client");
    client.subscribe("#", QoS::AtMostOnce);
    test.connect("publisher").publish("a", "x", QoS::AtMostOnce);
    client.expect("a", "x");
    assert_eq!(
        asked(&test.said("on_before_publish")),
        ["1 a asked_again=false", "2 b asked_again=false", "1 a asked_again=true"]
    );
    let said = test.said("on_publish");
    assert!(said[0].starts_with("1 a asked_again=false original=a"), "{said:?}");
}

fn who_is_asked_again_changes_nothing(version: Version) {
    let first =
        json!({ "on_before_publish": [{ "name": "b", "change": ["topic c", "payload c"] }] });
    let second = json!({ "on_before_publish": [{ "name": "a", "change": ["topic b"] }] });
    let test = Rewriters::new("closed", version, &[first, second]);
    let mut client = test.connect("client");
    client.subscribe("#", QoS::AtMostOnce);
    test.connect("publisher").publish("a", "x", QoS::AtLeastOnce);
    client.expect("b", "x");
    let why = "the plugin is asked again, and can change nothing now";
    for change in ["topic c", "payload c"] {
        test.wait_for(&format!("1 {change}: {why}"), 1);
    }
}

fn who_was_asked_before_is_asked_about_the_new_filter(version: Version) {
    let guard = json!({ "on_before_subscribe": [{ "name": "secret", "refuse": 0x87 }] });
    let rewriter = json!({ "on_before_subscribe": [
        { "name": "a", "change": ["filter secret"] },
        { "name": "b", "change": ["filter c"] },
    ] });
    let test = Rewriters::new("filters", version, &[guard, rewriter]);
    let mut client = test.connect("client");
    let refused = if version.has_properties() {
        ReasonCode::NotAuthorized
    } else {
        ReasonCode::UnspecifiedError
    };
    assert_eq!(client.subscribe("a", QoS::AtMostOnce), refused);
    assert_eq!(client.subscribe("b", QoS::AtMostOnce), ReasonCode::Success);
    assert_eq!(
        asked(&test.said("on_before_subscribe")),
        [
            "1 a asked_again=false",
            "2 a asked_again=false",
            "1 secret asked_again=true",
            "1 b asked_again=false",
            "2 b asked_again=false",
            "1 c asked_again=true",
        ]
    );
    test.connect("publisher").publish("secret", "x", QoS::AtLeastOnce);
    client.ping();
}

fn no_client_becomes_a_plugin(version: Version) {
    let change = ["client_id $plugin/rewriter"];
    let section = json!({ "on_before_connect": [{ "name": "c", "change": change }] });
    let test = Rewriters::new("no-plugin", version, &[json!({}), section]);
    for client_id in ["c", "$plugin/rewriter", "$plugin/"] {
        let (_, answer) = Login::new(version, client_id).ask(test.broker.address());
        assert_eq!(answer.reason, ReasonCode::ClientIdentifierNotValid, "{client_id}");
    }
    test.connect("$plugin");
}

/// [MQTT-3.1.3-7] [MQTT-3.2.2-16] [MQTT-3.2.2-21] [MQTT-3.2.2-22]
fn a_client_is_what_the_plugins_make_of_it(version: Version) {
    let change = [
        "client_id other",
        "username somebody",
        "session_expiry 0",
        "keep_alive 17",
        "property n=v",
        "response_information r",
    ];
    let section = json!({ "on_before_connect": [{ "name": "c", "change": change }] });
    let test = Rewriters::new("client", version, &[json!({}), section]);
    let login = Login::new(version, "c").keeping_session().keep_alive(60);
    let (mut client, answer) = login.ask(test.broker.address());
    assert_eq!(answer.reason, ReasonCode::Success);
    if version.has_properties() {
        let properties = answer.properties();
        assert_eq!(properties.assigned_client_identifier(), Some("other"));
        assert_eq!(properties.server_keep_alive(), Some(17));
        assert_eq!(properties.session_expiry(), Some(0));
        assert!(properties.user_properties().eq([("n", "v")]));
        // It was not asked for. [MQTT-3.1.2-28]
        assert!(!properties.contains(mqtt::Identifier::ResponseInformation));
    }
    client.ping();
    assert_eq!(test.said("on_connect")[0], "1 other asked_again=false Some(\"somebody\")");
    let asked = test.said("on_before_connect");
    assert!(asked[0].starts_with("1 c asked_again=false username=None original=c None"));
    let again = "1 other asked_again=true username=Some(\"somebody\") original=c None";
    assert!(asked[2].starts_with(again), "{asked:?}");
    // Nothing of the session is left, though the client has asked for it.
    client.disconnect();
    let (_, answer) = login.ask(test.broker.address());
    assert!(!answer.session_present);
    // The client id is taken, and the one that it has sent is not.
    drop(Client::connect(&test.broker, version, "other"));
}

fn a_will_is_what_the_plugins_make_of_it(version: Version) {
    let section = json!({
        "on_will": [
            { "name": "will", "change": ["topic will/changed", "payload one"] },
            { "name": "no", "refuse": 0 },
        ],
        "on_before_publish": [{ "name": "will/changed", "change": ["qos 2", "retain 1"] }],
    });
    let test = Rewriters::new("wills", version, &[json!({}), section]);
    let mut watcher = test.connect("watcher");
    watcher.subscribe("#", QoS::ExactlyOnce);
    for topic in ["no", "will"] {
        let will = LastWill::new(topic, "old");
        drop(Login::new(version, "client").will(will).connect(test.broker.address()));
    }
    let received = watcher.expect("will/changed", "one");
    assert_eq!(received.qos, QoS::ExactlyOnce);
    watcher.acknowledge(&received);
    let of_will = |lines: &[String]| {
        let no: Vec<_> = lines.iter().filter(|line| !line.contains(" no ")).cloned().collect();
        asked(&no)
    };
    assert_eq!(
        of_will(&test.said("on_will")),
        ["1 will asked_again=false", "2 will asked_again=false", "1 will/changed asked_again=true",]
    );
    let published = test.said("on_before_publish");
    let seen = "1 will/changed asked_again=false original=will payload=one qos=0 retain=false \
                origin=Will depth=0 []";
    assert_eq!(published[0], seen);
    watcher.subscribe("will/#", QoS::AtMostOnce);
    assert!(watcher.expect("will/changed", "one").retain);
}
