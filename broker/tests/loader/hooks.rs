//! What hooks are told, and in which order plugins are asked.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    ALL_HOOKS, DECIDING_HOOKS, LISTENER, address, at_once, call_all, client,
    common::{log, plugins, plugins::PluginDir},
    connect, disconnected, entry, load, publication, subscription,
};
use hookmq::hooks::{Client, Decision, Hooks, Origin, Publication};

fn hook_log(name: &str) -> (PluginDir, hookmq::plugins::Plugins) {
    let dir = PluginDir::new();
    dir.put(plugins::rust("hook-log"), name);
    let plugins = load(&dir, &[entry(name, json!({ "prefix": "-" }))]);
    (dir, plugins)
}

/// What the plugin has logged since it started.
fn told(name: &str) -> Vec<String> {
    log::messages(&format!("plugin::{name}")).split_off(1)
}

#[test]
fn a_plugin_is_told_everything() {
    let (_dir, plugins) = hook_log("told");
    assert_eq!(call_all(&plugins.hooks()), [""; 0]);
    let who = "c1 username=Some(\"alice\") 5.0 peer=192.0.2.7 local=127.0.0.1 \
               listener=tcp://127.0.0.1:1883";
    let filter = "c1 filter=a/# qos=1 no_local=true retain_as_published=false retain_handling=2 \
                  user_properties=[(\"a\", \"b\")]";
    let message = "c1 topic=a/b payload=21.5 qos=2 retain=true dup=false origin=Client \
                   user_properties=[(\"a\", \"b\")]";
    let expected = [
        "- on_socket_open: peer=192.0.2.7 listener=tcp://127.0.0.1:1883".to_owned(),
        format!(
            "- on_auth: {who} method=SCRAM round=1 reauthentication=false data=Some(\"n,,n=alice\") \
             state= user_properties=[(\"a\", \"b\")]"
        ),
        format!(
            "- on_before_connect: {who} clean_start=true keep_alive=60 session_expiry=3600 \
             password=Some(\"secret\") will=Some(\"gone\") method=Some(\"SCRAM\") user_properties=[(\"a\", \"b\")]"
        ),
        format!("- on_connect: {who} session_present=false clean_start=true"),
        format!("- on_before_subscribe: {filter}"),
        format!("- on_subscribe: {filter}"),
        format!("- on_message: {message}"),
        format!("- on_before_publish: {message}"),
        format!("- on_publish: {message}"),
        "- on_before_unsubscribe: c1 filter=a/#".to_owned(),
        "- on_unsubscribe: c1 filter=a/#".to_owned(),
        format!(
            "- on_disconnect: {who} graceful=false reason_code=0x8e session_kept=false \
             reason=taken over"
        ),
    ];
    for (told, expected) in told("told").iter().zip(&expected) {
        assert_eq!(told, expected);
    }
    assert_eq!(told("told").len(), ALL_HOOKS.len());
}

#[test]
fn what_a_client_has_not_given_is_absent() {
    let (_dir, plugins) = hook_log("absent");
    let hooks = plugins.hooks();
    let client = Client {
        username: None,
        protocol: 4,
        peer: address("[fe80::1%3]:5555").into(),
        ..client("")
    };
    let mut connect = connect();
    (connect.password, connect.will, connect.properties) = (None, None, &[]);
    connect.authentication_method = None;
    assert_eq!(hooks.on_before_connect(&client, &connect, &mut at_once()), Decision::CONTINUE);
    let told = &told("absent")[0];
    assert!(told.contains("username=None 3.1.1 peer=fe80::1"), "{told}");
    assert!(told.contains("password=None will=None method=None user_properties=[]"), "{told}");
}

#[test]
fn a_will_says_that_it_is_one() {
    let (_dir, plugins) = hook_log("will");
    let will = Publication { origin: Origin::Will, payload: &[], ..publication("gone") };
    plugins.hooks().on_publish(&client("c1"), &will);
    assert!(told("will")[0].contains("payload= qos=2 retain=true dup=false origin=Will"));
}

