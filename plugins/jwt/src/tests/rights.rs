//! What those may do who are in.

use plugin_abi::testing::{self, Answer, Client, Connect, Disconnect, Instance};
use plugin_abi::{Kick, SubscriptionOptions};
use serde_json::{Value, json};

use super::sign::{SECRET, Signer};
use super::{BeforeConnect, Jwt, NOT_AUTHORIZED, Verdict, now, start_with, token};

fn client(port: u16) -> Client {
    Client::new("c").username("alice").peer(&format!("127.0.0.1:{port}"))
}

fn come_in(plugin: &Instance<Jwt>, client: &Client, token: &str) {
    let event = BeforeConnect::of(client).password(token);
    assert_eq!(plugin.on_before_connect(&event), Answer::Continue);
    assert_eq!(plugin.on_connect(&Connect::of(client)), Answer::Continue);
}

fn publish(plugin: &Instance<Jwt>, client: &Client, topic: &str) -> Answer {
    plugin.on_before_publish(&testing::Publish::to(topic).client(client))
}

fn subscribe(plugin: &Instance<Jwt>, client: &Client, filter: &str) -> Answer {
    plugin.on_before_subscribe(&testing::Subscribe::to(filter).client(client))
}

fn start(rights: &Value) -> Instance<Jwt> {
    start_with(json!({ "rights": rights }))
}

#[test]
fn clients_keep_to_the_topics_of_their_tokens() {
    let plugin = start(&json!({}));
    let [alice, bob] = [1, 2].map(client);
    come_in(&plugin, &alice, &token(json!({ "pub": ["up/%c/#"], "sub": ["down/%u/+"] })));
    come_in(&plugin, &bob, &token(json!({ "pub": ["b"], "sub": [] })));
    assert_eq!(publish(&plugin, &alice, "up/c/x"), Answer::Continue);
    assert_eq!(publish(&plugin, &alice, "up/d/x"), NOT_AUTHORIZED);
    assert_eq!(publish(&plugin, &bob, "b"), Answer::Continue);
    assert_eq!(publish(&plugin, &bob, "up/c/x"), NOT_AUTHORIZED);
    assert_eq!(subscribe(&plugin, &alice, "down/alice/x"), Answer::Continue);
    assert_eq!(subscribe(&plugin, &alice, "$share/g/down/alice/+"), Answer::Continue);
    assert_eq!(subscribe(&plugin, &alice, "down/alice/#"), NOT_AUTHORIZED);
    assert_eq!(subscribe(&plugin, &alice, "#"), NOT_AUTHORIZED);
    assert_eq!(subscribe(&plugin, &bob, "b"), NOT_AUTHORIZED);
}

#[test]
fn a_token_without_lists_allows_what_the_config_says() {
    let alice = client(1);
    // As text it is the subject of the token.
    let token = token(json!({ "sub": "alice" }));
    for (rights, answer) in [
        (json!({}), NOT_AUTHORIZED),
        (json!({ "if_absent": "refuse" }), NOT_AUTHORIZED),
        (json!({ "if_absent": "allow" }), Verdict::Continue),
    ] {
        let plugin = start(&rights);
        come_in(&plugin, &alice, &token);
        assert_eq!(publish(&plugin, &alice, "a"), answer);
        assert_eq!(subscribe(&plugin, &alice, "alice"), answer);
        assert_eq!(subscribe(&plugin, &alice, "#"), answer);
    }
}

#[test]
fn a_claim_that_is_no_list_allows_nothing() {
    let plugin = start(&json!({ "if_absent": "allow" }));
    let alice = client(1);
    for claim in [json!("a"), json!({ "a": true }), json!(true), json!(null), json!([])] {
        come_in(&plugin, &alice, &token(json!({ "pub": claim })));
        assert_eq!(publish(&plugin, &alice, "a"), NOT_AUTHORIZED, "{claim}");
        assert_eq!(subscribe(&plugin, &alice, "a"), Answer::Continue);
    }
    come_in(&plugin, &alice, &token(json!({ "sub": 7 })));
    assert_eq!(subscribe(&plugin, &alice, "a"), NOT_AUTHORIZED);
}

#[test]
fn the_claims_may_have_other_names() {
    let plugin =
        start(&json!({ "publish": "/acl/write", "subscribe": "https://example.com/read" }));
    let alice = client(1);
    let claims =
        json!({ "acl": { "write": ["w"] }, "https://example.com/read": ["r"], "pub": ["p"] });
    come_in(&plugin, &alice, &token(claims));
    assert_eq!(publish(&plugin, &alice, "w"), Answer::Continue);
    assert_eq!(publish(&plugin, &alice, "p"), NOT_AUTHORIZED);
    assert_eq!(subscribe(&plugin, &alice, "r"), Answer::Continue);
}

