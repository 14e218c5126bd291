//! What is accepted and what is refused, with the words an operator reads.

mod plugins;

use std::fs;
use std::num::NonZeroUsize;
use std::time::Duration;

use mqtt::RefusedPublish;
use serde_json::Value;

use super::acknowledge::Acknowledge;
use super::first_run::first_run_config;
use super::{
    Config, ConfigError, FILE_NAME, Listener, StoreFailure, create_if_absent, load, parse,
};
use super::{Mark, QueueFull};
use crate::plugins::PluginEntry;

/// The config that comes with the project.
const PROJECT: &str = include_str!("../../../config.yml");

fn accept(text: &str) -> Config {
    parse("c.yml", text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// The problems of `text`, one a line, as an operator reads them.
#[track_caller]
fn check_problems(text: &str, expected: &[&str]) {
    let error = parse("c.yml", text).expect_err(text).to_string();
    assert_eq!(error.lines().collect::<Vec<_>>(), expected, "{text}");
}

fn plugin(line: usize, name: &str, config: Value) -> PluginEntry {
    PluginEntry { name: name.to_owned(), config, line: Some(line), ..PluginEntry::default() }
}

#[test]
fn project_config_is_the_default_with_one_plugin() {
    let mut config = accept(PROJECT);
    let line = PROJECT.lines().position(|line| line == "  - hello").expect("its line") + 1;
    assert_eq!(config.plugins, [plugin(line, "hello", Value::Null)]);
    config.plugins.clear();
    assert_eq!(config, Config::default());
}

#[test]
fn project_config_has_every_key() {
    // The parser names the keys it knows when it meets one that is far from all of them.
    for (section, text) in [("", "zzzzzzzz: 1"), ("limits", "limits: {zzzzzzzz: 1}")] {
        let error = parse("c.yml", text).expect_err(text).to_string();
        let (_, keys) = error.split_once("the keys here are ").expect("known keys");
        for key in keys.split(", ") {
            let indent = if section.is_empty() { "\n" } else { "\n  " };
            assert!(PROJECT.contains(&format!("{indent}{key}:")), "{key} is not in config.yml");
        }
    }
}

#[test]
fn first_run_config_is_the_default() {
    assert_ne!(first_run_config(), PROJECT);
    assert_eq!(accept(&first_run_config()), Config::default());
}

#[test]
fn first_run_creates_and_never_overwrites() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(FILE_NAME);
    assert!(create_if_absent(folder.path()).expect("creates"));
    assert!(folder.path().join("plugins").is_dir());
    assert_eq!(load(&file).expect("a config"), Config::default());

    fs::write(&file, "log: warn").expect("writes");
    assert!(!create_if_absent(folder.path()).expect("leaves it"));
    assert_eq!(fs::read_to_string(&file).expect("reads"), "log: warn");
}

#[test]
fn first_run_in_no_folder_names_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = create_if_absent(&folder.path().join("absent")).expect_err("no such folder");
    assert!(error.to_string().contains("absent/config.yml: cannot be created"), "{error}");
}

#[test]
fn what_is_left_out_has_its_default() {
    for text in ["", "\n", "# nothing\n", "---\n", "{}", "limits:\nplugins:\n", "\u{feff}log: info"]
    {
        assert_eq!(accept(text), Config::default(), "{text:?}");
    }
}

