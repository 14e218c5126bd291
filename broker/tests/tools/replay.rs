//! `hookmq plugin replay`: what is told of answers, and of plugins that differ or break off.

use std::time::Duration;

use recording::{Field, MAGIC, Record};
use serde_json::Value;

use crate::common::plugins;
use crate::folder::{Folder, Said};

/// A folder with the plugin `played` and a recording of messages to these topics.
fn folder(topics: &[&str]) -> Folder {
    let folder = Folder::new("");
    let library = plugins::c("broker/tests/plugins/played.c");
    folder.write("played.so", std::fs::read(library).unwrap());
    let mut bytes = MAGIC.to_vec();
    for (number, topic) in (0..).zip(topics) {
        let mut record = Record::new("on_before_publish", Duration::from_millis(number));
        record.set(Field::ClientId, "alice");
        record.set(Field::Topic, topic);
        record.set(Field::Payload, "on");
        record.set_number(Field::PayloadLen, 2_u8);
        bytes.extend(record.as_bytes());
    }
    // One for a hook that the plugin has not got.
    bytes.extend(Record::new("on_connect", Duration::from_secs(1)).as_bytes());
    folder.write("events.rec", bytes);
    folder
}

fn replay(folder: &Folder, arguments: &[&str]) -> Said {
    folder.run(&[&["plugin", "replay", "events.rec", "played.so"], arguments].concat())
}

/// The lines about events, each with single blanks.
fn events(said: &Said) -> Vec<String> {
    let lines = said.out.iter().take_while(|line| !line.is_empty());
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn answers_are_told_in_words() {
    let folder = folder(&["a", "veto", "edit", "publish", "later", "never", "count", "count"]);
    let said = replay(&folder, &[]);
    said.check(0, &[]);
    let expected = [
        "1 on_before_publish alice a continue",
        "2 on_before_publish alice veto veto",
        "3 on_before_publish alice edit continue; topic: other; QoS: 0",
        "4 on_before_publish alice publish continue; publishes from/plugin at 1: on",
        "5 on_before_publish alice later refuse 0x87; reason: thought about it",
        "6 on_before_publish alice never failed: no answer in time",
        "7 on_before_publish alice count refuse 0x97; reason: asked 0 times before",
        "8 on_before_publish alice count refuse 0x97; reason: asked 1 times before",
    ];
    assert_eq!(events(&said), expected);
    let [.., head, row] = &said.out[..] else { panic!("no table: {:#?}", said.out) };
    assert!(head.contains("p50") && head.contains("p99"), "{head}");
    let row: Vec<&str> = row.split_whitespace().collect();
    assert_eq!((row[0], row[1], row.len()), ("on_before_publish", "8", 5));
}

#[test]
fn programs_get_json() {
    let said = replay(&folder(&["a", "edit"]), &["--json"]);
    said.check(0, &[]);
    let lines: Vec<Value> =
        said.out.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["event"], &lines[0]["answer"]), (&1.into(), &"continue".into()));
    assert_eq!(lines[1]["parts"], serde_json::json!(["topic: other", "QoS: 0"]));
    assert!(lines[1]["ns"].as_u64().unwrap() > 0);
    assert_eq!(lines[2]["times"]["on_before_publish"]["events"], 2);
}

#[test]
fn only_the_hooks_that_are_named_are_played() {
    let folder = folder(&["a"]);
    let said = replay(&folder, &["--hook", "on_connect"]);
    said.check(0, &[]);
    assert_eq!(said.out, [""; 0]);
    assert_eq!(replay(&folder, &["--hook", "on_before_publish"]).out.len(), 4);
}

/// The other one is the same, with another code for a refusal.
#[test]
fn two_builds_are_compared() {
    let folder = folder(&["a", "count", "veto"]);
    let source = plugins::workspace().join("broker/tests/plugins/played.c");
    let source = std::fs::read_to_string(source).unwrap().replace("return 0x97", "return 0x87");
    folder.write("old.so", std::fs::read(plugins::c_text(&source)).unwrap());
    let said = replay(&folder, &["--compare", "old.so"]);
    said.check(1, &[]);
    let expected = [
        "2 on_before_publish alice count",
        "old refuse 0x87; reason: asked 0 times before",
        "new refuse 0x97; reason: asked 0 times before",
    ];
    assert_eq!(events(&said), expected);
    assert_eq!(said.out.last().unwrap(), "1 difference");
    let said = replay(&folder, &["--compare", "old.so", "--json"]);
    let line: Value = serde_json::from_str(&said.out[0]).unwrap();
    assert_eq!((&line["event"], &line["old"]["answer"]), (&2.into(), &"refuse 0x87".into()));
    let said = replay(&folder, &["--compare", "played.so"]);
    said.check(0, &[]);
    assert_eq!(said.out.last().unwrap(), "no difference");
}