#[test]
fn a_will_is_looked_at_when_its_client_connects() {
    let plugin = start(&json!({}));
    let alice = client(1);
    let token = token(json!({ "pub": ["a"] }));
    let event = BeforeConnect::of(&alice).password(&token);
    assert_eq!(plugin.on_before_connect(&event.clone().will_topic("a")), Answer::Continue);
    let refused = NOT_AUTHORIZED.reason("the topic of the will is not allowed");
    assert_eq!(plugin.on_before_connect(&event.will_topic("b")), refused);
    come_in(&plugin, &alice, &token);
    plugin.on_disconnect(&Disconnect::lost(&alice)).unwrap();
    let will = testing::Publish::will_to("a").client(&alice);
    assert_eq!(plugin.on_before_publish(&will), Answer::Continue);
}

#[test]
fn rights_go_with_their_connection() {
    let plugin = start(&json!({}));
    let [first, second] = [1, 2].map(client);
    come_in(&plugin, &first, &token(json!({ "pub": ["a"] })));
    // The same client id from elsewhere: it is asked about before the first one goes.
    let event = BeforeConnect::of(&second).password(token(json!({ "pub": ["b"] })));
    assert_eq!(plugin.on_before_connect(&event), Answer::Continue);
    assert_eq!(publish(&plugin, &first, "a"), Answer::Continue);
    assert_eq!(publish(&plugin, &first, "b"), NOT_AUTHORIZED);
    plugin.on_disconnect(&Disconnect::lost(&first)).unwrap();
    assert_eq!(plugin.on_connect(&Connect::of(&second)), Answer::Continue);
    assert_eq!(publish(&plugin, &second, "b"), Answer::Continue);
    assert_eq!(publish(&plugin, &second, "a"), NOT_AUTHORIZED);
    plugin.on_disconnect(&Disconnect::of(&second)).unwrap();
    assert_eq!(publish(&plugin, &second, "b"), NOT_AUTHORIZED);
    assert_eq!(plugin.plugin().grants.len(), 0);
}

#[test]
fn an_expired_token_allows_nothing() {
    let plugin = start_with(json!({ "leeway": "0s", "rights": { "if_absent": "allow" } }));
    let alice = client(1);
    come_in(&plugin, &alice, &Signer::hs256().token(&json!({ "exp": now() + 2 })));
    let expired = NOT_AUTHORIZED.reason("the token has expired");
    let refusal = loop {
        let answer = publish(&plugin, &alice, "a");
        if answer != Answer::Continue {
            break answer;
        }
        std::thread::yield_now();
    };
    assert_eq!(refusal, expired);
    assert_eq!(subscribe(&plugin, &alice, "a"), expired);
}

#[test]
fn who_has_an_expired_token_is_sent_away() {
    let host = testing::Host::new();
    let config = json!({ "keys": [{ "secret": SECRET }], "leeway": "0s" });
    let plugin = testing::start::<Jwt>(&host, config).unwrap();
    let [alice, bob] = [("a", 1), ("b", 2)].map(|(client_id, port)| {
        let client = Client::new(client_id).peer(&format!("127.0.0.1:{port}"));
        host.add_client(client.clone());
        client
    });
    come_in(&plugin, &bob, &token(json!({})));
    come_in(&plugin, &alice, &Signer::hs256().token(&json!({ "exp": now() + 1 })));
    while host.disconnected().is_empty() {
        std::thread::yield_now();
    }
    let kick = Kick::because(0x87).words("the token has expired");
    assert_eq!(host.disconnected(), [("a".to_owned(), kick)]);
}

#[test]
fn clients_without_addresses_have_rights_too() {
    let plugin = start(&json!({}));
    let alice = Client::new("c").without_addresses();
    come_in(&plugin, &alice, &token(json!({ "pub": ["a"] })));
    assert_eq!(publish(&plugin, &alice, "a"), Answer::Continue);
    assert_eq!(publish(&plugin, &Client::new("d").without_addresses(), "a"), NOT_AUTHORIZED);
    plugin.on_disconnect(&Disconnect::of(&alice)).unwrap();
    assert_eq!(plugin.plugin().grants.len(), 0);
}

