//! The command line clients of Mosquitto, as programs, in every version.

use std::process::Command;

use mqtt::Version;

use crate::support::mosquitto::{HELP, Tool};
use crate::support::{Broker, Process, both_versions};

both_versions!(
    every_qos_reaches_every_qos,
    many_lines_come_in_order,
    a_retained_message_waits_for_its_subscriber,
    a_retained_message_can_be_cleared,
    a_client_that_is_killed_leaves_its_will,
    a_kept_session_brings_what_came_while_away,
    a_large_message_arrives_whole,
);

/// [MQTT3-7.0.0-2]
fn every_qos_reaches_every_qos(version: Version) {
    let broker = Broker::start();
    let tool = Tool::new(&broker, version);
    for granted in 0..=2 {
        let mut subscriber = tool.subscribed(&["-q", &granted.to_string(), "-t", "a/+"]);
        for qos in 0..=2 {
            let payload = format!("published at {qos}");
            tool.publish(&["-q", &qos.to_string(), "-t", "a/b", "-m", &payload]);
            let expected = format!("{} 0 a/b {payload}", qos.min(granted));
            assert_eq!(subscriber.line(), Some(expected));
        }
    }
}

fn many_lines_come_in_order(version: Version) {
    let broker = Broker::start();
    let tool = Tool::new(&broker, version);
    for qos in ["0", "1", "2"] {
        let mut subscriber = tool.subscribed(&["-q", "2", "-t", "a"]);
        let lines = "seq 1000 | mosquitto_pub \"$@\" -l";
        let mut publisher = Command::new("sh");
        publisher.args(["-c", lines, "sh"]).args(tool.connection()).args(["-q", qos, "-t", "a"]);
        Process::start(&mut publisher, HELP).succeed();
        for number in 1..=1000 {
            assert_eq!(subscriber.line(), Some(format!("{qos} 0 a {number}")));
        }
    }
}

fn a_retained_message_waits_for_its_subscriber(version: Version) {
    let broker = Broker::start();
    let tool = Tool::new(&broker, version);
    tool.publish(&["-q", "1", "-t", "a/b", "-m", "kept", "-r"]);
    let mut subscriber = tool.subscribe(&["-q", "2", "-t", "a/#"]);
    assert_eq!(subscriber.line().unwrap(), "1 1 a/b kept");
}

fn a_retained_message_can_be_cleared(version: Version) {
    let broker = Broker::start();
    let tool = Tool::new(&broker, version);
    tool.publish(&["-t", "a", "-m", "kept", "-r", "-q", "1"]);
    tool.publish(&["-t", "a", "-n", "-r", "-q", "1"]);
    let mut subscriber = tool.subscribed(&["-t", "a"]);
    tool.publish(&["-t", "a", "-m", "passing", "-q", "1"]);
    assert_eq!(subscriber.line().unwrap(), "0 0 a passing");
}

fn a_client_that_is_killed_leaves_its_will(version: Version) {
    let broker = Broker::start();
    let tool = Tool::new(&broker, version);
    let mut watcher = tool.subscribed(&["-q", "2", "-t", "will"]);
    let will = ["--will-topic", "will", "--will-payload", "gone", "--will-qos", "1"];
    let client = tool.subscribed(&[&["-t", "a"], &will[..]].concat());
    client.kill();
    assert_eq!(watcher.line().unwrap(), "1 0 will gone");
}

fn a_kept_session_brings_what_came_while_away(version: Version) {
    let broker = Broker::start();
    let tool = Tool::new(&broker, version);
    let keep = ["-c", "-i", "client", "-q", "2", "-t", "a"];
    let expiry = ["-x", "3600"];
    let expiry: &[&str] = if version.has_properties() { &expiry } else { &[] };
    // Ends when its subscriptions stand.
    tool.subscribe(&[&keep, expiry, &["-E"]].concat()).succeed();
    // The client prints a message at QoS 2 when it is released.
    for qos in ["1", "0", "1", "2"] {
        tool.publish(&["-t", "a", "-q", qos, "-m", &format!("at {qos}")]);
    }
    let client = tool.subscribe(&[&keep, expiry, &["-C", "3"]].concat());
    let (status, said) = client.wait();
    assert!(status.success());
    assert_eq!(said, ["1 0 a at 1", "1 0 a at 1", "2 0 a at 2"]);
}

fn a_large_message_arrives_whole(version: Version) {
    let broker = Broker::start();
    let tool = Tool::new(&broker, version);
    let payload = "0123456789".repeat(80_000);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("payload");
    std::fs::write(&file, &payload).unwrap();
    let mut subscriber = tool.subscribed(&["-q", "1", "-t", "a"]);
    tool.publish(&["-q", "1", "-t", "a", "-f", file.to_str().unwrap()]);
    assert!(subscriber.line().unwrap() == format!("1 0 a {payload}"));
}

#[test]
fn a_client_of_3_1_publishes_and_is_delivered_to() {
    every_qos_reaches_every_qos(Version::V3_1);
}

#[test]
fn a_client_of_3_1_leaves_its_will() {
    a_client_that_is_killed_leaves_its_will(Version::V3_1);
}

#[test]
fn a_client_of_3_1_finds_its_session_again() {
    a_kept_session_brings_what_came_while_away(Version::V3_1);
}
