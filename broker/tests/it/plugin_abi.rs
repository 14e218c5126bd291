//! Plugins that were built against another plugin-abi than the broker's serve its clients: those of each
//! version that was released, as it was released, and those of one that is still to come.

use std::fs;
use std::sync::LazyLock;

use mqtt::{QoS, ReasonCode, Version};
use serde_json::json;

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::common::scratch::{self, Scratch};
use crate::support::auth::entry;
use crate::support::{Broker, Client, LastWill, Login, both_versions};

both_versions!(
    a_plugin_of_1_0_serves,
    a_plugin_of_1_0_in_c_serves,
    a_plugin_in_c_serves,
    a_plugin_of_a_later_minor_version_serves,
);

const DOORMAN: &str = include_str!("../plugins/doorman.rs");

fn a_plugin_of_1_0_serves(version: Version) {
    static BUILT: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let scratch = Scratch::with_release("scratch-release-1-0-0", "1.0.0", DOORMAN);
        fs::read(scratch.build(&[])).unwrap()
    });
    check_serves("of-1-0", &BUILT, version);
}

fn a_plugin_of_1_0_in_c_serves(version: Version) {
    static BUILT: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let package = scratch::unpack("plugin-abi-1.0.0", folder.path());
        // The header beside it is the one that it includes.
        let source = package.join("doorman.c");
        fs::write(&source, include_str!("../plugins/doorman.c")).unwrap();
        fs::read(plugins::c_with(&source, &[])).unwrap()
    });
    check_serves("of-1-0-in-c", &BUILT, version);
}

fn a_plugin_in_c_serves(version: Version) {
    static BUILT: LazyLock<Vec<u8>> =
        LazyLock::new(|| fs::read(plugins::c("broker/tests/plugins/doorman.c")).unwrap());
    check_serves("in-c", &BUILT, version);
}

/// The plugin `doorman` serves a client, and another is kept out. Nothing it does has failed.
fn check_serves(name: &str, library: &[u8], version: Version) {
    log::take();
    let name = &format!("{name}-{}", version.level());
    let directory = PluginDir::new();
    directory.write(&format!("{name}.so"), library);
    let entry = entry(name, json!({ "prefix": "no-" }));
    let mut broker = Broker::with_plugins(&directory, vec![entry]);

    let (refused, answer) = Login::new(version, "no-entry").ask(broker.address());
    assert_eq!(answer.reason, ReasonCode::NotAuthorized);
    drop(refused);
    let will = LastWill::new("will", "gone");
    let mut client = Login::new(version, "alice").will(will).connect(broker.address());
    for filter in ["a/+", "kept", "no-a", "panic"] {
        client.subscribe(filter, QoS::AtLeastOnce);
    }
    let mut bob = Client::connect(&broker, version, "bob");
    bob.subscribe("will", QoS::AtLeastOnce);
    bob.publish("no-a", "x", QoS::AtLeastOnce);
    bob.publish("panic", "x", QoS::AtLeastOnce);
    bob.publish("a/b", "1", QoS::AtLeastOnce);
    client.expect("a/b", "1");
    client.unsubscribe("kept");
    client.unsubscribe("a/+");
    bob.publish("a/b", "2", QoS::AtLeastOnce);
    bob.publish("kept", "3", QoS::AtLeastOnce);
    client.expect("kept", "3");
    drop(client);
    bob.expect("will", "gone");
    bob.disconnect();
    broker.stop();

    let expected = [
        "keeps out no-",
        "alice came, false",
        "alice subscribed to a/+ at 1",
        "alice subscribed to kept at 1",
        "alice subscribed to panic at 1",
        "bob came, false",
        "bob subscribed to will at 1",
        "bob sent x to no-a",
        "bob sent x to panic",
        "bob sent 1 to a/b",
        "message 1 to a/b is routed",
        "alice unsubscribed from a/+",
        "bob sent 2 to a/b",
        "message 2 to a/b is routed",
        "bob sent 3 to kept",
        "message 3 to kept is routed",
        "alice went, graceful: false",
        "will gone to will is routed",
        "bob went, graceful: true",
        "goes",
    ];
    let mut said = log::messages(&format!("plugin::{name}"));
    said.retain(|line| !line.starts_with("panicked"));
    assert_eq!(said, expected);
    let failed = log::lines(&format!("plugin {name} failed"));
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("on_before_publish: it panicked (-1); taken as a veto"));
}

