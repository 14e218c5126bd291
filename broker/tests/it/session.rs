//! Sessions: how long they live, and what of them survives a connection.

use mqtt::{Disconnect, Packet, Property, PropertyBuffer, QoS, ReasonCode, Version};

use crate::support::{Broker, Client, LastWill, Login, both_versions};

both_versions!(
    a_session_that_is_not_kept_is_gone,
    a_kept_session_is_resumed,
    subscriptions_survive,
    an_unsubscribed_filter_stays_unsubscribed,
    a_clean_start_ends_the_old_session,
    messages_for_an_absent_client_come_in_order,
    qos_0_is_not_kept_for_an_absent_client,
    qos_0_is_kept_if_the_config_says_so,
    the_oldest_messages_give_way,
    the_oldest_messages_give_way_to_bytes,
    many_absent_clients_get_the_same_message,
);

/// [MQTT-3.2.2-3] [MQTT-4.1.0-2] [MQTT3-3.1.2-6]
fn a_session_that_is_not_kept_is_gone(version: Version) {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("a", QoS::AtLeastOnce);
    client.disconnect();
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("a", "x", QoS::AtLeastOnce);
    let login = Login::new(version, "client").without_clean_start();
    let (mut client, present) = login.resume(broker.address());
    assert!(!present);
    publisher.publish("a", "x", QoS::AtLeastOnce);
    client.ping();
}

/// [MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.1.2-23] [MQTT-3.1.3-2] [MQTT-3.2.2-3] [MQTT3-3.1.2-4]
fn a_kept_session_is_resumed(version: Version) {
    let broker = Broker::start();
    let login = Login::new(version, "client").keeping_session();
    let (client, present) = login.resume(broker.address());
    assert!(!present, "there was none");
    client.disconnect();
    for _ in 0..2 {
        let (client, present) = login.resume(broker.address());
        assert!(present);
        // Closing without DISCONNECT makes no difference.
        drop(client);
    }
}

