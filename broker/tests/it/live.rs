//! Plugins that come and go while clients are connected.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use hookmq::config::Listener;
use mqtt::{QoS, ReasonCode, Version};
use serde_json::{Value, json};

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::support::auth::{challenge, entry, login};
use crate::support::{Broker, Client, Done, both_versions};

both_versions!(
    a_new_instance_has_the_next_packet_of_a_connected_client,
    a_plugin_is_taken_out_and_put_back,
    a_plugin_that_does_not_start_leaves_the_old_one,
    plugins_are_exchanged_in_full_traffic,
);

/// A plugin that logs each hook under a prefix.
fn logging(directory: &PluginDir, name: &str) {
    directory.put(plugins::rust("hook-log"), name);
}

fn section(prefix: &str, veto: &[&str]) -> Value {
    json!({ "prefix": prefix, "veto": veto })
}

/// Waits until the plugin has said this so many times; returns all that it has said.
fn wait_for(plugin: &str, text: &str, times: usize) -> Vec<String> {
    log::until(|| {
        let said = log::messages(&format!("plugin::{plugin}"));
        let count = said.iter().filter(|line| line.starts_with(text)).count();
        (count >= times).then_some(said)
    })
}

fn a_new_instance_has_the_next_packet_of_a_connected_client(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &*format!("renewed-{}", version.level()));
    logging(&directory, name);
    let broker = Broker::with_plugins(&directory, vec![entry(name, section("old", &[]))]);
    let mut client = Client::connect(&broker, version, "c");
    let mut other = Client::connect(&broker, version, "other");
    client.subscribe("a", QoS::AtMostOnce);
    other.publish("a", "1", QoS::AtLeastOnce);
    client.expect("a", "1");
    let renewed = entry(name, section("new", &["on_before_publish"]));
    broker.plugins().put(directory.path(), &renewed).unwrap();
    other.publish("a", "2", QoS::AtLeastOnce);
    client.ping();
    let said = wait_for(name, "old shutdown", 1);
    let new = said.iter().position(|line| line.starts_with("new bootstrap")).unwrap();
    assert!(said[..new].iter().all(|line| line.starts_with("old")), "{said:?}");
    let (old, new): (Vec<_>, Vec<_>) = said[new..].iter().partition(|line| line.starts_with("old"));
    assert_eq!(old, ["old shutdown: "]);
    assert!(new.iter().any(|line| line.starts_with("new on_before_publish")), "{new:?}");
    assert_eq!(broker.plugins().names().collect::<Vec<_>>(), [name]);
}

fn a_plugin_is_taken_out_and_put_back(version: Version) {
    log::take();
    let directory = PluginDir::new();
    let names = ["first", "second"].map(|name| format!("out-{name}-{}", version.level()));
    names.iter().for_each(|name| logging(&directory, name));
    let entries = names.each_ref().map(|name| entry(name, section("", &["on_before_publish"])));
    let broker = Broker::with_plugins(&directory, entries.to_vec());
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("a", QoS::AtMostOnce);
    let mut other = Client::connect(&broker, version, "other");
    for name in &names {
        other.publish("a", "vetoed", QoS::AtLeastOnce);
        client.ping();
        broker.plugins().remove(name).unwrap();
        wait_for(name, " shutdown", 1);
    }
    assert!(broker.plugins().remove(&names[0]).is_err());
    other.publish("a", "passes", QoS::AtLeastOnce);
    client.expect("a", "passes");
    broker.plugins().put(directory.path(), &entries[1]).unwrap();
    other.publish("a", "vetoed", QoS::AtLeastOnce);
    client.ping();
    wait_for(&names[1], " on_before_publish", 2);
}

fn a_plugin_that_does_not_start_leaves_the_old_one(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &*format!("stays-{}", version.level()));
    logging(&directory, name);
    let broker = Broker::with_plugins(&directory, vec![entry(name, section("old", &[]))]);
    let mut client = Client::connect(&broker, version, "c");
    let bad = entry(name, json!({ "unknown": true }));
    let error = broker.plugins().put(directory.path(), &bad).unwrap_err().to_string();
    assert!(error.contains("unknown field `unknown`"), "{error}");
    directory.write(&format!("{name}.so"), b"text");
    let again = entry(name, section("old", &[]));
    broker.plugins().put(directory.path(), &again).unwrap_err();
    client.publish("a", "", QoS::AtLeastOnce);
    client.ping();
    assert_eq!(wait_for(name, "old on_publish", 1).len(), 8);
}

