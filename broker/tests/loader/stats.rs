//! What is counted of each plugin and hook.

use std::time::Duration;

use hookmq::hooks::HookStats;
use hookmq::plugins::Plugins;
use serde_json::{Value, json};

use crate::{
    ALL_HOOKS, call_all, client,
    common::plugins::{self, PluginDir},
    entry, load, publication,
};

/// The counters of a plugin in a hook; what was timed is left out, for it differs.
fn stats(plugins: &Plugins, plugin: &str, hook: &str) -> HookStats {
    let stats = plugins.stats();
    let of = stats.iter().find(|stats| &*stats.plugin == plugin && stats.hook == hook).unwrap();
    let HookStats { timed, p50, p99, max, .. } = of.counts;
    assert!(p50 <= p99 && p99 <= max, "{p50:?} {p99:?} {max:?}");
    assert_eq!(timed, of.counts.asked.div_ceil(64));
    let zero = Duration::ZERO;
    HookStats { timed: 0, p50: zero, p99: zero, max: zero, ..of.counts }
}

#[test]
fn every_hook_is_counted_by_itself() {
    let dir = PluginDir::new();
    dir.put(plugins::rust("hook-log"), "counted");
    let plugins = load(&dir, &[entry("counted", Value::Null)]);
    for _ in 0..70 {
        call_all(&plugins.hooks());
    }
    for hook in ALL_HOOKS {
        let expected = HookStats { asked: 70, allowed: 70, ..HookStats::default() };
        assert_eq!(stats(&plugins, "counted", hook), expected, "{hook}");
    }
    // It has more of them, which nothing here calls.
    let all: u64 = plugins.stats().iter().map(|stats| stats.counts.asked).sum();
    assert_eq!(all, 70 * ALL_HOOKS.len() as u64);
}

#[test]
fn what_came_of_a_call_is_counted_with_the_plugin_that_said_it() {
    let dir = PluginDir::new();
    for name in ["waits", "says-no"] {
        dir.put(plugins::rust("hook-log"), name);
    }
    dir.put(plugins::rust("misbehaving"), "fails-too");
    let hook = "on_before_publish";
    let no = json!({
        "veto": [hook, "on_connect"],
        "refuse": { "on_before_subscribe": { "code": 0x97 } },
    });
    let entries = [
        entry("waits", json!({ "throttle": { hook: 1 } })),
        entry("fails-too", json!({ "in": "on_publish", "how": "panic" })),
        entry("says-no", no),
    ];
    let plugins = load(&dir, &entries);
    call_all(&plugins.hooks());
    let one = HookStats { asked: 1, ..HookStats::default() };
    let allowed = HookStats { allowed: 1, ..one };
    for (plugin, hook, expected) in [
        ("waits", hook, HookStats { throttled: 1, ..allowed }),
        ("waits", "on_connect", allowed),
        ("fails-too", hook, allowed),
        ("fails-too", "on_publish", HookStats { failed: 1, ..one }),
        ("says-no", "on_publish", allowed),
        ("says-no", hook, HookStats { vetoed: 1, ..one }),
        ("says-no", "on_connect", HookStats { vetoed: 1, ..one }),
        ("says-no", "on_before_subscribe", HookStats { refused: 1, ..one }),
    ] {
        assert_eq!(stats(&plugins, plugin, hook), expected, "{plugin} {hook}");
    }
}

/// A fresh instance begins anew; one that stays goes on.
#[test]
fn counters_belong_to_the_instance() {
    let dir = PluginDir::new();
    let entries = ["stays", "renewed"].map(|name| {
        dir.put(plugins::rust("hook-log"), name);
        entry(name, Value::Null)
    });
    let plugins = load(&dir, &entries);
    let publish = || plugins.hooks().on_publish(&client("c1"), &publication("a"));
    publish();
    plugins.put(dir.path(), &entries[1]).unwrap();
    publish();
    assert_eq!(stats(&plugins, "stays", "on_publish").asked, 2);
    assert_eq!(stats(&plugins, "renewed", "on_publish").asked, 1);
}
