//! The plugin auth-file with a real broker: who comes in, what the others hear, and a file that changes.

use std::io::{ErrorKind, Read};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use hookmq::config::Config;
use mqtt::{Connect, Packet, ReasonCode, Version};
use password_file::{Cost, Hash, PasswordFile};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::{Broker, Client, both_versions};

both_versions!(
    users_come_in_and_others_hear_why_not,
    nobody_is_asked_for_a_name_where_that_is_allowed,
    a_changed_file_is_read_again_and_a_bad_one_is_not_taken,
    many_at_the_same_time_are_all_answered,
    others_go_on_while_a_password_is_checked,
);

struct Users {
    dir: TempDir,
    file: PasswordFile,
}

impl Users {
    fn new(users: &[(&str, &str)]) -> Users {
        let file = PasswordFile::default();
        let mut new = Users { dir: tempfile::tempdir().unwrap(), file };
        users.iter().for_each(|(name, password)| new.set(name, password));
        new.write(&new.file.to_string());
        new
    }

    fn set(&mut self, name: &str, password: &str) {
        let cost = Cost { memory: 8, passes: 1 };
        self.file.set(name, Hash::new(password.as_bytes(), cost).unwrap()).unwrap();
    }

    /// As `hookmq passwd` does.
    fn write(&self, text: &str) {
        let new = self.dir.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path()).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("users.txt")
    }

    /// A broker that lets them in, by a config that has these keys too.
    fn broker(&self, name: &str, version: Version, more: &Value) -> Broker {
        self.broker_and(name, version, more, |_| {})
    }

    /// The same, with what `change` makes of the default config.
    fn broker_and(
        &self,
        name: &str,
        version: Version,
        more: &Value,
        change: impl FnOnce(&mut Config),
    ) -> Broker {
        let directory = PluginDir::new();
        let name = format!("auth-file-{name}-{}", version.level());
        directory.put(plugins::rust("auth-file"), &name);
        let mut config = more.clone();
        config["file"] = json!(self.path());
        Broker::with_plugins_and(&directory, vec![entry(&name, config)], change)
    }
}

/// What CONNACK says: of 3.1.1 the code itself.
fn log_in(broker: &Broker, version: Version, name: Option<&str>, password: Option<&str>) -> u8 {
    // A session is its user's alone, also when its client has just gone.
    let client_id = format!("{name:?}");
    let mut connect = Connect::new(version, &client_id);
    connect.username = name;
    connect.password = password.map(str::as_bytes);
    let mut client = Client::open(broker.address(), version);
    client.send(&Packet::Connect(connect));
    let mut answer = Vec::new();
    client.receive(|packet| packet.encode(version, &mut answer));
    assert_eq!(answer[0], 0x20, "CONNACK");
    if answer[3] != 0 {
        client.expect_closed();
    }
    answer[3]
}

/// In MQTT 5, and in 3.1.1.
fn code(version: Version, reason: ReasonCode, old: u8) -> u8 {
    if version.has_properties() { reason as u8 } else { old }
}

fn wrong(version: Version) -> u8 {
    code(version, ReasonCode::BadUserNameOrPassword, 4)
}

fn users_come_in_and_others_hear_why_not(version: Version) {
    let users = Users::new(&[("alice", "secret"), ("bob b", "ü")]);
    let broker = users.broker("in", version, &json!({}));
    let log_in = |name, password| log_in(&broker, version, name, password);
    assert_eq!(log_in(Some("alice"), Some("secret")), 0);
    assert_eq!(log_in(Some("bob b"), Some("ü")), 0);
    for (name, password) in [("alice", "ü"), ("alice", ""), ("eve", "secret"), ("", "")] {
        assert_eq!(log_in(Some(name), Some(password)), wrong(version), "{name} {password}");
    }
    assert_eq!(log_in(Some("alice"), None), wrong(version));
    assert_eq!(log_in(None, None), code(version, ReasonCode::NotAuthorized, 5));
}

fn nobody_is_asked_for_a_name_where_that_is_allowed(version: Version) {
    let users = Users::new(&[("alice", "secret")]);
    let broker = users.broker("anonymous", version, &json!({ "allow_anonymous": true }));
    assert_eq!(log_in(&broker, version, None, None), 0);
    assert_eq!(log_in(&broker, version, Some("alice"), Some("secret")), 0);
    assert_eq!(log_in(&broker, version, Some("alice"), Some("wrong")), wrong(version));
}

fn a_changed_file_is_read_again_and_a_bad_one_is_not_taken(version: Version) {
    log::take();
    let mut users = Users::new(&[("alice", "secret")]);
    let broker = users.broker("changed", version, &json!({}));
    let log_in = |name, password| log_in(&broker, version, Some(name), Some(password));
    assert_eq!(log_in("bob", "new"), wrong(version));
    users.set("bob", "new");
    assert!(users.file.remove("alice"));
    users.write(&users.file.to_string());
    // It is looked at once a second.
    while log_in("bob", "new") != 0 {}
    assert_eq!(log_in("alice", "secret"), wrong(version));

    users.set("carol", "newer");
    users.write(&format!("{}rubbish\n", users.file));
    let bad = format!("{}:3: expected NAME:HASH", users.path().display());
    while log::lines(&bad).is_empty() {
        assert_eq!(log_in("carol", "newer"), wrong(version));
    }
    assert_eq!(log_in("bob", "new"), 0);
    assert_eq!(log_in("carol", "newer"), wrong(version));
    users.write(&users.file.to_string());
    while log_in("carol", "newer") != 0 {}
}

fn many_at_the_same_time_are_all_answered(version: Version) {
    let users = Users::new(&[("alice", "secret")]);
    let broker = users.broker("many", version, &json!({ "threads": 3 }));
    let ask = |number: usize| {
        let client_id = format!("c{number}");
        let mut connect = Connect::new(version, &client_id);
        connect.username = Some("alice");
        let right = number.is_multiple_of(2);
        connect.password = Some(if right { b"secret" } else { b"wrong" });
        let mut client = Client::open(broker.address(), version);
        client.send(&Packet::Connect(connect));
        (client, right)
    };
    let asked: Vec<(Client, bool)> = (0..50).map(ask).collect();
    for (mut client, right) in asked {
        assert_eq!(client.connack().0 == ReasonCode::Success, right);
    }
}

/// The check takes a thousand times as long as an answer to a ping.
fn others_go_on_while_a_password_is_checked(version: Version) {
    let mut users = Users::new(&[("quick", "secret")]);
    let cost = Cost { memory: 256, passes: 1000 };
    users.file.set("slow", Hash::new(b"secret", cost).unwrap()).unwrap();
    users.write(&users.file.to_string());
    let broker = users.broker_and("waits", version, &json!({}), |config| {
        config.threads = NonZeroUsize::new(1);
    });
    let start = |name: &str| {
        let mut connect = Connect::new(version, name);
        connect.username = Some(name);
        connect.password = Some(b"secret");
        let mut client = Client::open(broker.address(), version);
        client.send(&Packet::Connect(connect));
        client
    };
    let mut slow = start("slow");
    let mut quick = start("quick");
    assert_eq!(quick.connack().0, ReasonCode::Success);
    quick.ping();
    slow.stream.set_nonblocking(true).unwrap();
    let early = slow.stream.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(early, Err(ErrorKind::WouldBlock), "the password is still being checked");
    slow.stream.set_nonblocking(false).unwrap();
    assert_eq!(slow.connack().0, ReasonCode::Success);
}