/// Each message is asked about by one instance, each instance is ended once, and after that it is not
/// called.
fn plugins_are_exchanged_in_full_traffic(version: Version) {
    const EXCHANGES: usize = 20;
    log::take();
    let (directory, name) = (PluginDir::new(), &*format!("traffic-{}", version.level()));
    logging(&directory, name);
    let instance = |number: usize| entry(name, section(&format!("i{number};"), &[]));
    let mut broker = Broker::with_plugins(&directory, vec![instance(0)]);
    let mut receiver = Client::connect(&broker, version, "receiver");
    receiver.subscribe("a", QoS::AtMostOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    let done = AtomicBool::new(false);
    let published = std::thread::scope(|scope| {
        let until_here = Done(&done);
        let publishing = scope.spawn(|| {
            let mut published = 0;
            while !done.load(Ordering::Relaxed) {
                publisher.publish("a", &published.to_string(), QoS::AtLeastOnce);
                published += 1;
                receiver.expect("a", &(published - 1).to_string());
            }
            published
        });
        for number in 1..=EXCHANGES {
            broker.plugins().put(directory.path(), &instance(number)).unwrap();
            wait_for(name, &format!("i{number}; on_publish"), 1);
        }
        drop(until_here);
        publishing.join().unwrap()
    });
    drop((publisher, receiver));
    broker.stop();
    let said = log::messages(&format!("plugin::{name}"));
    for hook in ["on_before_publish", "on_publish"] {
        let called = said.iter().filter(|line| line.contains(&format!("; {hook}: "))).count();
        assert_eq!(called, published, "{hook}");
    }
    for number in 0..=EXCHANGES {
        let prefix = format!("i{number}; ");
        let own: Vec<_> = said.iter().filter(|line| line.starts_with(&prefix)).collect();
        assert!(own[0].contains("bootstrap"), "{own:?}");
        let ends = own.iter().position(|line| line.contains("shutdown"));
        assert_eq!(ends, Some(own.len() - 1), "{own:?}");
    }
}

/// The instance that has asked a client for more has its answer; the next exchange is the new one's.
#[test]
fn an_exchange_ends_with_the_plugin_that_has_begun_it() {
    log::take();
    let directory = PluginDir::new();
    let entry = challenge(&directory, "exchanged");
    let broker = Broker::with_plugins(&directory, vec![entry.clone()]);
    let mut client = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
    let nonce = client.asked().data.unwrap();
    let other = crate::support::auth::entry("exchanged", json!({ "secrets": { "alice": "new" } }));
    broker.plugins().put(directory.path(), &other).unwrap();
    client.send_auth(ReasonCode::ContinueAuthentication, "CHALLENGE", &format!("{nonce}:a"));
    assert_eq!(client.connack().0, ReasonCode::Success);
    client.send_auth(ReasonCode::ReAuthenticate, "CHALLENGE", "alice");
    client.answer_challenge("new");
    assert_eq!(client.asked().reason, ReasonCode::Success);
    // Nobody else may go on for the one who is gone.
    broker.plugins().remove("exchanged").unwrap();
    let mut late = Client::start(&broker, &login("late", "CHALLENGE", "alice"));
    late.expect_refused(ReasonCode::BadAuthenticationMethod);
}

/// A listener that other machines reach is not opened to all of them by a change of the plugins.
#[test]
fn the_last_plugin_that_decides_who_connects_stays() {
    log::take();
    let directory = PluginDir::new();
    for name in ["gate-1", "gate-2"] {
        logging(&directory, name);
    }
    let entries = ["gate-1", "gate-2"].map(|name| entry(name, Value::Null));
    let broker = Broker::with_plugins_and(&directory, entries.to_vec(), |config| {
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        config.listeners = vec![Listener::tcp(address)];
    });
    broker.plugins().remove("gate-1").unwrap();
    let error = broker.plugins().remove("gate-2").unwrap_err().to_string();
    assert!(error.contains("0.0.0.0:0 is open to other machines"), "{error}");
    directory.put(plugins::rust("challenge"), "gate-2");
    let undecided = entry("gate-2", json!({ "secrets": {} }));
    broker.plugins().put(directory.path(), &undecided).unwrap_err();
    assert_eq!(broker.plugins().names().collect::<Vec<_>>(), ["gate-2"]);
    Client::connect(&broker, Version::V5, "c").ping();
    assert!(!wait_for("gate-2", " on_connect", 1).contains(&" shutdown: ".to_owned()));
}
