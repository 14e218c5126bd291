//! The plugin `http-auth` and its service, by `hookmq plugin replay`: what goes over HTTP, what is kept, and
//! what failures mean. What its clients hear is in `it`.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use recording::{Field, MAGIC, Record};
use serde_json::{Value, json};
use socket2::{Domain, Type};

use crate::common::{
    http_service::{HttpService, Reply},
    plugins,
};
use crate::folder::Folder;

fn connect(client_id: &str, password: &[u8]) -> Record {
    let mut record = Record::new("on_before_connect", Duration::ZERO);
    record.set(Field::ClientId, client_id);
    record.set(Field::Username, "user");
    record.set_number(Field::Protocol, 5_u8);
    record.set(Field::Peer, "192.0.2.7:5555");
    record.set(Field::Listener, "tcp://127.0.0.1:1883");
    record.set_number(Field::HasPassword, 1_u8);
    record.set_always(Field::Password, password);
    record.set_number(Field::KeepAlive, 60_u8);
    record
}

fn publish(topic: &str) -> Record {
    let mut record = Record::new("on_before_publish", Duration::ZERO);
    record.set(Field::ClientId, "alice");
    record.set_number(Field::Protocol, 4_u8);
    record.set(Field::Topic, topic);
    record.set_number(Field::QoS, 1_u8);
    record
}

/// What the plugin answers to these, one after the other, with this in its section.
fn answers(records: &[Record], section: &Value) -> Vec<String> {
    let folder = Folder::new("");
    folder.write("http-auth.so", std::fs::read(plugins::rust("http-auth")).unwrap());
    let mut bytes = MAGIC.to_vec();
    bytes.extend(records.iter().flat_map(Record::as_bytes));
    folder.write("events.rec", bytes);
    let section = section.to_string();
    let arguments = ["plugin", "replay", "events.rec", "http-auth.so", "--json", "--plugin-config"];
    let said = folder.run(&[&arguments[..], &[&section]].concat());
    assert_eq!(said.status, Some(0), "{:#?}", said.errors);
    let lines = said.out.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let in_words = |line: Value| {
        let answer = line["answer"].as_str()?.to_owned();
        let parts = line["parts"].as_array()?.iter().map(|part| part.as_str().unwrap().to_owned());
        Some(std::iter::once(answer).chain(parts).collect::<Vec<_>>().join("; "))
    };
    lines.filter_map(in_words).collect()
}

