//! Plugins that are started anew while messages go through them: none is lost, doubled or passes
//! unasked, and nobody is disconnected.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use mqtt::{QoS, Version};
use serde_json::Value;

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::{Broker, Client, Done, both_versions};

both_versions!(
    plugins_are_started_anew_under_load,
    an_order_is_in_force_for_the_next_packet,
    the_plugins_of_a_config_are_taken_up_together,
    an_optional_plugin_that_has_failed_is_tried_again,
);

/// Says at its end how many messages it was asked about.
const COUNTS: &str = "
#include <stdatomic.h>
#include <stdio.h>
#include \"plugin.h\"

MQ_PLUGIN(\"counts\", \"1.0.0\", \"MIT\", \"Counts messages\");

static const mq_host *host;
static atomic_long asked;

int32_t Bootstrap(const mq_host *given, mq_view json, void **instance)
{
    (void)json; (void)instance;
    host = given;
    return 0;
}

int32_t OnBeforePublish(void *instance, const mq_publish *event)
{
    (void)instance; (void)event;
    atomic_fetch_add(&asked, 1);
    return MQ_CONTINUE;
}

void Shutdown(void *instance)
{
    char text[32];
    (void)instance;
    mq_view message = {(const uint8_t *)text,
                       (size_t)snprintf(text, sizeof text, \"%ld\", atomic_load(&asked))};
    host->log(host->ctx, 3, MQ_TEXT(\"\"), message, MQ_TEXT(\"\"), 0);
}
";

/// Each takes a descriptor and the memory of its library, for good.
fn reloads() -> usize {
    std::env::var("HOOKMQ_RELOADS").ok().and_then(|text| text.parse().ok()).unwrap_or(100)
}

/// Publishes at QoS 1 until `done`. Returns how many.
fn publish_until(mut client: Client, done: &AtomicBool) -> u32 {
    let mut count = 0_u32;
    while !done.load(Ordering::Relaxed) {
        client.publish("numbers", &count.to_string(), QoS::AtLeastOnce);
        count += 1;
    }
    client.publish("numbers", "last", QoS::AtLeastOnce);
    assert!(client.is_connected());
    count + 1
}

/// Receives all messages up to the last. Returns how many.
fn receive_all(mut client: Client, received: &AtomicU32) -> u32 {
    loop {
        let message = client.receive_publish();
        client.acknowledge(&message);
        let count = received.fetch_add(1, Ordering::Relaxed);
        if message.payload == b"last" {
            assert!(client.is_connected());
            return count + 1;
        }
        assert_eq!(message.payload, count.to_string().as_bytes());
    }
}

fn plugins_are_started_anew_under_load(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &*format!("anew-{}", version.level()));
    directory.put(plugins::c_text(COUNTS), name);
    let mut broker = Broker::with_plugins(&directory, vec![entry(name, Value::Null)]);
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("numbers", QoS::AtLeastOnce);
    let publisher = Client::connect(&broker, version, "publisher");
    let (done, received) = (AtomicBool::new(false), AtomicU32::new(0));
    let (published, received) = thread::scope(|scope| {
        let until_here = Done(&done);
        let publishing = scope.spawn(|| publish_until(publisher, &done));
        let receiving = scope.spawn(|| receive_all(subscriber, &received));
        for _ in 0..reloads() {
            let before = received.load(Ordering::Relaxed);
            broker.roster().reload(Some(name)).unwrap();
            // Each instance sees some.
            while received.load(Ordering::Relaxed) == before {
                assert!(!receiving.is_finished() && !publishing.is_finished());
                thread::yield_now();
            }
        }
        drop(until_here);
        (publishing.join().unwrap(), receiving.join().unwrap())
    });
    assert_eq!(received, published);
    broker.stop();
    let counted = log::messages(&format!("plugin::{name}"));
    assert_eq!(counted.len(), reloads() + 1);
    let asked: u32 = counted.iter().map(|count| count.parse::<u32>().unwrap()).sum();
    assert_eq!(asked, published);
}

/// Plugins that log each hook, and veto `on_before_publish`.
fn vetoing(directory: &PluginDir, version: Version, test: &str) -> [String; 2] {
    let names = ["a", "b"].map(|name| format!("{test}-{name}-{}", version.level()));
    names.iter().for_each(|name| _ = directory.put(plugins::rust("hook-log"), name));
    names
}

fn vetoes(name: &str) -> usize {
    let said = log::messages(&format!("plugin::{name}"));
    said.iter().filter(|line| line.contains(" on_before_publish")).count()
}

fn an_order_is_in_force_for_the_next_packet(version: Version) {
    log::take();
    let directory = PluginDir::new();
    let names = vetoing(&directory, version, "order");
    let section = serde_json::json!({ "prefix": "", "veto": ["on_before_publish"] });
    let entries = names.iter().map(|name| entry(name, section.clone())).collect();
    let broker = Broker::with_plugins(&directory, entries);
    let mut client = Client::connect(&broker, version, "c");
    client.publish("a", "", QoS::AtLeastOnce);
    assert_eq!((vetoes(&names[0]), vetoes(&names[1])), (1, 0));
    broker.roster().reorder(&[names[1].clone(), names[0].clone()]).unwrap();
    client.publish("a", "", QoS::AtLeastOnce);
    assert_eq!((vetoes(&names[0]), vetoes(&names[1])), (1, 1));
    assert!(broker.plugins().names().eq([names[1].clone(), names[0].clone()]));
}

fn the_plugins_of_a_config_are_taken_up_together(version: Version) {
    log::take();
    let directory = PluginDir::new();
    let names = vetoing(&directory, version, "config");
    let section = |prefix: &str| serde_json::json!({ "prefix": prefix, "veto": [] });
    let broker = Broker::with_plugins(&directory, vec![entry(&names[0], section("old"))]);
    let mut client = Client::connect(&broker, version, "c");
    let bad = entry("absent", Value::Null);
    let good = entry(&names[1], section("new"));
    // The second cannot be had, so the first is not either.
    let error = broker.roster().apply(&[good.clone(), bad.clone()]).unwrap_err().to_string();
    assert!(error.contains("plugin absent cannot be loaded: there is no such file"), "{error}");
    assert!(broker.plugins().names().eq([names[0].clone()]));
    // One that is optional is left out.
    let optional = hookmq::plugins::PluginEntry { optional: true, ..bad };
    broker.roster().apply(&[optional, good]).unwrap();
    assert!(broker.plugins().names().eq([names[1].clone()]));
    client.publish("a", "", QoS::AtLeastOnce);
    assert_eq!((vetoes(&names[0]), vetoes(&names[1])), (0, 1));
    let list = broker.roster().list();
    let loaded = list.iter().map(|it| (it.name.as_str(), it.enabled, it.detail.is_some()));
    assert!(loaded.eq([("absent", true, false), (names[1].as_str(), true, true)]));
}

fn an_optional_plugin_that_has_failed_is_tried_again(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), format!("tried-{}", version.level()));
    directory.put(plugins::rust("hook-log"), &name);
    let section = |prefix: &str| serde_json::json!({ "prefix": prefix, "veto": [] });
    let optional = |prefix: &str| hookmq::plugins::PluginEntry {
        optional: true,
        ..entry(&name, section(prefix))
    };
    let broker = Broker::with_plugins(&directory, vec![optional("old")]);
    directory.write(&format!("{name}.so"), b"text");
    broker.roster().apply(&[optional("new")]).unwrap();
    assert_eq!(broker.roster().list()[0].entry.config, section("old"), "it is in force still");
    directory.put(plugins::rust("hook-log"), &name);
    broker.roster().apply(&[optional("new")]).unwrap();
    assert_eq!(broker.roster().list()[0].entry.config, section("new"));
    let mut client = Client::connect(&broker, version, "c");
    client.publish("a", "", QoS::AtLeastOnce);
    let said = log::messages(&format!("plugin::{name}"));
    assert!(said.iter().any(|line| line.starts_with("new on_before_publish")), "{said:?}");
}
