//! The plugins of docs/plugins, as they stand on its pages, in a broker with real clients.

use argon2::password_hash::PasswordHasher;
use mqtt::{Connect, Packet, Publish, QoS, ReasonCode, Version};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::{self, Broker, Client, both_versions};

both_versions!(
    users_of_a_database_come_in,
    each_tenant_has_topics_of_its_own,
    messages_are_counted,
    payloads_are_stamped,
    messages_are_stored_before_they_are_acknowledged,
);

/// What stands on a page is what the other tests run.
#[test]
fn the_pages_show_the_code_that_is_tested() {
    let folder = plugins::workspace().join("docs/plugins");
    for (page, crate_name) in [
        ("authenticate.md", "database-users"),
        ("rewrite-topics.md", "tenant-topics"),
        ("count.md", "message-counter"),
        ("enrich-payloads.md", "payload-stamp"),
        ("store-messages.md", "message-store"),
    ] {
        let code = folder.join(crate_name).join("src/lib.rs");
        let code = std::fs::read_to_string(code).unwrap();
        let page_text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(page_text.contains(&format!("```rust\n{code}```\n")), "{page} has other code");
    }
}

/// A broker with one of the plugins, and the folder that its paths are in.
fn broker(crate_name: &str, version: Version, config: Value) -> (Broker, PluginDir) {
    let directory = PluginDir::new();
    let name = format!("{crate_name}-{}", version.level());
    directory.put(plugins::rust(crate_name), &name);
    let broker = Broker::with_plugins(&directory, vec![entry(&name, config)]);
    (broker, directory)
}

fn database() -> (TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("test.db");
    (dir, file)
}

/// What CONNACK says, and the client that hears it.
fn log_in(broker: &Broker, version: Version, name: &str, password: &str) -> (Client, ReasonCode) {
    let mut connect = Connect::new(version, name);
    connect.username = Some(name);
    connect.password = Some(password.as_bytes());
    let mut client = Client::open(broker.address(), version);
    client.send(&Packet::Connect(connect));
    let (reason, _) = client.connack();
    (client, reason)
}

/// At QoS 0.
fn message<'a>(topic: &'a str, payload: &'a str) -> Publish<'a> {
    support::message(topic, payload, QoS::AtMostOnce)
}

fn users_of_a_database_come_in(version: Version) {
    let (_dir, file) = database();
    let hash = argon2::Argon2::default().hash_password(b"secret").unwrap().to_string();
    let users = Connection::open(&file).unwrap();
    users.execute_batch("CREATE TABLE users (name TEXT PRIMARY KEY, password TEXT)").unwrap();
    users.execute("INSERT INTO users VALUES ('alice', ?1)", [hash]).unwrap();
    let (broker, _plugins) = broker("database-users", version, json!({ "database": file }));
    assert_eq!(log_in(&broker, version, "alice", "secret").1, ReasonCode::Success);
    for (name, password) in [("alice", "wrong"), ("bob", "secret")] {
        let (_, reason) = log_in(&broker, version, name, password);
        assert_eq!(reason, ReasonCode::BadUserNameOrPassword, "{name}");
    }
}

fn each_tenant_has_topics_of_its_own(version: Version) {
    let (broker, _plugins) = broker("tenant-topics", version, json!({}));
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| log_in(&broker, version, name, "").0);
    for client in [&mut alice, &mut bob] {
        client.subscribe("lamp", QoS::AtMostOnce);
    }
    let at_most_once = |payload| Packet::Publish(message("lamp", payload));
    alice.send(&at_most_once("on"));
    bob.send(&at_most_once("off"));
    alice.expect("tenants/alice/lamp", "on");
    bob.expect("tenants/bob/lamp", "off");
    alice.unsubscribe("lamp");
    alice.send(&at_most_once("on"));
    assert!(!alice.next_is_publish_before_ping());
}

fn messages_are_counted(version: Version) {
    let (broker, _plugins) = broker("message-counter", version, json!({ "seconds": 1 }));
    let mut client = Client::connect(&broker, version, "c");
    for payload in ["a", "bc", "def"] {
        client.publish("a", payload, QoS::AtLeastOnce);
    }
    client.subscribe("stats/messages", QoS::AtMostOnce);
    while client.receive_publish().payload != b"3" {}
    let metrics = broker.plugins().metrics_text();
    for line in ["messages_total", "payload_bytes_total"] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

fn payloads_are_stamped(version: Version) {
    let (broker, _plugins) = broker("payload-stamp", version, json!({}));
    let mut client = Client::connect(&broker, version, "thermometer");
    client.subscribe("#", QoS::AtMostOnce);
    client.send(&Packet::Publish(message("sensors/1", r#"{"value": 21}"#)));
    let received = client.receive_publish();
    let reading: Value = serde_json::from_slice(&received.payload).unwrap();
    assert_eq!(reading["value"], 21);
    assert_eq!(reading["sender"], "thermometer");
    assert!(reading["received"].as_u64().is_some_and(|at| at > 1_700_000_000), "{reading}");
    client.send(&Packet::Publish(message("sensors/1", "no JSON")));
    client.send(&Packet::Publish(message("other", "no JSON")));
    client.expect("other", "no JSON");
}

fn messages_are_stored_before_they_are_acknowledged(version: Version) {
    let (_dir, file) = database();
    let config = json!({ "database": file, "topics": ["sensors/#"] });
    let (broker, _plugins) = broker("message-store", version, config);
    let mut client = Client::connect(&broker, version, "c");
    let stored = Connection::open(&file).unwrap();
    for (payload, qos) in [("one", QoS::AtLeastOnce), ("two", QoS::ExactlyOnce)] {
        client.publish("sensors/1", payload, qos);
        let query = "SELECT client, topic, payload FROM messages ORDER BY rowid DESC";
        let row = stored.query_row(query, [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?))
        });
        let expected = ("c".to_owned(), "sensors/1".to_owned(), payload.as_bytes().to_vec());
        assert_eq!(row.unwrap(), expected);
    }
    client.publish("other", "three", QoS::AtLeastOnce);
    let count = stored.query_row("SELECT count(*) FROM messages", [], |row| row.get::<_, u32>(0));
    assert_eq!(count, Ok(2));
}
