//! The end of the journal that was being written when the broker was killed: it is cut off, with a warning that says
//! where and how much. What is damaged elsewhere is in the tests of `hookmq store`.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use mqtt::{QoS, Version};

use crate::support::{Login, Process, both_versions};

both_versions!(an_end_that_is_torn_is_cut_off_with_a_warning);

fn start(folder: &Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookmq"));
    command.current_dir(folder).env_remove("RUST_LOG");
    Process::start(&mut command, "it is built with the tests")
}

fn listening(broker: &mut Process) -> SocketAddr {
    let line = broker.line_with("listens on tcp://");
    line.rsplit_once("tcp://").unwrap().1.parse().unwrap()
}

fn an_end_that_is_torn_is_cut_off_with_a_warning(version: Version) {
    const KEPT: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let config = "listeners: [ tcp: 127.0.0.1:0 ]\nplugins: []\n";
    fs::write(folder.path().join("config.yml"), config).unwrap();
    let mut broker = start(folder.path());
    let mut publisher = Login::new(version, "publisher").connect(listening(&mut broker));
    for number in 0..=KEPT {
        publisher.publish_retained(&format!("kept/{number}"), "x", QoS::AtLeastOnce);
    }
    broker.kill();
    let path = folder.path().join("data/store/journal/0.jnl");
    let mut journal = fs::read(&path).unwrap();
    let end = journal.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    journal.truncate(end - 5);
    fs::write(&path, &journal).unwrap();
    let mut broker = start(folder.path());
    let line = broker.line_with("data/store/journal/0.jnl has ");
    assert!(line.contains("WARN"), "{line}");
    let [bytes, position] = [" bytes from byte ", " on that were being written"].map(|end| {
        let before = line.split_once(end).unwrap().0;
        before.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap()
    });
    assert_eq!(bytes + position, journal.len(), "{line}");
    let mut client = Login::new(version, "client").connect(listening(&mut broker));
    client.subscribe("kept/#", QoS::AtMostOnce);
    let mut topics: Vec<String> = (0..KEPT).map(|_| client.receive_publish().topic).collect();
    topics.sort_by_key(String::len);
    topics[10..].sort();
    let (first, last) = (topics[10].as_str(), topics[KEPT - 1].as_str());
    assert_eq!((first, last), ("kept/10", "kept/19"), "all but the last");
    client.ping();
}
