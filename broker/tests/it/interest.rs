//! A plugin is called for what it has an interest in, and for nothing else. Real libraries, loaded by a
//! real broker.

use std::net::{Ipv4Addr, SocketAddr};

use hookmq::config::Listener;
use mqtt::{Connect, Packet, Properties, Publish, QoS, ReasonCode, Version};
use serde_json::{Value, json};

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::deliver::told;
use crate::plugins::entry;
use crate::support::{Broker, Client, both_versions};

both_versions!(
    a_plugin_is_called_for_the_topics_that_it_wants,
    a_plugin_that_decides_lets_go_on_what_it_does_not_want,
    a_plugin_is_called_for_the_listeners_that_it_wants,
    a_plugin_is_not_shown_what_it_need_not_see,
    who_decides_at_one_listener_keeps_nobody_from_another,
);

fn broker(test: &str, section: &Value) -> Broker {
    log::take();
    let directory = PluginDir::new();
    let name = format!("log-{test}");
    directory.put(plugins::rust("hook-log"), &name);
    Broker::with_plugins(&directory, vec![entry(&name, section.clone())])
}

/// Connects, and for `a` and `b` subscribes, publishes, receives and unsubscribes.
fn live(broker: &Broker, version: Version) {
    let mut client = Client::connect(broker, version, "c");
    for topic in ["a", "b"] {
        assert_eq!(client.subscribe(topic, QoS::AtLeastOnce), ReasonCode::GrantedQoS1);
        client.send(&Packet::Publish(Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            packet_id: 0,
            topic,
            properties: Properties::EMPTY,
            payload: b"x",
        }));
        client.expect(topic, "x");
        client.unsubscribe(topic);
    }
    client.disconnect();
}

const OF_TOPICS: [&str; 9] = [
    "on_before_subscribe",
    "on_subscribe",
    "on_message",
    "on_before_publish",
    "on_before_deliver",
    "on_publish",
    "on_delivered",
    "on_before_unsubscribe",
    "on_unsubscribe",
];

fn a_plugin_is_called_for_the_topics_that_it_wants(version: Version) {
    let test = &format!("topics{}", version.level());
    let section = json!({ "prefix": test, "interest": [{ "topic": "b/#" }] });
    let mut broker = broker(test, &section);
    live(&broker, version);
    broker.stop();
    for hook in OF_TOPICS {
        let told = told(test, hook);
        assert_eq!(told.len(), 1, "{hook}: {told:?}");
        assert!(told[0].contains("=b"), "{told:?}");
    }
    for hook in ["on_before_connect", "on_connect", "on_disconnect"] {
        assert_eq!(told(test, hook).len(), 1, "{hook}");
    }
}

fn a_plugin_that_decides_lets_go_on_what_it_does_not_want(version: Version) {
    let test = &format!("letgo{}", version.level());
    let deciding = ["on_before_subscribe", "on_before_publish", "on_before_deliver"];
    let section = json!({ "prefix": test, "veto": deciding, "interest": [{ "topic": "z/+" }] });
    let broker = broker(test, &section);
    live(&broker, version);
    for hook in deciding {
        assert!(told(test, hook).is_empty(), "{hook}");
    }
}

fn a_plugin_is_called_for_the_listeners_that_it_wants(version: Version) {
    let test = &format!("listeners{}", version.level());
    let section = json!({ "prefix": test, "interest": [{ "listener": "tcp://192.0.2.1:1883" }] });
    let mut broker = broker(test, &section);
    live(&broker, version);
    broker.stop();
    let names =
        ["on_socket_open", "on_before_connect", "on_connect", "on_session", "on_disconnect"];
    for hook in OF_TOPICS.iter().chain(&names) {
        assert!(told(test, hook).is_empty(), "{hook}");
    }
}

fn a_plugin_is_not_shown_what_it_need_not_see(version: Version) {
    let test = &format!("unseen{}", version.level());
    let without = |hook: &str| json!({ "hook": hook, "without_payload": true });
    let hooks = ["on_publish", "on_before_deliver", "on_delivered"];
    let section = json!({ "prefix": test, "interest": hooks.map(without) });
    let mut broker = broker(test, &section);
    live(&broker, version);
    broker.stop();
    for hook in hooks.iter().chain(&["on_message"]) {
        let payload = if *hook == "on_message" { "payload=x " } else { "payload= " };
        let told = told(test, hook);
        assert_eq!(told.len(), 2, "{hook}");
        assert!(told.iter().all(|line| line.contains(payload)), "{told:?}");
    }
}

fn who_decides_at_one_listener_keeps_nobody_from_another(version: Version) {
    let test = &format!("elsewhere{}", version.level());
    log::take();
    let directory = PluginDir::new();
    directory.put(plugins::rust("hook-log"), test);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let broker = Broker::with(|config| config.listeners = vec![Listener::tcp(address); 2]);
    let [guarded, free] = broker.addresses() else { panic!("two listeners") };
    let interest = json!([{ "listener": format!("tcp://{guarded}") }]);
    let section = json!({ "veto": ["on_before_connect"], "interest": interest });
    broker.plugins().put(directory.path(), &entry(test, section)).unwrap();
    for (address, reason) in [(free, ReasonCode::Success), (guarded, ReasonCode::NotAuthorized)] {
        let mut client = Client::open(*address, version);
        client.send(&Packet::Connect(Connect::new(version, "c")));
        assert_eq!(client.connack().0, reason);
    }
}

/// A plugin's mistake, which it hears while it starts.
#[test]
fn an_interest_that_means_nothing_is_refused() {
    log::take();
    for (test, interest) in [
        ("no-hook", json!({ "hook": "on_nothing", "topic": "a" })),
        ("no-filter", json!({ "topic": "a/#/b" })),
    ] {
        let directory = PluginDir::new();
        directory.put(plugins::rust("hook-log"), test);
        let entries = [entry(test, json!({ "interest": [interest] }))];
        let error = hookmq::plugins::Plugins::load(directory.path(), &entries).unwrap_err();
        assert!(error.to_string().contains("a value cannot stand there"), "{error}");
    }
}