#[test]
fn every_key_is_read() {
    let config = accept(
        "listeners: [tcp: 127.0.0.1:0, {tcp: '[::1]:1884'}]
plugin_dir: /srv/plugins
data_dir: /srv/data
threads: 3
log: DEBUG
allow_anonymous: true
check_payload_format: true
acknowledge: before_hooks
store_failure: wait
refused_publish: close
plugin_publish_depth: 0
blocking_threads: 1024
blocking_deadline: 5m
response_information: 'response/%c/'
limits: {max_packet_size: 2048, max_connections: 2, max_handshakes: 9, max_sessions: 8, connect_timeout: 500ms, receive_maximum: 65535,
  max_inflight: 1, max_queued_messages: 3, max_queued_bytes: 64KiB, write_buffer: 1GiB, max_unwritten: 64KiB, queue_full: disconnect, max_memory: 1GiB, min_disk_free: off,
  send_timeout: 2m, max_topic_levels: 5, max_topic_length: 65535, max_client_id_length: 23,
  max_subscriptions: 6, max_subscription_bytes: 5KiB, max_session_expiry: 0s, queue_qos0: true, max_retained_messages: 0,
  max_retained_bytes: 2MiB, max_attribute_bytes: 0, max_kv_bytes: 1KiB}",
    );
    let addresses = ["127.0.0.1:0", "[::1]:1884"].map(|text| text.parse().expect("an address"));
    assert_eq!(config.listeners, addresses.map(Listener::tcp));
    assert_eq!(config.plugin_dir.as_deref(), Some("/srv/plugins".as_ref()));
    assert_eq!(config.data_dir.as_deref(), Some("/srv/data".as_ref()));
    assert_eq!(config.threads, NonZeroUsize::new(3));
    assert_eq!(config.plugin_publish_depth, 0);
    assert_eq!((config.blocking_threads, config.blocking_deadline.as_secs()), (1024, 300));
    assert_eq!(config.log, log::LevelFilter::Debug);
    assert_eq!(config.response_information.as_deref(), Some("response/%c/"));
    assert!(config.check_payload_format);
    assert_eq!(config.refused_publish, RefusedPublish::Close);
    assert_eq!(config.acknowledge, Acknowledge::BeforeHooks);
    assert_eq!(config.store_failure, StoreFailure::Wait);
    assert!(config.allow_anonymous && config.limits.queue_qos0);
    let limits = config.limits;
    assert_eq!((limits.max_packet_size, limits.max_connections), (2048, 2));
    assert_eq!((limits.max_handshakes, limits.max_sessions), (9, 8));
    assert_eq!(limits.connect_timeout, Duration::from_millis(500));
    assert_eq!(limits.send_timeout, Duration::from_secs(120));
    assert_eq!(limits.max_session_expiry, Duration::ZERO);
    assert_eq!((limits.receive_maximum, limits.max_inflight), (65_535, 1));
    assert_eq!((limits.max_queued_messages, limits.max_queued_bytes), (3, 65_536));
    assert_eq!(limits.queue_full, QueueFull::Disconnect);
    assert_eq!(
        (limits.max_memory, limits.min_disk_free),
        (Mark::Bytes(1024 * 1024 * 1024), Mark::Off)
    );
    assert_eq!((limits.write_buffer, limits.max_unwritten), (1024 * 1024 * 1024, 64 * 1024));
    assert_eq!((limits.max_topic_levels, limits.max_topic_length), (5, 65_535));
    assert_eq!((limits.max_client_id_length, limits.max_subscriptions), (23, 6));
    assert_eq!(limits.max_subscription_bytes, 5 * 1024);
    assert_eq!((limits.max_retained_messages, limits.max_retained_bytes), (0, 2 * 1024 * 1024));
    assert_eq!((limits.max_attribute_bytes, limits.max_kv_bytes), (0, 1024));
}

#[test]
fn all_problems_are_reported_at_once() {
    check_problems(
        "log: loud
listners: []
threads: 0
limits:
  max_inflight: 0
  max_inflght: 3
  connect_timeout: 10
plugins:
  - 7
allow_anonymous: yes
",
        &[
            "c.yml:1: log: \"loud\" is not allowed; off, error, warn, info, debug or trace",
            "c.yml:2: listners: unknown key; did you mean listeners?",
            "c.yml:3: threads: 0 is not allowed; auto, or a whole number from 1 to 1024",
            "c.yml:5: limits.max_inflight: 0 is not allowed; a whole number from 1 to 65535",
            "c.yml:6: limits.max_inflght: unknown key; did you mean limits.max_inflight?",
            "c.yml:7: limits.connect_timeout: 10 is not allowed; a duration such as 500ms, 10s, 2m \
             or 7d, from 100ms to 1h",
            "c.yml:9: plugins[0]: 7 is not allowed; the name of a plugin, or a mapping with name: \
             and its settings",
            "c.yml:10: allow_anonymous: \"yes\" is not allowed; true or false",
        ],
    );
}

