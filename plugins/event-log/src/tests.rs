//! What is in the file after clients have come and gone.

use std::path::PathBuf;

use plugin_abi::testing::{
    self, Client, Connect, Deliver, Disconnect, Dropped, Host, Instance, Publish, Session,
    SocketOpen, Subscribe, Unsubscribe,
};
use plugin_abi::{Protocol, log::Level};
use serde_json::{Value, json};

use super::*;

struct Started {
    log: Instance<EventLog>,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

/// The plugin with this config and a file of its own.
fn start(mut config: Value) -> Started {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    config["file"] = json!(file);
    Started { log: testing::start(&Host::new(), config).unwrap(), file, _folder: folder }
}

impl Started {
    /// All lines, without their times.
    fn stop(self) -> Vec<Value> {
        self.log.shutdown().unwrap();
        let text = std::fs::read_to_string(self.file).unwrap();
        let line = |line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let time = line.as_object_mut().unwrap().remove("time").unwrap();
            assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
            line
        };
        text.lines().map(line).collect()
    }
}

#[test]
fn each_event_is_a_line() {
    let kinds = ["open", "connect", "disconnect", "subscribe", "unsubscribe", "publish"];
    let started = start(json!({ "events": kinds, "payload": "text" }));
    let client = Client::new("c1").username("alice").peer("192.0.2.7:5");
    let log = &started.log;
    assert_eq!(log.on_socket_open(&SocketOpen::from("192.0.2.7:5")), testing::Answer::Continue);
    assert_eq!(log.on_connect(&Connect::of(&client)), testing::Answer::Continue);
    log.on_subscribe(&Subscribe::to("$share/g/a/#").qos(1).client(&client)).unwrap();
    let message = Publish::to("a/b").qos(2).retain(true).payload("hi \"there\"\n");
    log.on_publish(&message.client(&client)).unwrap();
    log.on_publish(&Publish::will_to("w").client("c2")).unwrap();
    log.on_unsubscribe(&Unsubscribe::from("$share/g/a/#").client(&client)).unwrap();
    log.on_disconnect(&Disconnect::lost(&client).reason_code(0x8E).reason("taken over")).unwrap();
    let listener = "tcp://127.0.0.1:1883";
    let of = |event: &str, more: Value| {
        let mut line = json!({
            "event": event, "client_id": "c1", "username": "alice", "address": "192.0.2.7:5",
        });
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line
    };
    assert_eq!(
        started.stop(),
        [
            json!({ "event": "open", "address": "192.0.2.7:5", "listener": listener }),
            of(
                "connect",
                json!({
                    "listener": listener, "protocol": "5", "clean_start": true, "session_present": false,
                })
            ),
            of("subscribe", json!({ "filter": "$share/g/a/#", "qos": 1 })),
            of(
                "publish",
                json!({
                    "topic": "a/b", "qos": 2, "retain": true, "origin": "client", "bytes": 11,
                    "payload": "hi \"there\"\n",
                })
            ),
            json!({
                "event": "publish", "client_id": "c2", "address": "127.0.0.1:50000", "topic": "w",
                "qos": 0, "retain": false, "origin": "will", "bytes": 0, "payload": "",
            }),
            of("unsubscribe", json!({ "filter": "$share/g/a/#" })),
            of(
                "disconnect",
                json!({
                    "graceful": false, "session_kept": false, "reason_code": 142, "reason": "taken over",
                })
            ),
        ]
    );
}

#[test]
fn what_becomes_of_messages_and_sessions_is_a_line_too() {
    let kinds = ["session", "delivered", "dropped"];
    let started = start(json!({ "events": kinds, "payload": "base64", "max_payload": 2 }));
    let log = &started.log;
    log.on_session(&Session::of("c1", SessionChange::TakenOver)).unwrap();
    let message = Deliver::to("a").publisher("p").qos(1).payload("abc");
    log.on_delivered(&message.client("c1")).unwrap();
    let message = Dropped::to("a", DropReason::QueueFull).retain(true).payload("ab");
    log.on_dropped(&message.client("c1")).unwrap();
    let of = |event: &str, more: Value| {
        let mut line = json!({ "event": event, "client_id": "c1", "address": "127.0.0.1:50000" });
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line
    };
    assert_eq!(
        started.stop(),
        [
            of("session", json!({ "change": "taken_over" })),
            of(
                "delivered",
                json!({
                    "topic": "a", "qos": 1, "retain": false, "publisher": "p", "origin": "client",
                    "bytes": 3, "payload_base64": "YWI=", "payload_cut": true,
                })
            ),
            of(
                "dropped",
                json!({
                    "reason": "queue_full", "topic": "a", "qos": 0, "retain": true, "bytes": 2,
                    "payload_base64": "YWI=",
                })
            ),
        ]
    );
}

