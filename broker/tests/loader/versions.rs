//! Plugins that were built against another plugin-abi than the broker's.

use std::path::Path;

use hookmq::hooks::{AuthOutcome, BeforeConnect};
use serde_json::Value;

use crate::{
    at_once, auth_round, client,
    common::{self, plugins, plugins::PluginDir},
    connect, entry, load, load_error, publication,
    scratch::Scratch,
};

const VERSION: &str = "version = \"1.1.0\"";

const ABI_VERSION: &str = "ABI_VERSION: u32 = 1 << 16 | 1";

/// The end of the table of hooks.
const LAST_HOOK: &str =
    "Option<unsafe extern \"C\" fn(*mut c_void, EventPtr<raw::Auth<'static>>) -> i32>,\n}";

#[test]
fn a_later_minor_version_loads() {
    let library = Scratch::with_abi(
        "scratch-later-minor",
        &[
            ("Cargo.toml", VERSION, "version = \"1.2.0\""),
            ("src/raw.rs", ABI_VERSION, "ABI_VERSION: u32 = 1 << 16 | 2"),
            (
                "src/module.rs",
                LAST_HOOK,
                "Option<unsafe extern \"C\" fn(*mut c_void, EventPtr<raw::Auth<'static>>) -> i32>,\n\
                 pub on_tick: Option<unsafe extern \"C\" fn(*mut c_void) -> i32>,\n}",
            ),
            ("src/module.rs", "on_auth: None,", "on_auth: None, on_tick: None,"),
            (
                "src/module.rs",
                "on_auth: table.on_auth(),",
                "on_auth: table.on_auth(), on_tick: table.on_tick(),",
            ),
            (
                "src/module.rs",
                "pub panicked: unsafe extern \"C\" fn(HostContext, View<'_>, View<'_>, u32),",
                "pub panicked: unsafe extern \"C\" fn(HostContext, View<'_>, View<'_>, u32),\n\
                 pub kick: unsafe extern \"C\" fn(HostContext, View<'_>) -> i32,",
            ),
            (
                "src/testing/host.rs",
                "HostApi { log, max_level, panicked });",
                "HostApi { log, max_level, panicked, kick });\n\
                 unsafe extern \"C\" fn kick(_: HostContext, _: View<'_>) -> i32 { 0 }",
            ),
        ],
    )
    .build(&[]);
    check_serves("later-minor", library);
}

/// Its table ends before `on_auth`.
#[test]
fn version_1_0_loads() {
    let library = Scratch::with_abi(
        "scratch-1-0",
        &[
            ("Cargo.toml", VERSION, "version = \"1.0.0\""),
            ("src/raw.rs", ABI_VERSION, "ABI_VERSION: u32 = 1 << 16"),
            (
                "src/module.rs",
                "    pub on_auth:\n        \
                 Option<unsafe extern \"C\" fn(*mut c_void, EventPtr<raw::Auth<'static>>) -> i32>,\n",
                "",
            ),
            ("src/module.rs", "on_auth: None,", ""),
            ("src/module.rs", "on_auth: table.on_auth(),", ""),
        ],
    )
    .build(&[]);
    check_serves("version-1-0", library);
}

#[test]
fn version_1_0_in_c_loads() {
    let library = plugins::c_text(
        "#include \"plugin.h\"\n\
         uint32_t PluginAbiVersion(void) { return 1u << 16; }\n\
         int32_t OnBeforeConnect(void *instance, const mq_before_connect *event) {\n\
             (void)instance;\n\
             return event->keep_alive == 60;\n\
         }\n",
    );
    let dir = PluginDir::new();
    dir.put(library, "c-1-0");
    let hooks = load(&dir, &[entry("c-1-0", Value::Null)]).hooks();
    assert!(!hooks.on_before_connect(&client("c1"), &connect(), &mut at_once()).is_veto());
    let refused = BeforeConnect { keep_alive: 61, ..connect() };
    assert!(hooks.on_before_connect(&client("c1"), &refused, &mut at_once()).is_veto());
    let auth = hooks.on_auth(&client("c1"), &auth_round(), &mut None, &mut at_once());
    assert_eq!(auth, AuthOutcome::Unknown);
}

/// The plugin of [`Scratch::with_abi`] loads and is asked; hooks that it does not know are not there.
#[track_caller]
fn check_serves(name: &str, library: impl AsRef<Path>) {
    let dir = PluginDir::new();
    dir.put(library, name);
    let hooks = load(&dir, &[entry(name, Value::Null)]).hooks();
    assert!(!hooks.on_connect(&client("c1"), false, false, &mut at_once()).is_veto());
    assert!(!hooks.on_before_publish(&client("c1"), &publication("a"), &mut at_once()).is_veto());
    assert!(
        hooks.on_before_publish(&client("c1"), &publication("vetoed"), &mut at_once()).is_veto()
    );
    let auth = hooks.on_auth(&client("c1"), &auth_round(), &mut None, &mut at_once());
    assert_eq!(auth, AuthOutcome::Unknown);
    assert_eq!(common::log::messages(&format!("plugin::{name}")), ["c1 connected"]);
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