#[test]
fn unknown_keys_that_are_near_nothing_list_what_is_known() {
    check_problems(
        "persistence: true",
        &["c.yml:1: persistence: unknown key; the keys here are listeners, plugins, plugin_dir, \
           data_dir, control, threads, log, allow_anonymous, check_payload_format, durability, store_failure, acknowledge, refused_publish, \
           plugin_publish_depth, blocking_threads, blocking_deadline, response_information, limits"],
    );
    check_problems(
        "plugins: [{name: a, x_y_z: 1}]",
        &["c.yml:1: plugins[0].x_y_z: unknown key; the keys here are name, config, optional, \
           allow_panic_abort, on_error, deadline, max_failures, shadow, blocking, capabilities, sha256, \
           version, stages"],
    );
    let text = "[1]: 2\n3: 4\nnull: 5\n1.5: 6\ntrue: 7";
    let error = parse("c.yml", text).expect_err(text).to_string();
    assert_eq!(error.lines().count(), 5, "{error}");
}

#[test]
fn acknowledgements_are_after_hooks_or_before() {
    let config = accept("acknowledge: after_hooks");
    assert_eq!(config.acknowledge, Acknowledge::AfterHooks);
    let problem = "c.yml:1: acknowledge: true is not allowed; after_hooks or before_hooks";
    check_problems("acknowledge: true", &[problem]);
}

#[test]
fn refused_publish_is_ack_or_close() {
    assert_eq!(accept("refused_publish: ack").refused_publish, RefusedPublish::Acknowledge);
    for (bad, found) in [("Ack", "\"Ack\""), ("true", "true"), ("", "no value")] {
        let problem = format!("c.yml:1: refused_publish: {found} is not allowed; ack or close");
        check_problems(&format!("refused_publish: {bad}"), &[&problem]);
    }
}

#[test]
fn response_information_is_the_beginning_of_a_topic_name() {
    assert_eq!(accept("response_information: none").response_information, None);
    let allowed = "none, or the beginning of a topic name, in quotes and without wildcards or a $ in \
                   front";
    for (bad, found) in [
        ("''", "\"\""),
        ("a/#", "\"a/#\""),
        ("a/+/b", "\"a/+/b\""),
        ("$SYS", "\"$SYS\""),
        ("5", "5"),
        ("[a]", "a list"),
    ] {
        let problem = format!("c.yml:1: response_information: {found} is not allowed; {allowed}");
        check_problems(&format!("response_information: {bad}"), &[&problem]);
    }
}

#[test]
fn every_limit_refuses_what_is_outside_its_range() {
    let numbers = [
        ("max_connections", "0", "1000000001", "1 to 1000000000"),
        ("max_client_id_length", "22", "65536", "23 to 65535"),
        ("max_topic_length", "0", "65536", "1 to 65535"),
        ("max_topic_levels", "0", "513", "1 to 512"),
        ("topic_alias_maximum", "-1", "65536", "0 to 65535"),
        ("max_user_properties", "-1", "1000000001", "0 to 1000000000"),
        ("max_user_property_bytes", "-1", "257MiB", "0 to 256MiB"),
        ("max_filters_per_subscribe", "0", "1000000001", "1 to 1000000000"),
        ("max_connections_per_address", "0", "1000000001", "1 to 1000000000"),
        ("max_takeovers", "0", "1000000001", "1 to 1000000000"),
        ("takeover_ban", "999ms", "25h", "1s to 1d"),
        ("max_keep_alive", "999ms", "65536s", "1s to 65535s"),
        ("max_subscriptions", "0", "1000000001", "1 to 1000000000"),
        ("receive_maximum", "0", "65536", "1 to 65535"),
        ("max_inflight", "0", "65536", "1 to 65535"),
        ("max_queued_messages", "0", "1000000001", "1 to 1000000000"),
        ("max_retained_messages", "-1", "1000000001", "0 to 1000000000"),
        ("max_handshakes", "0", "1000000001", "1 to 1000000000"),
        ("max_subscription_bytes", "1023", "1099511627777", "1KiB to 1024GiB"),
        ("max_connection_rate", "0", "1000000001", "1 to 1000000000"),
        ("max_sessions", "0", "1000000001", "1 to 1000000000"),
        ("max_retained_bytes", "-1", "1099511627777", "0 to 1024GiB"),
        ("max_packet_size", "1023", "268435457", "1KiB to 256MiB"),
        ("max_queued_bytes", "1023", "1099511627777", "1KiB to 1024GiB"),
        ("write_buffer", "-1", "1099511627777", "1KiB to 1024GiB"),
        ("auth_backoff", "-1s", "61m", "0 to 1h"),
        ("max_auth_backoff", "999ms", "25h", "1s to 1d"),
        ("connect_timeout", "99ms", "61m", "100ms to 1h"),
        ("send_timeout", "0s", "1d", "100ms to 1h"),
        ("max_session_expiry", "-1s", "49711d", "0 to 49710d"),
    ];
    for (key, below, above, range) in numbers {
        for value in [below, above, "1.5", "many", "", "[1]", "{a: 1}", "true", "'1'", "!x 1"] {
            let text = format!("limits:\n  {key}: {value}");
            let error = parse("c.yml", &text).expect_err(&text).to_string();
            assert!(error.starts_with(&format!("c.yml:2: limits.{key}: ")), "{text}\n{error}");
            assert!(error.ends_with(&format!("from {range}")), "{text}\n{error}");
            assert_eq!(error.lines().count(), 1);
        }
    }
}

