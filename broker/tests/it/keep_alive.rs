//! Keep alive: who is silent is closed, who says anything is not.

use std::io::ErrorKind;
use std::time::Duration;

use mqtt::{QoS, ReasonCode, Version};

use crate::support::{Broker, Client, Login, both_versions};

both_versions!(
    a_silent_client_is_closed,
    a_client_that_pings_is_not_closed,
    a_client_that_publishes_is_not_closed,
    a_client_that_only_receives_is_closed,
);

/// [MQTT-3.1.2-22] [MQTT-3.2.2-22]
fn a_silent_client_is_closed(version: Version) {
    let broker = Broker::start();
    let mut client = Login::new(version, "client").keep_alive(1).connect(broker.address());
    client.expect_disconnect(ReasonCode::KeepAliveTimeout);
}

fn a_client_that_pings_is_not_closed(version: Version) {
    outlive_a_silent_client(version, Client::ping);
}

fn a_client_that_publishes_is_not_closed(version: Version) {
    outlive_a_silent_client(version, |client| client.publish("a", "x", QoS::AtLeastOnce));
}

/// What the broker sends proves nothing about the client.
fn a_client_that_only_receives_is_closed(version: Version) {
    let broker = Broker::start();
    let mut client = Login::new(version, "client").keep_alive(1).connect(broker.address());
    client.subscribe("a", QoS::AtMostOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    while is_open_for(&client, Duration::from_millis(200)) {
        publisher.publish("a", "x", QoS::AtMostOnce);
        if !client.skip_message() {
            break;
        }
    }
    client.expect_disconnect(ReasonCode::KeepAliveTimeout);
}

/// Two clients with one keep alive: one acts until the other has been closed for its silence.
fn outlive_a_silent_client(version: Version, act: impl Fn(&mut Client)) {
    let broker = Broker::start();
    let mut active = Login::new(version, "active").keep_alive(1).connect(broker.address());
    let mut silent = Login::new(version, "silent").keep_alive(1).connect(broker.address());
    while is_open_for(&silent, Duration::from_millis(200)) {
        act(&mut active);
    }
    silent.expect_disconnect(ReasonCode::KeepAliveTimeout);
    active.ping();
}

/// Waits for the broker to say something or to close; `true` if it does neither for so long.
fn is_open_for(client: &Client, wait: Duration) -> bool {
    let before = client.stream.read_timeout().unwrap();
    client.stream.set_read_timeout(Some(wait)).unwrap();
    let outcome = client.stream.peek(&mut [0]);
    client.stream.set_read_timeout(before).unwrap();
    let silence = [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted];
    outcome.is_err_and(|error| silence.contains(&error.kind()))
}
