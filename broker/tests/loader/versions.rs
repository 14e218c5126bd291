//! Plugins that were built against another plugin-abi than the broker's.

use serde_json::Value;

use crate::{
    client,
    common::{self, plugins::PluginDir},
    entry, load, load_error, publication,
    scratch::Scratch,
};

const VERSION: &str = "version = \"1.0.0\"";

#[test]
fn a_later_minor_version_loads() {
    let library = Scratch::with_abi(
        "scratch-later-minor",
        &[
            ("Cargo.toml", VERSION, "version = \"1.1.0\""),
            ("src/raw.rs", "ABI_VERSION: u32 = 1 << 16", "ABI_VERSION: u32 = 1 << 16 | 1"),
            (
                "src/module.rs",
                "Option<unsafe extern \"C\" fn(*mut c_void, EventPtr<raw::Disconnect<'static>>) -> i32>,\n}",
                "Option<unsafe extern \"C\" fn(*mut c_void, EventPtr<raw::Disconnect<'static>>) -> i32>,\n\
                 pub on_tick: Option<unsafe extern \"C\" fn(*mut c_void) -> i32>,\n}",
            ),
            ("src/module.rs", "on_disconnect: None,", "on_disconnect: None, on_tick: None,"),
            (
                "src/module.rs",
                "on_disconnect: table.on_disconnect(),",
                "on_disconnect: table.on_disconnect(), on_tick: table.on_tick(),",
            ),
            (
                "src/module.rs",
                "pub panicked: unsafe extern \"C\" fn(HostContext, View<'_>, View<'_>, u32),",
                "pub panicked: unsafe extern \"C\" fn(HostContext, View<'_>, View<'_>, u32),\n\
                 pub kick: unsafe extern \"C\" fn(HostContext, View<'_>) -> i32,",
            ),
        ],
    )
    .build(&[]);
    let dir = PluginDir::new();
    dir.put(library, "later-minor");
    let hooks = load(&dir, &[entry("later-minor", Value::Null)]).hooks();
    assert!(!hooks.on_connect(&client("c1"), false, false).is_veto());
    assert!(!hooks.on_before_publish(&client("c1"), &publication("a")).is_veto());
    assert!(hooks.on_before_publish(&client("c1"), &publication("vetoed")).is_veto());
    assert_eq!(common::log::messages("plugin::later-minor"), ["c1 connected"]);
}

fn error(scratch: &Scratch) -> String {
    let dir = PluginDir::new();
    let file = dir.put(scratch.build(&[]), "other-version");
    let error = load_error(&dir, entry("other-version", Value::Null));
    assert!(error.contains(&file.display().to_string()), "{error}");
    assert!(error.len() < 1000, "too long to read: {error}");
    error
}

#[test]
fn another_major_version_is_refused() {
    let edits = [("Cargo.toml", VERSION, "version = \"2.0.0\"")];
    let error = error(&Scratch::with_abi("scratch-other-major", &edits));
    assert!(error.contains("version 2.0.0 of plugin-abi; rebuild it with version 1.0"), "{error}");
}

#[test]
fn a_changed_table_is_refused() {
    let edits = [
        ("src/module.rs", "pub panic_unwind: bool", "pub panic_unwind: u64"),
        ("src/export.rs", "cfg!(panic = \"unwind\")", "cfg!(panic = \"unwind\") as u64"),
    ];
    let error = error(&Scratch::with_abi("scratch-changed-table", &edits));
    assert!(error.contains("its tables do not match plugin-abi 1.0"), "{error}");
}

#[test]
fn a_plugin_of_another_program_is_refused() {
    let edits = [("src/module.rs", "\"hookmq_plugin\"", "\"another_program\"")];
    let error = error(&Scratch::with_abi("scratch-another-program", &edits));
    assert!(error.contains("a library for another program"), "{error}");
    assert!(error.contains("another_program"), "{error}");
}
