//! A client that a plugin has refused waits before plugins are asked again; on this machine it does
//! not.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hookmq::config::Listener;
use hookmq::plugins::PluginEntry;
use mqtt::{Connect, Packet, Property, PropertyBuffer, ReasonCode, Version};
use serde_json::json;

use crate::common::plugins::{self, PluginDir};
use crate::support::rewriter::Rewriters;
use crate::support::{Broker, Client, Login, auth, both_versions, other_address};

both_versions!(
    who_was_refused_waits,
    who_has_no_user_name_waits_alone,
    of_many_that_wait_for_a_plugin_one_is_told,
);

/// From an address of this machine that is not loopback, where it has one.
fn who_was_refused_waits(version: Version) {
    let directory = PluginDir::new();
    directory.put(plugins::rust("deny-list"), "deny-list");
    let broker = Broker::start_in(directory.path(), |config| {
        config.plugins = vec![deny("*")];
        config.listeners = vec![Listener::tcp(([0, 0, 0, 0], 0).into())];
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

/// Neighbours that share its address are asked about.
fn who_has_no_user_name_waits_alone(version: Version) {
    let Some(address) = other_address() else { return };
    let directory = PluginDir::new();
    directory.put(plugins::rust("deny-list"), "deny-list");
    let broker = Broker::start_in(directory.path(), |config| {
        config.plugins = vec![deny("denied")];
        config.listeners = vec![Listener::tcp(([0, 0, 0, 0], 0).into())];
        config.limits.auth_backoff = Duration::from_secs(60);
    });
    let address = SocketAddr::new(address, broker.address().port());
    let ask = |client_id| Login::new(version, client_id).ask(address).1.reason;
    assert_eq!(ask("denied"), ReasonCode::NotAuthorized);
    assert_eq!(ask("neighbour"), ReasonCode::Success);
    assert_ne!(ask("denied"), ReasonCode::NotAuthorized);
}

/// Whether the plugin would let the other pass nobody hears.
fn of_many_that_wait_for_a_plugin_one_is_told(version: Version) {
    let Some(address) = other_address() else { return };
    let section = json!({ "on_before_connect": [{ "name": "slow", "later": 60_000 }] });
    let test = Rewriters::with("guesses", version, &[section], |config| {
        config.listeners = vec![Listener::tcp(([0, 0, 0, 0], 0).into())];
        config.limits.auth_backoff = Duration::from_secs(60);
    });
    let port = test.broker.address().port();
    let local = SocketAddr::from(([127, 0, 0, 1], port));
    let mut other = Login::new(version, "other").connect(local);
    let mut waiting: Vec<_> = (1..=3)
        .map(|waits| {
            let mut client = Client::open(SocketAddr::new(address, port), version);
            client.send_bytes(&Login::new(version, "slow").bytes());
            test.wait_for("1 waits slow", waits);
            client
        })
        .collect();
    let waits = if version.has_properties() {
        ReasonCode::ConnectionRateExceeded
    } else {
        ReasonCode::ServerUnavailable
    };
    let answers =
        [("refuse 135", ReasonCode::NotAuthorized), ("refuse 135", waits), ("continue", waits)];
    for (client, (answer, told)) in waiting.iter_mut().zip(answers) {
        other.release("slow", answer);
        assert_eq!(client.connack(), (told, false));
        client.expect_closed();
    }
}

/// By AUTH packets it is the same, those included that wait for a plugin.
#[test]
fn of_many_authentications_that_wait_one_is_told() {
    let Some(address) = other_address() else { return };
    let section = json!({ "on_auth": [{ "name": "slow", "later": 60_000 }] });
    let test = Rewriters::with("auth-guesses", Version::V5, &[section], |config| {
        config.listeners = vec![Listener::tcp(([0, 0, 0, 0], 0).into())];
        config.allow_anonymous = true;
        config.limits.auth_backoff = Duration::from_secs(60);
    });
    let port = test.broker.address().port();
    let local = SocketAddr::from(([127, 0, 0, 1], port));
    let mut other = Login::new(Version::V5, "other").connect(local);
    let mut waiting: Vec<_> = (1..=2)
        .map(|waits| {
            let mut client = Client::open(SocketAddr::new(address, port), Version::V5);
            client.send_bytes(&auth::login("client", "slow", "x").bytes());
            test.wait_for("1 waits slow", waits);
            client
        })
        .collect();
    other.release("slow", "refuse 135");
    waiting[0].expect_refused(ReasonCode::NotAuthorized);
    other.release("slow", "done");
    waiting[1].expect_refused(ReasonCode::ConnectionRateExceeded);
}

/// By AUTH packets it is the same.
#[test]
fn who_was_not_authenticated_waits() {
    let Some((broker, address)) = authenticating(Duration::from_secs(60)) else { return };
    let ask = |method, data: &str| auth::login("c", method, data).ask(address).1.reason;
    assert_eq!(ask("TOKEN", "alice:a"), ReasonCode::Success);
    // A method that nobody knows is no attempt.
    assert_eq!(ask("UNKNOWN", ""), ReasonCode::BadAuthenticationMethod);
    let mut halfway = Client::open(address, Version::V5);
    halfway.send_bytes(&auth::login("c", "CHALLENGE", "alice").bytes());
    assert_eq!(halfway.asked().reason, ReasonCode::ContinueAuthentication);
    assert_eq!(ask("TOKEN", "alice:wrong"), ReasonCode::BadUserNameOrPassword);
    assert_eq!(ask("TOKEN", "alice:a"), ReasonCode::ConnectionRateExceeded);
    halfway.send_auth(ReasonCode::ContinueAuthentication, "CHALLENGE", "1:a");
    halfway.expect_refused(ReasonCode::ConnectionRateExceeded);
    // Another client, and one without a method, about whom no plugin is asked.
    assert_eq!(auth::login("d", "TOKEN", "bob:b").ask(address).1.reason, ReasonCode::Success);
    assert_eq!(Login::new(Version::V5, "e").ask(address).1.reason, ReasonCode::Success);
    drop(broker);
}

/// Neither names in CONNECT nor a secret of one's own make more than ten guesses.
#[test]
fn guesses_by_auth_are_counted_for_the_address() {
    let Some((broker, address)) = authenticating(Duration::from_secs(60)) else { return };
    let ask = |number: usize, data: &str| {
        let (name, client_id) = (format!("anything-{number}"), format!("c-{number}"));
        let mut properties = PropertyBuffer::new();
        properties.push(Property::AuthenticationMethod("TOKEN"));
        properties.push(Property::AuthenticationData(data.as_bytes()));
        let mut connect = Connect::new(Version::V5, &client_id);
        connect.username = Some(&name);
        connect.properties = properties.as_properties();
        let mut client = Client::open(address, Version::V5);
        client.send(&Packet::Connect(connect));
        client.connack().0
    };
    for number in 0..10 {
        assert_eq!(ask(100 + number, "bob:b"), ReasonCode::Success);
        assert_eq!(ask(number, "alice:wrong"), ReasonCode::BadUserNameOrPassword);
    }
    assert_eq!(ask(10, "alice:a"), ReasonCode::ConnectionRateExceeded);
    assert_eq!(ask(110, "bob:b"), ReasonCode::ConnectionRateExceeded);
    drop(broker);
}

/// Who is connected does not guess in another's name either.
#[test]
fn guesses_by_reauthentication_count_too() {
    let Some((broker, address)) = authenticating(Duration::from_secs(60)) else { return };
    let connect = |number: usize| {
        let client_id = format!("c-{number}");
        auth::login(&client_id, "TOKEN", "bob:b").connect(address)
    };
    let mut clients: Vec<Client> = (0..11).map(connect).collect();
    let mut last = clients.pop().unwrap();
    for mut client in clients {
        client.send_auth(ReasonCode::ReAuthenticate, "TOKEN", "alice:wrong");
        client.expect_disconnect(ReasonCode::NotAuthorized);
    }
    last.send_auth(ReasonCode::ReAuthenticate, "TOKEN", "alice:a");
    last.expect_disconnect(ReasonCode::ConnectionRateExceeded);
    drop(broker);
}

/// Whatever limits a program gives that has not read them from a config.
#[test]
fn a_first_wait_longer_than_the_longest_harms_nobody() {
    let Some((broker, address)) = authenticating(Duration::from_secs(120)) else { return };
    let ask = || auth::login("c", "TOKEN", "alice:wrong").ask(address).1.reason;
    assert_eq!(ask(), ReasonCode::BadUserNameOrPassword);
    assert_eq!(ask(), ReasonCode::ConnectionRateExceeded);
    drop(broker);
}

/// A broker whose plugin knows alice and bob, and its address that is not loopback, where there is one.
fn authenticating(first_wait: Duration) -> Option<(Broker, SocketAddr)> {
    let address = other_address()?;
    let directory = PluginDir::new();
    let plugins = vec![auth::challenge(&directory, "challenge")];
    let broker = Broker::with_plugins_and(&directory, plugins, |config| {
        config.listeners = vec![Listener::tcp(([0, 0, 0, 0], 0).into())];
        config.allow_anonymous = true;
        config.limits.auth_backoff = first_wait;
    });
    let address = SocketAddr::new(address, broker.address().port());
    Some((broker, address))
}

fn deny(client_id: &str) -> PluginEntry {
    auth::entry("deny-list", json!({ "client_ids": [client_id] }))
}
