//! Loading, and the end of a plugin.

use serde_json::{Value, json};

use crate::{
    call_all, client,
    common::{log, plugins, plugins::PluginDir},
    entry, load, publication, try_load,
};

/// Counts in the log how often it was shut down.
const C_PLUGIN: &str = r#"
    #include <stdlib.h>
    #include "plugin.h"

    static const mq_host *host;

    uint32_t PluginAbiVersion(void) { return MQ_ABI_VERSION; }

    int32_t Bootstrap(const mq_host *given, mq_view json, void **instance)
    {
        host = given;
        *instance = malloc(1);
        host->log(host->ctx, MQ_LOG_INFO, MQ_TEXT("part"), json, MQ_TEXT("file.c"), 12);
        return host->size >= sizeof *host && host->max_level(host->ctx) == MQ_LOG_DEBUG ? 0 : -1;
    }

    int32_t OnPublish(void *instance, const mq_publish *event)
    {
        (void)instance;
        host->log(host->ctx, 99, MQ_TEXT(""), event->topic, MQ_TEXT(""), 0);
        host->log(host->ctx, MQ_LOG_WARN, MQ_TEXT(""), event->payload, MQ_TEXT(""), 0);
        return MQ_CONTINUE;
    }

    void Shutdown(void *instance)
    {
        free(instance);
        host->log(host->ctx, MQ_LOG_INFO, MQ_TEXT(""), MQ_TEXT("shut down"), MQ_TEXT(""), 0);
    }
"#;

#[test]
fn a_rust_plugin_is_shut_down_once_and_then_dropped() {
    let dir = PluginDir::new();
    for name in ["ends-1", "ends-2"] {
        dir.put(plugins::rust("hook-log"), name);
    }
    let plugins = load(&dir, &["ends-1", "ends-2"].map(|name| entry(name, Value::Null)));
    plugins.shutdown();
    plugins.shutdown();
    assert_eq!(call_all(&plugins.hooks()), [""; 0]);
    assert_eq!(plugins.names().collect::<Vec<_>>(), ["ends-1", "ends-2"]);
    drop(plugins);
    let ends = log::lines("plugin::ends-");
    let ends: Vec<&String> = ends.iter().filter(|line| line.contains("shutdown")).collect();
    assert_eq!(ends.len(), 2);
    assert!(ends[0].contains("ends-1") && ends[1].contains("ends-2"));
}

#[test]
fn a_c_plugin_is_shut_down_when_no_hook_can_be_called() {
    let dir = PluginDir::new();
    dir.put(plugins::c_text(C_PLUGIN), "c-ends");
    let plugins = load(&dir, &[entry("c-ends", json!({ "a": [1, "two"] }))]);
    assert_eq!(
        log::lines("plugin::c-ends"),
        [r#"INFO plugin::c-ends::part: {"a":[1,"two"]} (file.c:12)"#]
    );
    let hooks = plugins.hooks();
    plugins.shutdown();
    let invalid = hookmq::hooks::Publication { payload: b"a\xFFb", ..publication("t") };
    hooks.on_publish(&client("c1"), &invalid);
    drop(hooks);
    drop(plugins);
    let messages = log::messages("plugin::c-ends");
    assert_eq!(messages, ["a\u{FFFD}b", "shut down"], "{messages:?}");
}

#[test]
fn errors_of_a_plugin_that_starts_after_all_are_logged() {
    let dir = PluginDir::new();
    let code = r#"
        #include "plugin.h"
        uint32_t PluginAbiVersion(void) { return MQ_ABI_VERSION; }
        int32_t Bootstrap(const mq_host *host, mq_view json, void **instance) {
            (void)json; (void)instance;
            host->log(host->ctx, MQ_LOG_ERROR, MQ_TEXT(""), MQ_TEXT("no cache"), MQ_TEXT(""), 0);
            host->log(host->ctx, MQ_LOG_ERROR, MQ_TEXT(""), MQ_TEXT("no lamp"), MQ_TEXT(""), 0);
            return 0;
        }"#;
    dir.put(plugins::c_text(code), "complains");
    load(&dir, &[entry("complains", Value::Null)]);
    assert_eq!(log::messages("plugin::complains"), ["no cache", "no lamp"]);
}

#[test]
fn plugins_before_a_broken_one_are_shut_down() {
    let dir = PluginDir::new();
    dir.put(plugins::rust("hook-log"), "before-broken");
    dir.write("broken-after.so", b"text");
    let entries = [entry("before-broken", Value::Null), entry("broken-after", Value::Null)];
    assert!(try_load(&dir, &entries).unwrap_err().to_string().contains("broken-after"));
    assert_eq!(log::messages("plugin::before-broken").len(), 2);
}

#[test]
fn each_plugin_gets_its_own_section() {
    let dir = PluginDir::new();
    for name in ["section-1", "section-2"] {
        dir.put(plugins::rust("hook-log"), name);
    }
    let section = json!({ "prefix": "mine", "veto": ["on_connect"] });
    load(&dir, &[entry("section-1", section), entry("section-2", Value::Null)]);
    let (first, second) = (log::messages("plugin::section-1"), log::messages("plugin::section-2"));
    assert_eq!(first[0], r#"mine bootstrap: {"prefix":"mine","veto":["on_connect"]}"#);
    assert_eq!(second[0], " bootstrap: {}");
    assert_eq!(log::lines("plugin section-1 loaded from").len(), 1);
}

#[test]
fn writing_over_the_file_of_a_loaded_plugin_is_harmless() {
    let dir = PluginDir::new();
    let file = dir.put(plugins::rust("hook-log"), "overwritten");
    let entries = [entry("overwritten", Value::Null)];
    let plugins = load(&dir, &entries);
    let hooks = plugins.hooks();
    // As `cp` does: the same file is cut to nothing and written again.
    std::fs::write(&file, b"").unwrap();
    assert_eq!(call_all(&hooks), [""; 0]);
    std::fs::copy(plugins::rust("deny-list"), &file).unwrap();
    assert_eq!(call_all(&hooks), [""; 0]);
    // What is there now is another plugin, and is loaded as such.
    let error = try_load(&dir, &[entry("overwritten", json!({ "prefix": "-" }))]).unwrap_err();
    assert!(error.to_string().contains("unknown field `prefix`"), "{error}");
}

#[test]
fn a_plugin_can_be_loaded_again_and_again() {
    let dir = PluginDir::new();
    dir.put(plugins::rust("hook-log"), "again");
    for round in 1..=20 {
        let plugins = load(&dir, &[entry("again.so", Value::Null)]);
        plugins.hooks().on_publish(&client("c1"), &publication("a"));
        drop(plugins);
        assert_eq!(log::messages("plugin::again").len(), 3 * round);
    }
}
