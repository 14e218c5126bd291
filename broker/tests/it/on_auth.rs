//! The hook `on_auth`: which plugin is asked and when, and what comes of odd answers.

use mqtt::{Connect, Packet, Property, PropertyBuffer, ReasonCode, Version};
use serde_json::json;

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::support::auth::{challenge, entry, login};
use crate::support::{Asked, Broker, Client, Login};

/// The plugins before and after it, and the hooks before and after this one.
#[test]
fn the_plugin_that_knows_the_method_is_asked_alone() {
    log::take();
    let directory = PluginDir::new();
    let mut entries = Vec::new();
    for name in ["auth-before", "auth-after"] {
        directory.put(plugins::rust("hook-log"), name);
        entries.push(entry(name, json!({ "prefix": "-" })));
    }
    entries.insert(1, challenge(&directory, "auth-between"));
    let mut broker = Broker::with_plugins(&directory, entries);
    // Without a client identifier, for which the broker finds one.
    let mut client = Client::start(&broker, &login("", "CHALLENGE", "alice"));
    client.answer_challenge("a");
    let answer = client.answer();
    let client_id = answer.properties().assigned_client_identifier().unwrap().to_owned();
    client.disconnect();
    broker.stop();

    let hooks = |name| {
        let lines = log::messages(&format!("plugin::{name}"));
        lines.into_iter().filter_map(|line| line.strip_prefix("- ").map(str::to_owned))
    };
    let before: Vec<String> = hooks("auth-before").collect();
    let called: Vec<&str> = before.iter().map(|line| line.split(':').next().unwrap()).collect();
    let expected = [
        "bootstrap",
        "on_socket_open",
        "on_auth",
        "on_before_connect",
        "on_session",
        "on_connect",
        "on_disconnect",
        "on_session",
        "shutdown",
    ];
    assert_eq!(called, expected);
    assert!(!hooks("auth-after").any(|line| line.starts_with("on_auth")));
    // Who it is: nobody knows, then everybody.
    assert!(before[2].starts_with(&format!("on_auth: {client_id} username=None")), "{before:?}");
    let known = format!("{client_id} username=Some(\"alice\")");
    for line in &before[3..8] {
        assert!(line.contains(&known), "{line}");
    }
    assert!(before[3].contains("method=Some(\"CHALLENGE\")"), "{before:?}");
}

/// [MQTT-3.1.4-2]
#[test]
fn on_before_connect_has_the_last_word() {
    let directory = PluginDir::new();
    directory.put(plugins::rust("hook-log"), "auth-doorman");
    let doorman = entry("auth-doorman", json!({ "veto": ["on_before_connect"] }));
    let entries = vec![challenge(&directory, "challenge"), doorman];
    let broker = Broker::with_plugins(&directory, entries);
    let mut client = Client::start(&broker, &login("c", "CHALLENGE", "alice"));
    client.answer_challenge("a");
    client.expect_refused(ReasonCode::NotAuthorized);
    let mut client = Client::start(&broker, &login("c", "TOKEN", "alice:a"));
    client.expect_refused(ReasonCode::NotAuthorized);
}

#[test]
fn a_panic_refuses_the_client_alone() {
    log::take();
    let directory = PluginDir::new();
    directory.put(plugins::rust("misbehaving"), "auth-panics");
    let panics = entry("auth-panics", json!({ "in": "on_auth", "how": "panic" }));
    let broker = Broker::with_plugins(&directory, vec![panics, challenge(&directory, "challenge")]);
    for _ in 0..3 {
        let mut client = Client::start(&broker, &login("c", "TOKEN", "alice:a"));
        client.expect_refused(ReasonCode::NotAuthorized);
    }
    Client::connect(&broker, Version::V5, "c").ping();
    let failures = log::lines("plugin auth-panics failed in on_auth: it panicked");
    assert!(!failures.is_empty(), "{failures:?}");
}

/// Answers in ways that only C can, by the name of the method.
const ODD: &str = r#"
#include <string.h>
#include "plugin.h"

static char large[65536];

uint32_t PluginAbiVersion(void) { return MQ_ABI_VERSION; }

static int is(mq_view view, const char *text) {
    return view.len == strlen(text) && memcmp(view.ptr, text, view.len) == 0;
}

