//! The stores of plugins: the plugin `caller` in a broker that is stopped, killed and started again.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use hookmq::Folders;
use hookmq::config::{Config, Durability, Listener};
use hookmq::plugins::PluginEntry;
use hookmq::server::Server;
use mqtt::{QoS, Version};
use serde_json::json;
use tempfile::TempDir;

use crate::common::plugins::{self, PluginDir};
use crate::support::caller::{Asker, caller};
use crate::support::{Broker, Client, Process, both_versions};

both_versions!(a_plugin_keeps_pairs, a_store_has_its_bound);

fn a_plugin_keeps_pairs(version: Version) {
    let directory = PluginDir::new();
    let entries = ["one", "other"].map(|name| caller(&directory, name, json!({})));
    // The second is asked by nobody; its store is its own.
    let broker = Broker::with_plugins(&directory, entries[..1].to_vec());
    let mut asker = Asker::connect(&broker, version);
    let set = |key: &str, value: &str| json!({ "do": "kv_set", "key": key, "value": value });
    let kv = |key: &str| json!({ "do": "kv", "key": key });
    asker.expect(&kv("a"), "NotThere");
    asker.expect(&set("a/1", "x"), "()");
    asker.expect(&set("a/2", "y"), "()");
    asker.expect(&set("b", ""), "()");
    asker.expect(&kv("a/1"), "x");
    asker.expect(&json!({ "do": "kv_each", "key": "a/" }), "2: a/1=x, a/2=y");
    asker.expect(&json!({ "do": "kv_each" }), "3: a/1=x, a/2=y, b=");
    assert_eq!(asker.ask(&json!({ "do": "kv_remove", "key": "b" })), "()");
    asker.expect(&json!({ "do": "kv_remove", "key": "b" }), "NotThere");
    // A new instance has what the one before had.
    broker.plugins().put(directory.path(), &entries[0]).unwrap();
    asker.expect(&json!({ "do": "kv_each" }), "2: a/1=x, a/2=y");
    broker.plugins().remove("one").unwrap();
    broker.plugins().put(directory.path(), &entries[1]).unwrap();
    asker.expect(&json!({ "do": "kv_each" }), "0: ");
}

fn a_store_has_its_bound(version: Version) {
    let directory = PluginDir::new();
    let entry = caller(&directory, "bounded", json!({}));
    let broker = Broker::with_plugins_and(&directory, vec![entry], |config| {
        config.limits.max_kv_bytes = 1024;
    });
    let mut asker = Asker::connect(&broker, version);
    let set = |length: usize| json!({ "do": "kv_set", "key": "k", "value": "x".repeat(length) });
    asker.expect(&set(900), "()");
    asker.expect(&set(1024), "Full");
}

/// Of all three, for it is said of no acknowledgement.
#[test]
fn a_store_survives_a_stop() {
    for durability in [Durability::Fsync, Durability::Os, Durability::Memory] {
        survives_a_stop(durability);
    }
}

fn survives_a_stop(durability: Durability) {
    let (folder, directory) = (tempfile::tempdir().unwrap(), PluginDir::new());
    let entry = caller(&directory, "stopped", json!({}));
    let data = folder.path().join("data");
    let config = Config {
        listeners: vec![Listener::tcp(SocketAddr::from(([127, 0, 0, 1], 0)))],
        plugins: vec![entry],
        durability,
        ..Config::default()
    };
    let folders = Folders {
        config: folder.path().into(),
        plugins: directory.path().into(),
        data: data.clone(),
    };
    for round in 0..2 {
        let server = Server::start_in(&config, folders.clone()).unwrap();
        let mut asker = Asker::connect_to(server.addresses()[0], Version::V5);
        if round == 0 {
            asker.expect(&json!({ "do": "kv_set", "key": "k", "value": "v" }), "()");
        } else {
            asker.expect(&json!({ "do": "kv", "key": "k" }), "v");
        }
        let expected = format!("{:?}", folder.path());
        asker.expect(&json!({ "do": "config_folder" }), &expected);
        let own = data.join("plugins/stopped");
        asker.expect(&json!({ "do": "data_folder" }), &format!("{own:?}"));
        assert!(own.is_dir());
        drop(asker);
        server.stop();
    }
}

