//! Wills: when they are published, when not, and how.

use mqtt::{Connect, Disconnect, Packet, Properties, Property, PropertyBuffer, QoS, ReasonCode};
use mqtt::{Version, Will};

use crate::support::{Broker, Client, LastWill, Login, both_versions};

both_versions!(
    published_when_the_socket_closes,
    published_after_a_protocol_error,
    published_on_takeover,
    published_on_keep_alive_timeout,
    not_published_after_disconnect,
    published_at_its_qos,
    published_once_and_not_after_the_next_connection,
    retained_if_it_says_so,
    not_retained_if_it_does_not_say_so,
    delivered_to_a_subscriber_that_is_away,
    a_client_without_a_will_leaves_none,
    an_empty_will_is_published,
);

/// [MQTT-3.1.2-8] [MQTT-3.1.2-7]
fn published_when_the_socket_closes(version: Version) {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, version);
    drop(leave_will(version, "gone").connect(broker.address()));
    let received = watcher.expect("will", "gone");
    assert_eq!((received.qos, received.retain), (QoS::AtMostOnce, false));
    assert_eq!(received.properties, b"");
}

fn published_after_a_protocol_error(version: Version) {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, version);
    let mut client = leave_will(version, "gone").connect(broker.address());
    client.send(&Packet::PingResp);
    client.expect_disconnect(ReasonCode::ProtocolError);
    watcher.expect("will", "gone");
}

fn published_on_takeover(version: Version) {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, version);
    let mut first = leave_will(version, "first").connect(broker.address());
    let second = leave_will(version, "second").connect(broker.address());
    first.expect_disconnect(ReasonCode::SessionTakenOver);
    watcher.expect("will", "first");
    second.disconnect();
    watcher.ping();
}

/// [MQTT-3.1.2-22]
fn published_on_keep_alive_timeout(version: Version) {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, version);
    let mut client = leave_will(version, "gone").keep_alive(1).connect(broker.address());
    watcher.expect("will", "gone");
    client.expect_disconnect(ReasonCode::KeepAliveTimeout);
}

/// [MQTT-3.14.4-3]
fn not_published_after_disconnect(version: Version) {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, version);
    leave_will(version, "gone").connect(broker.address()).disconnect();
    // Let in only after the first connection has gone, with all that follows from it.
    Login::new(version, "client").connect(broker.address()).disconnect();
    watcher.ping();
}

fn published_at_its_qos(version: Version) {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, version);
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let will = LastWill { qos, ..LastWill::new("will", "gone") };
        drop(Login::new(version, "client").will(will).connect(broker.address()));
        assert_eq!(watcher.expect("will", "gone").qos, qos);
    }
}

/// [MQTT-3.1.2-10]
fn published_once_and_not_after_the_next_connection(version: Version) {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, version);
    let login = leave_will(version, "gone").keeping_session();
    drop(login.connect(broker.address()));
    watcher.expect("will", "gone");
    let without_will = Login::new(version, "client").keeping_session();
    let (client, present) = without_will.resume(broker.address());
    assert!(present);
    drop(client);
    // This will comes after all that the client before could have left.
    drop(leave_will(version, "marker").connect(broker.address()));
    watcher.expect("will", "marker");
    watcher.ping();
}

/// [MQTT-3.1.2-15]
fn retained_if_it_says_so(version: Version) {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, version);
    let will = LastWill { retain: true, ..LastWill::new("will", "gone") };
    drop(Login::new(version, "client").will(will).connect(broker.address()));
    assert!(!watcher.expect("will", "gone").retain);
    watcher.subscribe("will", QoS::ExactlyOnce);
    assert!(watcher.expect("will", "gone").retain);
}

/// [MQTT-3.1.2-14]
fn not_retained_if_it_does_not_say_so(version: Version) {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, version);
    drop(leave_will(version, "gone").connect(broker.address()));
    watcher.expect("will", "gone");
    watcher.subscribe("will", QoS::ExactlyOnce);
    watcher.ping();
}

fn delivered_to_a_subscriber_that_is_away(version: Version) {
    let broker = Broker::start();
    let login = Login::new(version, "away").keeping_session();
    let mut away = login.connect(broker.address());
    away.subscribe("will", QoS::AtLeastOnce);
    away.disconnect();
    let mut watcher = watcher(&broker, version);
    let will = LastWill { qos: QoS::AtLeastOnce, ..LastWill::new("will", "gone") };
    drop(Login::new(version, "client").will(will).connect(broker.address()));
    watcher.expect("will", "gone");
    login.connect(broker.address()).expect("will", "gone");
}

/// [MQTT3-3.1.2-12]
fn a_client_without_a_will_leaves_none(version: Version) {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, version);
    drop(Login::new(version, "client").connect(broker.address()));
    Login::new(version, "client").connect(broker.address()).disconnect();
    watcher.ping();
}

fn an_empty_will_is_published(version: Version) {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, version);
    drop(leave_will(version, "").connect(broker.address()));
    watcher.expect("will", "");
}