#[test]
fn only_what_was_chosen_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let interests = |more: Value| {
        let host = Host::new();
        host.set_folder(folder.path());
        let mut config = json!({ "file": "events.jsonl", "events": "publish" });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        testing::start::<EventLog>(&host, config).unwrap().shutdown().unwrap();
        host.interests()
            .into_iter()
            .filter(|(hook, _)| hook == "on_publish")
            .map(|it| it.1)
            .collect()
    };
    let all: Vec<String> = interests(json!({ "payload": "text" }));
    assert!(all.is_empty(), "{all:?}");
    let some: Vec<String> = interests(json!({ "topics": ["a/#", "b"] }));
    assert_eq!(some.len(), 3, "{some:?}");
    assert!(some[0].contains("a/#") && some[1].contains('b'), "{some:?}");
}

#[test]
fn only_what_was_chosen_is_written() {
    let started = start(json!({
        "events": ["connect", "publish"],
        "topics": ["a/#", "+/x"],
        "only": { "users": "al*" },
    }));
    let alice = || Client::new("c1").username("alice").protocol(Protocol::V3_1_1);
    let log = &started.log;
    assert_eq!(log.on_socket_open(&SocketOpen::from("192.0.2.7:5")), testing::Answer::Continue);
    for client in [alice(), Client::new("c2")] {
        assert_eq!(log.on_connect(&Connect::of(&client)), testing::Answer::Continue);
        for topic in ["a", "a/b", "b/x", "b", "$a/x"] {
            log.on_publish(&Publish::to(topic).payload("x").client(&client)).unwrap();
        }
        log.on_disconnect(&Disconnect::of(&client)).unwrap();
    }
    let lines = started.stop();
    assert_eq!(lines[0]["protocol"], "3.1.1");
    let topics: Vec<_> = lines[1..].iter().map(|line| line["topic"].as_str().unwrap()).collect();
    assert_eq!(topics, ["a", "a/b", "b/x"]);
    assert!(lines.iter().all(|line| line["client_id"] == "c1" && line.get("payload").is_none()));
}

#[test]
fn what_does_not_fit_is_told_of() {
    let started = start(json!({ "events": "publish", "payload": "text", "queue": 1000 }));
    let large = "x".repeat(1000);
    started.log.on_publish(&Publish::to("a").payload(&large)).unwrap();
    let lines = started.stop();
    assert_eq!(lines, [json!({ "event": "lost", "count": 1 })]);
    let warning = testing::wait_for_thread_log(|log| log.level == Level::Warn);
    assert_eq!(warning.text, "1 events did not fit into the queue");
}

#[test]
fn many_threads_write_whole_lines() {
    let started =
        start(json!({ "events": "publish", "rotate": { "size": "1GiB" }, "fsync": "1s" }));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = &started.log;
            scope.spawn(move || {
                for number in 0..500 {
                    let event = Publish::to(format!("{thread}/{number}"));
                    log.on_publish(&event).unwrap();
                }
            });
        }
    });
    let lines = started.stop();
    assert_eq!(lines.len(), 2000);
    for thread in 0..4 {
        let prefix = format!("{thread}/");
        let numbers = lines.iter().filter_map(|it| it["topic"].as_str()?.strip_prefix(&prefix));
        assert!(numbers.eq((0..500).map(|number| number.to_string())), "in order");
    }
}

#[test]
fn mistakes_in_the_config_are_named() {
    let error =
        |config: Value| testing::start::<EventLog>(&Host::new(), config).unwrap_err().to_string();
    for (more, why) in [
        (json!({ "events": "connects" }), "`events`: unknown variant `connects`, expected one of"),
        (json!({ "events": [] }), "`events`: an empty list"),
        (json!({ "topics": "a#" }), "`topics`: \"a#\" is no topic filter"),
        (json!({ "fsync": "soon" }), "a time is written as 500ms, 10s, 2m, 3h or 7d, or never"),
        (json!({ "rotate": { "size": 0 } }), "`rotate`: size and age must be more than 0"),
        (json!({ "rotate": { "keep": 1001 } }), "`rotate.keep`: at most 1000"),
        (json!({ "rotate": { "every": "1d" } }), "unknown field `every`"),
        (json!({ "queue": 0 }), "`queue`: it must be from 1 byte to 1GiB"),
        (json!({ "file": "/nowhere/events.jsonl" }), "/nowhere/events.jsonl: cannot be opened: No"),
    ] {
        let mut config = json!({ "file": "/dev/null", "events": "connect" });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let error = error(config);
        assert!(error.contains(why), "{error}");
    }
    assert!(error(json!({ "events": "connect" })).contains("missing field `file`"));
}
