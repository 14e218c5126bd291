//! Clients that wait for a plugin's answer, which comes from a thread of its own: what waits, in which
//! order it goes on, and what becomes of those who do not wait any longer. The plugin is
//! `broker/tests/plugins/rewriter`.

use std::net::Shutdown;
use std::time::Duration;

use hookmq::plugins::OnError;
use mqtt::{Packet, Properties, Property, Publish, QoS, ReasonCode, SubscriptionOptions, Version};
use serde_json::{Value, json};

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::support::auth::{entry, login};
use crate::support::caller::{Asker, caller, wait_until_said};
use crate::support::rewriter::Rewriters;
use crate::support::{Broker, Client, LastWill, Login, both_versions};

both_versions!(
    a_connect_waits,
    a_client_waits_for_its_connack,
    a_subscription_waits_and_the_filters_before_are_made_once,
    an_unsubscribe_waits,
    a_message_waits_and_those_behind_it,
    others_do_not_wait,
    who_waits_with_its_socket_does_not_give_way,
    an_answer_may_come_before_the_hook_has_returned,
    an_answer_may_refuse_in_words,
    an_answer_may_change_the_event,
    a_change_that_fits_nothing_is_a_failure,
    who_never_answers_has_failed,
    a_later_that_is_dropped_has_failed,
    those_behind_are_asked_when_the_answer_has_come,
    a_second_pass_waits_too,
    a_message_at_qos_2_is_new_when_it_is_sent_again,
    a_newcomer_does_not_wait_for_the_answer,
    a_newcomer_takes_over_who_waits_for_its_connack,
    who_waits_for_its_connack_can_be_sent_away,
    who_has_gone_before_it_was_let_in_is_noticed,
    what_was_sent_before_the_end_still_counts,
    a_client_that_waits_is_not_taken_for_gone,
    a_will_waits_alone,
    more_wills_than_may_wait_are_asked_about_at_once,
    a_will_is_waited_for_when_the_broker_stops,
    the_broker_stops_though_clients_wait,
    the_hooks_that_have_begun_go_on,
);

/// The plugin answers what has the name `slow` later, within a minute.
fn slow(hook: &str) -> Value {
    json!({ hook: [{ "name": "slow", "later": 60_000 }] })
}

fn start(test: &str, version: Version, hook: &str) -> (Rewriters, Client) {
    let test = Rewriters::new(test, version, &[slow(hook)]);
    let other = test.connect("other");
    (test, other)
}

fn publish<'a>(topic: &'a str, payload: &'a str, qos: QoS, packet_id: u16) -> Packet<'a> {
    Packet::Publish(Publish {
        dup: false,
        qos,
        retain: false,
        packet_id,
        topic,
        properties: Properties::EMPTY,
        payload: payload.as_bytes(),
    })
}

/// A client that has sent its CONNECT and is not answered.
fn connecting(test: &Rewriters, login: &Login<'_>) -> Client {
    let mut client = Client::open(test.broker.address(), test.version);
    client.send_bytes(&login.bytes());
    test.wait_for("1 waits slow", 1);
    client
}

fn a_connect_waits(version: Version) {
    let (test, mut other) = start("connect-waits", version, "on_before_connect");
    let mut client = connecting(&test, &Login::new(version, "slow"));
    other.release("slow", "continue");
    assert_eq!(client.connack(), (ReasonCode::Success, false));
    client.ping();
    client.disconnect();
    let mut client = connecting(&test, &Login::new(version, "slow"));
    test.wait_for("1 waits slow", 2);
    other.release("slow", "username somebody,continue");
    assert_eq!(client.connack(), (ReasonCode::Success, false));
    let said = test.said("on_connect");
    assert_eq!(said.last().unwrap(), "1 slow asked_again=false Some(\"somebody\")");
}

