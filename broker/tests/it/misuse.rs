//! A plugin in C that calls the broker as nobody should: each call is answered, and the broker serves on.

use mqtt::{QoS, ReasonCode, Version};
use serde_json::json;

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::caller::tell;
use crate::support::{Broker, Client, both_versions};

both_versions!(
    what_is_no_text_is_unfit,
    what_is_no_value_is_unfit,
    parts_are_looked_at_as_they_come,
    a_ticket_is_good_for_one_answer,
    an_answer_for_a_client_that_is_gone_is_too_late,
    a_plugin_may_call_while_it_is_shown_something,
    a_plugin_may_send_away_the_client_at_hand,
);

struct Misuse {
    broker: Broker,
    name: String,
    client: Client,
    version: Version,
}

impl Misuse {
    fn start(test: &str, version: Version) -> Misuse {
        log::take();
        let (directory, name) = (PluginDir::new(), format!("{test}-{}", version.level()));
        directory.put(plugins::c("broker/tests/plugins/misuse.c"), &name);
        let broker = Broker::with_plugins(&directory, vec![entry(&name, json!(null))]);
        let client = Client::connect(&broker, version, "c");
        Misuse { broker, name, client, version }
    }

    /// What it was answered. The client, and another one, are served as before.
    fn answers(&mut self, to: &str) -> String {
        self.client.publish(to, "x", QoS::AtLeastOnce);
        let mut other = Client::connect(&self.broker, self.version, "other");
        other.subscribe("b", QoS::AtMostOnce);
        self.client.publish("b", "x", QoS::AtLeastOnce);
        other.expect("b", "x");
        self.said(to)
    }

    fn said(&self, to: &str) -> String {
        let prefix = format!("{to}:");
        log::until(|| {
            let said = log::messages(&format!("plugin::{}", self.name));
            said.iter().find_map(|line| Some(line.strip_prefix(&prefix)?.trim().to_owned()))
        })
    }

    fn failures(&self) -> u64 {
        self.broker.plugins().stats().iter().map(|stats| stats.counts.failed).sum()
    }
}

/// Nothing, and what is not UTF-8: -2 is that it is unfit, -8 that nobody has the client id.
fn what_is_no_text_is_unfit(version: Version) {
    let mut misuse = Misuse::start("texts", version);
    assert_eq!(misuse.answers("null"), "-2 -2 -2 -2 -8 -2 -2 -2 -8 -8 -2 -2 -2");
    assert_eq!(misuse.answers("bytes"), "-2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2 -2");
    assert_eq!(misuse.failures(), 0);
}

/// -8: no such metric, and no such timer.
fn what_is_no_value_is_unfit(version: Version) {
    let mut misuse = Misuse::start("numbers", version);
    let expected = "-2 -2 -2 -2 -2 -2 -2 -2 -8 -8 -8 -2 -2 -2";
    assert_eq!(misuse.answers("numbers"), expected);
    assert_eq!(misuse.failures(), 0);
}

fn parts_are_looked_at_as_they_come(version: Version) {
    let mut misuse = Misuse::start("parts", version);
    assert_eq!(misuse.answers("parts"), "0 -1 -1 -2 -2 -2 -2 -2 -2 -1");
    assert_eq!(misuse.failures(), 0);
}

fn a_ticket_is_good_for_one_answer(version: Version) {
    let mut misuse = Misuse::start("tickets", version);
    assert_eq!(misuse.answers("tickets"), "-8 -8 -2 -2 1 0 0 -8");
    assert_eq!(misuse.failures(), 0);
}

fn an_answer_for_a_client_that_is_gone_is_too_late(version: Version) {
    let mut misuse = Misuse::start("gone", version);
    tell(&mut misuse.client, "gone", "x");
    misuse.said("gone");
    // Who takes over is connected when nobody waits for the old connection any more.
    misuse.client = Client::connect(&misuse.broker, version, "c");
    assert_eq!(misuse.answers("late"), "-8");
}

fn a_plugin_may_call_while_it_is_shown_something(version: Version) {
    let mut misuse = Misuse::start("nested", version);
    misuse.client.subscribe("nested", QoS::AtMostOnce);
    tell(&mut misuse.client, "nested", "first");
    let mut came: Vec<_> = (0..3).map(|_| misuse.client.receive_publish().payload).collect();
    came.sort();
    // It was published, to all and to this one alone.
    assert_eq!(came, [&b""[..], b"", b"first"]);
    assert_eq!(misuse.said("nested"), "0 0 1 1 0 1 0 1");
}

fn a_plugin_may_send_away_the_client_at_hand(version: Version) {
    let mut misuse = Misuse::start("self", version);
    tell(&mut misuse.client, "self", "x");
    misuse.client.expect_disconnect(ReasonCode::AdministrativeAction);
    assert_eq!(misuse.said("self"), "0");
    Client::connect(&misuse.broker, version, "c").ping();
}
