//! The plugin of docs/write-a-plugin.md that authenticates clients, as it stands there.

use hookmq::hooks::{AuthOutcome, AuthReply, AuthRound, Authenticator, Hooks};
use mqtt::ReasonCode;
use serde_json::json;

use crate::{
    auth_round, client,
    common::plugins::{self, PluginDir},
    entry, load,
    scratch::Scratch,
};

/// The one piece of code on the page that has the hook.
fn code() -> String {
    let page = plugins::workspace().join("docs/write-a-plugin.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut pieces = page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    pieces.find(|code| code.contains("fn on_auth")).unwrap().to_owned()
}

fn ask(
    hooks: &Hooks,
    round: u16,
    data: &str,
    state: &[u8],
    taken_by: &mut Option<Authenticator>,
) -> AuthOutcome {
    let data = Some(data.as_bytes());
    let round = AuthRound { method: "PAPER-CODE", data, state, round, ..auth_round() };
    hooks.on_auth(&client("c"), &round, taken_by)
}

/// Both rounds.
fn authenticate(hooks: &Hooks, name: &str, code: &str) -> AuthOutcome {
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
    let library = Scratch::new("scratch-paper-codes", &code()).build(&[]);
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
    let other = hooks.on_auth(&client("c"), &auth_round(), &mut None);
    assert_eq!(other, AuthOutcome::Unknown);
}