/// Whom a plugin names is there; nobody else is. What it keeps it can read again.
#[test]
fn what_is_asked_of_the_broker_is_told() {
    let folder = folder(&[]);
    folder.write("calls.so", std::fs::read(plugins::c("broker/tests/plugins/calls.c")).unwrap());
    let mut bytes = MAGIC.to_vec();
    let (connect, publish) = ((Field::ClientId, "no-x"), (Field::Topic, "call-c"));
    let events = [("on_connect", connect), ("on_publish", publish), ("on_publish", publish)];
    for (hook, (field, value)) in events {
        let mut record = Record::new(hook, Duration::ZERO);
        record.set(field, value);
        bytes.extend(record.as_bytes());
    }
    folder.write("events.rec", bytes);
    let said = folder.run(&["plugin", "replay", "events.rec", "calls.so", "--json"]);
    said.check(0, &[]);
    let lines = said.out.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let parts: Vec<Value> =
        lines.filter_map(|mut line| Some(line.get_mut("parts")?.take())).collect();
    let expected = serde_json::json!([
        ["disconnects no-x with 0x98 no"],
        ["publishes answer-c at 1: 0 shown, 0 here, visit 1"],
        ["publishes answer-c at 1: 0 shown, 0 here, visit 2"],
    ]);
    assert_eq!(Value::from(parts), expected);
}

/// As in a broker: neither is asked of it.
#[test]
fn interests_and_capabilities_count() {
    let folder = folder(&["a/b", "b"]);
    let source = "#include \"plugin.h\"
         MQ_PLUGIN(\"picky\", \"1.0.0\", \"MIT\", \"Wants a part of the messages\");
         static const mq_host *host;
         int32_t Bootstrap(const mq_host *given, mq_view json, void **instance) {
             (void)json; (void)instance;
             host = given;
             mq_view hook = MQ_TEXT(\"on_before_publish\"), filter = MQ_TEXT(\"a/#\");
             if (host->interest(host->ctx, hook, MQ_INTEREST_NO_PAYLOAD, MQ_TEXT(\"\")) != 0) return -1;
             return host->interest(host->ctx, hook, MQ_INTEREST_TOPIC, filter);
         }
         int32_t OnBeforePublish(void *instance, const mq_publish *event) {
             (void)instance;
             mq_message message = {.size = sizeof message, .topic = MQ_TEXT(\"c\")};
             if (event->payload.len != 0 || event->payload_len != 2) return -2;
             return host->publish(host->ctx, &message) == MQ_NOT_GRANTED ? 0x97 : -2;
         }";
    folder.write("picky.so", std::fs::read(plugins::c_text(source)).unwrap());
    let said = folder.run(&["plugin", "replay", "events.rec", "picky.so"]);
    assert_eq!(events(&said), ["1 on_before_publish alice a/b refuse 0x97"], "{:#?}", said.errors);
    assert_eq!(said.status, Some(0));
}

#[test]
fn what_was_left_out_of_the_recording_is_told() {
    let folder = folder(&["a"]);
    let mut bytes = std::fs::read(folder.path("events.rec")).unwrap();
    for left_out in [2, 300] {
        bytes.extend(Record::gap(Duration::from_secs(2), left_out).as_bytes());
    }
    folder.write("events.rec", bytes);
    let said = replay(&folder, &["--hook", "on_before_publish"]);
    said.check(0, &["302 events were left out when it was recorded"]);
    assert_eq!(events(&said), ["1 on_before_publish alice a continue"]);
}

#[test]
fn a_crash_is_told_with_the_event() {
    let folder = folder(&["a", "crash", "a"]);
    let said = replay(&folder, &[]);
    assert_eq!(said.status, Some(1));
    assert_eq!(events(&said), ["1 on_before_publish alice a continue"]);
    let [error] = &said.errors[..] else { panic!("{:#?}", said.errors) };
    let place = "played.so has ended its process in event 2, on_before_publish of alice (crash) (";
    assert!(error.starts_with(place), "{error}");
}

#[test]
fn a_plugin_that_is_silent_is_ended() {
    let said = replay(&folder(&["silent"]), &["--timeout", "5"]);
    let place = "played.so was silent for 5s in event 1, on_before_publish of alice (silent)";
    said.check(1, &[place]);
}

#[test]
fn what_cannot_be_played_is_told() {
    let folder = folder(&["a"]);
    folder.write("events.rec", "no recording");
    replay(&folder, &[]).check(1, &["events.rec: it is no recording"]);
    let mut bytes = MAGIC.to_vec();
    bytes.extend([2, 0, 0, 0, 200, 0]);
    folder.write("events.rec", bytes);
    replay(&folder, &[]).check(1, &["events.rec: record 1 is damaged"]);
    folder.write("played.so", "no plugin");
    let said = replay(&folder, &[]);
    let text =
        "plugin played (played.so) cannot be loaded: it is not a shared library (no ELF file)";
    said.check(1, &[text]);
}

#[test]
fn a_section_that_is_refused_is_told() {
    let folder = folder(&["a"]);
    folder.write("played.so", std::fs::read(plugins::rust("sub-limiter")).unwrap());
    let said = replay(&folder, &["--plugin-config", "{ max: 0 }"]);
    let [error] = &said.errors[..] else { panic!("{:#?}", said.errors) };
    assert!(error.contains("it refused to start: `max`: invalid value: integer `0`"), "{error}");
    assert_eq!(said.status, Some(1));
    replay(&folder, &["--plugin-config", "{ max: 1 }"]).check(0, &[]);
}
