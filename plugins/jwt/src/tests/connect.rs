//! Who comes in.

use plugin_abi::Protocol;
use plugin_abi::testing::{Answer, BeforeConnect, Client};
use serde_json::{Value, json};

use super::sign::Signer;
use super::{NOT_AUTHORIZED, Verdict, WRONG, connect, now, start_with, token};

#[test]
fn a_token_is_the_password_whatever_the_name() {
    let plugin = start_with(json!({}));
    assert_eq!(plugin.on_before_connect(&connect(token(json!({})))), Answer::Continue);
    let nameless = BeforeConnect::of("c").password(token(json!({})));
    assert_eq!(plugin.on_before_connect(&nameless), Answer::Continue);
    let old = Client::new("c").username("alice").protocol(Protocol::V3_1_1);
    let old = BeforeConnect::of(old).password(token(json!({})));
    assert_eq!(plugin.on_before_connect(&old), Answer::Continue);
    let without = BeforeConnect::of(Client::new("c").username(token(json!({}))));
    assert_eq!(plugin.on_before_connect(&without), NOT_AUTHORIZED);
    assert_eq!(plugin.on_before_connect(&without.password("")), NOT_AUTHORIZED);
}

#[test]
fn a_token_may_be_elsewhere() {
    let by_name = start_with(json!({ "token": "username" }));
    let event = BeforeConnect::of(Client::new("c").username(token(json!({}))));
    assert_eq!(by_name.on_before_connect(&event), Answer::Continue);
    assert_eq!(by_name.on_before_connect(&connect(token(json!({})))), WRONG);

    let by_property = start_with(json!({ "token": { "user_property": "jwt" } }));
    let event = BeforeConnect::of("c").user_property("other", "x");
    assert_eq!(by_property.on_before_connect(&event), NOT_AUTHORIZED);
    let event = event.user_property("jwt", &token(json!({})));
    assert_eq!(by_property.on_before_connect(&event), Answer::Continue);
    let first = BeforeConnect::of("c").user_property("jwt", "x");
    let both = first.user_property("jwt", &token(json!({})));
    assert_eq!(by_property.on_before_connect(&both), WRONG, "the first counts");
}

#[test]
fn time_and_issuer_and_audience_have_to_be_right() {
    let plugin = start_with(json!({ "issuer": ["a", "b"], "audience": "mqtt", "leeway": "10s" }));
    let ask = |claims: Value| plugin.on_before_connect(&connect(Signer::hs256().token(&claims)));
    let good = json!({ "iss": "a", "aud": ["x", "mqtt"], "exp": now() + 60, "nbf": now() });
    assert_eq!(ask(good.clone()), Answer::Continue);
    let expired = Verdict::refuse_with(0x87).reason("the token has expired");
    for (name, value, answer) in [
        ("iss", json!("b"), Verdict::Continue),
        ("iss", json!("c"), WRONG),
        ("iss", Value::Null, WRONG),
        ("iss", json!(7), WRONG),
        ("aud", json!("mqtt"), Verdict::Continue),
        ("aud", json!("x"), WRONG),
        ("aud", json!([]), WRONG),
        ("aud", Value::Null, WRONG),
        ("exp", json!(now() - 5), Verdict::Continue),
        ("exp", json!(now() - 11), expired),
        ("exp", json!("never"), WRONG),
        ("exp", Value::Null, WRONG),
        ("nbf", json!(now() + 5), Verdict::Continue),
        ("nbf", json!(now() + 60), WRONG),
    ] {
        let mut claims = good.clone();
        claims[name] = value;
        assert_eq!(ask(claims.clone()), answer, "{claims}");
    }
}

/// A token that is for somebody is for nobody else.
#[test]
fn an_audience_that_nobody_expects_is_refused() {
    let plugin = start_with(json!({}));
    assert_eq!(plugin.on_before_connect(&connect(token(json!({ "aud": "mail" })))), WRONG);
}

#[test]
fn claims_are_for_this_client() {
    let plugin = start_with(json!({ "claims": { "sub": "%u", "device": "%c" } }));
    let ask = |claims| plugin.on_before_connect(&connect(token(claims)));
    assert_eq!(ask(json!({ "sub": "alice", "device": "c" })), Answer::Continue);
    assert_eq!(ask(json!({ "sub": "bob", "device": "c" })), WRONG);
    assert_eq!(ask(json!({ "sub": "alice", "device": "d" })), WRONG);
    assert_eq!(ask(json!({ "device": "c" })), WRONG);
}
