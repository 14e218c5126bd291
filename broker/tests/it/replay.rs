//! What the plugin `recorder` writes in a broker, and what `hookmq plugin replay` makes of it.

use std::process::Command;

use mqtt::{QoS, Version};
use recording::{Field, Reader, Record};
use serde_json::json;

use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::{Broker, Client, both_versions};

both_versions!(what_clients_do_is_recorded_and_can_be_replayed);

fn what_clients_do_is_recorded_and_can_be_replayed(version: Version) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.rec");
    let directory = PluginDir::new();
    directory.put(plugins::rust("recorder"), "recorder");
    let doorman = directory.put(plugins::c("broker/tests/plugins/doorman.c"), "doorman");
    let entry = entry("recorder", json!({ "file": file }));
    let mut broker = Broker::with_plugins(&directory, vec![entry]);
    let mut alice = Client::connect(&broker, version, "alice");
    alice.subscribe("no-a", QoS::AtLeastOnce);
    alice.unsubscribe("no-a");
    alice.publish("no-a", "x", QoS::AtLeastOnce);
    alice.publish("a", "x", QoS::AtLeastOnce);
    alice.disconnect();
    broker.stop();

    let records: Vec<Record> =
        Reader::new(std::fs::File::open(&file).unwrap()).unwrap().map(Result::unwrap).collect();
    let of_alice: Vec<&str> = records
        .iter()
        .filter(|record| record.text(Field::ClientId) == "alice" && record.hook() != "on_session")
        .map(Record::hook)
        .collect();
    let publish = ["on_message", "on_before_publish", "on_publish"];
    let subscribe =
        ["on_before_subscribe", "on_subscribe", "on_before_unsubscribe", "on_unsubscribe"];
    let expected = [
        &["on_before_connect", "on_connect"][..],
        &subscribe,
        &publish,
        &publish,
        &["on_disconnect"],
    ];
    assert_eq!(of_alice, expected.concat());
    let connect = records.iter().find(|record| record.hook() == "on_connect").unwrap();
    assert_eq!(connect.number(Field::Protocol), u64::from(version.level()));
    assert!(connect.text(Field::Peer).starts_with("127.0.0.1:"));

    let output = Command::new(env!("CARGO_BIN_EXE_hookmq"))
        .args(["plugin", "replay"])
        .args([&file, &doorman])
        .args(["--plugin-config", "{ prefix: no- }", "--hook", "on_before_subscribe"])
        .args(["--hook", "on_before_publish", "--json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<(String, String)> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter_map(|line| Some((line["what"].as_str()?.into(), line["answer"].as_str()?.into())))
        .collect();
    let answers: Vec<(&str, &str)> =
        answers.iter().map(|(what, answer)| (what.as_str(), answer.as_str())).collect();
    assert_eq!(answers, [("no-a", "veto"), ("no-a", "veto"), ("a", "continue")]);
}
