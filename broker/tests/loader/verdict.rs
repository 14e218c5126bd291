//! Answers that are more than yes and no: refusals with a code and words, and waits.

use std::sync::Arc;
use std::time::Duration;

use hookmq::hooks::{Decision, Hooks, Refusal, Verdict};
use hookmq::plugins::Plugins;
use mqtt::ReasonCode;
use serde_json::{Value, json};

use crate::{
    DECIDING_HOOKS, at_once, client,
    common::{log, plugins, plugins::PluginDir},
    entry, load, publication, subscription, verdicts,
};

/// Each a hook-log with this config.
fn hook_logs(entries: &[(&str, Value)]) -> (PluginDir, Plugins) {
    let dir = PluginDir::new();
    let entries = entries.iter().map(|(name, config)| {
        dir.put(plugins::rust("hook-log"), name);
        entry(name, config.clone())
    });
    let entries: Vec<_> = entries.collect();
    let plugins = load(&dir, &entries);
    (dir, plugins)
}

fn refused(reason: ReasonCode, why: Option<&'static str>) -> Verdict {
    Verdict::Refuse(Refusal { reason, why: why.map(Into::into) })
}

#[test]
fn every_deciding_hook_refuses_with_a_code_and_words() {
    for (name, config, why) in [
        ("refuses-in-words", json!({ "code": 0x97, "reason": "enough" }), Some("enough")),
        ("refuses", json!({ "code": 0x97 }), None),
    ] {
        let all = DECIDING_HOOKS.map(|hook| (hook.to_owned(), config.clone()));
        let all: serde_json::Map<_, _> = all.into_iter().collect();
        let (_dir, plugins) = hook_logs(&[(name, json!({ "refuse": all }))]);
        for (hook, verdict) in verdicts(&plugins.hooks()) {
            let told = if hook == "on_auth" { why.or(Some("")) } else { why };
            assert_eq!(verdict, refused(ReasonCode::QuotaExceeded, told), "{hook}");
            let line = format!("plugin {name} refused in {hook}: Quota exceeded (0x97), ");
            assert_eq!(log::lines(&line).len(), 1, "{hook}");
        }
    }
}

#[test]
fn a_code_that_is_no_error_is_a_failure() {
    let config = json!({ "refuse": { "on_before_publish": { "code": 0x10 } } });
    let (_dir, plugins) = hook_logs(&[("refuses-nothing", config)]);
    let decision =
        plugins.hooks().on_before_publish(&client("c1"), &publication("a"), &mut at_once());
    assert_eq!(decision.verdict, Verdict::Veto);
    let failed = "plugin refuses-nothing failed in on_before_publish: it answered error -2";
    assert_eq!(log::lines(failed).len(), 1);
}

#[test]
fn a_refusal_ends_the_chain() {
    let config = json!({ "refuse": { "on_before_publish": { "code": 0x87 } } });
    let (_dir, plugins) = hook_logs(&[("refuses-first", config), ("not-asked", Value::Null)]);
    let decision =
        plugins.hooks().on_before_publish(&client("c1"), &publication("a"), &mut at_once());
    assert_eq!(decision.verdict, refused(ReasonCode::NotAuthorized, None));
    assert!(!log::messages("plugin::not-asked").iter().any(|line| line.contains("publish")));
}

fn throttle(entries: &[(&str, Value)]) -> Decision {
    let (_dir, plugins) = hook_logs(entries);
    plugins.hooks().on_before_publish(&client("c1"), &publication("a"), &mut at_once())
}

#[test]
fn the_longest_wait_counts_whatever_is_decided() {
    let wait = |milliseconds: u64| json!({ "throttle": { "on_before_publish": milliseconds } });
    let veto = json!({ "veto": ["on_before_publish"] });
    let decision = throttle(&[("waits-2", wait(2)), ("waits-1", wait(1))]);
    let two = Duration::from_millis(2);
    assert_eq!(decision, Decision { verdict: Verdict::Continue, throttle: two, edits: None });
    let decision = throttle(&[("waits-veto", wait(2)), ("vetoes-then", veto)]);
    assert_eq!(decision, Decision { verdict: Verdict::Veto, throttle: two, edits: None });
    let decision = throttle(&[("waits-long", wait(u64::MAX))]);
    assert_eq!(decision.throttle, Duration::from_secs(60));
}

fn in_c(name: &str, after: &[(&str, Value)]) -> (PluginDir, Arc<Hooks>) {
    let dir = PluginDir::new();
    dir.put(plugins::c("broker/tests/plugins/verdicts.c"), name);
    let mut entries = vec![entry(name, Value::Null)];
    for (name, config) in after {
        dir.put(plugins::rust("hook-log"), name);
        entries.push(entry(name, config.clone()));
    }
    let hooks = load(&dir, &entries).hooks();
    (dir, hooks)
}

#[test]
fn plugins_in_c_say_the_same() {
    let (_dir, hooks) = in_c("c-verdicts", &[]);
    let ask = |topic| hooks.on_before_publish(&client("c1"), &publication(topic), &mut at_once());
    let quota = ReasonCode::QuotaExceeded;
    assert_eq!(ask("a"), Decision::CONTINUE);
    assert_eq!(ask("pub/0").verdict, Verdict::Veto);
    assert_eq!(ask("pub/0x97").verdict, refused(quota, None));
    assert_eq!(ask("pub/0x97/too many").verdict, refused(quota, Some("too many")));
    assert_eq!(ask("slow/5").throttle, Duration::from_millis(5));
    assert_eq!(ask("slow/5").verdict, Verdict::Continue);
    let subscribe =
        hooks.on_before_subscribe(&client("c1"), &subscription("sub/0x9E/alone"), &mut at_once());
    let alone = refused(ReasonCode::SharedSubscriptionsNotSupported, Some("alone"));
    assert_eq!(subscribe.verdict, alone);
    // Nothing that was handed over before stays.
    assert_eq!(ask("pub/0x87").verdict, refused(ReasonCode::NotAuthorized, None));
    hooks.on_message(&client("c1"), &publication("a"));
    assert_eq!(log::lines("plugin c-verdicts failed"), [""; 0]);
}

#[test]
fn what_fits_no_packet_is_left_out() {
    let (_dir, hooks) = in_c("c-odd", &[]);
    let decision = hooks.on_before_publish(&client("c1"), &publication("odd"), &mut at_once());
    let verdict = refused(ReasonCode::ImplementationSpecificError, None);
    assert_eq!(decision, Decision { verdict, throttle: Duration::ZERO, edits: None });
}

/// The words of the first, which lets it pass, are not those of the second.
#[test]
fn words_are_those_of_the_plugin_that_refuses() {
    let config = json!({ "refuse": { "on_before_publish": { "code": 0x87 } } });
    let (_dir, hooks) = in_c("c-words", &[("refuses-silently", config)]);
    let decision =
        hooks.on_before_publish(&client("c1"), &publication("pub/1/never mind"), &mut at_once());
    assert_eq!(decision.verdict, refused(ReasonCode::NotAuthorized, None));
}
