//! The trace: which plugin has answered what to which client, for those who read it.

use hookmq::hooks::{Answers, TraceFilter, TraceReader, Traced, TracedAnswer};
use hookmq::plugins::PluginEntry;
use mqtt::ReasonCode;
use serde_json::{Value, json};

use crate::{
    ALL_HOOKS, at_once, call_all, client,
    common::plugins::{self, PluginDir},
    entry, load, publication,
};

fn all(reader: &mut TraceReader) -> Vec<Traced> {
    std::iter::from_fn(|| reader.try_next()).collect()
}

fn of_all() -> TraceFilter {
    TraceFilter { answers: Answers::All, ..TraceFilter::default() }
}

/// A Rust plugin, or several, with the names and settings given.
fn hook_logs(entries: &[PluginEntry]) -> hookmq::plugins::Plugins {
    let dir = PluginDir::new();
    for entry in entries {
        dir.put(plugins::rust("hook-log"), &entry.name);
    }
    load(&dir, entries)
}

#[test]
fn every_hook_is_traced_with_its_client_and_matter() {
    let plugins = hook_logs(&[entry("traced", Value::Null)]);
    let mut reader = plugins.trace(of_all());
    call_all(&plugins.hooks());
    let traced = all(&mut reader);
    assert_eq!(traced.len(), ALL_HOOKS.len());
    for traced in &traced {
        assert_eq!((&*traced.plugin, &traced.answer), ("traced", &TracedAnswer::Continue));
        assert_eq!(traced.peer, client("c1").peer.to_socket_addr());
        let client_id = if traced.hook == "on_socket_open" { "" } else { "c1" };
        assert_eq!(&*traced.client_id, client_id);
        let matter = match traced.hook {
            "on_auth" => "SCRAM",
            "on_message" | "on_before_publish" | "on_publish" => "a/b",
            hook if hook.contains("subscribe") => "a/#",
            _ => "",
        };
        assert_eq!(&*traced.subject, matter, "{}", traced.hook);
    }
    drop(reader);
    call_all(&plugins.hooks());
    assert!(all(&mut plugins.trace(of_all())).is_empty());
}

#[test]
fn what_stops_an_event_is_told_with_its_reason() {
    let hook = "on_before_publish";
    let refuses = json!({ "refuse": { hook: { "code": 0x97, "reason": "enough" } } });
    let plugins = hook_logs(&[
        entry("lets-pass", Value::Null),
        PluginEntry { shadow: true, ..entry("would-stop", json!({ "veto": [hook] })) },
        entry("stops", refuses),
        entry("is-not-asked", Value::Null),
    ]);
    let mut notable = plugins.trace(TraceFilter::default());
    let filter = |client_id: &str| TraceFilter {
        client_id: Some(client_id.into()),
        answers: Answers::Refusals,
        ..TraceFilter::default()
    };
    let (mut of_client, mut of_other) = (plugins.trace(filter("c1")), plugins.trace(filter("c2")));
    let _ = plugins.hooks().on_before_publish(&client("c1"), &publication("a"), &mut at_once());
    let refused = TracedAnswer::Refuse(ReasonCode::QuotaExceeded, Some("enough".into()));
    let answers = |reader: &mut TraceReader| -> Vec<_> {
        let brief = |traced: Traced| (traced.plugin.to_string(), traced.answer, traced.shadow);
        all(reader).into_iter().map(brief).collect()
    };
    let expected =
        [("would-stop".to_owned(), TracedAnswer::Veto, true), ("stops".to_owned(), refused, false)];
    assert_eq!(answers(&mut notable), expected);
    assert_eq!(answers(&mut of_client), expected);
    assert_eq!(answers(&mut of_other), []);
}

#[test]
fn failures_and_calls_that_are_not_made_are_told() {
    let dir = PluginDir::new();
    dir.put(plugins::rust("misbehaving"), "traced-fails");
    let hook = "on_before_publish";
    let config = json!({ "in": hook, "how": "panic" });
    let entry = PluginEntry { max_failures: 1, ..entry("traced-fails", config) };
    let plugins = load(&dir, &[entry]);
    let mut reader = plugins.trace(TraceFilter { hook: Some(hook.into()), ..Default::default() });
    for _ in 0..2 {
        let _ = plugins.hooks().on_before_publish(&client("c1"), &publication("a"), &mut at_once());
    }
    let answers: Vec<_> = all(&mut reader).into_iter().map(|traced| traced.answer).collect();
    assert_eq!(answers, [TracedAnswer::Failed(-1, true), TracedAnswer::Skipped(true)]);
}

/// A plugin that comes later is traced for those who read already.
#[test]
fn readers_see_new_instances_too() {
    let dir = PluginDir::new();
    dir.put(plugins::rust("hook-log"), "traced-new");
    let plugins = load(&dir, &[]);
    let mut reader = plugins.trace(of_all());
    plugins.put(dir.path(), &entry("traced-new", Value::Null)).unwrap();
    plugins.hooks().on_publish(&client("c1"), &publication("a"));
    assert_eq!(all(&mut reader).len(), 1);
}
