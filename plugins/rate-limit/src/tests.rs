//! Clients that send too much. The clock is the test's own, or so slow that it does not matter.

use std::time::Duration;

use plugin_abi::Verdict;
use plugin_abi::testing::{self, Answer, Client, Host, Instance, Publish, SocketOpen, json};

use super::*;

const SECOND: Nanos = 1_000_000_000;

/// The test's value of a config.
macro_rules! limits {
    ($($config:tt)*) => {{
        let config = json!($($config)*).to_string();
        Limits::new(&serde_json::from_str(&config).unwrap())
    }};
}

fn facts<'a>(client_id: &'a str, address: &str) -> Facts<'a> {
    Facts { client_id, username: None, address: Some(address.parse().unwrap()) }
}

#[test]
fn a_client_waits_until_its_bucket_has_room() {
    let limits = limits!({ "per_client": { "messages": { "rate": "10/s", "burst": 5 } } });
    let (c1, c2) = (facts("c1", "192.0.2.1"), facts("c2", "192.0.2.1"));
    for _ in 0..5 {
        assert_eq!(limits.message(&c1, 1000, SECOND), Outcome::Pass);
    }
    let wait = Outcome::Wait(Duration::from_millis(100));
    assert_eq!(limits.message(&c1, 0, SECOND), wait);
    assert_eq!(limits.message(&c2, 0, SECOND), Outcome::Pass);
    assert_eq!(limits.message(&c1, 0, SECOND + SECOND / 5), Outcome::Pass);
    assert_eq!(limits.message(&c1, 0, SECOND + SECOND / 5), wait);
}

#[test]
fn bytes_count_too() {
    let limits = limits!({ "per_client": { "bytes": "1KiB/s", "messages": "1000/s" } });
    let c1 = facts("c1", "192.0.2.1");
    assert_eq!(limits.message(&c1, 1024, 0), Outcome::Pass);
    assert_eq!(limits.message(&c1, 512, 0), Outcome::Wait(Duration::from_millis(500)));
    assert_eq!(limits.message(&c1, 512, SECOND), Outcome::Pass);
}

#[test]
fn clients_of_an_address_share_its_limit() {
    let limits = limits!({ "answer": "refuse", "per_address": { "messages": "2/s" } });
    let at = |client_id, address| limits.message(&facts(client_id, address), 0, SECOND);
    assert_eq!(at("c1", "192.0.2.1"), Outcome::Pass);
    assert_eq!(at("c2", "::ffff:192.0.2.1"), Outcome::Pass);
    assert_eq!(at("c3", "192.0.2.1"), Outcome::Refuse(Whose::Address));
    assert_eq!(at("c3", "192.0.2.2"), Outcome::Pass);
    // Whoever has one address of a /64 has all.
    assert_eq!(at("c4", "2001:db8::1"), Outcome::Pass);
    assert_eq!(at("c5", "2001:db8::ffff:2"), Outcome::Pass);
    assert_eq!(at("c6", "2001:db8::3"), Outcome::Refuse(Whose::Address));
    assert_eq!(at("c6", "2001:db8:0:1::3"), Outcome::Pass);
    let no_address = Facts { address: None, ..facts("c7", "::1") };
    assert!((0..10).all(|_| limits.message(&no_address, 0, SECOND) == Outcome::Pass));
}

#[test]
fn what_is_refused_takes_nothing_out() {
    let limits = limits!({
        "answer": "refuse",
        "per_client": { "messages": "10/s", "bytes": "100/s" },
        "per_address": { "messages": "3/s" },
    });
    let c1 = facts("c1", "192.0.2.1");
    assert_eq!(limits.message(&c1, 60, 0), Outcome::Pass);
    for _ in 0..100 {
        assert_eq!(limits.message(&c1, 60, 0), Outcome::Refuse(Whose::Client));
    }
    assert_eq!(limits.message(&c1, 40, 0), Outcome::Pass);
    assert_eq!(limits.message(&c1, 0, 0), Outcome::Pass);
    assert_eq!(limits.message(&c1, 0, 0), Outcome::Refuse(Whose::Address));
    assert_eq!(limits.message(&c1, 0, SECOND / 3), Outcome::Pass);
}

#[test]
fn connections_of_an_address_are_counted() {
    let limits = limits!({ "per_address": { "connections": { "rate": "6/m", "burst": 2 } } });
    let address = "192.0.2.1".parse().unwrap();
    assert_eq!([(); 3].map(|()| limits.connection(address, 0)), [true, true, false]);
    assert!(limits.connection("192.0.2.2".parse().unwrap(), 0));
    assert!(!limits.connection(address, 10 * SECOND - 1));
    assert!(limits.connection(address, 10 * SECOND));
    // Messages have no limit.
    assert_eq!(limits.message(&facts("c1", "192.0.2.1"), 1 << 40, 0), Outcome::Pass);
}

fn start(config: serde_json::Value) -> Instance<RateLimit> {
    testing::start(&Host::new(), config).unwrap()
}