int32_t OnAuth(void *instance, const mq_auth *event) {
    (void)instance;
    char copy[] = "second";
    mq_view data = {(const uint8_t *)copy, 6};
    if (is(event->method, "TWICE")) {
        event->answer(event->answer_ctx, MQ_ANSWER_DATA, MQ_TEXT("first"));
        event->answer(event->answer_ctx, MQ_ANSWER_DATA, data);
        memset(copy, '!', sizeof copy);
        return MQ_CHALLENGE;
    }
    if (is(event->method, "LARGE")) {
        mq_view too_large = {(const uint8_t *)large, sizeof large};
        int32_t said = event->answer(event->answer_ctx, MQ_ANSWER_DATA, too_large);
        return said == MQ_UNFIT ? MQ_AUTHENTICATED : MQ_CHALLENGE;
    }
    if (is(event->method, "NAME")) {
        event->answer(event->answer_ctx, MQ_ANSWER_USERNAME, (mq_view){(const uint8_t *)"\xFF", 1});
        return MQ_AUTHENTICATED;
    }
    if (is(event->method, "LATER"))
        return event->answer(event->answer_ctx, 99, data) == MQ_UNKNOWN ? MQ_AUTHENTICATED : -7;
    if (is(event->method, "LEAVES"))
        return event->round == 1 ? MQ_CHALLENGE : MQ_CONTINUE;
    if (is(event->method, "VETO"))
        return MQ_VETO;
    if (is(event->method, "CODE"))
        return event->data.len == 1 ? event->data.ptr[0] : -7;
    return MQ_CONTINUE;
}
"#;

#[test]
fn odd_answers_refuse_the_client_or_are_left_out() {
    let directory = PluginDir::new();
    directory.put(plugins::c_text(ODD), "odd");
    let broker = Broker::with_plugins(&directory, vec![entry("odd", json!(null))]);
    let start = |method, data| Client::start(&broker, &login("c", method, data));

    // Of two the later counts, and it was copied at once.
    let asked = start("TWICE", "").asked();
    let expected = Asked {
        reason: ReasonCode::ContinueAuthentication,
        method: "TWICE".into(),
        data: Some("second".into()),
        text: None,
    };
    assert_eq!(asked, expected);
    assert_eq!(start("LATER", "").connack().0, ReasonCode::Success);

    for method in ["LARGE", "NAME", "VETO"] {
        start(method, "").expect_refused(ReasonCode::NotAuthorized);
    }
    let mut leaves = start("LEAVES", "");
    assert_eq!(leaves.asked().data, None);
    leaves.send_auth(ReasonCode::ContinueAuthentication, "LEAVES", "");
    leaves.expect_refused(ReasonCode::NotAuthorized);
    start("NONE", "").expect_refused(ReasonCode::BadAuthenticationMethod);

    // Bytes of one character: up to 0x7F nothing is a reason code that refuses.
    for (data, expected) in [("\u{2}", ReasonCode::NotAuthorized), ("~", ReasonCode::NotAuthorized)]
    {
        start("CODE", data).expect_refused(expected);
    }
    for (code, expected) in [
        (0x86, ReasonCode::BadUserNameOrPassword),
        (0x8A, ReasonCode::Banned),
        // Of DISCONNECT alone: the nearest.
        (0x98, ReasonCode::Banned),
        (0x8E, ReasonCode::UnspecifiedError),
        // No reason code.
        (0xFF, ReasonCode::NotAuthorized),
    ] {
        let login = Login::new(Version::V5, "c")
            .with(Property::AuthenticationMethod("CODE"))
            .with(Property::AuthenticationData(&[code]));
        Client::start(&broker, &login).expect_refused(expected);
    }
}

/// Whoever is authenticated may have written anybody's name in CONNECT, and plugins be content with it.
#[test]
fn a_user_name_that_no_plugin_gave_owns_no_session() {
    let directory = PluginDir::new();
    directory.put(plugins::c_text(ODD), "odd");
    directory.put(plugins::rust("deny-list"), "deny-list");
    let deny = entry("deny-list", json!({ "client_ids": ["denied"] }));
    let broker = Broker::with_plugins(&directory, vec![entry("odd", json!(null)), deny]);
    let connect = |method: Option<&str>| {
        let mut properties = PropertyBuffer::new();
        if let Some(method) = method {
            properties.push(Property::AuthenticationMethod(method));
        }
        let mut connect = Connect::new(Version::V5, "c");
        connect.username = Some("alice");
        connect.clean_start = false;
        connect.properties = properties.as_properties();
        let mut client = Client::open(broker.address(), Version::V5);
        client.send(&Packet::Connect(connect));
        client
    };
    let mut alice = connect(None);
    assert_eq!(alice.connack().0, ReasonCode::Success);
    connect(Some("LATER")).expect_refused(ReasonCode::NotAuthorized);
    alice.ping();
    assert_eq!(login("d", "LATER", "").ask(broker.address()).1.reason, ReasonCode::Success);
}
