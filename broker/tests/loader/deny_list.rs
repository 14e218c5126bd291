//! deny-list: who is kept out, and what its config may say.

use std::sync::Arc;

use hookmq::hooks::{Client, Hooks};
use serde_json::{Value, json};

use crate::{
    LISTENER, address, at_once, client,
    common::{plugins, plugins::PluginDir},
    connect, entry, load, load_error,
};

fn with_config(config: Value) -> (PluginDir, Arc<Hooks>) {
    let dir = PluginDir::new();
    dir.put(plugins::rust("deny-list"), "deny-list");
    let hooks = load(&dir, &[entry("deny-list", config)]).hooks();
    (dir, hooks)
}

fn is_denied(hooks: &Arc<Hooks>, client_id: &str, username: Option<&str>) -> bool {
    hooks
        .on_before_connect(&Client { username, ..client(client_id) }, &connect(), &mut at_once())
        .is_veto()
}

#[test]
fn addresses_are_kept_out() {
    let (_dir, hooks) = with_config(json!({ "addresses": ["192.0.2.7", "2001:db8::/32"] }));
    let is_denied = |peer| {
        hooks
            .on_socket_open(
                address(peer).into(),
                address("127.0.0.1:1883").into(),
                LISTENER,
                &mut at_once(),
            )
            .is_veto()
    };
    assert!(is_denied("192.0.2.7:1000"));
    assert!(!is_denied("192.0.2.8:1000"));
    assert!(is_denied("[2001:db8::5]:1000"));
    assert!(is_denied("[::ffff:192.0.2.7]:1000"));
    assert!(!is_denied("[::1]:1000"));
}

#[test]
fn client_ids_and_user_names_are_kept_out() {
    let lists = json!({ "client_ids": ["intruder", "test-*"], "usernames": ["guest"] });
    let (_dir, hooks) = with_config(lists);
    assert!(is_denied(&hooks, "intruder", None));
    assert!(is_denied(&hooks, "test-7", Some("alice")));
    assert!(is_denied(&hooks, "c1", Some("guest")));
    assert!(!is_denied(&hooks, "guest", Some("intruder")));
    assert!(!is_denied(&hooks, "c1", None));
    assert!(!is_denied(&hooks, "", Some("")));
}

#[test]
fn without_lists_all_may_come_in() {
    let (_dir, hooks) = with_config(Value::Null);
    assert!(!is_denied(&hooks, "c1", None));
}

#[test]
fn mistakes_in_the_config_are_named() {
    let dir = PluginDir::new();
    dir.put(plugins::rust("deny-list"), "deny-list");
    let error = |config| load_error(&dir, entry("deny-list", config));
    let unknown = error(json!({ "adresses": [] }));
    assert!(unknown.contains("unknown field `adresses`, expected one of `addresses`"), "{unknown}");
    let address = error(json!({ "addresses": ["192.0.2.7", "localhost"] }));
    assert!(address.contains("`addresses[1]`: \"localhost\" is not an address like"), "{address}");
    let kind = error(json!({ "usernames": "guest" }));
    assert!(kind.contains("`usernames`: invalid type: string \"guest\", expected a seq"), "{kind}");
}
