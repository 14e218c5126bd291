//! Timers and metrics of plugins, and what they are told of their config.

use std::time::{Duration, Instant};

use mqtt::{QoS, Version};
use serde_json::json;

use crate::common::log;
use crate::common::plugins::PluginDir;
use crate::support::caller::{Asker, broker, caller, wait_until_said};
use crate::support::{Broker, Client, both_versions};

both_versions!(
    a_timer_is_due_when_it_is_said,
    a_timer_goes_on_until_it_is_cancelled,
    timers_end_with_their_instance,
    a_timer_set_while_starting_is_due_later,
    metrics_of_plugins_are_in_the_text,
    a_plugin_is_told_its_config,
);

fn a_timer_is_due_when_it_is_said(version: Version) {
    let broker = broker("ticks");
    let mut asker = Asker::connect(&broker, version);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("tick/#", QoS::AtMostOnce);
    let start = Instant::now();
    for (id, milliseconds) in [(1, 300), (2, 10), (3, 100)] {
        let timer = json!({ "do": "timer", "id": id, "milliseconds": milliseconds });
        assert_eq!(asker.ask(&timer), "()");
    }
    client.expect("tick/2", "tick");
    client.expect("tick/3", "tick");
    client.expect("tick/1", "tick");
    assert!(start.elapsed() >= Duration::from_millis(300));
    asker.expect(&json!({ "do": "cancel_timer", "id": 1 }), "NotThere");
}

fn a_timer_goes_on_until_it_is_cancelled(version: Version) {
    let broker = broker("ticks-on");
    let mut asker = Asker::connect(&broker, version);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("tick/#", QoS::AtMostOnce);
    let every =
        |milliseconds: u64| json!({ "do": "timer_every", "id": 7, "milliseconds": milliseconds });
    assert_eq!(asker.ask(&every(5)), "()");
    for _ in 0..5 {
        client.expect("tick/7", "tick");
    }
    assert_eq!(asker.ask(&json!({ "do": "cancel_timer", "id": 7 })), "()");
    // Those that were on their way come before what is published now.
    asker.ask(&json!({ "do": "publish", "topic": "tick/end", "payload": "end" }));
    while client.receive_publish().topic != "tick/end" {}
    asker.expect(&json!({ "do": "cancel_timer", "id": 7 }), "NotThere");
}

fn timers_end_with_their_instance(version: Version) {
    let (directory, name) = (PluginDir::new(), "renewed");
    let entry = caller(&directory, name, json!({}));
    let broker = Broker::with_plugins(&directory, vec![entry.clone()]);
    let mut asker = Asker::connect(&broker, version);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("tick/#", QoS::AtMostOnce);
    assert_eq!(asker.ask(&json!({ "do": "timer_every", "id": 1, "milliseconds": 5 })), "()");
    client.expect("tick/1", "tick");
    broker.plugins().put(directory.path(), &entry).unwrap();
    assert_eq!(asker.ask(&json!({ "do": "cancel_timer", "id": 1 })), "NotThere");
    assert_eq!(asker.ask(&json!({ "do": "timer", "id": 2, "milliseconds": 1 })), "()");
    while client.receive_publish().topic != "tick/2" {}
}

fn a_timer_set_while_starting_is_due_later(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &*format!("ticks-first-{}", version.level()));
    let first = json!({ "first": [{ "do": "timer_every", "id": 1, "milliseconds": 2 }] });
    let broker = Broker::with_plugins(&directory, vec![caller(&directory, name, first)]);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("tick/1", QoS::AtMostOnce);
    client.expect("tick/1", "tick");
    wait_until_said(name, "while starting: ()");
}

fn metrics_of_plugins_are_in_the_text(version: Version) {
    let broker = broker("measures");
    let mut asker = Asker::connect(&broker, version);
    asker.expect(&json!({ "do": "count", "key": "calls_total", "value": "a" }), "()");
    asker.expect(&json!({ "do": "gauge", "key": "level", "id": 5 }), "()");
    asker.expect(&json!({ "do": "observe", "key": "seconds", "id": 2 }), "()");
    asker.expect(&json!({ "do": "gauge", "key": "no-name" }), "Unfit");
    asker.expect(&json!({ "do": "gauge", "key": "seconds" }), "Unfit");
    let text = broker.plugins().metrics_text();
    for line in [
        "# HELP hookmq_plugin_calls Calls.",
        "hookmq_plugin_calls_total{plugin=\"measures\",to=\"a\"} 2.0",
        "# TYPE hookmq_plugin_level gauge",
        "hookmq_plugin_level{plugin=\"measures\"} 5.0",
        "hookmq_plugin_seconds_count{plugin=\"measures\"} 2",
        "hookmq_plugin_seconds_sum{plugin=\"measures\"} 4.0",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\nis not in\n{text}");
    }
}

fn a_plugin_is_told_its_config(version: Version) {
    let (directory, config) = (PluginDir::new(), json!({ "again": "x" }));
    let broker =
        Broker::with_plugins(&directory, vec![caller(&directory, "configured", config.clone())]);
    let mut asker = Asker::connect(&broker, version);
    asker.expect(&json!({ "do": "config" }), &format!("{:?}", config.to_string()));
}
