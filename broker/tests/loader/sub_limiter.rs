//! sub-limiter, in Rust and in C: the same checks for both.

use std::sync::Arc;

use hookmq::{
    hooks::{Hooks, Refusal, Verdict},
    plugins::Plugins,
};
use mqtt::ReasonCode;
use serde_json::{Value, json};

use crate::{
    Unsubscription, at_once, client,
    common::{plugins, plugins::PluginDir},
    disconnected, entry, load, load_error, subscription,
};

fn limiters(name: &str, config: &Value) -> (PluginDir, Vec<Plugins>) {
    let dir = PluginDir::new();
    let (rust, c) = (format!("{name}-rust"), format!("{name}-c"));
    dir.put(plugins::rust("sub-limiter"), &rust);
    dir.put(plugins::c("plugins/sub-limiter-c/sub_limiter.c"), &c);
    let plugins = [rust, c].map(|name| load(&dir, &[entry(&name, config.clone())]));
    (dir, plugins.into())
}

/// What the broker does for one filter.
fn subscribe(hooks: &Arc<Hooks>, client_id: &str, filter: &str) -> bool {
    let (client, subscription) = (client(client_id), subscription(filter));
    let allowed = !hooks.on_before_subscribe(&client, &subscription, &mut at_once()).is_veto();
    if allowed {
        hooks.on_subscribe(&client, &subscription);
    }
    allowed
}

fn connect(hooks: &Arc<Hooks>, client_id: &str, session_present: bool) {
    assert!(
        !hooks
            .on_connect(&client(client_id), session_present, !session_present, &mut at_once())
            .is_veto()
    );
}

#[test]
fn one_too_many_is_refused_until_one_is_gone() {
    let (_dir, limiters) = limiters("limit", &json!({ "max": 2 }));
    for hooks in limiters.iter().map(Plugins::hooks) {
        connect(&hooks, "a", false);
        assert!(subscribe(&hooks, "a", "1"));
        assert!(subscribe(&hooks, "a", "2"));
        assert!(subscribe(&hooks, "a", "1"), "a repeated filter is none more");
        assert!(!subscribe(&hooks, "a", "3"));
        assert!(subscribe(&hooks, "b", "3"), "another client has its own limit");
        hooks.on_unsubscribe(&client("a"), &Unsubscription::by_client("2"));
        assert!(subscribe(&hooks, "a", "3"));
        assert!(!subscribe(&hooks, "a", "2"));
    }
}

#[test]
fn one_too_many_hears_why_if_the_config_says_so() {
    let silent = Verdict::Veto;
    let refused = Verdict::Refuse(Refusal {
        reason: ReasonCode::QuotaExceeded,
        why: Some("the limit of subscriptions is 1".into()),
    });
    for (name, config, expected) in [
        ("default", json!({ "max": 1 }), &silent),
        ("silent", json!({ "max": 1, "answer": "silent" }), &silent),
        ("refuse", json!({ "max": 1, "answer": "refuse" }), &refused),
    ] {
        let (_dir, limiters) = limiters(name, &config);
        for hooks in limiters.iter().map(Plugins::hooks) {
            assert!(subscribe(&hooks, "a", "1"));
            let decision =
                hooks.on_before_subscribe(&client("a"), &subscription("2"), &mut at_once());
            assert_eq!(&decision.verdict, expected, "{name}");
        }
    }
}

#[test]
fn shared_subscriptions_count_each_for_itself() {
    let (_dir, limiters) = limiters("share", &json!({ "max": 2 }));
    for hooks in limiters.iter().map(Plugins::hooks) {
        assert!(subscribe(&hooks, "a", "1"));
        assert!(subscribe(&hooks, "a", "$share/one/1"));
        assert!(!subscribe(&hooks, "a", "$share/other/1"));
        hooks.on_unsubscribe(&client("a"), &Unsubscription::by_client("$share/one/1"));
        assert!(subscribe(&hooks, "a", "$share/other/1"));
    }
}

#[test]
fn a_veto_of_a_later_plugin_leaves_no_trace() {
    let (_dir, limiters) = limiters("trace", &json!({ "max": 1 }));
    for hooks in limiters.iter().map(Plugins::hooks) {
        // The limiter has allowed it, and then it was not made.
        assert!(
            !hooks.on_before_subscribe(&client("a"), &subscription("1"), &mut at_once()).is_veto()
        );
        assert!(subscribe(&hooks, "a", "2"));
    }
}

#[test]
fn the_session_decides_what_is_kept() {
    let (_dir, limiters) = limiters("session", &json!({ "max": 1 }));
    for hooks in limiters.iter().map(Plugins::hooks) {
        connect(&hooks, "a", false);
        assert!(subscribe(&hooks, "a", "1"));
        hooks.on_disconnect(&client("a"), &disconnected(true));
        connect(&hooks, "a", true);
        assert!(!subscribe(&hooks, "a", "2"), "the session was resumed");
        hooks.on_disconnect(&client("a"), &disconnected(true));
        connect(&hooks, "a", false);
        assert!(subscribe(&hooks, "a", "2"), "the session is a new one");
        hooks.on_disconnect(&client("a"), &disconnected(false));
        assert!(subscribe(&hooks, "a", "3"), "nothing is left of it");
    }
}

#[test]
fn many_clients_at_the_same_time() {
    let (_dir, limiters) = limiters("crowd", &json!({ "max": 3 }));
    for hooks in limiters.iter().map(Plugins::hooks) {
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let hooks = &hooks;
                scope.spawn(move || crowd(hooks, thread));
            }
        });
    }
}

fn crowd(hooks: &Arc<Hooks>, thread: u32) {
    for client_id in (0..300).map(|number| format!("{thread}-{number}")) {
        connect(hooks, &client_id, false);
        let allowed = (0..10).filter(|n| subscribe(hooks, &client_id, &n.to_string())).count();
        assert_eq!(allowed, 3);
        hooks.on_unsubscribe(&client(&client_id), &Unsubscription::by_client("1"));
        assert!(subscribe(hooks, &client_id, "new"));
        assert!(!subscribe(hooks, &client_id, "one more"));
        hooks.on_disconnect(&client(&client_id), &disconnected(thread < 4));
    }
}

#[test]
fn c_takes_the_config_that_rust_takes() {
    let dir = PluginDir::new();
    dir.put(plugins::c("plugins/sub-limiter-c/sub_limiter.c"), "strict");
    for max in [json!(1), json!(5), json!(999_999_999)] {
        load(&dir, &[entry("strict", json!({ "max": max }))]);
    }
    for config in [
        Value::Null,
        json!({}),
        json!([]),
        json!({ "max": 0 }),
        json!({ "max": -1 }),
        json!({ "max": 1.5 }),
        json!({ "max": "5" }),
        json!({ "max": null }),
        json!({ "max": 1_000_000_000 }),
        json!({ "max": 5, "min": 5 }),
        json!({ "answer": "refuse" }),
        json!({ "max": 5, "answer": "refused" }),
        json!({ "max": 5, "answer": true }),
        json!({ "maximum": 5 }),
        json!({ "max": { "max": 5 } }),
        json!("a text that is much longer than all that could ever stand in this plugin's config"),
    ] {
        let error = load_error(&dir, entry("strict", config.clone()));
        assert!(error.contains("refused to start: the config must be { max: N }"), "{config}");
    }
}
