//! Files that are no plugin for this broker: a clear error each, and the process lives.

use serde_json::{Value, json};

use crate::{
    common::plugins::{self, PluginDir},
    entry, load, load_error, try_load,
};

/// A folder with `broken.so` in it; the error that loading it ends with.
fn error_of(library: &[u8]) -> String {
    let dir = PluginDir::new();
    let file = dir.write("broken.so", library);
    let error = load_error(&dir, entry("broken", Value::Null));
    assert!(error.contains(&file.display().to_string()), "{error}");
    error
}

fn error_of_c(code: &str) -> String {
    error_of(&std::fs::read(plugins::c_text(code)).unwrap())
}

fn check(error: &str, reason: &str) {
    assert!(error.contains(reason), "{error:?} does not say {reason:?}");
}

#[test]
fn a_missing_file() {
    let dir = PluginDir::new();
    dir.write("other.so", b"");
    let error = load_error(&dir, entry("broken", Value::Null));
    check(&error, "there is no such file");
    check(&error, "looked for broken, broken.so, libbroken.so");
    check(&error, "; what is there: other.so");
}

#[test]
fn a_misspelt_name() {
    let dir = PluginDir::new();
    dir.write("libsub_limiter.so", b"");
    let folder = dir.path().display();
    assert_eq!(
        load_error(&dir, entry("sub-limitr", Value::Null)),
        format!(
            "plugin sub-limitr cannot be loaded: there is no such file in {folder}: looked for \
             sub-limitr, sub-limitr.so, libsub_limitr.so; did you mean sub-limiter? what is there: \
             libsub_limiter.so"
        )
    );
}

#[test]
fn a_name_that_leads_out_of_the_folder() {
    let dir = PluginDir::new();
    check(&load_error(&dir, entry("../broken", Value::Null)), "this is not a name");
}

#[test]
fn a_text_file() {
    check(
        &error_of(b"#!/bin/sh\necho I am no library, but rather long for a script\n"),
        "no ELF file",
    );
    check(&error_of(b""), "no ELF file");
}

#[test]
fn an_executable() {
    // Linked to a fixed address, as one that is not position independent.
    let mut library = std::fs::read(plugins::rust("hello")).unwrap();
    library[16] = 2;
    let error = "cannot be loaded: it is not a shared library but a program to be run";
    check(&error_of(&library), error);
    // As all are that are built nowadays.
    check(&error_of(&std::fs::read(env!("CARGO_BIN_EXE_hookmq")).unwrap()), error);
}

#[test]
fn a_library_to_link_with() {
    let error = error_of(b"!<arch>\nlib.rmeta/      0           0     0     644     6208      `\n");
    check(
        &error,
        "it is not a shared library but a static one; in Rust, set crate-type = [\"cdylib\"], in C, \
         link it with -shared",
    );
    let mut library = std::fs::read(plugins::rust("hello")).unwrap();
    library[16] = 1;
    check(&error_of(&library), "but an object file; link it with -shared");
}

#[test]
fn a_library_that_ends_too_early() {
    let library = std::fs::read(plugins::rust("hello")).unwrap();
    let header = [4, 15, 63, 64, 65, 120, 400];
    let parts = (1..20).map(|twentieth| library.len() / 20 * twentieth);
    for end in header.into_iter().chain(parts).chain([library.len() - 1]) {
        check(&error_of(&library[..end]), "truncated");
    }
}

#[test]
fn a_library_for_another_machine() {
    let mut library = std::fs::read(plugins::rust("hello")).unwrap();
    library[18] ^= 0x55;
    check(&error_of(&library), "another kind of machine");
}

#[test]
fn a_c_library_that_is_no_plugin() {
    check(&error_of_c("int answer(void) { return 42; }"), "no hookmq plugin");
}

#[test]
fn a_c_library_with_an_undefined_symbol() {
    let error = error_of_c(
        "#include \"plugin.h\"
         int32_t not_defined_anywhere(void);
         uint32_t PluginAbiVersion(void) { return MQ_ABI_VERSION; }
         int32_t OnPublish(void *instance, const mq_publish *event) {
             (void)instance; (void)event; return not_defined_anywhere();
         }",
    );
    check(&error, "undefined symbol: not_defined_anywhere");
}