#[test]
fn the_service_hears_all_and_decides() {
    let service = HttpService::start(|asked| match asked.body["client_id"].as_str() {
        Some("bob") => Reply::Answer(401, &[], r#"{"code": 134, "reason": "who?"}"#),
        Some("carol") => Reply::Answer(200, &[], r#"{"throttle_ms": 250}"#),
        _ => Reply::OK,
    });
    let section = json!({
        "connect": service.url("/connect?x=1"),
        "publish": service.url("/publish"),
        "headers": { "Authorization": "Bearer 4711" },
    });
    let clients = [connect("alice", b"secret"), connect("bob", b"\xFF"), connect("carol", b"")];
    let records = [&clients[..], &[publish("a/b")]].concat();
    let expected =
        ["continue", "refuse 0x86; reason: who?", "continue; throttle (ms): 250", "continue"];
    assert_eq!(answers(&records, &section), expected);

    let asked = [(); 4].map(|()| service.asked());
    let mut about_alice = json!({
        "action": "connect", "client_id": "alice", "username": "user", "address": "192.0.2.7",
        "listener": "tcp://127.0.0.1:1883", "protocol": "5.0", "clean_start": false,
        "keep_alive": 60, "authentication_method": null, "will_topic": null, "password": "secret",
    });
    assert_eq!(asked[0].body, about_alice);
    assert_eq!(asked[0].path, "/connect");
    let fields = about_alice.as_object_mut().unwrap();
    fields.remove("password");
    fields.insert("client_id".into(), "bob".into());
    fields.insert("password_base64".into(), "/w==".into());
    assert_eq!(asked[1].body, about_alice);
    let about_message = json!({
        "action": "publish", "client_id": "alice", "username": null, "address": null,
        "listener": "", "protocol": "3.1.1", "topic": "a/b", "qos": 1, "retain": false,
        "is_will": false, "origin": "client",
    });
    assert_eq!(asked[3].body, about_message);
    for (number, asked) in asked.iter().enumerate() {
        assert_eq!(asked.authorization.as_deref(), Some("Bearer 4711"));
        assert_eq!(asked.connection, (1, number), "one connection is used for all");
    }
}

#[test]
fn an_answer_is_kept_as_long_as_the_service_says() {
    const MINUTE: &[(&str, &str)] = &[("cache-control", "private, max-age=60")];
    const NO_STORE: &[(&str, &str)] = &[("cache-control", "no-store")];
    let service = HttpService::start(|asked| match asked.body["client_id"].as_str() {
        Some("kept") => Reply::Answer(200, MINUTE, ""),
        Some("denied") => Reply::Answer(403, MINUTE, r#"{"reason":"no"}"#),
        Some("not-kept") => Reply::Answer(200, NO_STORE, ""),
        _ => Reply::OK,
    });
    let count = |client_id: &str, passwords: &[&str], more: Value| {
        let records: Vec<Record> =
            passwords.iter().map(|password| connect(client_id, password.as_bytes())).collect();
        let mut section = json!({ "connect": service.url("/") });
        section.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (answers(&records, &section).pop().unwrap(), service.count())
    };
    let none = || json!({});
    assert_eq!(count("kept", &["a", "a", "a"], none()), ("continue".into(), 1));
    assert_eq!(count("kept", &["a", "b", "a"], none()), ("continue".into(), 2));
    let no = "refuse 0x87; reason: no".to_owned();
    assert_eq!(count("denied", &["a", "a"], none()), (no, 1));
    assert_eq!(count("not-kept", &["a", "a"], json!({ "cache": "60s" })), ("continue".into(), 2));
    assert_eq!(count("silent", &["a", "a"], none()), ("continue".into(), 2));
    assert_eq!(count("silent", &["a", "a"], json!({ "cache": "60s" })), ("continue".into(), 1));
    assert_eq!(count("kept", &["a", "a"], json!({ "max_cached": 0 })), ("continue".into(), 2));
}

/// Each connection brings one answer, and breaks when it is used again.
#[test]
fn a_connection_that_has_gone_stale_is_replaced() {
    let service = HttpService::start(|asked| match asked.connection {
        (_, 0) => Reply::OK,
        _ => Reply::Broken,
    });
    let section = json!({ "connect": service.url("/") });
    let records = [connect("a", b""), connect("b", b""), connect("c", b"")];
    assert_eq!(answers(&records, &section), ["continue"; 3]);
    assert_eq!(service.count(), 5);
}

#[test]
fn a_failure_refuses_or_allows() {
    let broken = HttpService::start(|_| Reply::Broken);
    let nonsense = HttpService::start(|_| Reply::Answer(200, &[], "yes"));
    let silent = HttpService::start(|_| Reply::Held(200));
    // Nobody listens there, and nobody else can.
    let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let nobody = socket.local_addr().unwrap().as_socket().unwrap();
    for (url, timeout) in [
        (broken.url("/"), "30s"),
        (nonsense.url("/"), "30s"),
        (silent.url("/"), "100ms"),
        (format!("http://{nobody}/"), "30s"),
    ] {
        for (on_failure, answer) in [("refuse", "refuse 0x88"), ("allow", "continue")] {
            let section = json!({ "publish": url, "timeout": timeout, "on_failure": on_failure });
            assert_eq!(answers(&[publish("a")], &section), [answer], "{url}");
        }
    }
    // Asked, and once more.
    assert_eq!((broken.count(), nonsense.count()), (4, 2));
}

#[test]
fn a_service_that_fails_again_and_again_is_left_alone() {
    let service = HttpService::start(|_| Reply::Answer(500, &[], ""));
    let breaker = |pause| json!({ "failures": 2, "pause": pause, "max_pause": pause });
    for (pause, asked) in [("60s", 2), ("0s", 5)] {
        let section = json!({ "publish": service.url("/"), "breaker": breaker(pause) });
        assert_eq!(answers(&[(); 5].map(|()| publish("a")), &section), ["refuse 0x88"; 5]);
        assert_eq!(service.count(), asked, "{pause}");
    }
}