/// DISCONNECT 0x04 asks for it, and every other code but 0 publishes it too.
#[test]
fn published_after_disconnect_with_will() {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, Version::V5);
    for reason in [ReasonCode::DisconnectWithWill, ReasonCode::UnspecifiedError] {
        let mut client = leave_will(Version::V5, "gone").connect(broker.address());
        client.send(&Packet::Disconnect(Disconnect::new(reason)));
        client.expect_closed();
        watcher.expect("will", "gone");
    }
}

/// [MQTT-3.1.3-10]
#[test]
fn published_with_its_properties_but_the_delay() {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, Version::V5);
    let kept = [
        Property::UserProperty("b", "1"),
        Property::ContentType("text/plain"),
        Property::UserProperty("a", "2"),
    ];
    let mut will = LastWill::new("will", "gone").with(Property::WillDelayInterval(0));
    for property in kept {
        will = will.with(property);
    }
    drop(Login::new(Version::V5, "client").will(will).connect(broker.address()));
    let received = watcher.expect("will", "gone");
    let received = Properties::from_validated(&received.properties);
    assert_eq!(received.iter().collect::<Vec<_>>(), kept);
}

/// A will's Message Expiry Interval counts from its publication, not from CONNECT.
#[test]
fn the_expiry_of_a_will_begins_with_its_publication() {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, Version::V5);
    let will = LastWill::new("will", "gone").with(Property::MessageExpiryInterval(1));
    // The timeout takes longer than the message lives.
    let login = Login::new(Version::V5, "client").will(will).keep_alive(1);
    let _client = login.connect(broker.address());
    let received = watcher.expect("will", "gone");
    assert_eq!(Properties::from_validated(&received.properties).message_expiry(), Some(1));
}

/// [MQTT-3.1.2-8]: the end of the session ends the delay.
#[test]
fn a_delay_ends_with_the_session() {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, Version::V5);
    drop(delayed(1000, "with the connection").connect(broker.address()));
    watcher.expect("will", "with the connection");

    // By a clean start.
    drop(delayed(1000, "clean start").keeping_session().connect(broker.address()));
    Login::new(Version::V5, "client").connect(broker.address()).disconnect();
    watcher.expect("will", "clean start");

    // By its expiry.
    let login = delayed(1000, "expired").with(Property::SessionExpiryInterval(1));
    drop(login.connect(broker.address()));
    watcher.expect("will", "expired");
    let again = Login::new(Version::V5, "client").without_clean_start();
    assert!(!again.resume(broker.address()).1);
}

#[test]
fn a_delayed_will_comes_after_its_delay_and_the_session_lives_on() {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, Version::V5);
    drop(delayed(1, "late").keeping_session().connect(broker.address()));
    let at_once = Login::new(Version::V5, "other").will(LastWill::new("will", "at once"));
    drop(at_once.connect(broker.address()));
    watcher.expect("will", "at once");
    watcher.expect("will", "late");
    let again = Login::new(Version::V5, "client").keeping_session();
    assert!(again.resume(broker.address()).1);
}

/// [MQTT-3.1.3-9]
#[test]
fn a_client_that_returns_in_time_takes_its_will_back() {
    let broker = Broker::start();
    let mut watcher = watcher(&broker, Version::V5);
    drop(delayed(1, "taken back").keeping_session().connect(broker.address()));
    let again = Login::new(Version::V5, "client").keeping_session();
    let (mut client, present) = again.resume(broker.address());
    assert!(present);
    // Due after the will that was taken back.
    let will = LastWill::new("will", "marker").with(Property::WillDelayInterval(2));
    drop(Login::new(Version::V5, "other").keeping_session().will(will).connect(broker.address()));
    watcher.expect("will", "marker");
    watcher.ping();
    client.ping();
}

fn watcher(broker: &Broker, version: Version) -> Client {
    let mut watcher = Client::connect(broker, version, "watcher");
    watcher.subscribe("will", QoS::ExactlyOnce);
    watcher
}

fn leave_will(version: Version, payload: &str) -> Login<'_> {
    Login::new(version, "client").will(LastWill::new("will", payload))
}

fn delayed(seconds: u32, payload: &str) -> Login<'_> {
    let will = LastWill::new("will", payload).with(Property::WillDelayInterval(seconds));
    Login::new(Version::V5, "client").will(will)
}

/// As that of any message, if the config says that it is looked at.
#[test]
fn a_will_that_is_not_what_it_says_is_refused() {
    for check in [false, true] {
        let broker = Broker::with(|config| config.check_payload_format = check);
        let mut properties = PropertyBuffer::new();
        assert!(properties.push(Property::PayloadFormatIndicator(1)));
        let mut connect = Connect::new(Version::V5, "client");
        connect.will = Some(Will {
            qos: QoS::AtMostOnce,
            retain: false,
            topic: "will",
            payload: b"\xFF",
            delay: 0,
            properties: properties.as_properties(),
        });
        let mut client = Client::open(broker.address(), Version::V5);
        client.send(&Packet::Connect(connect));
        let expected = if check { ReasonCode::PayloadFormatInvalid } else { ReasonCode::Success };
        assert_eq!(client.answer().reason, expected);
    }
}
