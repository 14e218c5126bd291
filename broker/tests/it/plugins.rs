//! What plugins do to clients: the order of hooks, vetoes and their effects, panics, the plugins of
//! `plugins/`. Real libraries, loaded by a real broker.

use hookmq::plugins::PluginEntry;
use mqtt::{
    Connect, Properties, Property, PropertyBuffer, Publish, QoS, ReasonCode, Version, Will,
};
use serde_json::{Value, json};

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::support::{Broker, Client, both_versions};

both_versions!(
    hooks_run_in_the_order_of_the_config,
    the_first_veto_ends_the_chain,
    a_vetoed_socket_is_closed_before_anything_is_read,
    a_vetoed_connect_is_refused,
    a_client_vetoed_after_connack_is_disconnected,
    a_vetoed_subscription_is_acknowledged_and_delivers_nothing,
    a_vetoed_unsubscribe_is_acknowledged_and_the_subscription_stays,
    a_vetoed_publish_is_acknowledged_and_goes_nowhere,
    a_will_is_asked_about_like_a_publish,
    the_will_of_a_client_vetoed_after_connack_is_not_published,
    a_session_is_not_given_to_another_user,
    on_disconnect_comes_with_a_takeover_too_and_before_the_new_connection,
    the_sub_limiter_lets_a_client_have_so_many_subscriptions,
    the_sub_limiter_in_c_does_the_same,
);

pub(crate) fn entry(name: &str, config: Value) -> PluginEntry {
    PluginEntry { name: name.into(), config, ..PluginEntry::default() }
}

/// A broker with plugins that log each hook, each under a prefix that begins with `test`.
fn with_hook_logs(test: &str, vetoes: &[(&str, &[&str])]) -> Broker {
    log::take();
    let directory = PluginDir::new();
    let library = plugins::rust("hook-log");
    let mut entries = Vec::new();
    for (name, veto) in vetoes {
        directory.put(&library, name);
        entries.push(entry(name, json!({ "prefix": format!("{test}/{name}"), "veto": veto })));
    }
    Broker::with_plugins(&directory, entries)
}

/// The hooks that were called, `plugin hook` each, in their order.
fn calls(test: &str) -> Vec<String> {
    let prefix = format!("{test}/");
    let call = |line: &String| {
        let (_, rest) = line.split_once(&prefix)?;
        Some(rest.split_once(':')?.0.to_owned())
    };
    log::lines(&prefix).iter().filter_map(call).collect()
}

/// Waits until a hook was called that comes when a connection is closed: the broker has then done
/// all that comes before.
fn wait_for(test: &str, call: &str) {
    log::until(|| calls(test).iter().any(|called| called == call).then_some(()));
}

fn hooks_run_in_the_order_of_the_config(version: Version) {
    let test = &format!("order{}", version.level());
    let mut broker = with_hook_logs(test, &[("first", &[]), ("second", &[])]);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("a", QoS::AtLeastOnce);
    client.publish("b", "x", QoS::AtLeastOnce);
    client.unsubscribe("a");
    client.disconnect();
    broker.stop();
    let hooks = [
        "bootstrap",
        "on_socket_open",
        "on_before_connect",
        "on_session",
        "on_connect",
        "on_before_subscribe",
        "on_subscribe",
        "on_message",
        "on_before_publish",
        "on_publish",
        "on_before_unsubscribe",
        "on_unsubscribe",
        "on_disconnect",
        "on_session",
        "shutdown",
    ];
    let expected: Vec<_> =
        hooks.iter().flat_map(|hook| [format!("first {hook}"), format!("second {hook}")]).collect();
    assert_eq!(calls(test), expected);
}

fn the_first_veto_ends_the_chain(version: Version) {
    let test = &format!("chain{}", version.level());
    let veto: &[&str] = &["on_before_subscribe", "on_before_publish"];
    let broker = with_hook_logs(test, &[("first", veto), ("second", &[])]);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("a", QoS::AtLeastOnce);
    client.publish("a", "x", QoS::AtLeastOnce);
    let called = calls(test);
    for absent in [
        "second on_before_subscribe",
        "first on_subscribe",
        "second on_subscribe",
        "second on_before_publish",
        "first on_publish",
        "second on_publish",
    ] {
        assert!(!called.contains(&absent.to_owned()), "{called:?}");
    }
    assert!(called.contains(&"second on_message".to_owned()), "{called:?}");
}