/// The plugin is reloaded while clients are connected.
#[test]
fn rights_outlive_an_instance_of_the_plugin() {
    let host = testing::Host::new();
    let start = || {
        let config = json!({ "keys": [{ "secret": SECRET }], "leeway": "0s" });
        testing::start::<Jwt>(&host, config).unwrap()
    };
    let [alice, bob] = [("a", 1), ("b", 2)].map(|(client_id, port)| {
        let client = Client::new(client_id).peer(&format!("127.0.0.1:{port}"));
        host.add_client(client.clone());
        client
    });
    let before = start();
    come_in(&before, &alice, &token(json!({ "pub": ["a/%c"], "sub": ["#"] })));
    let claims = json!({ "pub": ["b"], "exp": now() + 2 });
    come_in(&before, &bob, &Signer::hs256().token(&claims));
    before.shutdown().unwrap();
    let after = start();
    assert_eq!(publish(&after, &alice, "a/a"), Answer::Continue);
    assert_eq!(publish(&after, &alice, "b"), NOT_AUTHORIZED);
    assert_eq!(subscribe(&after, &alice, "b"), Answer::Continue);
    while publish(&after, &bob, "b") == Answer::Continue {
        std::thread::yield_now();
    }
    while host.disconnected().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(host.disconnected().first().unwrap().0, "b");
}

#[test]
fn who_is_silent_after_a_reload_is_sent_away_too() {
    let host = testing::Host::new();
    let start = || {
        let config = json!({ "keys": [{ "secret": SECRET }], "leeway": "0s" });
        testing::start::<Jwt>(&host, config).unwrap()
    };
    let before = start();
    let alice = client(1);
    host.add_client(alice.clone());
    come_in(&before, &alice, &Signer::hs256().token(&json!({ "exp": now() + 3 })));
    before.shutdown().unwrap();
    let _after = start();
    while host.disconnected().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(host.disconnected().first().unwrap().0, "c");
}

#[test]
fn it_warns_where_it_may_not_see_the_clients() {
    let host = testing::Host::new();
    host.deny("read-clients");
    let _plugin = testing::start::<Jwt>(&host, json!({ "keys": [{ "secret": SECRET }] })).unwrap();
    testing::wait_for_thread_log(|log| log.text.starts_with("read-clients: "));
}

#[test]
fn a_session_with_more_than_the_token_allows_ends() {
    let host = testing::Host::new();
    let config = json!({ "keys": [{ "secret": SECRET }] });
    let plugin = testing::start::<Jwt>(&host, config).unwrap();
    let alice = client(1);
    let come_back = |filters: &[&str], claims: Value| {
        host.add_client(&alice);
        for filter in filters {
            host.add_subscription("c", filter, SubscriptionOptions::default());
        }
        let event = BeforeConnect::of(&alice).password(token(claims));
        assert_eq!(plugin.on_before_connect(&event), Answer::Continue);
        plugin.on_connect(&Connect::back(&alice))
    };
    assert_eq!(come_back(&[], json!({})), Answer::Continue, "there is none");
    let filters = ["a/+", "$share/g/b"];
    assert_eq!(come_back(&filters, json!({ "sub": ["a/#", "b"] })), Answer::Continue);
    assert!(host.disconnected().is_empty());
    assert_eq!(come_back(&filters, json!({ "sub": ["a/#"] })), Answer::Veto);
    assert_eq!(come_back(&filters, json!({ "sub": ["a/x", "b"] })), Answer::Veto);
    let words = "the token does not allow all that the session has subscribed to";
    let kick = Kick::because(0x87).words(words).without_will().and_its_session();
    assert_eq!(host.disconnected(), vec![("c".to_owned(), kick); 2]);
    assert_eq!(plugin.plugin().grants.len(), 0);
    host.deny("read-clients");
    let all = json!({ "sub": ["a/#", "b"] });
    assert_eq!(come_back(&filters, all), Answer::Veto, "nobody can say");
}

/// The plugin is reloaded between the two questions.
#[test]
fn whom_another_instance_has_let_in_connects_anew() {
    let plugin = start(&json!({ "if_absent": "allow" }));
    assert_eq!(plugin.on_connect(&Connect::of(client(1))), Answer::Veto);
    come_in(&plugin, &client(1), &token(json!({})));
}

#[test]
fn who_was_in_before_the_plugin_may_do_nothing() {
    let plugin = start(&json!({ "if_absent": "allow" }));
    assert_eq!(publish(&plugin, &client(1), "a"), NOT_AUTHORIZED);
    assert_eq!(subscribe(&plugin, &client(1), "a"), NOT_AUTHORIZED);
}
