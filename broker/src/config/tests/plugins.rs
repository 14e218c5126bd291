//! The section `plugins:`, and what operators get wrong in it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{accept, check_problems, plugin};
use crate::plugins::{Blocking, Capability, OnError, PluginEntry, Sha256};

#[test]
fn plugins_have_all_their_forms() {
    let config = accept(
        "plugins:
  - sub-limiter
  - hello.so
  - sub-limiter: {max: 5}
  - bare:
  - name: acl
  - name: deny-list
    optional: true
    allow_panic_abort: true
    capabilities: [kv, publish]
    sha256: BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD
    version: ^1.2
    stages: [rc]
    on_error: quarantine
    deadline: 20ms
    max_failures: 0
    shadow: true
    blocking: true
    config:
      addresses: [10.0.0.0/8, null, 1.5, -3, true]
      by_port: {1883: yes, 1884: ''}
",
    );
    let section = json!({
        "addresses": ["10.0.0.0/8", null, 1.5, -3, true],
        "by_port": {"1883": "yes", "1884": ""},
    });
    let expected = [
        plugin(2, "sub-limiter", Value::Null),
        plugin(3, "hello.so", Value::Null),
        plugin(4, "sub-limiter", json!({"max": 5})),
        plugin(5, "bare", Value::Null),
        plugin(6, "acl", Value::Null),
        PluginEntry {
            optional: true,
            allow_panic_abort: true,
            capabilities: Some([Capability::Publish, Capability::Kv].into_iter().collect()),
            sha256: Some(Sha256::of(b"abc")),
            version: Some("^1.2".parse().unwrap()),
            stages: vec!["rc".to_owned()],
            on_error: OnError::Quarantine,
            deadline: Duration::from_millis(20),
            max_failures: 0,
            shadow: true,
            blocking: Blocking::Always,
            ..plugin(7, "deny-list", section)
        },
    ];
    assert_eq!(config.plugins, expected);
}

#[test]
fn which_hooks_block_is_said_in_three_ways() {
    for (text, expected) in
        [("auto", Blocking::WhenSlow), ("true", Blocking::Always), ("false", Blocking::Declared)]
    {
        let config = accept(&format!("plugins: [{{name: a, blocking: {text}}}]"));
        assert_eq!(config.plugins[0].blocking, expected);
    }
}

#[test]
fn plugins_are_checked() {
    let name = "the name of a file in the folder of plugins, with or without .so";
    let form = "the name of a plugin, or a mapping with name: and its settings";
    let capabilities = "a list of publish, kick, subscribe, read-clients, read-retained, \
                        write-retained, kv, network, or [] for none";
    let sha256 =
        "64 hexadecimal digits in quotes, as `hookmq plugin check` and sha256sum print them";
    let version = "the versions to take, in quotes, as \"^1.2\", \"~1.2.3\" or \">=1.2, <2\"";
    let cases = [
        ("[a/b]", format!("plugins[0]: \"a/b\" is not allowed; {name}")),
        ("['']", format!("plugins[0]: \"\" is not allowed; {name}")),
        ("[..]", format!("plugins[0]: \"..\" is not allowed; {name}")),
        ("[../x: 1]", format!("plugins[0].../x: not allowed; {name}")),
        ("[[a]]", format!("plugins[0]: a list is not allowed; {form}")),
        ("[{}]", format!("plugins[0]: a mapping is not allowed; {form}")),
        ("[{a: 1, b: 2}]", format!("plugins[0]: name: is missing; {form}")),
        ("[config: {}]", "plugins[0]: name: is missing".to_owned()),
        ("[{name: 5}]", format!("plugins[0].name: 5 is not allowed; {name}")),
        (
            "[{name: a, optional: 1}]",
            "plugins[0].optional: 1 is not allowed; true or false".to_owned(),
        ),
        (
            "[{name: a, capabilities: [kick, root]}]",
            format!("plugins[0].capabilities[1]: \"root\" is not allowed; {capabilities}"),
        ),
        (
            "[{name: a, capabilities: kick}]",
            format!("plugins[0].capabilities: \"kick\" is not allowed; {capabilities}"),
        ),
        (
            "[{name: a, sha256: 12ab}]",
            format!("plugins[0].sha256: \"12ab\" is not allowed; {sha256}"),
        ),
        (
            "[{name: a, version: new}]",
            format!("plugins[0].version: \"new\" is not allowed; {version}"),
        ),
        (
            "[{name: a, version: 1.2}]",
            format!("plugins[0].version: 1.2 is not allowed; {version}"),
        ),
        (
            "[{name: a, stages: [rc.1]}]",
            "plugins[0].stages[0]: \"rc.1\" is not allowed; a list of kinds of pre-releases, as [rc, beta]"
                .to_owned(),
        ),
        (
            "[{name: a, on_error: ignore}]",
            "plugins[0].on_error: \"ignore\" is not allowed; default, allow, refuse or quarantine"
                .to_owned(),
        ),
        (
            "[{name: a, deadline: 2m}]",
            "plugins[0].deadline: \"2m\" is not allowed; a duration such as 500ms, 10s, 2m or 7d, \
             from 0 to 1m"
                .to_owned(),
        ),
        (
            "[{name: a, max_failures: -1}]",
            "plugins[0].max_failures: -1 is not allowed; a whole number from 0 to 1000".to_owned(),
        ),
        (
            "[{name: a, blocking: on_publish}]",
            "plugins[0].blocking: \"on_publish\" is not allowed; auto, true or false".to_owned(),
        ),
        ("[a: .nan]", "plugins[0].a: a number must be finite".to_owned()),
        ("[a: [!x 1]]", "plugins[0].a: YAML tags are not allowed".to_owned()),
        ("[a: {[1]: 2}]", "plugins[0].a: a key must be text or a number".to_owned()),
        ("[a: {1: 2, '1': 3}]", "plugins[0].a: a key is written twice".to_owned()),
        ("[a: !!int x]", "plugins[0].a: this value cannot be understood".to_owned()),
    ];
    for (value, problem) in cases {
        check_problems(&format!("plugins: {value}"), &[&format!("c.yml:1: {problem}")]);
    }
}

#[test]
fn plugins_without_a_dash_are_shown_with_it() {
    let cases = [
        ("sub-limiter: {max: 5}", "a mapping is not allowed; a list, such as - sub-limiter: { … }"),
        ("hello:", "a mapping is not allowed; a list, such as - hello"),
        ("name: hello", "a mapping is not allowed; a list, such as - name: hello"),
        ("7", "7 is not allowed; a list, such as - sub-limiter: { max: 5 }"),
    ];
    for (value, problem) in cases {
        check_problems(&format!("plugins:\n  {value}"), &[&format!("c.yml:1: plugins: {problem}")]);
    }
}

#[test]
fn settings_that_stand_beside_their_plugin_are_told_to_go_below_it() {
    check_problems(
        "plugins:\n  - hello\n  - sub-limiter:\n    max: 5\n    min: 1\n",
        &["c.yml:4: plugins[1].max: stands beside sub-limiter:, not below it; indent it further, \
           or write - sub-limiter: { max: … }"],
    );
}

#[test]
fn problems_of_a_section_name_their_own_line() {
    check_problems(
        "plugins:\n  - a\n  - b:\n      x: 1\n      y: .inf\n",
        &["c.yml:5: plugins[1].b: a number must be finite"],
    );
}
