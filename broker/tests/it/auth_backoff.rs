//! A client that a plugin has refused waits before plugins are asked again; on this machine it does
//! not.

use std::net::{IpAddr, SocketAddr};

use hookmq::config::Listener;
use hookmq::plugins::PluginEntry;
use mqtt::{ReasonCode, Version};
use serde_json::json;

use crate::common::plugins::{self, PluginDir};
use crate::support::{Broker, Login, both_versions, other_address};

both_versions!(who_was_refused_waits);

/// From an address of this machine that is not loopback, where it has one.
fn who_was_refused_waits(version: Version) {
    let directory = PluginDir::new();
    directory.put(plugins::rust("deny-list"), "deny-list");
    let broker = Broker::start_in(directory.path(), |config| {
        config.plugins = vec![deny_everybody()];
        config.listeners = vec![Listener::Tcp { address: ([0, 0, 0, 0], 0).into() }];
    });
    let port = broker.address().port();
    let ask = |address: IpAddr| {
        let (mut client, answer) =
            Login::new(version, "denied").ask(SocketAddr::new(address, port));
        client.expect_closed();
        answer.reason
    };
    for _ in 0..3 {
        assert_eq!(ask([127, 0, 0, 1].into()), ReasonCode::NotAuthorized);
    }
    if let Some(address) = other_address() {
        assert_eq!(ask(address), ReasonCode::NotAuthorized);
        let waits = if version.has_properties() {
            ReasonCode::ConnectionRateExceeded
        } else {
            ReasonCode::ServerUnavailable
        };
        for _ in 0..3 {
            assert_eq!(ask(address), waits);
        }
    }
}

fn deny_everybody() -> PluginEntry {
    PluginEntry {
        name: "deny-list".into(),
        config: json!({ "client_ids": ["*"] }),
        optional: false,
        line: None,
        allow_panic_abort: false,
    }
}
