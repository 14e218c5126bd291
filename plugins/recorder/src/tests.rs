//! What is in the file, read back.

use std::path::Path;

use plugin_abi::testing::{self, Answer, Instance, json};
use recording::{Field, Reader, Record};

use super::Recorder;

fn start(config: serde_json::Value) -> Result<Instance<Recorder>, String> {
    testing::start(&testing::Host::new(), config).map_err(|error| error.to_string())
}

fn records(file: &Path) -> Vec<Record> {
    let file = std::fs::File::open(file).unwrap();
    Reader::new(file).unwrap().map(Result::unwrap).collect()
}

#[test]
fn what_hooks_are_told_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.rec");
    let recorder = start(json!({ "file": file })).unwrap();
    let client = testing::Client::new("alice").username("");
    let connect = testing::BeforeConnect::of(client).password("secret");
    assert_eq!(recorder.on_before_connect(&connect), Answer::Continue);
    let publish = testing::Publish::to("a/b").payload([0, 255]).qos(2).client("alice");
    assert_eq!(recorder.on_before_publish(&publish), Answer::Continue);
    recorder.on_publish(&publish).unwrap();
    recorder.shutdown().unwrap();

    let records = records(&file);
    let hooks: Vec<&str> = records.iter().map(Record::hook).collect();
    assert_eq!(hooks, ["on_before_connect", "on_before_publish", "on_publish"]);
    let [connect, publish, _] = &records[..] else { panic!() };
    assert_eq!(connect.text(Field::ClientId), "alice");
    assert!(connect.has(Field::Username) && connect.text(Field::Username).is_empty());
    assert_eq!((connect.number(Field::HasPassword), connect.has(Field::Password)), (1, false));
    assert_eq!(connect.text(Field::Peer).split(':').next(), Some("127.0.0.1"));
    assert_eq!((publish.text(Field::Topic), publish.number(Field::QoS)), ("a/b", 2));
    assert_eq!(publish.bytes(Field::Payload), [0, 255]);
    assert!(records.is_sorted_by_key(Record::at));
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(6).any(|bytes| bytes == b"secret"));
}

#[test]
fn only_what_is_wanted_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("few.rec");
    let config = json!({
        "file": file, "hooks": ["on_before_connect", "on_publish"], "clients": ["alice", "sensor-*"],
        "with_passwords": true,
    });
    let recorder = start(config).unwrap();
    for client in ["alice", "bob", "sensor-7", "alice2"] {
        let connect = testing::BeforeConnect::of(testing::Client::new(client)).password("secret");
        assert_eq!(recorder.on_before_connect(&connect), Answer::Continue);
        recorder.on_message(&testing::Publish::to("a").client(client)).unwrap();
    }
    recorder.shutdown().unwrap();
    let records = records(&file);
    let clients: Vec<&str> = records.iter().map(|record| record.text(Field::ClientId)).collect();
    assert_eq!(clients, ["alice", "sensor-7"]);
    assert!(records.iter().all(|record| record.bytes(Field::Password) == b"secret"));
}

#[test]
fn the_file_has_a_bound_and_replaces_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("small.rec");
    let host = testing::Host::new();
    let config = json!({ "file": file, "max_bytes": 300 });
    let recorder = testing::start::<Recorder>(&host, config.clone()).unwrap();
    for _ in 0..10 {
        recorder.on_message(&testing::Publish::to("a")).unwrap();
    }
    recorder.shutdown().unwrap();
    let left_out = 10 - records(&file).len();
    assert!((5..10).contains(&left_out), "{left_out}");
    let told = format!("{left_out} events were left out");
    assert!(host.logs().iter().any(|log| log.text == told), "{:?}", host.logs());
    let error = start(config).unwrap_err();
    assert!(error.contains("small.rec cannot be written: "), "{error}");
}

#[test]
fn a_hook_that_is_none_is_refused() {
    let error = start(json!({ "file": "x", "hooks": ["on_pubish"] })).unwrap_err();
    assert!(error.contains("`hooks`: \"on_pubish\" is none of on_socket_open, "), "{error}");
}