/// Version 1.99 has a hook, a field of an event and a host function that this broker has not.
fn a_plugin_of_a_later_minor_version_serves(version: Version) {
    static BUILT: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut source = DOORMAN.to_owned();
        for (before, after) in USES {
            assert!(source.contains(before), "{before:?}");
            source = source.replace(before, after);
        }
        let scratch = Scratch::with_abi("scratch-later-minor", &LATER_MINOR);
        fs::read(scratch.source(&source).build(&[])).unwrap()
    });
    check_serves("of-1-99", &BUILT, version);
}

/// What the plugin does with what is new.
const USES: [(&str, &str); 3] = [
    ("_host: Host", "host: Host"),
    ("let doorman: Doorman", "assert_eq!(host.weigh(), None); let doorman: Doorman"),
    (
        "    fn on_publish(&self, event: &Publish<'_>) {",
        "    fn on_weighed(&self, _: &plugin_abi::Tick<'_>) {}\n\
         fn on_publish(&self, event: &Publish<'_>) { assert_eq!(event.weight(), None);",
    ),
];

/// Each at the end of what there is.
const LATER_MINOR: [(&str, &str, &str); 14] = [
    ("Cargo.toml", "version = \"1.1.0\"", "version = \"1.99.0\""),
    ("src/raw.rs", "ABI_VERSION: u32 = 1 << 16 | 1", "ABI_VERSION: u32 = 1 << 16 | 99"),
    ("macros/src/lib.rs", "    \"on_tick\",\n", "    \"on_tick\",\n \"on_weighed\",\n"),
    (
        "src/plugin.rs",
        "    fn on_tick(&self, event: &Tick<'_>) {\n        let _ = event;\n    }\n",
        "    fn on_tick(&self, _: &Tick<'_>) {}\n\
         /// The new hook.\n\
         fn on_weighed(&self, _: &Tick<'_>) {}\n",
    ),
    (
        "src/export.rs",
        "    on_tick event Tick observes;\n",
        "    on_tick event Tick observes;\n on_weighed event Tick observes;\n",
    ),
    (
        "src/module.rs",
        "EventPtr<raw::Tick<'static>>) -> i32>,\n}",
        "EventPtr<raw::Tick<'static>>) -> i32>,\n\
         pub on_weighed: Option<unsafe extern \"C\" fn(*mut c_void, EventPtr<raw::Tick<'static>>) -> i32>,\n}",
    ),
    ("src/module.rs", "on_tick: None,", "on_tick: None, on_weighed: None,"),
    (
        "src/module.rs",
        "on_tick: table.on_tick(),",
        "on_tick: table.on_tick(), on_weighed: table.on_weighed(),",
    ),
    (
        "src/module.rs",
        "fn(HostContext, View<'_>, u32) -> i32,\n}",
        "fn(HostContext, View<'_>, u32) -> i32,\n\
         /// The new function.\n\
         pub weigh: unsafe extern \"C\" fn(HostContext) -> i32,\n}",
    ),
    (
        "src/module/unknown.rs",
        "            blocking,\n        }\n    }\n}\n",
        "blocking, weigh } } }\n\
         unsafe extern \"C\" fn weigh(_: HostContext) -> i32 { raw::UNKNOWN }\n",
    ),
    (
        "src/host.rs",
        "impl Host {\n",
        "impl Host {\n\
         /// The new function.\n\
         pub fn weigh(&self) -> Option<i32> { Some(unsafe { self.api.weigh()?(self.context) }) }\n",
    ),
    (
        "src/raw/event.rs",
        "    pub payload_len: u64,\n",
        "    pub payload_len: u64,\n /// The new field.\n pub weight: u64,\n",
    ),
    (
        "src/event.rs",
        "impl<'a> Publish<'a> {\n",
        "impl<'a> Publish<'a> {\n\
         /// The new field.\n\
         pub fn weight(&self) -> Option<u64> { later!(self, Publish, weight: u64) }\n",
    ),
    (
        "src/testing/publish.rs",
        "payload_len: self.payload.len() as u64,",
        "payload_len: self.payload.len() as u64, weight: 0,",
    ),
];
