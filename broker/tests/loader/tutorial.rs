//! The plugins of docs/write-a-plugin.md, as they stand there: their own tests, and what they do in a
//! broker.

use std::sync::Arc;

use std::path::Path;
use std::time::Duration;

use hookmq::hooks::{
    AuthOutcome, AuthReply, AuthRound, Authenticator, Decision, Hooks, Refusal, Verdict,
};
use mqtt::ReasonCode;
use serde_json::{Value, json};

use crate::{
    Unsubscription, at_once, auth_round, client,
    common::{
        log, page,
        plugins::{self, PluginDir},
    },
    connect, disconnected, entry, load, publication,
    scratch::Scratch,
    subscription,
};

fn piece_in(language: &str, text: &str) -> String {
    page::piece("write-a-plugin.md", language, text)
}

fn piece(text: &str) -> String {
    piece_in("rust", text)
}

/// The one whole plugin on the page with this name.
fn code(name: &str) -> String {
    let code = piece(&format!("impl Plugin for {name} "));
    assert!(code.contains("#[plugin]"));
    code
}

#[track_caller]
fn check_tests_pass(name: &'static str, source: &str) {
    let output = Scratch::new(name, source).test();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains(" 0 passed"), "{text}");
}

#[test]
fn the_tests_on_the_page_pass() {
    let ledger = format!("mod ledger {{ {} }}", piece("pub struct Ledger"));
    let pieces = ["mod ledger;", "fn on_before_subscribe", "a_third_subscription"].map(piece);
    check_tests_pass("scratch-limiter", &pieces.concat().replace("mod ledger;", &ledger));
    let pieces = ["fn on_auth", "fn each_code_is_good"].map(piece);
    check_tests_pass("scratch-tested-codes", &pieces.concat());
    let pieces = ["impl Plugin for Greeter", "fn visits_are_counted_and_told"].map(piece);
    check_tests_pass("scratch-greeter", &pieces.concat());
}

/// One subscription for each client id; a second only after the first is given up.
fn check_limits(library: impl AsRef<Path>, name: &str) {
    let dir = PluginDir::new();
    dir.put(library, name);
    let hooks = load(&dir, &[entry(name, json!({ "max": 1 }))]).hooks();
    let client = client("c");
    let vetoed = |filter| {
        hooks.on_before_subscribe(&client, &subscription(filter), &mut at_once()).is_veto()
    };
    assert!(!vetoed("a"));
    hooks.on_subscribe(&client, &subscription("a"));
    assert_eq!(["a", "b"].map(vetoed), [false, true]);
    hooks.on_unsubscribe(&client, &Unsubscription::by_client("a"));
    assert!(!vetoed("b"));
    hooks.on_subscribe(&client, &subscription("b"));
    hooks.on_disconnect(&client, &disconnected(true));
    assert!(vetoed("a"));
    hooks.on_disconnect(&client, &disconnected(false));
    assert!(!vetoed("a"));
}

#[test]
fn the_limiter_in_rust() {
    let ledger = piece("pub struct Ledger");
    let plugin = piece("mod ledger;") + &piece("fn on_before_subscribe");
    let plugin = plugin.replace("mod ledger;", &format!("mod ledger {{ {ledger} }}"));
    check_limits(Scratch::new("scratch-limiter", &plugin).build(&[]), "scratch-limiter");
}

#[test]
fn the_limiter_in_c() {
    check_limits(plugins::c_text(&piece_in("c", "MQ_PLUGIN")), "limiter-c");
}

#[test]
fn the_slow_friend() {
    let library = Scratch::new("scratch-friend", &code("SlowFriend")).build(&[]);
    let dir = PluginDir::new();
    dir.put(library, "friend");
    let hooks = load(&dir, &[entry("friend", Value::Null)]).hooks();
    let decision = hooks.on_before_publish(&client("c"), &publication("a"), &mut at_once());
    let properties = decision.edits.unwrap().properties.unwrap();
    assert_eq!(properties.as_properties().content_type(), Some("text/plain"));
    // Nobody waits here.
    let decision = hooks.on_before_connect(&client("c"), &connect(), &mut at_once());
    let refusal = Refusal { reason: ReasonCode::ServerUnavailable, why: None };
    assert_eq!(decision.verdict, Verdict::Refuse(refusal));
}

#[test]
fn the_smallest_plugin() {
    let library = Scratch::new("scratch-smallest", &piece("here I am")).build(&[]);
    let dir = PluginDir::new();
    dir.put(library, "smallest");
    load(&dir, &[entry("smallest", Value::Null)]);
    assert_eq!(log::messages("plugin::smallest"), ["here I am"]);
}

fn ask(
    hooks: &Arc<Hooks>,
    round: u16,
    data: &str,
    state: &[u8],
    taken_by: &mut Option<Authenticator>,
) -> AuthOutcome {
    let data = Some(data.as_bytes());
    let round = AuthRound { method: "PAPER-CODE", data, state, round, ..auth_round() };
    hooks.on_auth(&client("c"), &round, taken_by, &mut at_once())
}

/// Both rounds.
fn authenticate(hooks: &Arc<Hooks>, name: &str, code: &str) -> AuthOutcome {
    let mut taken_by = None;
    let asked = ask(hooks, 1, name, b"", &mut taken_by);
    let state = name.as_bytes().to_vec();
    let data = Some(b"the next code".to_vec());
    let reply = AuthReply { data, state: state.clone(), ..AuthReply::default() };
    assert_eq!(asked, AuthOutcome::Challenge(reply));
    ask(hooks, 2, code, &state, &mut taken_by)
}

#[test]
fn each_code_is_good_for_one_time() {
    let library = Scratch::new("scratch-paper-codes", &code("PaperCodes")).build(&[]);
    let dir = PluginDir::new();
    dir.put(library, "paper-codes");
    let config = json!({ "alice": ["4711", "8152"] });
    let hooks = load(&dir, &[entry("paper-codes", config)]).hooks();
    let alice = AuthReply { username: Some("alice".into()), ..AuthReply::default() };
    let right = AuthOutcome::Authenticated(alice);
    let wrong = AuthOutcome::Refused(ReasonCode::BadUserNameOrPassword, None);
    for (name, code, outcome) in [
        ("alice", "8152", &wrong),
        ("bob", "4711", &wrong),
        ("alice", "4711", &right),
        ("alice", "4711", &wrong),
        ("alice", "8152", &right),
    ] {
        assert_eq!(authenticate(&hooks, name, code), *outcome, "{name} {code}");
    }
    let other = hooks.on_auth(&client("c"), &auth_round(), &mut None, &mut at_once());
    assert_eq!(other, AuthOutcome::Unknown);
}

#[test]
fn clients_publish_below_their_own_client_id() {
    let dir = PluginDir::new();
    dir.put(Scratch::new("scratch-own-topics", &code("OwnTopics")).build(&[]), "own-topics");
    let hooks = load(&dir, &[entry("own-topics", Value::Null)]).hooks();
    let ask =
        |topic| hooks.on_before_publish(&client("alice"), &publication(topic), &mut at_once());
    assert_eq!(ask("alice/x"), Decision::CONTINUE);
    let refusal =
        Refusal { reason: ReasonCode::NotAuthorized, why: Some("publish below alice/".into()) };
    assert_eq!(ask("bob/x").verdict, Verdict::Refuse(refusal));
    assert_eq!(ask("slow/x").throttle, Duration::from_millis(500));
}
