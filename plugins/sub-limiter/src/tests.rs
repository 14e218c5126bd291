//! The limiter as clients come, subscribe and go.

use plugin_abi::Verdict;
use plugin_abi::log::Level;
use plugin_abi::testing::{self, Answer, Instance, json};

use super::SubLimiter;

fn limiter(max: usize) -> Instance<SubLimiter> {
    testing::start(&testing::Host::new(), json!({ "max": max })).unwrap()
}

/// What the broker does for one filter; whether the client is subscribed then.
fn subscribe(limiter: &Instance<SubLimiter>, client_id: &str, filter: &str) -> bool {
    let event = testing::Subscribe::to(filter).client(client_id);
    let allowed = limiter.on_before_subscribe(&event) == Answer::Continue;
    if allowed {
        limiter.on_subscribe(&event).unwrap();
    }
    allowed
}

fn unsubscribe(limiter: &Instance<SubLimiter>, client_id: &str, filter: &str) {
    limiter.on_unsubscribe(&testing::Unsubscribe::from(filter).client(client_id)).unwrap();
}

fn disconnect(limiter: &Instance<SubLimiter>, client_id: &str, session_kept: bool) {
    let event = testing::Disconnect::of(client_id).session_kept(session_kept);
    limiter.on_disconnect(&event).unwrap();
}

#[test]
fn each_client_has_its_own_limit() {
    let limiter = limiter(2);
    assert!(subscribe(&limiter, "alice", "a"));
    assert!(subscribe(&limiter, "alice", "b"));
    assert!(!subscribe(&limiter, "alice", "c"));
    assert!(subscribe(&limiter, "bob", "c"));
}

#[test]
fn a_repeated_filter_counts_once() {
    let limiter = limiter(2);
    for filter in ["a", "a", "b", "b", "a"] {
        assert!(subscribe(&limiter, "alice", filter));
    }
    assert!(!subscribe(&limiter, "alice", "c"));
}

#[test]
fn a_shared_subscription_is_not_the_plain_one() {
    let limiter = limiter(2);
    assert!(subscribe(&limiter, "alice", "a"));
    assert!(subscribe(&limiter, "alice", "$share/one/a"));
    assert!(!subscribe(&limiter, "alice", "$share/other/a"));
    unsubscribe(&limiter, "alice", "$share/one/a");
    assert!(subscribe(&limiter, "alice", "$share/other/a"));
}

#[test]
fn removing_makes_room_and_leaves_nothing_behind() {
    let limiter = limiter(1);
    assert!(subscribe(&limiter, "alice", "a"));
    unsubscribe(&limiter, "alice", "never there");
    assert!(!subscribe(&limiter, "alice", "b"));
    unsubscribe(&limiter, "alice", "a");
    assert!(subscribe(&limiter, "alice", "b"));
    unsubscribe(&limiter, "alice", "b");
    assert!(limiter.plugin().ledger.is_empty());
}

#[test]
fn what_a_later_plugin_vetoes_is_not_counted() {
    let limiter = limiter(1);
    let event = testing::Subscribe::to("a").client("alice");
    assert_eq!(limiter.on_before_subscribe(&event), Answer::Continue);
    // No on_subscribe follows.
    assert!(subscribe(&limiter, "alice", "b"));
}

#[test]
fn a_session_keeps_its_subscriptions_until_it_ends() {
    let limiter = limiter(1);
    assert!(subscribe(&limiter, "alice", "a"));
    disconnect(&limiter, "alice", true);
    assert_eq!(limiter.on_connect(&testing::Connect::back("alice")), Answer::Continue);
    assert!(!subscribe(&limiter, "alice", "b"), "the session was resumed");
    disconnect(&limiter, "alice", true);
    assert_eq!(limiter.on_connect(&testing::Connect::of("alice")), Answer::Continue);
    assert!(subscribe(&limiter, "alice", "b"), "the session is a new one");
    disconnect(&limiter, "alice", false);
    assert!(limiter.plugin().ledger.is_empty());
}

#[test]
fn clients_do_not_disturb_each_other() {
    let limiter = limiter(2);
    std::thread::scope(|scope| {
        for client in 0..8 {
            let limiter = &limiter;
            scope.spawn(move || {
                let client_id = client.to_string();
                for round in 0..50 {
                    assert!(subscribe(limiter, &client_id, "a"), "round {round}");
                    assert!(subscribe(limiter, &client_id, "b"));
                    assert!(!subscribe(limiter, &client_id, "c"));
                    disconnect(limiter, &client_id, false);
                }
            });
        }
    });
    assert!(limiter.plugin().ledger.is_empty());
}

#[test]
fn a_refusal_says_why_if_the_config_wants_it() {
    let config = json!({ "max": 1, "answer": "refuse" });
    let limiter = testing::start(&testing::Host::new(), config).unwrap();
    assert!(subscribe(&limiter, "alice", "a"));
    let refusal = Verdict::refuse_with(0x97).reason("the limit of subscriptions is 1");
    let event = testing::Subscribe::to("b").client("alice");
    assert_eq!(limiter.on_before_subscribe(&event), refusal);
}

#[test]
fn the_log_has_the_limit_and_who_is_at_it() {
    let host = testing::Host::new();
    let limiter = testing::start(&host, json!({ "max": 1 })).unwrap();
    assert_eq!(host.take_logs(), [(Level::Info, "at most 1 subscriptions for each client id")]);
    assert!(subscribe(&limiter, "alice", "a"));
    assert!(!subscribe(&limiter, "alice", "b"));
    assert_eq!(host.take_logs(), [(Level::Debug, r#""alice" has its 1 subscriptions: no "b""#)]);
}

#[test]
fn mistakes_in_the_config_are_named() {
    for (config, why) in [
        (json!({}), "missing field `max`"),
        (json!({ "max": 0 }), "`max`: invalid value: integer `0`, expected a whole number above 0"),
        (json!({ "max": 1, "min": 1 }), "`min`: unknown field `min`, expected `max` or `answer`"),
    ] {
        let error = testing::start::<SubLimiter>(&testing::Host::new(), config).unwrap_err();
        assert_eq!(error.to_string(), format!("it refused to start: {why}"));
    }
}
