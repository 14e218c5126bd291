//! Shadows: plugins that are asked, and whose answers change nothing.

use hookmq::hooks::{Decision, HookStats};
use hookmq::plugins::{PluginEntry, Plugins};
use serde_json::{Value, json};

use crate::{
    ALL_HOOKS, DECIDING_HOOKS, at_once, call_all, client,
    common::log,
    common::plugins::{self, PluginDir},
    connect, entry, load, publication,
};

fn shadow(name: &str, config: Value) -> PluginEntry {
    PluginEntry { shadow: true, ..entry(name, config) }
}

/// Each a hook-log; their libraries are not needed any more.
fn hook_logs(entries: &[PluginEntry]) -> Plugins {
    let dir = PluginDir::new();
    for entry in entries {
        dir.put(plugins::rust("hook-log"), &entry.name);
    }
    load(&dir, entries)
}

fn counts(plugins: &Plugins, plugin: &str, hook: &str) -> HookStats {
    let stats = plugins.stats();
    stats.iter().find(|stats| &*stats.plugin == plugin && stats.hook == hook).unwrap().counts
}

#[test]
fn a_shadow_refuses_nothing_in_any_hook() {
    let all = json!({ "veto": DECIDING_HOOKS });
    let plugins = hook_logs(&[shadow("shadow-vetoes", all)]);
    assert_eq!(call_all(&plugins.hooks()), [""; 0]);
    for hook in ALL_HOOKS {
        let counts = counts(&plugins, "shadow-vetoes", hook);
        // An exchange is not to be begun by who cannot go on.
        assert_eq!(counts.asked, u64::from(hook != "on_auth"), "{hook}");
        let decides = DECIDING_HOOKS.contains(&hook) && hook != "on_auth";
        assert_eq!((counts.would_refuse, counts.vetoed), (u64::from(decides), 0), "{hook}");
    }
    assert_eq!(log::lines("plugin shadow-vetoes is a shadow").len(), 1);
}

#[test]
fn its_answers_are_compared_with_what_the_others_decide() {
    let hook = "on_before_publish";
    let no = json!({ "refuse": { hook: { "code": 0x97, "reason": "enough" } } });
    let yes = json!({});
    for (test, of_shadow, of_others, expected) in [
        ("yy", &yes, &yes, HookStats { agreed: 1, ..HookStats::default() }),
        ("nn", &no, &no, HookStats { agreed: 1, ..HookStats::default() }),
        ("yn", &yes, &no, HookStats { would_allow: 1, ..HookStats::default() }),
        ("ny", &no, &yes, HookStats { would_refuse: 1, ..HookStats::default() }),
    ] {
        let names = ["shadow", "before", "after"].map(|name| format!("{name}-{test}"));
        let plugins = hook_logs(&[
            entry(&names[1], yes.clone()),
            shadow(&names[0], of_shadow.clone()),
            entry(&names[2], of_others.clone()),
        ]);
        let decision =
            plugins.hooks().on_before_publish(&client("c1"), &publication("a"), &mut at_once());
        assert_eq!(decision.is_veto(), of_others == &no, "{test}");
        let HookStats { agreed, would_allow, would_refuse, asked, allowed, .. } =
            counts(&plugins, &names[0], hook);
        let compared = HookStats { agreed, would_allow, would_refuse, ..HookStats::default() };
        assert_eq!((compared, asked, allowed), (expected, 1, 0), "{test}");
        assert_eq!(counts(&plugins, &names[1], hook).allowed, 1);
    }
}

#[test]
fn what_it_hands_over_is_forgotten() {
    let hook = "on_before_publish";
    let plugins = hook_logs(&[
        shadow("shadow-waits", json!({ "throttle": { hook: 1000 } })),
        shadow("shadow-talks", json!({ "refuse": { hook: { "code": 0x97, "reason": "no" } } })),
    ]);
    let decision =
        plugins.hooks().on_before_publish(&client("c1"), &publication("a"), &mut at_once());
    assert_eq!(decision, Decision::CONTINUE);
    assert_eq!(counts(&plugins, "shadow-waits", hook).throttled, 0);
}

#[test]
fn who_only_watches_does_not_decide_who_connects() {
    let plugins = hook_logs(&[shadow("shadow-gate", json!({ "veto": ["on_before_connect"] }))]);
    assert!(!plugins.hooks().decides_who_connects());
    assert!(
        !plugins.hooks().on_before_connect(&client("c1"), &connect(), &mut at_once()).is_veto()
    );
}

#[test]
fn a_shadow_that_fails_harms_nobody() {
    let dir = PluginDir::new();
    dir.put(plugins::rust("misbehaving"), "shadow-fails");
    let hook = "on_before_publish";
    let config = json!({ "in": hook, "how": "panic" });
    let entry = PluginEntry { max_failures: 2, ..shadow("shadow-fails", config) };
    let plugins = load(&dir, &[entry]);
    for _ in 0..3 {
        let decision =
            plugins.hooks().on_before_publish(&client("c1"), &publication("a"), &mut at_once());
        assert_eq!(decision, Decision::CONTINUE);
    }
    let counts = counts(&plugins, "shadow-fails", hook);
    assert_eq!((counts.asked, counts.failed, counts.skipped), (2, 2, 1));
}
