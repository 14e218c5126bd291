//! on_session: each change of a session is told once, in its place among the other hooks.

use mqtt::{Property, QoS, ReasonCode, Version};
use serde_json::json;

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::deliver::told;
use crate::plugins::entry;
use crate::support::{Broker, Client, LastWill, Login, both_versions};

both_versions!(
    a_session_is_created_before_its_client_is_told_and_deleted_last,
    a_session_that_is_left_behind_is_resumed,
    a_clean_start_deletes_what_was_left_behind,
    a_takeover_is_told_after_the_old_connection_has_gone,
    a_takeover_with_a_clean_start_deletes_the_old_session,
    a_session_of_a_client_vetoed_after_connack_is_deleted,
);

fn broker(test: &str, veto: &[&str]) -> Broker {
    log::take();
    let directory = PluginDir::new();
    let name = format!("log-{test}");
    directory.put(plugins::rust("hook-log"), &name);
    let entries = vec![entry(&name, json!({ "prefix": test, "veto": veto }))];
    Broker::with_plugins(&directory, entries)
}

/// What became of sessions: the client id and the change.
fn changes(test: &str) -> Vec<String> {
    let short = |line: &String| {
        let words: Vec<&str> = line.split(' ').collect();
        let [client_id, .., change, origin] = &words[..] else { panic!("{line}") };
        assert_eq!(*origin == "Broker", *change == "Expired", "{line}");
        format!("{client_id} {change}")
    };
    told(test, "on_session").iter().map(short).collect()
}

fn wait_for(test: &str, expected: &[&str]) {
    log::until(|| (changes(test).len() >= expected.len()).then_some(()));
    assert_eq!(changes(test), expected);
}

/// The hooks in their order, from on_session of the first client on.
fn calls(test: &str) -> Vec<String> {
    let text = format!(": {test} ");
    let hook = |line: &String| {
        let (hook, rest) = line.split_once(&text)?.1.split_once(": ")?;
        let is_session = hook == "on_session";
        let change = rest.rsplit(' ').nth(2).filter(|_| is_session);
        Some(change.map_or(hook.to_owned(), str::to_owned))
    };
    log::lines(&text).iter().filter_map(hook).collect()
}

fn a_session_is_created_before_its_client_is_told_and_deleted_last(version: Version) {
    let test = &format!("created{}", version.level());
    let mut broker = broker(test, &[]);
    let login = Login::new(version, "c").will(LastWill::new("a", "x"));
    drop(login.connect(broker.address()));
    wait_for(test, &["c Created", "c Deleted"]);
    broker.stop();
    let expected = [
        "bootstrap",
        "on_socket_open",
        "on_before_connect",
        "Created",
        "on_connect",
        "on_disconnect",
        "on_before_publish",
        "on_publish",
        "Deleted",
        "shutdown",
    ];
    assert_eq!(calls(test), expected);
}

fn a_session_that_is_left_behind_is_resumed(version: Version) {
    let test = &format!("resumed{}", version.level());
    let mut broker = broker(test, &[]);
    let login = || Login::new(version, "c").keeping_session();
    login().connect(broker.address()).disconnect();
    for _ in 0..2 {
        let (client, resumed) = login().resume(broker.address());
        assert!(resumed);
        client.disconnect();
    }
    // What is left when the broker stops is neither expired nor deleted.
    broker.stop();
    wait_for(test, &["c Created", "c Resumed", "c Resumed"]);
}

fn a_clean_start_deletes_what_was_left_behind(version: Version) {
    let test = &format!("clean{}", version.level());
    let broker = broker(test, &[]);
    Login::new(version, "c").keeping_session().connect(broker.address()).disconnect();
    let _client = Client::connect(&broker, version, "c");
    wait_for(test, &["c Created", "c Deleted", "c Created"]);
}

fn a_takeover_is_told_after_the_old_connection_has_gone(version: Version) {
    let test = &format!("over{}", version.level());
    let broker = broker(test, &[]);
    let login = || Login::new(version, "c").keeping_session();
    let mut first = login().connect(broker.address());
    let (mut second, resumed) = login().resume(broker.address());
    assert!(resumed);
    first.expect_disconnect(ReasonCode::SessionTakenOver);
    second.ping();
    wait_for(test, &["c Created", "c TakenOver", "c Resumed"]);
    let calls = calls(test);
    let expected = [
        "on_connect",
        "on_socket_open",
        "on_before_connect",
        "on_disconnect",
        "TakenOver",
        "Resumed",
        "on_connect",
    ];
    assert_eq!(calls[calls.len() - expected.len()..], expected);
}

fn a_takeover_with_a_clean_start_deletes_the_old_session(version: Version) {
    let test = &format!("overclean{}", version.level());
    let broker = broker(test, &[]);
    let mut first = Login::new(version, "c").keeping_session().connect(broker.address());
    let _second = Client::connect(&broker, version, "c");
    first.expect_disconnect(ReasonCode::SessionTakenOver);
    wait_for(test, &["c Created", "c TakenOver", "c Deleted", "c Created"]);
    let mut third = Client::connect(&broker, version, "c");
    third.subscribe("a", QoS::AtMostOnce);
    // That of the second ends with its connection.
    let all = ["c Created", "c TakenOver", "c Deleted", "c Created", "c TakenOver", "c Deleted"];
    wait_for(test, &[&all[..], &["c Created"]].concat());
}

fn a_session_of_a_client_vetoed_after_connack_is_deleted(version: Version) {
    let test = &format!("unwanted{}", version.level());
    let broker = broker(test, &["on_connect"]);
    let mut client = Client::connect(&broker, version, "c");
    client.expect_disconnect(ReasonCode::NotAuthorized);
    wait_for(test, &["c Created", "c Deleted"]);
}

#[test]
fn a_session_whose_client_does_not_come_back_expires() {
    let test = "expired";
    let broker = broker(test, &[]);
    let login =
        Login::new(Version::V5, "c").without_clean_start().with(Property::SessionExpiryInterval(1));
    login.connect(broker.address()).disconnect();
    wait_for(test, &["c Created", "c Expired"]);
}