#[test]
fn the_first_wait_is_not_longer_than_the_longest() {
    let problem = "limits.auth_backoff: longer than limits.max_auth_backoff allows; raise that one, \
                   or lower this";
    check_problems("limits: {auth_backoff: 2m}", &[&format!("c.yml:1: {problem}")]);
    let both = "limits:\n  auth_backoff: 30s\n  max_auth_backoff: 29s";
    check_problems(both, &[&format!("c.yml:2: {problem}")]);
    let limits = accept("limits: {auth_backoff: 2m, max_auth_backoff: 2m}").limits;
    assert_eq!(limits.auth_backoff, limits.max_auth_backoff);
}

#[test]
fn wrong_types_say_what_is_allowed() {
    let cases = [
        ("- a", "c.yml:1: a list is not allowed; a mapping of keys and values"),
        ("text", "c.yml:1: \"text\" is not allowed; a mapping of keys and values"),
        ("limits: 3", "c.yml:1: limits: 3 is not allowed; a mapping of keys and values"),
        ("plugins: hello", "c.yml:1: plugins: \"hello\" is not allowed; a list, such as - hello"),
        ("log:", "c.yml:1: log: no value is not allowed; off, error, warn, info, debug or trace"),
        ("plugin_dir: 3", "c.yml:1: plugin_dir: 3 is not allowed; the path of a folder, or auto"),
        (
            "plugin_dir: ''",
            "c.yml:1: plugin_dir: \"\" is not allowed; the path of a folder, or auto",
        ),
        ("limits: {queue_qos0: 1}", "c.yml:1: limits.queue_qos0: 1 is not allowed; true or false"),
    ];
    for (text, problem) in cases {
        check_problems(text, &[problem]);
    }
}

#[test]
fn listeners_are_checked() {
    let form = "a listener such as tcp: 127.0.0.1:1883";
    let address = "an IP address and a port such as 127.0.0.1:1883 or [::1]:1883";
    let durability =
        "memory; without it a listener has the durability: of the broker, and none has more";
    let cases = [
        ("[]", format!("listeners: at least one is needed: {form}")),
        ("", format!("listeners: at least one is needed: {form}")),
        ("7", "listeners: 7 is not allowed; a list".to_owned()),
        ("[7]", format!("listeners[0]: 7 is not allowed; {form}")),
        ("[{}]", format!("listeners[0]: a mapping is not allowed; {form}")),
        ("[{tcp: 1, ws: 2}]", format!("listeners[0].tcp: 1 is not allowed; {address}")),
        (
            "[{tcp: 127.0.0.1:1, ws: 2}]",
            format!("listeners[0].ws: unknown kind of listener; {form}"),
        ),
        ("[durability: memory]", format!("listeners[0]: a mapping is not allowed; {form}")),
        (
            "[{tcp: 127.0.0.1:1, durability: fsync}]",
            format!("listeners[0].durability: \"fsync\" is not allowed; {durability}"),
        ),
        (
            "[{durability: true, tcp: 127.0.0.1:1}]",
            format!("listeners[0].durability: true is not allowed; {durability}"),
        ),
        ("[ws: 1]", format!("listeners[0].ws: unknown kind of listener; {form}")),
        ("[tcp: 1883]", format!("listeners[0].tcp: 1883 is not allowed; {address}")),
        ("[tcp: 'h:1']", format!("listeners[0].tcp: \"h:1\" is not allowed; {address}")),
        (
            "[tcp: 127.0.0.1:65536]",
            format!("listeners[0].tcp: \"127.0.0.1:65536\" is not allowed; {address}"),
        ),
        (
            "[tcp: 127.0.0.1:1, tcp: 127.0.0.1:1]",
            "listeners[1].tcp: 127.0.0.1:1 is in the list already".to_owned(),
        ),
    ];
    for (value, problem) in cases {
        check_problems(&format!("listeners: {value}"), &[&format!("c.yml:1: {problem}")]);
    }
    assert_eq!(accept("listeners: [tcp: 127.0.0.1:0, tcp: 127.0.0.1:0]").listeners.len(), 2);
    let listeners = accept("listeners: [{tcp: 127.0.0.1:1, durability: memory}]").listeners;
    let address = ([127, 0, 0, 1], 1).into();
    assert_eq!(listeners, [Listener::Tcp { address, keeps: false }]);
}