#[test]
fn plugins_are_asked_in_the_order_of_the_config() {
    let dir = PluginDir::new();
    // Two copies of one library under two names are two plugins.
    let library = plugins::rust("hook-log");
    let names = ["order-b", "order-a"];
    for name in names {
        dir.put(&library, name);
    }
    let plugins = load(&dir, &names.map(|name| entry(name, json!({ "prefix": name }))));
    assert_eq!(plugins.names().collect::<Vec<_>>(), names);
    let before = log::lines("plugin::order-").len();
    assert_eq!(call_all(&plugins.hooks()), [""; 0]);
    let lines = log::lines("plugin::order-").split_off(before);
    let asked: Vec<&str> = lines.iter().map(|line| line.split(": ").nth(1).unwrap()).collect();
    let expected: Vec<String> = ALL_HOOKS
        .iter()
        .flat_map(|hook| [format!("order-b {hook}"), format!("order-a {hook}")])
        .collect();
    assert_eq!(asked, expected);
}

#[test]
fn the_first_veto_ends_the_chain() {
    let dir = PluginDir::new();
    for name in ["veto-1", "veto-2"] {
        dir.put(plugins::rust("hook-log"), name);
    }
    let plugins = load(
        &dir,
        &[entry("veto-1", json!({ "veto": DECIDING_HOOKS })), entry("veto-2", Value::Null)],
    );
    assert_eq!(call_all(&plugins.hooks()), DECIDING_HOOKS);
    let asked_later = told("veto-2");
    assert_eq!(asked_later.len(), ALL_HOOKS.len() - DECIDING_HOOKS.len());
    for hook in DECIDING_HOOKS {
        assert!(!asked_later.iter().any(|line| line.contains(hook)), "{hook}");
        assert_eq!(log::lines(&format!("plugin veto-1 vetoed in {hook}")).len(), 1);
    }
}

#[test]
fn a_veto_of_the_second_plugin_counts_as_well() {
    let dir = PluginDir::new();
    for name in ["second-1", "second-2"] {
        dir.put(plugins::rust("hook-log"), name);
    }
    let veto = json!({ "veto": ["on_before_publish"] });
    let plugins = load(&dir, &[entry("second-1", Value::Null), entry("second-2", veto)]);
    assert_eq!(call_all(&plugins.hooks()), ["on_before_publish"]);
}

#[test]
fn only_the_hooks_that_are_written_are_there() {
    let none = Arc::new(Hooks::none());
    assert!(!none.watches_messages() && !none.decides_who_connects());
    assert_eq!(call_all(&none), [""; 0]);

    let dir = PluginDir::new();
    dir.put(plugins::rust("hello"), "few-hooks");
    dir.put(plugins::rust("deny-list"), "decides");
    let few = load(&dir, &[entry("few-hooks", Value::Null)]).hooks();
    assert!(!few.watches_messages() && !few.decides_who_connects());
    // Who only authenticates keeps nobody out who does not ask for it.
    dir.put(plugins::rust("challenge"), "authenticates");
    let settings = json!({ "secrets": {} });
    let authenticates = load(&dir, &[entry("authenticates", settings)]).hooks();
    assert!(!authenticates.watches_messages() && !authenticates.decides_who_connects());
    let decides = load(&dir, &[entry("decides", Value::Null)]).hooks();
    assert!(!decides.watches_messages() && decides.decides_who_connects());
    let (_dir, all) = hook_log("all-hooks");
    assert!(all.hooks().watches_messages() && all.hooks().decides_who_connects());
}

#[test]
fn hooks_of_different_clients_run_at_the_same_time() {
    let (_dir, plugins) = hook_log("parallel");
    let hooks = plugins.hooks();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let hooks = &hooks;
            scope.spawn(move || {
                let id = format!("c{thread}");
                for _ in 0..100 {
                    assert_eq!(
                        hooks.on_before_subscribe(&client(&id), &subscription("a"), &mut at_once()),
                        Decision::CONTINUE
                    );
                    hooks.on_disconnect(&client(&id), &disconnected(false));
                }
                let open = hooks.on_socket_open(
                    client(&id).peer,
                    client(&id).local,
                    LISTENER,
                    &mut at_once(),
                );
                assert_eq!(open, Decision::CONTINUE);
            });
        }
    });
    assert_eq!(told("parallel").len(), 8 * 201);
}