fn a_vetoed_socket_is_closed_before_anything_is_read(version: Version) {
    let test = &format!("socket{}", version.level());
    let broker = with_hook_logs(test, &[("only", &["on_socket_open"])]);
    Client::open(broker.address(), version).expect_closed();
    assert_eq!(calls(test), ["only bootstrap", "only on_socket_open"]);
}

/// [MQTT-3.1.4-2]
fn a_vetoed_connect_is_refused(version: Version) {
    let test = &format!("connect{}", version.level());
    let broker = with_hook_logs(test, &[("only", &["on_before_connect"])]);
    let mut client = Client::open(broker.address(), version);
    client.send(&mqtt::Packet::Connect(Connect::new(version, "c")));
    assert_eq!(client.connack(), (ReasonCode::NotAuthorized, false));
    client.expect_closed();
    assert_eq!(calls(test), ["only bootstrap", "only on_socket_open", "only on_before_connect"]);
}

fn a_client_vetoed_after_connack_is_disconnected(version: Version) {
    let test = &format!("connack{}", version.level());
    let broker = with_hook_logs(test, &[("only", &["on_connect"])]);
    let mut client = Client::connect(&broker, version, "c");
    client.expect_disconnect(ReasonCode::NotAuthorized);
    wait_for(test, "only on_disconnect");
}

fn a_vetoed_subscription_is_acknowledged_and_delivers_nothing(version: Version) {
    let test = &format!("subscribe{}", version.level());
    let broker = with_hook_logs(test, &[("only", &["on_before_subscribe"])]);
    let mut client = Client::connect(&broker, version, "c");
    assert_eq!(client.subscribe("a", QoS::AtLeastOnce), ReasonCode::GrantedQoS1);
    Client::connect(&broker, version, "p").publish("a", "x", QoS::AtLeastOnce);
    client.ping();
}

fn a_vetoed_unsubscribe_is_acknowledged_and_the_subscription_stays(version: Version) {
    let test = &format!("unsubscribe{}", version.level());
    let broker = with_hook_logs(test, &[("only", &["on_before_unsubscribe"])]);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("a", QoS::AtMostOnce);
    assert_eq!(client.unsubscribe("a"), ReasonCode::Success);
    Client::connect(&broker, version, "p").publish("a", "x", QoS::AtLeastOnce);
    client.expect("a", "x");
}

fn a_vetoed_publish_is_acknowledged_and_goes_nowhere(version: Version) {
    let test = &format!("publish{}", version.level());
    let broker = with_hook_logs(test, &[("only", &["on_before_publish"])]);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("#", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "p");
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        publisher.publish_retained("a", "x", qos);
    }
    client.ping();
    // It was not retained either.
    client.subscribe("a", QoS::ExactlyOnce);
    client.ping();
}

/// Plugins are asked about the topic that an alias stands for, and see no alias.
#[test]
fn plugins_see_the_topic_of_an_alias() {
    let broker = with_hook_logs("alias", &[("only", &["on_before_publish"])]);
    let mut client = Client::connect(&broker, Version::V5, "c");
    client.subscribe("#", QoS::AtMostOnce);
    let mut properties = PropertyBuffer::new();
    for property in [Property::TopicAlias(1), Property::UserProperty("name", "value")] {
        assert!(properties.push(property));
    }
    for topic in ["a", ""] {
        client.publish_with(&Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: true,
            packet_id: 0,
            topic,
            properties: properties.as_properties(),
            payload: b"x",
        });
    }
    client.ping();
    for hook in ["on_message", "on_before_publish"] {
        let seen = log::lines(&format!("alias/only {hook}"));
        let expected = "topic=a payload=x qos=1 retain=true dup=false origin=Client \
                        user_properties=[(\"name\", \"value\")]";
        assert_eq!(seen.len(), 2);
        assert!(seen.iter().all(|line| line.contains(expected)), "{seen:?}");
    }
}

fn a_will_is_asked_about_like_a_publish(version: Version) {
    let test = &format!("will{}", version.level());
    let broker = with_hook_logs(test, &[("only", &["on_before_publish"])]);
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("will", QoS::AtMostOnce);
    let mut connect = Connect::new(version, "c");
    connect.will = Some(Will {
        qos: QoS::AtMostOnce,
        retain: false,
        topic: "will",
        payload: b"x",
        delay: 0,
        properties: Properties::EMPTY,
    });
    let (client, _) = Client::connect_with(&broker, connect);
    drop(client);
    wait_for(test, "only on_before_publish");
    watcher.ping();
    assert!(!calls(test).contains(&"only on_message".to_owned()));
    let asked = log::lines(&format!("{test}/only on_before_publish"));
    assert!(asked.iter().all(|line| line.contains("origin=Will")), "{asked:?}");
}

