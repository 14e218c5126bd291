//! Plugins that were built against a plugin-abi that does not go with the broker's.

use serde_json::Value;

use crate::{common::plugins::PluginDir, entry, load_error, scratch::Scratch};

const VERSION: &str = "version = \"1.1.0\"";

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
    assert!(error.contains("version 2.0.0 of plugin-abi; rebuild it with version 1.1"), "{error}");
}

#[test]
fn a_changed_table_is_refused() {
    let edits = [
        ("src/module.rs", "pub panic_unwind: bool", "pub panic_unwind: u64"),
        ("src/export.rs", "panic_unwind: cfg!(panic = \"unwind\")", "panic_unwind: 1"),
    ];
    let error = error(&Scratch::with_abi("scratch-changed-table", &edits));
    assert!(error.contains("its tables do not match plugin-abi 1.1"), "{error}");
}

#[test]
fn a_plugin_of_another_program_is_refused() {
    let edits = [("src/module.rs", "\"hookmq_plugin\"", "\"another_program\"")];
    let error = error(&Scratch::with_abi("scratch-another-program", &edits));
    assert!(error.contains("a library for another program"), "{error}");
    assert!(error.contains("another_program"), "{error}");
}
