//! A client that a plugin has refused waits before plugins are asked again; on this machine it does
//! not.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hookmq::config::Listener;
use hookmq::plugins::PluginEntry;
use mqtt::{Connect, Packet, ReasonCode, Version};
use serde_json::json;

use crate::common::plugins::{self, PluginDir};
use crate::support::{Broker, Client, Login, auth, both_versions, other_address};

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

/// By AUTH packets it is the same; one who has a user name does not wait for another.
#[test]
fn who_was_not_authenticated_waits() {
    let Some(address) = other_address() else { return };
    let directory = PluginDir::new();
    let plugins = vec![auth::challenge(&directory, "challenge")];
    let broker = Broker::with_plugins_and(&directory, plugins, |config| {
        config.listeners = vec![Listener::Tcp { address: ([0, 0, 0, 0], 0).into() }];
        config.allow_anonymous = true;
        config.limits.auth_backoff = Duration::from_secs(60);
    });
    let address = SocketAddr::new(address, broker.address().port());
    let ask = |method, data: &str| auth::login("c", method, data).ask(address).1.reason;
    assert_eq!(ask("TOKEN", "alice:a"), ReasonCode::Success);
    // A method that nobody knows is no attempt.
    assert_eq!(ask("UNKNOWN", ""), ReasonCode::BadAuthenticationMethod);
    let mut halfway = Client::open(address, Version::V5);
    halfway.send_bytes(&auth::login("d", "CHALLENGE", "alice").bytes());
    assert_eq!(halfway.asked().reason, ReasonCode::ContinueAuthentication);
    assert_eq!(ask("TOKEN", "alice:wrong"), ReasonCode::BadUserNameOrPassword);
    assert_eq!(ask("TOKEN", "alice:a"), ReasonCode::ConnectionRateExceeded);
    halfway.send_auth(ReasonCode::ContinueAuthentication, "CHALLENGE", "1:a");
    halfway.expect_refused(ReasonCode::ConnectionRateExceeded);
    // Without a method no plugin was asked, and none has refused.
    let mut connect = Connect::new(Version::V5, "e");
    connect.username = Some("somebody");
    let mut somebody = Client::open(address, Version::V5);
    somebody.send(&Packet::Connect(connect));
    assert_eq!(somebody.connack().0, ReasonCode::Success);
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