fn the_will_of_a_client_vetoed_after_connack_is_not_published(version: Version) {
    let test = &format!("vetoedwill{}", version.level());
    let mut broker = with_hook_logs(test, &[("only", &["on_connect"])]);
    let mut connect = Connect::new(version, "c");
    connect.will = Some(Will {
        qos: QoS::AtMostOnce,
        retain: true,
        topic: "will",
        payload: b"x",
        delay: 0,
        properties: Properties::EMPTY,
    });
    let (mut client, _) = Client::connect_with(&broker, connect);
    client.expect_disconnect(ReasonCode::NotAuthorized);
    broker.stop();
    assert!(!calls(test).contains(&"only on_before_publish".to_owned()), "{:?}", calls(test));
}

/// Where a plugin decides who may connect, a client id belongs to the user who has it.
fn a_session_is_not_given_to_another_user(version: Version) {
    let test = &format!("user{}", version.level());
    let broker = with_hook_logs(test, &[("only", &[])]);
    let connect = |username| {
        let mut connect = Connect::new(version, "c");
        connect.username = username;
        let mut client = Client::open(broker.address(), version);
        client.send(&mqtt::Packet::Connect(connect));
        let (reason, _) = client.connack();
        (client, reason)
    };
    let (mut owner, reason) = connect(Some("alice"));
    assert_eq!(reason, ReasonCode::Success);
    for other in [Some("bob"), None] {
        let (mut client, reason) = connect(other);
        assert_eq!(reason, ReasonCode::NotAuthorized);
        client.expect_closed();
        owner.ping();
    }
    let (mut again, reason) = connect(Some("alice"));
    assert_eq!(reason, ReasonCode::Success);
    owner.expect_disconnect(ReasonCode::SessionTakenOver);
    again.ping();
}

fn on_disconnect_comes_with_a_takeover_too_and_before_the_new_connection(version: Version) {
    let test = &format!("takeover{}", version.level());
    let broker = with_hook_logs(test, &[("only", &[])]);
    let mut first = Client::connect(&broker, version, "c");
    let mut second = Client::connect(&broker, version, "c");
    first.expect_disconnect(ReasonCode::SessionTakenOver);
    second.ping();
    let called = calls(test);
    let called: Vec<_> =
        called.iter().map(String::as_str).filter(|call| call.contains("connect")).collect();
    let expected = [
        "only on_before_connect",
        "only on_connect",
        "only on_before_connect",
        "only on_disconnect",
        "only on_connect",
    ];
    assert_eq!(called, expected);
}

fn the_sub_limiter_lets_a_client_have_so_many_subscriptions(version: Version) {
    let directory = PluginDir::new();
    directory.put(plugins::rust("sub-limiter"), "sub-limiter");
    check_limit(&directory, "sub-limiter", version);
}

fn the_sub_limiter_in_c_does_the_same(version: Version) {
    let directory = PluginDir::new();
    directory.put(plugins::c("plugins/sub-limiter-c/sub_limiter.c"), "sub-limiter-c");
    check_limit(&directory, "sub-limiter-c", version);
}

fn check_limit(directory: &PluginDir, name: &str, version: Version) {
    let broker = Broker::with_plugins(directory, vec![entry(name, json!({ "max": 2 }))]);
    let mut client = Client::connect(&broker, version, "limited");
    let mut publisher = Client::connect(&broker, version, "p");
    for filter in ["a", "b", "c"] {
        assert_eq!(client.subscribe(filter, QoS::AtLeastOnce), ReasonCode::GrantedQoS1);
    }
    publisher.publish("c", "no", QoS::AtLeastOnce);
    publisher.publish("b", "yes", QoS::AtLeastOnce);
    client.expect("b", "yes");
    client.ping();

    client.unsubscribe("a");
    client.subscribe("c", QoS::AtLeastOnce);
    publisher.publish("a", "no", QoS::AtLeastOnce);
    publisher.publish("c", "yes", QoS::AtLeastOnce);
    client.expect("c", "yes");
    client.ping();

    // Somebody else has a limit of their own.
    publisher.subscribe("d", QoS::AtLeastOnce);
    client.publish("d", "yes", QoS::AtLeastOnce);
    publisher.expect("d", "yes");
}