#[test]
fn what_is_not_one_yaml_document_is_refused() {
    check_problems("log: info\nlog: warn", &["c.yml:2: log: this key is written twice"]);
    check_problems(
        "limits:\n  max_inflight: 1\n  max_inflight: 1",
        &["c.yml:3: max_inflight: this key is written twice"],
    );
    check_problems(
        "log: info\n---\nlog: warn",
        &["c.yml:3: a second YAML document starts here; only one is allowed"],
    );
    let tabs = "limits:\n\tmax_inflight: 1\n\tmax_connections: 1";
    let error = parse("c.yml", tabs).expect_err(tabs).to_string();
    assert!(error.starts_with("c.yml:2: not YAML: "), "{error}");
    let indented_wrongly = [
        (
            "plugins:\n  - sub-limiter:\n  max: 5",
            "while parsing a block collection, did not find expected '-' indicator; each item of a \
             list begins with -, and its settings are indented further than that",
        ),
        (
            "plugins:\n  - sub-limiter\n      max: 5",
            "mapping values are not allowed in this context; a key with settings ends in a colon, \
             and they begin on the next line or in { }",
        ),
        (
            "limits:\n    max_inflight: 1\n   max_connections: 1",
            "while parsing a block mapping, did not find expected key; the keys of one mapping are \
             indented equally",
        ),
    ];
    for (text, problem) in indented_wrongly {
        check_problems(text, &[&format!("c.yml:3: not YAML: {problem}")]);
    }
    for text in ["a: [", "a: b: c", "a: *b", "'"] {
        let error = parse("c.yml", text).expect_err(text).to_string();
        assert!(error.starts_with("c.yml:1: not YAML: "), "{text}: {error}");
    }
}

#[test]
fn deep_nesting_is_an_error_not_a_crash() {
    for text in ["- ".repeat(100_000), "? ".repeat(100_000), "[".repeat(100_000)] {
        parse("c.yml", &text).expect_err("too deep");
        parse("c.yml", &format!("plugins: [a: {text}")).expect_err("too deep");
    }
    let section = format!("plugins: [a: {}{}]", "[".repeat(100), "]".repeat(100));
    let problem = "c.yml:1: plugins[0].a: nested too deep; 64 levels are allowed";
    check_problems(&section, &[problem]);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let absent = folder.path().join("absent.yml");
    let error = load(&absent).expect_err("absent");
    assert!(matches!(error, ConfigError::Read { .. }));
    assert!(error.to_string().contains("absent.yml: cannot be read: No such file"), "{error}");

    let binary = folder.path().join("binary.yml");
    fs::write(&binary, b"log: \xff").expect("writes");
    let error = load(&binary).expect_err("not UTF-8").to_string();
    assert!(error.contains("binary.yml: cannot be read: "), "{error}");

    let wrong = folder.path().join("wrong.yml");
    fs::write(&wrong, "log: 1").expect("writes");
    let error = load(&wrong).expect_err("wrong").to_string();
    assert!(error.contains("wrong.yml:1: log: 1 is not allowed"), "{error}");
}