fn a_client_waits_for_its_connack(version: Version) {
    let (test, mut other) = start("connack-waits", version, "on_connect");
    let mut client = connecting(&test, &Login::new(version, "slow"));
    other.release("slow", "continue");
    assert_eq!(client.connack(), (ReasonCode::Success, false));
    client.subscribe("a", QoS::AtMostOnce);
    other.publish("a", "x", QoS::AtLeastOnce);
    client.expect("a", "x");
    client.disconnect();
    let mut client = connecting(&test, &Login::new(version, "slow"));
    test.wait_for("1 waits slow", 2);
    other.release("slow", "refuse 152 not you");
    assert_eq!(client.connack(), (ReasonCode::Success, false));
    client.expect_disconnect(ReasonCode::AdministrativeAction);
}

fn a_subscription_waits_and_the_filters_before_are_made_once(version: Version) {
    let (test, mut other) = start("sub-waits", version, "on_before_subscribe");
    let mut client = test.connect("client");
    let options = SubscriptionOptions::new(QoS::AtLeastOnce);
    let mut list = mqtt::SubscriptionList::new(mqtt::Subscription { filter: "a", options });
    for filter in ["slow", "b"] {
        list.push(mqtt::Subscription { filter, options });
    }
    let packet_id = client.take_packet_id();
    let subscribe = mqtt::Subscribe::new(packet_id, Properties::EMPTY, &list);
    client.send(&Packet::Subscribe(subscribe));
    test.wait_for("1 waits slow", 1);
    // What comes first is in force by then.
    other.publish("a", "1", QoS::AtMostOnce);
    other.publish("slow", "2", QoS::AtMostOnce);
    client.expect("a", "1");
    other.release("slow", "filter c,continue");
    client.receive(|packet| match packet {
        Packet::SubAck(suback) => {
            assert_eq!(suback.packet_id, packet_id);
            assert_eq!(suback.reasons.to_vec(), [ReasonCode::GrantedQoS1; 3]);
        }
        other => panic!("SUBACK expected: {other:?}"),
    });
    for topic in ["slow", "c", "b"] {
        other.publish(topic, "3", QoS::AtMostOnce);
    }
    client.expect("c", "3");
    client.expect("b", "3");
    let made: Vec<_> = test
        .said("on_subscribe")
        .iter()
        .map(|line| line.split(' ').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(made, ["a", "c", "b"]);
}

fn an_unsubscribe_waits(version: Version) {
    let (test, mut other) = start("unsub-waits", version, "on_before_unsubscribe");
    let mut client = test.connect("client");
    client.subscribe("slow", QoS::AtMostOnce);
    let packet_id = client.take_packet_id();
    let list = mqtt::FilterList::new("slow");
    let unsubscribe = mqtt::Unsubscribe::new(packet_id, Properties::EMPTY, &list);
    client.send(&Packet::Unsubscribe(unsubscribe));
    test.wait_for("1 waits slow", 1);
    other.publish("slow", "x", QoS::AtMostOnce);
    client.expect("slow", "x");
    other.release("slow", "continue");
    client.receive(|packet| assert!(matches!(packet, Packet::UnsubAck(_)), "{packet:?}"));
    other.publish("slow", "y", QoS::AtMostOnce);
    client.ping();
}

/// [MQTT-4.6.0-5] [MQTT-4.6.0-6]
fn a_message_waits_and_those_behind_it(version: Version) {
    for (qos, test) in [
        (QoS::AtMostOnce, "waits-0-"),
        (QoS::AtLeastOnce, "waits-1-"),
        (QoS::ExactlyOnce, "waits-2-"),
    ] {
        let (test, mut other) = start(test, version, "on_before_publish");
        for topic in ["a", "slow", "b"] {
            other.subscribe(topic, QoS::AtMostOnce);
        }
        let mut client = test.connect("client");
        let mut bytes = Vec::new();
        for (index, topic) in ["a", "slow", "a", "slow", "b"].iter().enumerate() {
            publish(topic, &index.to_string(), qos, index as u16 + 1).encode(version, &mut bytes);
        }
        client.send_bytes(&bytes);
        let acknowledged = |client: &mut Client, packet_id: u16| {
            if qos == QoS::AtMostOnce {
                return;
            }
            client.receive(|packet| match packet {
                Packet::PubAck(ack) | Packet::PubRec(ack) => assert_eq!(ack.packet_id, packet_id),
                other => panic!("PUBACK or PUBREC expected: {other:?}"),
            });
        };
        // What came before is delivered and acknowledged.
        other.expect("a", "0");
        acknowledged(&mut client, 1);
        for (waits, next) in [(1, "1"), (2, "3")] {
            test.wait_for("1 waits slow", waits);
            let mut third = test.connect("third");
            third.release("slow", "continue");
            other.expect("slow", next);
            acknowledged(&mut client, 2 * waits as u16);
            let (topic, behind) = if waits == 1 { ("a", "2") } else { ("b", "4") };
            other.expect(topic, behind);
            acknowledged(&mut client, 2 * waits as u16 + 1);
        }
        let told = test.said("on_message");
        assert_eq!(told.iter().filter(|line| line.starts_with("1 slow")).count(), 2);
    }
}

fn others_do_not_wait(version: Version) {
    let section = slow("on_before_connect");
    let test = Rewriters::with("crowd", version, &[section], |config| {
        // All live on one thread.
        config.threads = std::num::NonZeroUsize::new(1);
        // Who waits for a plugin is not half open.
        config.limits.max_handshakes = 10;
    });
    let many = crowd();
    let mut other = test.connect("other");
    other.subscribe("here", QoS::AtMostOnce);
    let login = Login::new(version, "slow").bytes();
    let mut crowd: Vec<_> = (1..=many)
        .map(|waits| {
            let mut client = Client::open(test.broker.address(), version);
            client.send_bytes(&login);
            // Until then it is half open, and might give way.
            test.wait_for("1 waits slow", waits);
            client
        })
        .collect();
    for _ in 0..10 {
        other.send(&publish("here", "x", QoS::AtMostOnce, 0));
        other.expect("here", "x");
    }
    for _ in 0..many {
        other.send(&publish("answer/slow", "refuse 138", QoS::AtMostOnce, 0));
    }
    other.ping();
    for client in &mut crowd {
        assert_eq!(client.connack(), (banned(version), false));
        client.expect_closed();
    }
}

/// A socket that waits for a plugin is not half open, and takes no place from others.
fn who_waits_with_its_socket_does_not_give_way(version: Version) {
    // Its time passes, and that does not matter.
    let section = json!({ "on_socket_open": [{ "name": "socket", "later": 1 }] });
    let test = Rewriters::with("sockets", version, &[section], |config| {
        config.threads = std::num::NonZeroUsize::new(1);
        config.limits.max_handshakes = 1;
        config.plugins[0].on_error = OnError::Allow;
    });
    let mut crowd: Vec<_> = (1..=5)
        .map(|number| {
            let mut client = Client::open(test.broker.address(), version);
            client.send_bytes(&Login::new(version, &format!("client-{number}")).bytes());
            client
        })
        .collect();
    for client in &mut crowd {
        assert_eq!(client.connack(), (ReasonCode::Success, false));
    }
}

/// 3.1.1 has one word for both.
fn banned(version: Version) -> ReasonCode {
    if version.has_properties() { ReasonCode::Banned } else { ReasonCode::NotAuthorized }
}

/// How many wait. `HOOKMQ_CROWD` says otherwise, where there may be that many open files.
fn crowd() -> usize {
    std::env::var("HOOKMQ_CROWD").map_or(100, |number| number.parse().unwrap())
}

fn an_answer_may_come_before_the_hook_has_returned(version: Version) {
    let eager = json!([{ "name": "eager", "later": 60_000, "before": true }]);
    let section = json!({
        "on_socket_open": [{ "name": "socket", "later": 60_000, "before": true }],
        "on_before_connect": eager,
        "on_connect": eager,
        "on_before_subscribe": eager,
        "on_before_publish": eager,
        "on_before_unsubscribe": eager,
    });
    let test = Rewriters::new("eager", version, &[section]);
    let mut client = test.connect("eager");
    client.publish("eager", "x", QoS::AtLeastOnce);
    client.subscribe("eager", QoS::AtMostOnce);
    client.unsubscribe("eager");
    assert_eq!(test.said("on_publish").len(), 1);
}

fn an_answer_may_refuse_in_words(version: Version) {
    let (test, mut other) = start("words", version, "on_before_connect");
    let mut client = Client::open(test.broker.address(), version);
    client.send_bytes(&Login::new(version, "slow").bytes());
    test.wait_for("1 waits slow", 1);
    other.release("slow", "refuse 138 go away");
    client.receive(|packet| match packet {
        Packet::ConnAck(connack) => {
            assert_eq!(connack.reason, banned(version));
            let words = version.has_properties().then_some("go away");
            assert_eq!(connack.properties.reason_string(), words);
        }
        other => panic!("CONNACK expected: {other:?}"),
    });
    client.expect_closed();
}

fn an_answer_may_change_the_event(version: Version) {
    let (test, mut other) = start("changed", version, "on_before_publish");
    other.subscribe("b", QoS::ExactlyOnce);
    let mut client = test.connect("client");
    client.send(&publish("slow", "x", QoS::AtLeastOnce, 1));
    test.wait_for("1 waits slow", 1);
    test.connect("third").release("slow", "topic b,payload y,qos 0,property n=v,continue");
    let received = other.expect("b", "y");
    assert_eq!(received.qos, QoS::AtMostOnce);
    let properties = Properties::from_validated(&received.properties);
    assert_eq!(properties.user_properties().count(), usize::from(version.has_properties()));
    client.receive(|packet| assert!(matches!(packet, Packet::PubAck(_)), "{packet:?}"));
}

fn a_change_that_fits_nothing_is_a_failure(version: Version) {
    let (test, mut other) = start("later-unfit", version, "on_before_publish");
    other.subscribe("slow", QoS::AtMostOnce);
    let mut client = test.connect("client");
    client.send(&publish("slow", "x", QoS::AtLeastOnce, 1));
    test.wait_for("1 waits slow", 1);
    let mut third = test.connect("third");
    third.release("slow", "topic a/#,continue");
    // As a veto: acknowledged, and nobody gets it.
    client.receive(|packet| assert!(matches!(packet, Packet::PubAck(_)), "{packet:?}"));
    other.ping();
}

fn who_never_answers_has_failed(version: Version) {
    let case = |name: &str| json!([{ "name": name, "later": 1 }]);
    let section = json!({
        "on_before_connect": case("never"),
        "on_before_subscribe": case("never"),
        "on_before_unsubscribe": case("never"),
        "on_before_publish": case("never"),
    });
    let test = Rewriters::new("never", version, &[section]);
    let mut refused = Client::open(test.broker.address(), version);
    refused.send_bytes(&Login::new(version, "never").bytes());
    assert_eq!(refused.connack(), (ReasonCode::NotAuthorized, false));
    let mut client = test.connect("client");
    // As a veto: acknowledged, and not made.
    assert_eq!(client.subscribe("never", QoS::AtMostOnce), ReasonCode::Success);
    assert_eq!(test.said("on_subscribe"), [""; 0]);
    client.publish("never", "x", QoS::AtLeastOnce);
    assert_eq!(test.said("on_publish"), [""; 0]);
    // A client may leave what it joined.
    client.unsubscribe("never");
    test.connect("other").release("never", "continue");
    test.wait_for("answered continue: Err(NotThere)", 1);
}

fn a_later_that_is_dropped_has_failed(version: Version) {
    let (test, mut other) = start("dropped", version, "on_before_connect");
    let mut client = connecting(&test, &Login::new(version, "slow"));
    other.release("slow", "drop");
    assert_eq!(client.connack(), (ReasonCode::NotAuthorized, false));
    client.expect_closed();
}

fn those_behind_are_asked_when_the_answer_has_come(version: Version) {
    let (first, last) = (json!({}), json!({}));
    let sections = [first, slow("on_before_publish"), last];
    let test = Rewriters::new("behind", version, &sections);
    let mut client = test.connect("client");
    client.send(&publish("slow", "x", QoS::AtLeastOnce, 1));
    test.wait_for("2 waits slow", 1);
    let of_slow = || {
        let mut said = test.said("on_before_publish");
        said.retain(|line| !line.contains("answer/"));
        said.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of_slow(), ["1", "2"]);
    test.connect("other").release("slow", "topic fast,continue");
    client.receive(|packet| assert!(matches!(packet, Packet::PubAck(_)), "{packet:?}"));
    // The first is asked again about what the second has made of it.
    assert_eq!(of_slow(), ["1", "2", "3", "1"]);
}

fn a_second_pass_waits_too(version: Version) {
    let rewriter = json!({ "on_before_publish": [{ "name": "a", "change": ["topic slow"] }] });
    let test = Rewriters::new("pass", version, &[slow("on_before_publish"), rewriter]);
    let mut other = test.connect("other");
    other.subscribe("slow", QoS::AtMostOnce);
    let mut client = test.connect("client");
    client.send(&publish("a", "x", QoS::AtLeastOnce, 1));
    test.wait_for("1 waits slow", 1);
    test.connect("third").release("slow", "continue");
    client.receive(|packet| assert!(matches!(packet, Packet::PubAck(_)), "{packet:?}"));
    other.expect("slow", "x");
}

/// [MQTT-4.3.3-10]
fn a_message_at_qos_2_is_new_when_it_is_sent_again(version: Version) {
    let (test, mut other) = start("twice", version, "on_before_publish");
    other.subscribe("slow", QoS::AtMostOnce);
    let login = Login::new(version, "client").keeping_session();
    let mut client = login.connect(test.broker.address());
    client.send(&publish("slow", "x", QoS::ExactlyOnce, 1));
    test.wait_for("1 waits slow", 1);
    let (mut again, present) = login.resume(test.broker.address());
    assert!(present);
    client.expect_disconnect(ReasonCode::SessionTakenOver);
    let mut third = test.connect("third");
    third.release("slow", "continue");
    test.wait_for("answered continue: Err(NotThere)", 1);
    let Packet::Publish(first) = publish("slow", "x", QoS::ExactlyOnce, 1) else { return };
    again.send(&Packet::Publish(Publish { dup: true, ..first }));
    test.wait_for("1 waits slow", 2);
    third.release("slow", "continue");
    again.receive(|packet| assert!(matches!(packet, Packet::PubRec(_)), "{packet:?}"));
    // By then it is known.
    again.send(&Packet::Publish(Publish { dup: true, ..first }));
    again.receive(|packet| assert!(matches!(packet, Packet::PubRec(_)), "{packet:?}"));
    other.expect("slow", "x");
    other.ping();
}

fn a_newcomer_does_not_wait_for_the_answer(version: Version) {
    let (test, _other) = start("newcomer", version, "on_before_subscribe");
    let mut client = test.connect("client");
    client.start_subscribe("slow", SubscriptionOptions::new(QoS::AtMostOnce));
    test.wait_for("1 waits slow", 1);
    let mut newcomer = test.connect("client");
    client.expect_disconnect(ReasonCode::SessionTakenOver);
    newcomer.ping();
    assert_eq!(test.said("on_subscribe"), [""; 0]);
}

fn a_newcomer_takes_over_who_waits_for_its_connack(version: Version) {
    let (test, mut other) = start("take-connack", version, "on_connect");
    let mut client = connecting(&test, &Login::new(version, "slow"));
    let mut newcomer = Client::open(test.broker.address(), version);
    newcomer.send_bytes(&Login::new(version, "slow").bytes());
    client.expect_closed();
    test.wait_for("1 waits slow", 2);
    other.release("slow", "continue");
    test.wait_for("answered continue: Err(NotThere)", 1);
    other.release("slow", "continue");
    assert_eq!(newcomer.connack(), (ReasonCode::Success, false));
}

fn who_waits_for_its_connack_can_be_sent_away(version: Version) {
    let directory = PluginDir::new();
    let name = |of: &str| format!("{of}-waiting{}", version.level());
    let (kicks, waits) = (name("kicks"), name("rewriter"));
    directory.put(plugins::rust("rewriter"), &waits);
    let mut section = slow("on_connect");
    section["prefix"] = "1".into();
    let entries = vec![entry(&waits, section), caller(&directory, &kicks, json!({}))];
    let broker = Broker::with_plugins(&directory, entries);
    let mut asker = Asker::connect(&broker, version);
    let mut client = Client::open(broker.address(), version);
    client.send_bytes(&Login::new(version, "slow").bytes());
    wait_until_said(&waits, "1 waits slow");
    let kick = json!({ "do": "disconnect", "client": "slow", "code": 0x98 });
    assert_eq!(asker.ask(&kick), "()");
    assert_eq!(client.connack(), (ReasonCode::Success, false));
    client.expect_disconnect(ReasonCode::AdministrativeAction);
    Client::connect(&broker, version, "other").release("slow", "continue");
    wait_until_said(&waits, "answered continue: Err(NotThere)");
}

fn who_has_gone_before_it_was_let_in_is_noticed(version: Version) {
    for (hook, test) in [("on_before_connect", "gone-connect"), ("on_connect", "gone-connack")] {
        let test = Rewriters::with(test, version, &[slow(hook)], |config| {
            // It is not noticed because of that.
            config.limits.connect_timeout = Duration::from_secs(3600);
        });
        let mut other = test.connect("other");
        let will = LastWill::new("will", "gone");
        let mut client = connecting(&test, &Login::new(version, "slow").will(will));
        other.subscribe("will", QoS::AtMostOnce);
        client.stream.shutdown(Shutdown::Write).unwrap();
        client.expect_closed();
        other.release("slow", "continue");
        test.wait_for("answered continue: Err(NotThere)", 1);
        other.ping();
    }
}

fn what_was_sent_before_the_end_still_counts(version: Version) {
    let (test, mut other) = start("last-words", version, "on_before_publish");
    other.subscribe("slow", QoS::AtMostOnce);
    other.subscribe("a", QoS::AtMostOnce);
    let mut client = test.connect("client");
    let mut bytes = Vec::new();
    for topic in ["slow", "a"] {
        publish(topic, "x", QoS::AtMostOnce, 0).encode(version, &mut bytes);
    }
    Packet::Disconnect(mqtt::Disconnect::new(ReasonCode::Success)).encode(version, &mut bytes);
    client.send_bytes(&bytes);
    client.stream.shutdown(Shutdown::Both).unwrap();
    test.wait_for("1 waits slow", 1);
    test.connect("third").release("slow", "continue");
    other.expect("slow", "x");
    other.expect("a", "x");
}

/// [MQTT-3.1.2-22]
fn a_client_that_waits_is_not_taken_for_gone(version: Version) {
    let section = json!({ "on_before_publish": [{ "name": "never", "later": 2500 }] });
    let test = Rewriters::new("alive", version, &[section]);
    let mut client = Login::new(version, "client").keep_alive(1).connect(test.broker.address());
    client.publish("never", "x", QoS::AtLeastOnce);
    client.ping();
}

fn a_will_waits_alone(version: Version) {
    let section = json!({
        "on_will": [{ "name": "slow", "later": 60_000 }],
        "on_before_publish": [{ "name": "slow", "later": 60_000 }],
    });
    let test = Rewriters::new("will-waits", version, &[section]);
    test.will_waits_alone(version);
}

fn more_wills_than_may_wait_are_asked_about_at_once(version: Version) {
    let section = json!({ "on_will": [{ "name": "slow", "later": 60_000 }] });
    let test = Rewriters::with("many-wills", version, &[section], |config| {
        config.limits.max_handshakes = 2;
    });
    let mut other = test.connect("other");
    other.subscribe("slow", QoS::AtMostOnce);
    let leave = |client_id, payload| test.leave(version, client_id, payload);
    leave("first", "1");
    test.wait_for("1 waits slow", 1);
    leave("second", "2");
    test.wait_for("1 waits slow", 2);
    // Then nobody can wait, and the plugin lets it pass.
    leave("third", "3");
    other.expect("slow", "3");
    let mut third = test.connect("third");
    third.release("slow", "continue");
    other.expect("slow", "1");
    leave("fourth", "4");
    test.wait_for("1 waits slow", 3);
}

fn a_will_is_waited_for_when_the_broker_stops(version: Version) {
    let section = json!({ "on_will": [{ "name": "slow", "later": 1 }] });
    let mut test = Rewriters::new("last-will", version, &[section]);
    let will = LastWill::new("slow", "gone");
    drop(Login::new(version, "client").will(will).connect(test.broker.address()));
    test.wait_for("1 waits slow", 1);
    test.broker.stop();
    // Not answered, and so not published; but that was waited for.
    let failed = format!("plugin last-will{}-1 failed in on_will", version.level());
    assert_eq!(log::lines(&failed).len(), 1);
}

fn the_broker_stops_though_clients_wait(version: Version) {
    let section = json!({
        "on_before_connect": [{ "name": "slow", "later": 60_000 }],
        "on_connect": [{ "name": "slow too", "later": 60_000 }],
        "on_before_publish": [{ "name": "slow", "later": 60_000 }],
        "on_will": [{ "name": "slow", "later": 60_000 }],
    });
    let mut test = Rewriters::new("stops", version, &[section]);
    let mut client = test.connect("client");
    client.send(&publish("slow", "x", QoS::AtLeastOnce, 1));
    let will = LastWill::new("slow", "gone");
    drop(Login::new(version, "gone").will(will).connect(test.broker.address()));
    let mut others: Vec<_> = ["slow", "slow too"]
        .iter()
        .map(|client_id| {
            let mut client = Client::open(test.broker.address(), version);
            client.send_bytes(&Login::new(version, client_id).bytes());
            client
        })
        .collect();
    test.wait_for("1 waits slow", 3);
    test.wait_for("1 waits slow too", 1);
    test.broker.stop();
    client.expect_disconnect(ReasonCode::ServerShuttingDown);
    others.iter_mut().for_each(Client::expect_closed);
}

/// A plugin that is taken out while it is waited for is still answered by.
fn the_hooks_that_have_begun_go_on(version: Version) {
    let (test, mut other) = start("begun", version, "on_before_publish");
    other.subscribe("slow", QoS::AtMostOnce);
    let mut client = test.connect("client");
    client.send(&publish("slow", "x", QoS::AtLeastOnce, 1));
    test.wait_for("1 waits slow", 1);
    let mut third = test.connect("third");
    third.release("slow", "payload y,continue");
    test.broker.plugins().remove(&format!("begun{}-1", version.level())).unwrap();
    client.receive(|packet| assert!(matches!(packet, Packet::PubAck(_)), "{packet:?}"));
    other.expect("slow", "y");
}

/// A broker with a short `connect_timeout` and a plugin that is waited for in on_auth.
fn authenticating(test: &str) -> Rewriters {
    let section = json!({ "on_auth": [{ "name": "slow", "later": 60_000 }] });
    Rewriters::with(test, Version::V5, &[section], |config| {
        config.limits.connect_timeout = Duration::from_secs(1);
    })
}

#[test]
fn who_says_nothing_after_the_wait_is_closed() {
    let test = authenticating("silent");
    let mut other = test.connect("other");
    let mut client = Client::start(&test.broker, &login("client", "slow", "x"));
    test.wait_for("1 waits slow", 1);
    // Closed when connect_timeout has passed; after the second the first is past for sure.
    for _ in 0..2 {
        Client::open(test.broker.address(), Version::V5).expect_closed();
    }
    other.release("slow", "challenge");
    assert_eq!(client.asked().reason, ReasonCode::ContinueAuthentication);
    client.expect_closed();
}

/// A client that has several rounds before it is half open between them, and so it is while it waits.
#[test]
fn who_waits_in_an_authentication_gives_way() {
    let section = json!({ "on_auth": [{ "name": "slow", "later": 60_000 }] });
    let test = Rewriters::with("gives-way", Version::V5, &[section], |config| {
        config.limits.max_handshakes = 1;
    });
    let mut client = Client::start(&test.broker, &login("client", "slow", "x"));
    test.wait_for("1 waits slow", 1);
    let _newcomer = Client::open(test.broker.address(), Version::V5);
    client.expect_closed();
}

#[test]
fn an_authentication_again_takes_no_longer_because_it_waits() {
    let test = authenticating("again");
    let mut other = test.connect("other");
    let mut client = Client::start(&test.broker, &login("client", "slow", "x"));
    test.wait_for("1 waits slow", 1);
    other.release("slow", "done");
    assert_eq!(client.connack(), (ReasonCode::Success, false));
    client.send_auth(ReasonCode::ReAuthenticate, "slow", "y");
    test.wait_for("1 waits slow", 2);
    // Closed when connect_timeout has passed.
    Client::open(test.broker.address(), Version::V5).expect_closed();
    other.release("slow", "challenge");
    assert_eq!(client.asked().reason, ReasonCode::ContinueAuthentication);
    client.send_auth(ReasonCode::ContinueAuthentication, "slow", "z");
    test.wait_for("1 waits slow", 3);
    other.release("slow", "done");
    assert_eq!(client.asked().reason, ReasonCode::Success);
}

/// [MQTT-4.12.0-1]
#[test]
fn an_authentication_waits() {
    let section = json!({ "on_auth": [{ "name": "slow", "later": 60_000 }] });
    let test = Rewriters::new("auth-waits", Version::V5, &[section]);
    let mut other = test.connect("other");
    let mut client = Client::start(&test.broker, &login("client", "slow", "x"));
    test.wait_for("1 waits slow", 1);
    other.release("slow", "done");
    assert_eq!(client.connack(), (ReasonCode::Success, false));
    assert_eq!(
        test.said("on_connect").last().unwrap(),
        "1 client asked_again=false Some(\"proved\")"
    );
    client.send_auth(ReasonCode::ReAuthenticate, "slow", "y");
    test.wait_for("1 waits slow", 2);
    other.release("slow", "done");
    assert_eq!(client.asked().reason, ReasonCode::Success);
    client.send_auth(ReasonCode::ReAuthenticate, "slow", "y");
    client.drain_until_closed();
    let mut client = Client::start(&test.broker, &login("another", "slow", "x"));
    test.wait_for("1 waits slow", 3);
    other.release("slow", "refuse 140");
    client.expect_refused(ReasonCode::BadAuthenticationMethod);
    let with = Login::new(Version::V5, "c").with(Property::AuthenticationMethod("unknown"));
    assert_eq!(with.ask(test.broker.address()).1.reason, ReasonCode::BadAuthenticationMethod);
}
