//! What the config can make of a failure: `on_error` and `max_failures`.

use std::time::Duration;

use hookmq::hooks::Standing;
use hookmq::plugins::{OnError, PluginEntry, Plugins};
use serde_json::json;

use crate::{
    ALL_HOOKS, DECIDING_HOOKS, REFUSING_HOOKS, at_once, call_all, client,
    common::plugins::PluginDir,
    common::{log, plugins},
    entry, load, publication,
};

/// A plugin that panics in `hook`.
fn panics(name: &str, hook: &str, on_error: OnError, max_failures: u32) -> (PluginDir, Plugins) {
    let dir = PluginDir::new();
    dir.put(plugins::rust("misbehaving"), name);
    let config = json!({ "in": hook, "how": "panic" });
    let entry = PluginEntry { on_error, max_failures, ..entry(name, config) };
    let plugins = load(&dir, &[entry]);
    (dir, plugins)
}

#[track_caller]
fn check_each_hook(name: &str, on_error: OnError, refusing: &[&str]) {
    for hook in ALL_HOOKS {
        let (_dir, plugins) = panics(&format!("{name}-{hook}"), hook, on_error, 0);
        let expected: &[&str] = if refusing.contains(&hook) { &[hook] } else { &[] };
        assert_eq!(call_all(&plugins.hooks()), expected);
    }
}

#[test]
fn a_failure_can_be_told_to_go_on_or_to_refuse_in_each_hook() {
    check_each_hook("allow", OnError::Allow, &[]);
    check_each_hook("refuse", OnError::Refuse, &DECIDING_HOOKS);
}

/// Publishes so often, and returns how often that was refused.
fn refused(plugins: &Plugins, times: usize) -> usize {
    let hooks = plugins.hooks();
    let publish = |_: &usize| {
        hooks.on_before_publish(&client("c1"), &publication("a"), &mut at_once()).is_veto()
    };
    (0..times).filter(publish).count()
}

fn check_quarantine(name: &str, on_error: OnError, max_failures: u32, asked: usize, vetoed: usize) {
    let (_dir, plugins) = panics(name, "on_before_publish", on_error, max_failures);
    assert_eq!(refused(&plugins, 10), vetoed);
    assert_eq!(log::messages(&format!("plugin::{name}")).len(), asked);
    let stats = plugins.stats();
    let of = |hook| stats.iter().find(|stats| stats.hook == hook).unwrap().counts;
    let counts = of("on_before_publish");
    assert_eq!((counts.asked, counts.failed), (asked as u64, asked as u64));
    assert_eq!(counts.skipped, 10 - asked as u64);
    // It is not told of anything else either.
    plugins.hooks().on_publish(&client("c1"), &publication("a"));
    let stats = plugins.stats();
    let observed = stats.iter().find(|stats| stats.hook == "on_publish").unwrap().counts;
    let lines = log::lines(&format!("plugin {name} is quarantined for 1s, for it has failed too"));
    let (plugin, standing) = plugins.standings().remove(0);
    assert_eq!(&*plugin, name);
    let quarantined = match standing {
        Standing::Quarantined(left) => left <= Duration::from_secs(1),
        _ => false,
    };
    assert_eq!(quarantined, asked < 10, "{standing:?}");
    let expected = if quarantined { (0, 1, 1) } else { (1, 0, 0) };
    assert_eq!((observed.asked, observed.skipped, lines.len()), expected);
}

#[test]
fn who_fails_too_often_is_not_asked_any_more() {
    check_quarantine("often-default", OnError::ByHook, 3, 3, 10);
    check_quarantine("often-allow", OnError::Allow, 3, 3, 0);
    check_quarantine("often-refuse", OnError::Refuse, 3, 3, 10);
    check_quarantine("first-of-all", OnError::Quarantine, 3, 1, 10);
    check_quarantine("first-of-none", OnError::Quarantine, 0, 1, 10);
    check_quarantine("however-often", OnError::ByHook, 0, 10, 10);
}

/// What it decides is refused in all hooks, and who wants to be authenticated is.
#[test]
fn a_quarantined_plugin_refuses_what_it_would_decide() {
    let (_dir, plugins) = panics("not-there", "on_auth", OnError::Quarantine, 0);
    assert_eq!(call_all(&plugins.hooks())[0], "on_auth");
    assert_eq!(call_all(&plugins.hooks()), REFUSING_HOOKS);
}
