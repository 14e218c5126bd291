//! The plugins of docs/plugins/other-languages.md, as they stand there, serve clients.

use std::path::Path;
use std::sync::LazyLock;

use mqtt::{QoS, ReasonCode, Version};
use serde_json::Value;

use crate::common::plugins::{self, PluginDir};
use crate::common::{log, page};
use crate::support::auth::entry;
use crate::support::{Broker, Client, both_versions, message};

both_versions!(a_plugin_in_cpp_serves, a_plugin_in_go_serves);

fn piece(language: &str, text: &str) -> String {
    page::piece("plugins/other-languages.md", language, text)
}

fn a_plugin_in_cpp_serves(version: Version) {
    static BUILT: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("plugin.cpp");
        std::fs::write(&source, piece("cpp", "MQ_PLUGIN")).unwrap();
        std::fs::read(plugins::cpp(&source)).unwrap()
    });
    check_own_topics("in-cpp", &BUILT, version);
}

fn a_plugin_in_go_serves(version: Version) {
    static BUILT: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        for (file, language, text) in [
            ("go.mod", "text", "module own-topics-go"),
            ("hooks.c", "c", "_cgo_export.h"),
            ("main.go", "go", "package main"),
        ] {
            std::fs::write(folder.path().join(file), piece(language, text)).unwrap();
        }
        std::fs::read(plugins::go(folder.path())).unwrap()
    });
    check_own_topics("in-go", &BUILT, version);
}

/// Clients publish below their own client id alone, and are told so.
fn check_own_topics(name: &str, library: &[u8], version: Version) {
    log::take();
    let name = &format!("{name}-{}", version.level());
    let directory = PluginDir::new();
    directory.write(&format!("{name}.so"), library);
    let mut broker = Broker::with_plugins(&directory, vec![entry(name, Value::Null)]);
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("#", QoS::AtMostOnce);
    let mut alice = Client::connect(&broker, version, "alice");
    let refused = match version {
        Version::V5 => ReasonCode::NotAuthorized,
        _ => ReasonCode::Success,
    };
    for (topic, reason) in [
        ("bob/lamp", refused),
        ("alice", refused),
        ("alice-lamp", refused),
        ("alice/lamp", ReasonCode::Success),
    ] {
        let publish = message(topic, b"on", QoS::AtLeastOnce);
        assert_eq!(alice.publish_with(&publish), reason, "{topic}");
    }
    watcher.expect("alice/lamp", "on");
    alice.disconnect();
    watcher.disconnect();
    broker.stop();
    assert_eq!(log::messages(&format!("plugin::{name}")), ["alice was refused 3 times"]);
    assert_eq!(log::lines(&format!("plugin {name} failed")), [""; 0]);
}

/// What they say of themselves is read without loading them.
#[test]
fn they_say_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("plugin.cpp");
    std::fs::write(&source, piece("cpp", "MQ_PLUGIN")).unwrap();
    let library = plugins::cpp(&source);
    let inspection = hookmq::plugins::inspect_file(AsRef::<Path>::as_ref(&library), false);
    assert!(inspection.refusals.is_empty(), "{:?}", inspection.refusals);
    let contents = inspection.contents.unwrap().to_string();
    assert!(contents.contains("own-topics-cpp 0.1.0"), "{contents}");
}