#[test]
fn a_c_plugin_of_another_abi_version() {
    let error = error_of_c("unsigned PluginAbiVersion(void) { return 7u << 16 | 3u; }");
    check(&error, "built for version 7.3 of plugin-abi; rebuild it with version 1.1");
}

#[test]
fn a_c_plugin_that_refuses_to_start() {
    let with_reason = error_of_c(
        "#include \"plugin.h\"
         uint32_t PluginAbiVersion(void) { return MQ_ABI_VERSION; }
         int32_t Bootstrap(const mq_host *host, mq_view json, void **instance) {
             (void)json; (void)instance;
             host->log(host->ctx, MQ_LOG_ERROR, MQ_TEXT(\"\"), MQ_TEXT(\"no licence found\"),
                       MQ_TEXT(\"\"), 0);
             return -1;
         }",
    );
    check(&with_reason, "it refused to start: no licence found");
    let logged = crate::common::log::lines("no licence found");
    assert!(logged.is_empty(), "it is in the error already: {logged:?}");
    let without = error_of_c(
        "#include \"plugin.h\"
         uint32_t PluginAbiVersion(void) { return MQ_ABI_VERSION; }
         int32_t Bootstrap(const mq_host *host, mq_view json, void **instance) {
             (void)host; (void)json; (void)instance;
             return 5;
         }",
    );
    check(&without, "its bootstrap answered 5, and logged no error that says why");
}

#[test]
fn a_library_of_another_abi_stable() {
    let error = error_of_c(
        "#include <stdint.h>
         const struct { char magic[32]; uint32_t major, minor; }
         _1as_0lib_1header_0root_bmodule_bloader = { \"abi stable library for Rust     \", 0, 10 };",
    );
    check(&error, "another abi_stable");
}

#[test]
fn a_rust_plugin_that_refuses_to_start() {
    let dir = PluginDir::new();
    dir.put(plugins::rust("sub-limiter"), "sub-limiter");
    let error = |config| load_error(&dir, entry("sub-limiter", config));
    check(&error(Value::Null), "it refused to start: missing field `max`");
    check(
        &error(json!({ "max": 0 })),
        "`max`: invalid value: integer `0`, expected a whole number above 0",
    );
    check(&error(json!({ "max": "many" })), "`max`: invalid type");
    check(&error(json!({ "max": 1, "min": 1 })), "unknown field `min`");
}

#[test]
fn a_rust_plugin_that_fails_in_bootstrap() {
    let dir = PluginDir::new();
    dir.put(plugins::rust("misbehaving"), "bad-start");
    let error =
        |how| load_error(&dir, entry("bad-start", json!({ "in": "bootstrap", "how": how })));
    check(&error("error"), "it refused to start: no reason at all");
    let panicked = error("panic");
    check(&panicked, "it panicked while starting: broker/tests/plugins/misbehaving/src/lib.rs:");
    check(&panicked, ": boom");
    assert_eq!(panicked.matches("panicked").count(), 1, "{panicked}");
    check(&error("drop_panics"), "it panicked while starting: ");
}

#[test]
fn the_same_plugin_twice() {
    let dir = PluginDir::new();
    dir.put(plugins::rust("hello"), "hello");
    let twice = [entry("hello", Value::Null), entry("hello.so", Value::Null)];
    let error = try_load(&dir, &twice).unwrap_err().to_string();
    check(&error, "named twice");
    dir.put(plugins::rust("hello"), "libgreeting");
    let twice = [entry("greeting", Value::Null), entry("libgreeting", Value::Null)];
    check(&try_load(&dir, &twice).unwrap_err().to_string(), "named twice");
}

#[test]
fn an_optional_plugin_may_fail() {
    let dir = PluginDir::new();
    dir.write("optional-text.so", b"text");
    dir.put(plugins::rust("hello"), "after-optional");
    let mut optional = entry("optional-text", Value::Null);
    optional.optional = true;
    let plugins = load(&dir, &[optional, entry("after-optional", Value::Null)]);
    assert_eq!(plugins.names().collect::<Vec<_>>(), ["after-optional"]);
    let lines = crate::common::log::lines("optional-text.so");
    assert_eq!(lines.len(), 1, "{lines:?}");
    check(&lines[0], "the broker starts without it");
}
