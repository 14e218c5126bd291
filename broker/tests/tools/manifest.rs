//! What plugins say of themselves without being loaded.

use std::path::Path;
use std::process::Command;

use hookmq::plugins::{Language, Manifest, PluginEntry, inspect, inspect_file};
use plugin_abi::raw::ABI_VERSION;
use serde_json::Value;

use crate::common::plugins::{self, PluginDir};

const IN_C: &str = r#"
    #include "plugin.h"
    MQ_PLUGIN("in-c", "0.3.0", "MIT", "Does \"this\" and that");
    int32_t OnPublish(void *instance, const mq_publish *event) {
        (void)instance; (void)event; return MQ_CONTINUE;
    }
    int32_t OnSubscrbe(void *instance, const mq_subscribe *event) {
        (void)instance; (void)event; return MQ_CONTINUE;
    }
"#;

fn manifest_of(library: &Path) -> Manifest {
    inspect_file(library, false).contents.unwrap().manifest.unwrap()
}

#[test]
fn a_rust_plugin_says_what_its_cargo_toml_says() {
    let inspection = inspect_file(&plugins::rust("sub-limiter"), false);
    assert_eq!(inspection.name, "sub-limiter");
    assert!(inspection.refusals.is_empty(), "{:?}", inspection.refusals);
    let contents = inspection.contents.unwrap();
    assert_eq!(contents.language, Some(Language::Rust));
    let hooks = contents.hooks.clone().unwrap();
    assert!(hooks.iter().any(|hook| hook == "on_before_subscribe"), "{hooks:?}");
    let manifest = contents.manifest.unwrap();
    assert_eq!(manifest.hooks, contents.hooks);
    let Manifest { name, version, plugin_abi, license, description, panic_unwind, .. } = manifest;
    assert_eq!((name.as_str(), version.as_str()), ("sub-limiter", "0.1.0"));
    assert!(plugin_abi.starts_with(&format!("{}.", abi_version())), "{plugin_abi}");
    assert_eq!(license, "MIT OR Apache-2.0");
    assert_eq!(description, "A hookmq plugin that allows each client id so many subscriptions");
    assert_eq!(panic_unwind, Some(true));
}

#[test]
fn a_c_plugin_says_what_it_was_told_to() {
    let inspection = inspect_file(plugins::c_text(IN_C).as_ref(), false);
    assert!(inspection.refusals.is_empty(), "{:?}", inspection.refusals);
    let contents = inspection.contents.unwrap();
    assert_eq!(contents.language, Some(Language::C));
    assert_eq!(contents.hooks.unwrap(), ["on_publish"]);
    let why = "it exports OnSubscrbe, which nobody calls; did you mean OnSubscribe?";
    assert_eq!(contents.remarks, [why]);
    assert_eq!(
        contents.manifest.unwrap(),
        Manifest {
            name: "in-c".into(),
            version: "0.3.0".into(),
            plugin_abi: abi_version(),
            license: "MIT".into(),
            description: "Does \"this\" and that".into(),
            hooks: None,
            ..Manifest::default()
        }
    );
}

/// It asks for something, and says with which brokers it gets on.
const ASKS: &str = r#"
    #include "plugin.h"
    MQ_PLUGIN_WITH("asks", "1.0.0", "MIT", "Asks",
                   MQ_WANTS("publish kick") MQ_MAY_USE("kv fly") MQ_REQUIRES("1.1"));
"#;

#[test]
fn a_plugin_says_what_it_asks_for() {
    let library = plugins::c_text(ASKS);
    let contents = inspect_file(library.as_ref(), false).contents.unwrap();
    let remark = "it may use the capability fly, which this broker does not know";
    assert_eq!(contents.remarks, [remark]);
    let manifest = contents.manifest.unwrap();
    assert_eq!(
        (manifest.wants.join(" "), manifest.may_use.join(" ")),
        ("publish kick".into(), "kv fly".into())
    );
    assert_eq!((manifest.requires.as_str(), manifest.description.as_str()), ("1.1", "Asks"));
    let folder = crate::folder::Folder::new("");
    folder.put(library, "asks");
    let said = folder.run(&["plugin", "check", "plugins/asks.so"]);
    for line in
        ["requires     plugin-abi 1.1", "wants        publish, kick", "may use      kv, fly"]
    {
        assert!(said.out.iter().any(|said| said == line), "{line}: {:#?}", said.out);
    }
    assert_eq!(manifest_of(&plugins::rust("hello")).requires, "1");
}

#[test]
fn a_manifest_outlives_strip() {
    let (rust, c) = (plugins::rust("hello"), plugins::c_text(IN_C));
    for library in [rust.as_path(), c.as_ref()] {
        let dir = PluginDir::new();
        let stripped = dir.put(library, "stripped");
        assert!(Command::new("strip").arg(&stripped).status().unwrap().success());
        assert_eq!(manifest_of(&stripped), manifest_of(library));
    }
}

/// Without the table of sections a library still loads, and its notes are found by their segment.
#[test]
fn a_manifest_outlives_the_table_of_sections() {
    let mut library = std::fs::read(plugins::rust("hello")).unwrap();
    library[40..48].fill(0);
    let dir = PluginDir::new();
    let inspection = inspect_file(&dir.write("sectionless.so", &library), false);
    assert!(inspection.refusals.is_empty(), "{:?}", inspection.refusals);
    let contents = inspection.contents.unwrap();
    assert_eq!((contents.language, contents.manifest.unwrap().name.as_str()), (None, "hello"));
}

#[test]
fn all_that_a_manifest_says_against_it_is_told_at_once() {
    let text = "#include \"plugin.h\"
        uint32_t PluginAbiVersion(void) { return 7u << 16; }
        MQ_NOTE(\"name=old\\0plugin-abi=7.0.0\\0panic=abort\");";
    let dir = PluginDir::new();
    dir.put(plugins::c_text(text), "old");
    let look = |allow_panic_abort| {
        let (name, config) = ("old".to_owned(), Value::Null);
        let entry = PluginEntry { name, config, allow_panic_abort, ..PluginEntry::default() };
        let refusals = inspect(dir.path(), &[entry]).remove(0).refusals;
        refusals.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let refusals = look(false);
    assert!(refusals[0].contains("built for version 7.0.0 of plugin-abi"), "{refusals:?}");
    assert!(refusals[1].contains("built with panic = \"abort\""), "{refusals:?}");
    assert_eq!(look(true), refusals[..1]);
}

#[test]
fn a_library_of_another_abi_stable_is_told_without_loading_it() {
    let library = plugins::c_text(
        "#include <stdint.h>
         const struct { char magic[32]; uint32_t major, minor; }
         _1as_0lib_1header_0root_bmodule_bloader = { \"abi stable library for Rust     \", 0, 10 };",
    );
    let refusals = inspect_file(library.as_ref(), false).refusals;
    assert!(refusals[0].to_string().contains("it was built with another abi_stable (0.10)"));
}

/// As `plugin.h` has it.
fn abi_version() -> String {
    format!("{}.{}", ABI_VERSION >> 16, ABI_VERSION & 0xFFFF)
}
