//! Plugins that fail in a hook: the broker lives, says so, and takes the failure for what the table of
//! hooks says.

use hookmq::plugins::PluginEntry;
use serde_json::json;

use crate::{
    ALL_HOOKS, DECIDING_HOOKS, REFUSING_HOOKS, at_once, call_all, client,
    common::plugins::PluginDir,
    common::{log, plugins},
    entry, load, publication, try_load,
};

fn check_panic_in_each_hook(name: &str, how: &str, message: &str) {
    let dir = PluginDir::new();
    for hook in ALL_HOOKS {
        let name = format!("{name}-{hook}");
        dir.put(plugins::rust("misbehaving"), &name);
        let plugins = load(&dir, &[entry(&name, json!({ "in": hook, "how": how }))]);
        let expected: &[&str] = if REFUSING_HOOKS.contains(&hook) { &[hook] } else { &[] };
        assert_eq!(call_all(&plugins.hooks()), expected);

        let reports = log::messages(&format!("plugin::{name}"));
        let report = &reports[0];
        assert!(report.starts_with(&format!("panicked in {hook} at ")), "{report}");
        assert!(report.contains("misbehaving/src/lib.rs:"), "{report}");
        assert!(report.ends_with(message), "{report}");
        let failure = log::lines(&format!("plugin {name} failed in {hook}: it panicked"));
        assert_eq!(failure.len(), 1, "{failure:?}");
    }
}

#[test]
fn a_panic_in_each_hook() {
    check_panic_in_each_hook("panic", "panic", "boom");
}

#[test]
fn an_index_out_of_bounds_in_each_hook() {
    let message = "index out of bounds: the len is 3 but the index is 7";
    check_panic_in_each_hook("index", "index", message);
}

#[test]
fn a_panic_whose_payload_panics_when_dropped() {
    check_panic_in_each_hook("drop-panics", "drop_panics", "a payload that is not text");
}

#[test]
fn a_panic_on_a_thread_of_its_own_harms_nothing() {
    let dir = PluginDir::new();
    dir.put(plugins::rust("misbehaving"), "threaded");
    let plugins = load(&dir, &[entry("threaded", json!({ "in": "on_connect", "how": "thread" }))]);
    assert!(!plugins.hooks().on_connect(&client("c1"), false, false, &mut at_once()).is_veto());
    let report = &log::messages("plugin::threaded")[0];
    assert!(report.starts_with("panicked in a thread of its own at "), "{report}");
    assert!(report.ends_with("boom in a thread"), "{report}");
}

#[test]
fn a_panic_while_stopping() {
    let dir = PluginDir::new();
    for place in ["shutdown", "drop"] {
        let name = format!("panic-in-{place}");
        dir.put(plugins::rust("misbehaving"), &name);
        let plugins = load(&dir, &[entry(&name, json!({ "in": place, "how": "panic" }))]);
        plugins.shutdown();
        let reports = log::lines(&format!("plugin::{name}: panicked in {place} at "));
        assert_eq!(reports.len(), 1, "{reports:?}");
        let failures = log::lines(&format!("plugin {name} failed in {place}; the broker goes on"));
        assert_eq!(failures.len(), 1, "{failures:?}");
    }
}

#[test]
fn many_panics_are_all_reported_but_the_failure_once_a_second() {
    let dir = PluginDir::new();
    dir.put(plugins::rust("misbehaving"), "often");
    let config = json!({ "in": "on_before_publish", "how": "panic" });
    let entry = PluginEntry { max_failures: 0, ..entry("often", config) };
    let hooks = load(&dir, &[entry]).hooks();
    for _ in 0..200 {
        assert!(
            hooks.on_before_publish(&client("c1"), &publication("a"), &mut at_once()).is_veto()
        );
    }
    assert_eq!(log::messages("plugin::often").len(), 200);
    let failures = log::lines("plugin often failed in on_before_publish");
    assert!((1..20).contains(&failures.len()), "{} lines", failures.len());
}

fn check_answer(name: &str, answer: i32, vetoed: &[&str], failed: &[&str], text: &str) {
    let source = plugins::workspace().join("broker/tests/plugins/nonsense.c");
    let library = plugins::c_with(&source, &[&format!("-DANSWER={answer}")]);
    let dir = PluginDir::new();
    dir.put(library, name);
    let plugins = load(&dir, &[entry(name, json!(null))]);
    assert_eq!(call_all(&plugins.hooks()), vetoed);
    for hook in ALL_HOOKS {
        let lines = log::lines(&format!("plugin {name} failed in {hook}: {text}"));
        assert_eq!(lines.len(), usize::from(failed.contains(&hook)), "{hook}: {lines:?}");
    }
}

#[test]
fn answers_from_c() {
    let observing: Vec<&str> =
        ALL_HOOKS.into_iter().filter(|hook| !DECIDING_HOOKS.contains(hook)).collect();
    check_answer("says-continue", 1, &[], &[], "");
    check_answer("says-veto", 0, &DECIDING_HOOKS, &observing, "it answered veto (0), which");
    check_answer(
        "says-pending",
        2,
        &REFUSING_HOOKS,
        &ALL_HOOKS,
        "it answered pending (2), and nobody",
    );
    check_answer("says-3", 3, &REFUSING_HOOKS, &ALL_HOOKS, "it answered 3, which means nothing");
    check_answer("says-127", 127, &REFUSING_HOOKS, &ALL_HOOKS, "it answered 127, which means");
    check_answer("says-163", 163, &REFUSING_HOOKS, &ALL_HOOKS, "it answered 163, which means");
    check_answer("says-255", 255, &REFUSING_HOOKS, &ALL_HOOKS, "it answered 255, which means");
    check_answer("says-quota", 151, &DECIDING_HOOKS, &observing, "it answered 151, which means");
    check_answer("says-256", 256, &REFUSING_HOOKS, &ALL_HOOKS, "it answered 256, which means");
    check_answer("says-error", -5, &REFUSING_HOOKS, &ALL_HOOKS, "it answered error -5");
}

#[test]
fn a_failure_of_one_plugin_does_not_keep_observers_from_the_next() {
    let dir = PluginDir::new();
    dir.put(plugins::rust("misbehaving"), "fails-first");
    dir.put(plugins::rust("hook-log"), "sees-after");
    let first = entry("fails-first", json!({ "in": "on_publish", "how": "panic" }));
    let plugins = try_load(&dir, &[first, entry("sees-after", json!(null))]).unwrap();
    plugins.hooks().on_publish(&client("c1"), &publication("a"));
    assert!(log::messages("plugin::sees-after").iter().any(|line| line.contains("on_publish")));
}