#[test]
fn the_broker_is_told_to_wait_or_to_refuse() {
    let limit = json!({ "messages": { "rate": "1/h", "burst": 2 } });
    let publish = || Publish::to("a").client("c1").payload("x");
    let throttle = start(json!({ "per_client": limit }));
    let refuse = start(json!({ "per_client": limit, "answer": "refuse" }));
    for plugin in [&throttle, &refuse] {
        assert_eq!(plugin.on_before_publish(&publish()), Answer::Continue);
        assert_eq!(plugin.on_before_publish(&publish()), Answer::Continue);
    }
    let wait = Verdict::Throttle(Duration::from_secs(60));
    assert_eq!(throttle.on_before_publish(&publish()), wait);
    let words = "too much at a time";
    assert_eq!(refuse.on_before_publish(&publish()), Verdict::refuse_with(0x97).reason(words));
    assert_eq!(refuse.on_before_publish(&publish().client("c2")), Answer::Continue);
}

#[test]
fn it_is_counted() {
    let limit = json!({ "messages": "1/h" });
    for (answer, name) in [("throttle", "throttled_total"), ("refuse", "refused_total")] {
        let host = Host::new();
        let connections = json!({ "connections": "1/h" });
        let config = json!({ "per_client": limit, "per_address": connections, "answer": answer });
        let plugin = testing::start::<RateLimit>(&host, config).unwrap();
        for _ in 0..3 {
            let _ = plugin.on_before_publish(&Publish::to("a"));
            let _ = plugin.on_socket_open(&SocketOpen::from("192.0.2.7:1"));
        }
        assert_eq!(host.metric(name, &[]), Some(2.0));
        assert_eq!(host.metric("connections_refused_total", &[]), Some(2.0));
    }
}

#[test]
fn topic_payload_and_properties_are_counted() {
    let plugin = start(json!({ "per_client": { "bytes": "20/h" }, "answer": "refuse" }));
    let message = Publish::to("12345").payload("1234").user_property("a", "b");
    // 5, 4 and 7: the second does not fit.
    assert_eq!(plugin.on_before_publish(&message), Answer::Continue);
    assert_ne!(plugin.on_before_publish(&message), Answer::Continue);
}

#[test]
fn who_is_exempt_has_no_limit() {
    let plugin = start(json!({
        "per_client": { "messages": "1/h" },
        "per_address": { "connections": "1/h" },
        "exempt": [{ "users": "bridge-*", "client_ids": "b1" }, { "addresses": "192.0.2.0/24" }],
    }));
    let twice = |client: Client| {
        let event = Publish::to("a").client(client);
        [(); 2].map(|()| plugin.on_before_publish(&event) == Answer::Continue)
    };
    assert_eq!(twice(Client::new("b1").username("bridge-1")), [true, true]);
    assert_eq!(twice(Client::new("b2").username("bridge-1")), [true, false]);
    assert_eq!(twice(Client::new("c1").peer("192.0.2.9:1")), [true, true]);
    assert_eq!(twice(Client::new("c2")), [true, false]);
    let connect = |peer: &str| {
        [(); 2].map(|()| plugin.on_socket_open(&SocketOpen::from(peer)) == Answer::Continue)
    };
    assert_eq!(connect("192.0.2.9:1"), [true, true]);
    assert_eq!(connect("198.51.100.9:1"), [true, false]);
    let no_address = SocketOpen::from("198.51.100.9:1").without_addresses();
    assert_eq!(plugin.on_socket_open(&no_address), Answer::Continue);
}

#[test]
fn mistakes_in_the_config_are_named() {
    let error = |config| testing::start::<RateLimit>(&Host::new(), config).unwrap_err().to_string();
    for (config, why) in [
        (json!({}), "nothing is limited; give `per_client` or `per_address` messages"),
        (
            json!({ "per_client": { "messages": "100" } }),
            "`per_client.messages`: \"100\": a rate is written as 100/s",
        ),
        (
            json!({ "per_client": { "messages": { "rate": "1/s", "burts": 5 } } }),
            "unknown field `burts`, expected `rate` or `burst`",
        ),
        (
            json!({ "per_client": { "messages": 7 } }),
            "expected 100/s or { rate: 100/s, burst: 200 }",
        ),
        (json!({ "per_client": { "connections": "1/s" } }), "unknown field `connections`"),
        (json!({ "per_address": { "connections": "1/s" }, "answer": "no" }), "`answer`: unknown"),
        (
            json!({ "per_address": { "connections": "1/s" }, "exempt": [{}] }),
            "`exempt[0]`: everybody; name users, client_ids or addresses",
        ),
        (json!({ "per_client": { "bytes": "1/s" }, "max_tracked": 0 }), "`max_tracked`: it must"),
        (json!({ "per_client": { "bytes": "1/s" }, "ipv6_prefix": 129 }), "`ipv6_prefix`: it must"),
    ] {
        let error = error(config);
        assert!(error.contains(why), "{error}");
    }
}