/// A folder with a config and the plugin.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("plugins")).unwrap();
    fs::copy(plugins::rust("caller"), folder.path().join("plugins/caller.so")).unwrap();
    let config = "listeners: [ tcp: 127.0.0.1:0 ]\nplugins: [ caller ]\n";
    fs::write(folder.path().join("config.yml"), config).unwrap();
    folder
}

fn start(folder: &Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookmq"));
    command.current_dir(folder).env("RUST_LOG", "debug");
    Process::start(&mut command, "it is built with the tests")
}

fn listening(broker: &mut Process) -> SocketAddr {
    let line = broker.line_with("listens on tcp://");
    line.rsplit_once("tcp://").unwrap().1.parse().unwrap()
}

/// What was written is there after kill -9, and what was on its way in is there as a whole or not at all.
#[test]
fn a_store_survives_a_kill() {
    let folder = folder();
    let mut written = 0;
    for round in 0..3 {
        let mut broker = start(folder.path());
        let mut asker = Asker::connect_to(listening(&mut broker), Version::V5);
        let found = asker.ask(&json!({ "do": "kv_each" }));
        let count: usize = found.split_once(':').unwrap().0.parse().unwrap();
        assert!(count >= written, "round {round}: {found}");
        for number in count..count + 50 {
            let (key, value) = (format!("{number:04}"), "x".repeat(1000));
            assert_eq!(asker.ask(&json!({ "do": "kv_set", "key": key, "value": value })), "()");
        }
        written = count + 1;
        // It has the first of them at least.
        broker.line_with("pairs of plugin caller");
        broker.kill();
    }
}

/// Also if a broker has run without it meanwhile.
#[test]
fn what_a_plugin_has_put_waits_for_it() {
    let directory = PluginDir::new();
    let entries = ["early", "late"].map(|name| caller(&directory, name, json!({})));
    let start = |entry: &PluginEntry| {
        Broker::start_in(directory.path(), |config| {
            (config.plugins, config.durability) = (vec![entry.clone()], Durability::Os);
        })
    };
    let broker = start(&entries[0]);
    let mut asker = Asker::connect(&broker, Version::V5);
    asker.expect(&json!({ "do": "kv_set", "key": "k", "value": "v" }), "()");
    drop((asker, broker));
    let broker = start(&entries[1]);
    let mut asker = Asker::connect(&broker, Version::V5);
    asker.expect(&json!({ "do": "kv", "key": "k" }), "NotThere");
    broker.plugins().remove("late").unwrap();
    broker.plugins().put(directory.path(), &entries[0]).unwrap();
    asker.expect(&json!({ "do": "kv", "key": "k" }), "v");
}

/// A store that is open for pairs alone keeps what else it has.
#[test]
fn with_durability_memory_what_was_kept_before_is_left_alone() {
    let (version, directory) = (Version::V5, PluginDir::new());
    let entry = caller(&directory, "memory", json!({}));
    let start = |durability| {
        Broker::start_in(directory.path(), |config| {
            (config.plugins, config.durability) = (vec![entry.clone()], durability);
        })
    };
    let broker = start(Durability::Os);
    Client::connect(&broker, version, "c").publish_retained("kept", "1", QoS::AtLeastOnce);
    drop(broker);
    let broker = start(Durability::Memory);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("kept", QoS::AtMostOnce);
    client.publish_retained("new", "2", QoS::AtLeastOnce);
    let mut asker = Asker::connect(&broker, version);
    asker.expect(&json!({ "do": "kv_set", "key": "k", "value": "v" }), "()");
    client.ping();
    drop((client, asker, broker));
    let broker = start(Durability::Os);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("new", QoS::AtMostOnce);
    client.subscribe("kept", QoS::AtMostOnce);
    client.expect("kept", "1");
    let mut asker = Asker::connect(&broker, version);
    asker.expect(&json!({ "do": "kv", "key": "k" }), "v");
}

#[test]
fn a_file_of_an_earlier_build_is_pointed_out() {
    let folder = folder();
    let data = folder.path().join("data/plugins");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("caller.kv"), "something").unwrap();
    let mut broker = start(folder.path());
    let line = broker.line_with("caller.kv is not read");
    assert!(line.contains("WARN"), "{line}");
    listening(&mut broker);
}