/// [MQTT-4.1.0-1]
fn subscriptions_survive(version: Version) {
    let broker = Broker::start();
    let login = Login::new(version, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.subscribe("a", QoS::AtLeastOnce);
    client.subscribe("b/#", QoS::ExactlyOnce);
    client.disconnect();
    let mut client = login.connect(broker.address());
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("a", "one", QoS::ExactlyOnce);
    assert_eq!(client.expect("a", "one").qos, QoS::AtLeastOnce);
    publisher.publish("b/c", "two", QoS::ExactlyOnce);
    assert_eq!(client.expect("b/c", "two").qos, QoS::ExactlyOnce);
    client.ping();
}

fn an_unsubscribed_filter_stays_unsubscribed(version: Version) {
    let broker = Broker::start();
    let login = Login::new(version, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.subscribe("a", QoS::AtLeastOnce);
    client.unsubscribe("a");
    client.disconnect();
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("a", "x", QoS::AtLeastOnce);
    login.connect(broker.address()).ping();
}

/// [MQTT-3.1.2-4] [MQTT-3.1.4-4] [MQTT-3.2.2-2]
fn a_clean_start_ends_the_old_session(version: Version) {
    let broker = Broker::start();
    let login = Login::new(version, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.subscribe("a", QoS::AtLeastOnce);
    client.disconnect();
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("a", "for the old one", QoS::AtLeastOnce);
    let (mut client, present) = Login::new(version, "client").resume(broker.address());
    assert!(!present);
    publisher.publish("a", "for nobody", QoS::AtLeastOnce);
    client.ping();
    client.disconnect();
    assert!(!login.resume(broker.address()).1);
}

/// [MQTT-4.5.0-1] [MQTT-4.6.0-5] [MQTT3-3.1.2-5]
fn messages_for_an_absent_client_come_in_order(version: Version) {
    let broker = Broker::start();
    let login = absent(&broker, version, "#", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    let messages: Vec<_> = (0..300)
        .map(|number| {
            (
                ["a", "b/c"][number % 2],
                number.to_string(),
                [QoS::AtLeastOnce, QoS::ExactlyOnce][number / 3 % 2],
            )
        })
        .collect();
    for (topic, payload, qos) in &messages {
        publisher.publish(topic, payload, *qos);
    }
    let mut client = login.connect(broker.address());
    // More than the window: the client's acknowledgements come between the messages.
    let mut received = Vec::new();
    while received.len() < messages.len() {
        client.receive_and_answer(&mut received);
    }
    let received: Vec<_> = received
        .into_iter()
        .map(|one| (one.topic, String::from_utf8(one.payload).unwrap(), one.qos, one.dup))
        .collect();
    let expected: Vec<_> = messages
        .into_iter()
        .map(|(topic, payload, qos)| (topic.to_owned(), payload, qos, false))
        .collect();
    assert_eq!(received, expected);
}

fn qos_0_is_not_kept_for_an_absent_client(version: Version) {
    let broker = Broker::start();
    let login = absent(&broker, version, "a", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("a", "lost", QoS::AtMostOnce);
    publisher.publish("a", "kept", QoS::AtLeastOnce);
    let mut client = login.connect(broker.address());
    client.expect("a", "kept");
    client.ping();
}

fn qos_0_is_kept_if_the_config_says_so(version: Version) {
    let broker = Broker::with(|config| {
        config.limits.queue_qos0 = true;
        config.limits.max_inflight = 4;
    });
    let login = absent(&broker, version, "a", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for number in 0..20 {
        publisher.publish("a", &number.to_string(), QoS::AtMostOnce);
    }
    publisher.publish("a", "20", QoS::AtLeastOnce);
    let mut client = login.connect(broker.address());
    for number in 0..20 {
        assert_eq!(client.expect("a", &number.to_string()).qos, QoS::AtMostOnce);
    }
    assert_eq!(client.expect("a", "20").qos, QoS::AtLeastOnce);
    // They take no place in the window, now or later.
    for number in 21..30 {
        publisher.publish("a", &number.to_string(), QoS::AtLeastOnce);
        client.expect("a", &number.to_string());
    }
    client.disconnect();
    login.connect(broker.address()).ping();
}

fn the_oldest_messages_give_way(version: Version) {
    let broker = Broker::with(|config| config.limits.max_queued_messages = 3);
    let login = absent(&broker, version, "a", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for number in 0..10 {
        publisher.publish("a", &number.to_string(), QoS::AtLeastOnce);
    }
    let mut client = login.connect(broker.address());
    for number in 7..10 {
        client.expect("a", &number.to_string());
    }
    client.ping();
}

fn the_oldest_messages_give_way_to_bytes(version: Version) {
    let broker = Broker::with(|config| config.limits.max_queued_bytes = 2500);
    let login = absent(&broker, version, "a", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    let payload = |number: u32| format!("{number:01000}");
    for number in 0..5 {
        publisher.publish("a", &payload(number), QoS::AtLeastOnce);
    }
    let mut client = login.connect(broker.address());
    for number in 3..5 {
        client.expect("a", &payload(number));
    }
    client.ping();
}

fn many_absent_clients_get_the_same_message(version: Version) {
    let broker = Broker::start();
    let ids: Vec<String> = (0..5).map(|number| format!("client{number}")).collect();
    let logins = ids.iter().map(|id| Login::new(version, id).keeping_session());
    let logins: Vec<_> = logins
        .zip([QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::AtLeastOnce, QoS::AtMostOnce])
        .inspect(|(login, qos)| {
            let mut client = login.connect(broker.address());
            client.subscribe("a", *qos);
            client.disconnect();
        })
        .collect();
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("a", "x", QoS::ExactlyOnce);
    for (login, qos) in logins {
        let mut client = login.connect(broker.address());
        if qos > QoS::AtMostOnce {
            assert_eq!(client.expect("a", "x").qos, qos);
        }
        client.ping();
    }
}

#[test]
fn disconnect_may_end_a_session() {
    let broker = Broker::start();
    let login = Login::new(Version::V5, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.send(&disconnect(&mut PropertyBuffer::new(), 0));
    client.expect_closed();
    assert!(!login.resume(broker.address()).1);
}

#[test]
fn disconnect_may_not_keep_a_session_that_was_to_end() {
    let broker = Broker::start();
    let mut client = Client::connect(&broker, Version::V5, "client");
    client.send(&disconnect(&mut PropertyBuffer::new(), 3600));
    client.expect_disconnect(ReasonCode::ProtocolError);
    let login = Login::new(Version::V5, "client").without_clean_start();
    assert!(!login.resume(broker.address()).1);
}

#[test]
fn disconnect_may_keep_a_session_for_longer() {
    let broker = Broker::start();
    let short = Login::new(Version::V5, "client").with(Property::SessionExpiryInterval(1));
    let mut client = short.connect(broker.address());
    client.send(&disconnect(&mut PropertyBuffer::new(), 3600));
    client.expect_closed();
    expired_after_a_second(&broker);
    assert!(Login::new(Version::V5, "client").without_clean_start().resume(broker.address()).1);
}

/// [MQTT-4.1.0-2]
#[test]
fn a_session_ends_with_its_expiry() {
    let broker = Broker::start();
    let short = Login::new(Version::V5, "client").with(Property::SessionExpiryInterval(1));
    let mut client = short.connect(broker.address());
    client.subscribe("a", QoS::AtLeastOnce);
    client.disconnect();
    expired_after_a_second(&broker);
    assert!(!Login::new(Version::V5, "client").without_clean_start().resume(broker.address()).1);
}

/// [MQTT-4.1.0-1]
#[test]
fn a_session_does_not_expire_while_its_client_is_connected() {
    let broker = Broker::start();
    let short = Login::new(Version::V5, "client")
        .without_clean_start()
        .with(Property::SessionExpiryInterval(1));
    drop(short.connect(broker.address()));
    let (mut client, present) = short.resume(broker.address());
    assert!(present);
    client.subscribe("a", QoS::AtLeastOnce);
    expired_after_a_second(&broker);
    client.publish("b", "x", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, Version::V5, "publisher");
    publisher.publish("a", "x", QoS::AtLeastOnce);
    client.expect("a", "x");
}

/// Returns when a session has ended that was left after everything that has happened so far, and
/// that was to live for a second: its will says so.
pub(crate) fn expired_after_a_second(broker: &Broker) {
    let mut watcher = Client::connect(broker, Version::V5, "expiry watcher");
    watcher.subscribe("expired", QoS::AtMostOnce);
    let will = LastWill::new("expired", "now").with(Property::WillDelayInterval(1000));
    let short = Login::new(Version::V5, "expires").with(Property::SessionExpiryInterval(1));
    drop(short.will(will).connect(broker.address()));
    watcher.expect("expired", "now");
}

/// A client that has subscribed, and has left its session behind.
fn absent<'a>(broker: &Broker, version: Version, filter: &str, qos: QoS) -> Login<'a> {
    let login = Login::new(version, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.subscribe(filter, qos);
    client.disconnect();
    login
}

fn disconnect(properties: &mut PropertyBuffer, session_expiry: u32) -> Packet<'_> {
    properties.push(Property::SessionExpiryInterval(session_expiry));
    let reason = ReasonCode::Success;
    Packet::Disconnect(Disconnect { reason, properties: properties.as_properties() })
}
