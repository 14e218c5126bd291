//! CONNECT and what answers it: what is granted, and what is refused with which code.

use std::time::Duration;

use mqtt::{Identifier, Properties, QoS, SubscriptionList, SubscriptionOptions};
use mqtt::{Packet, Property, PropertyBuffer, ReasonCode, Subscribe, Subscription, Version};

use crate::support::{Broker, Client, LastWill, Login, both_versions};

both_versions!(
    connack_says_success_and_no_session,
    the_first_packet_must_be_connect,
    a_second_connect_ends_the_connection,
    an_unknown_version_is_told_so,
    a_client_id_that_is_too_long_is_refused,
    a_client_id_of_23_bytes_is_accepted_whatever_the_limit,
    an_empty_client_id_gets_one_of_its_own,
    a_malformed_connect_is_refused,
    something_that_is_not_mqtt_hears_nothing,
    a_will_topic_with_a_wildcard_is_refused,
    a_will_topic_of_the_brokers_own_is_refused,
    a_client_that_says_nothing_is_closed,
    a_client_that_says_half_a_connect_is_closed,
    everything_may_come_in_one_write,
    what_comes_behind_a_refused_connect_is_ignored,
    a_session_of_the_other_version_is_resumed,
);

/// [MQTT-3.1.4-5]
fn connack_says_success_and_no_session(version: Version) {
    let broker = Broker::start();
    let (mut client, answer) = Login::new(version, "client").ask(broker.address());
    assert_eq!((answer.reason, answer.session_present), (ReasonCode::Success, false));
    client.ping();
    client.disconnect();
}

/// The client must not have to find out the limits by breaking them.
#[test]
fn connack_tells_the_limits() {
    let broker = Broker::with(|config| {
        config.limits.receive_maximum = 7;
        config.limits.max_packet_size = 12_345;
        config.limits.max_session_expiry = Duration::from_secs(100);
        config.limits.max_keep_alive = Duration::from_secs(50);
    });
    let login = Login::new(Version::V5, "client").with(Property::SessionExpiryInterval(u32::MAX));
    let (_client, answer) = login.ask(broker.address());
    let said: Vec<_> = answer.properties().iter().collect();
    let expected = [
        Property::SessionExpiryInterval(100),
        Property::ServerKeepAlive(50),
        Property::ReceiveMaximum(7),
        Property::MaximumPacketSize(12_345),
        Property::TopicAliasMaximum(64),
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_session_expiry_that_is_granted_is_not_repeated() {
    let broker = Broker::start();
    let login = Login::new(Version::V5, "client").with(Property::SessionExpiryInterval(60));
    let (_client, answer) = login.ask(broker.address());
    assert_eq!(answer.properties().session_expiry(), None);
    assert_eq!(answer.properties().assigned_client_identifier(), None);
}

/// [MQTT-3.1.0-1]
fn the_first_packet_must_be_connect(version: Version) {
    let broker = Broker::start();
    let mut client = Client::open(broker.address(), version);
    client.send(&Packet::PingReq);
    // [MQTT-3.14.0-1]: not even DISCONNECT.
    client.expect_closed();
}

/// [MQTT-3.1.0-2] [MQTT-3.2.0-2]
fn a_second_connect_ends_the_connection(version: Version) {
    let broker = Broker::start();
    let login = Login::new(version, "client");
    let mut client = login.connect(broker.address());
    client.send_bytes(&login.bytes());
    client.expect_disconnect(ReasonCode::ProtocolError);
}

/// [MQTT-3.1.2-2]
fn an_unknown_version_is_told_so(version: Version) {
    let broker = Broker::start();
    let mut bytes = Login::new(version, "client").bytes();
    // The protocol level: 3 has another name, 6 is too new.
    bytes[8] = if version.has_properties() { 6 } else { 3 };
    let mut client = Client::open(broker.address(), version);
    client.send_bytes(&bytes);
    assert_eq!(client.answer().reason, ReasonCode::UnsupportedProtocolVersion);
    client.expect_closed();
}

/// [MQTT-3.1.3-8] [MQTT-3.2.2-7]
fn a_client_id_that_is_too_long_is_refused(version: Version) {
    let broker = Broker::with(|config| config.limits.max_client_id_length = 23);
    let (mut client, answer) = Login::new(version, &"x".repeat(24)).ask(broker.address());
    assert_eq!(answer.reason, ReasonCode::ClientIdentifierNotValid);
    client.expect_closed();
}

/// [MQTT-3.1.3-5]
fn a_client_id_of_23_bytes_is_accepted_whatever_the_limit(version: Version) {
    let broker = Broker::with(|config| config.limits.max_client_id_length = 23);
    Login::new(version, "0123456789abcdefghijABC").connect(broker.address()).ping();
}

/// Two clients without a client id do not take each other over. [MQTT-3.1.3-6]
fn an_empty_client_id_gets_one_of_its_own(version: Version) {
    let broker = Broker::start();
    let (mut one, first) = Login::new(version, "").ask(broker.address());
    let (mut two, second) = Login::new(version, "").ask(broker.address());
    for client in [&mut one, &mut two] {
        client.ping();
    }
    if version.has_properties() {
        // [MQTT-3.2.2-16]
        let first = first.properties().assigned_client_identifier().unwrap();
        let second = second.properties().assigned_client_identifier().unwrap();
        assert_ne!(first, second);
    }
}

/// The identifier in CONNACK is one that the client can come back with. [MQTT-3.1.3-7]
#[test]
fn an_assigned_client_id_names_a_session() {
    let broker = Broker::start();
    let (client, answer) = Login::new(Version::V5, "").keeping_session().ask(broker.address());
    assert_eq!((answer.reason, answer.session_present), (ReasonCode::Success, false));
    client.disconnect();
    let client_id = answer.properties().assigned_client_identifier().unwrap();
    let login = Login::new(Version::V5, client_id).keeping_session();
    assert!(login.resume(broker.address()).1);
}

/// [MQTT3-3.1.3-7] [MQTT3-3.1.3-8]
#[test]
fn an_empty_client_id_needs_a_clean_session_in_3_1_1() {
    let broker = Broker::start();
    let login = Login::new(Version::V3_1_1, "").without_clean_start();
    let (mut client, answer) = login.ask(broker.address());
    assert_eq!(answer.reason, ReasonCode::ClientIdentifierNotValid);
    client.expect_closed();
}

/// [MQTT-4.12.0-1]
#[test]
fn enhanced_authentication_is_refused() {
    let broker = Broker::start();
    let login = Login::new(Version::V5, "client").with(Property::AuthenticationMethod("SCRAM"));
    let (mut client, answer) = login.ask(broker.address());
    assert_eq!(answer.reason, ReasonCode::BadAuthenticationMethod);
    client.expect_closed();
}

/// [MQTT-3.1.2-3] [MQTT-3.1.4-1]
fn a_malformed_connect_is_refused(version: Version) {
    let broker = Broker::start();
    let mut bytes = Login::new(version, "client").bytes();
    // The reserved connect flag.
    bytes[9] |= 1;
    let mut client = Client::open(broker.address(), version);
    client.send_bytes(&bytes);
    if version.has_properties() {
        assert_eq!(client.answer().reason, ReasonCode::MalformedPacket);
    }
    // 3.1.1 has no return code for it. [MQTT3-3.1.4-1] [MQTT3-3.2.2-6]
    client.expect_closed();
}

#[test]
fn a_property_that_stands_twice_is_a_protocol_error() {
    let broker = Broker::start();
    let login = Login::new(Version::V5, "client")
        .with(Property::ReceiveMaximum(1))
        .with(Property::ReceiveMaximum(1));
    let (mut client, answer) = login.ask(broker.address());
    assert_eq!(answer.reason, ReasonCode::ProtocolError);
    client.expect_closed();
}

/// [MQTT-3.1.2-1]
fn something_that_is_not_mqtt_hears_nothing(version: Version) {
    let broker = Broker::start();
    let mut client = Client::open(broker.address(), version);
    client.send_bytes(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.expect_closed();
    let mut client = Client::open(broker.address(), version);
    client.send_bytes(b"\x10\x0c\x00\x04HTTP\x04\x02\x00\x00\x00\x00");
    client.expect_closed();
}

fn a_will_topic_with_a_wildcard_is_refused(version: Version) {
    check_will_topic(version, "a/+");
}

fn a_will_topic_of_the_brokers_own_is_refused(version: Version) {
    check_will_topic(version, "$SYS/a");
}

fn check_will_topic(version: Version, topic: &str) {
    let broker = Broker::start();
    let login = Login::new(version, "client").will(LastWill::new(topic, "gone"));
    let mut client = Client::open(broker.address(), version);
    client.send_bytes(&login.bytes());
    if version.has_properties() {
        assert_eq!(client.answer().reason, ReasonCode::TopicNameInvalid);
    }
    client.expect_closed();
}

fn a_client_that_says_nothing_is_closed(version: Version) {
    let broker = Broker::with(|config| {
        config.limits.connect_timeout = Duration::from_millis(200);
    });
    let mut silent = Client::open(broker.address(), version);
    let mut other = Client::connect(&broker, version, "client");
    silent.expect_closed();
    // Who has connected is not concerned.
    other.ping();
}

fn a_client_that_says_half_a_connect_is_closed(version: Version) {
    let broker = Broker::with(|config| {
        config.limits.connect_timeout = Duration::from_millis(200);
    });
    let mut client = Client::open(broker.address(), version);
    client.send_bytes(&Login::new(version, "client").bytes()[..7]);
    client.expect_closed();
}

/// A client need not wait for CONNACK.
fn everything_may_come_in_one_write(version: Version) {
    let broker = Broker::start();
    let mut client = Client::open(broker.address(), version);
    let mut bytes = Login::new(version, "client").bytes();
    let subscription =
        Subscription { filter: "a", options: SubscriptionOptions::new(QoS::ExactlyOnce) };
    let list = SubscriptionList::new(subscription);
    Packet::Subscribe(Subscribe::new(1, Properties::EMPTY, &list)).encode(version, &mut bytes);
    let publish = mqtt::Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        packet_id: 2,
        topic: "a",
        properties: Properties::EMPTY,
        payload: b"hello",
    };
    publish.encode(version, &mut bytes);
    client.send_bytes(&bytes);
    // [MQTT-3.2.0-1]
    assert_eq!(client.answer().reason, ReasonCode::Success);
    // A server may deliver before SUBACK, and acknowledge before it delivers.
    let mut kinds: Vec<_> = (0..3).map(|_| client.receive(|packet| packet.kind())).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["PUBACK", "PUBLISH", "SUBACK"]);
}

/// [MQTT-3.1.4-6]
fn what_comes_behind_a_refused_connect_is_ignored(version: Version) {
    let broker = Broker::with(|config| config.limits.max_client_id_length = 23);
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("a", QoS::AtMostOnce);
    let mut client = Client::open(broker.address(), version);
    let mut bytes = Login::new(version, &"x".repeat(24)).bytes();
    let publish = mqtt::Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        packet_id: 0,
        topic: "a",
        properties: Properties::EMPTY,
        payload: b"smuggled",
    };
    publish.encode(version, &mut bytes);
    client.send_bytes(&bytes);
    assert_eq!(client.answer().reason, ReasonCode::ClientIdentifierNotValid);
    client.expect_closed();
    watcher.ping();
}

/// A session belongs to a client id, not to a version.
fn a_session_of_the_other_version_is_resumed(version: Version) {
    let broker = Broker::start();
    let mut before = Login::new(version, "client").keeping_session().connect(broker.address());
    before.subscribe("a", QoS::AtLeastOnce);
    before.disconnect();
    let mut publisher = Client::connect(&broker, version, "publisher");
    let mut properties = PropertyBuffer::new();
    if version.has_properties() {
        properties.push(Property::ContentType("text/plain"));
    }
    publisher.publish_with(&mqtt::Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        packet_id: 0,
        topic: "a",
        properties: properties.as_properties(),
        payload: b"hello",
    });
    let other = match version {
        Version::V3_1 | Version::V3_1_1 => Version::V5,
        Version::V5 => Version::V3_1_1,
    };
    let (mut client, present) =
        Login::new(other, "client").keeping_session().resume(broker.address());
    assert!(present);
    assert_eq!(client.expect("a", "hello").properties, b"");
}

/// Only to those who ask. [MQTT-3.1.2-28]
#[test]
fn response_information_is_that_of_the_config() {
    let asked = Property::RequestResponseInformation(1);
    let told = |config: Option<&str>, client_id: &str, property| {
        let broker = Broker::with(|c| c.response_information = config.map(Into::into));
        let (_, answer) = Login::new(Version::V5, client_id).with(property).ask(broker.address());
        let assigned = answer.properties().assigned_client_identifier().map(str::to_owned);
        let client_id = assigned.unwrap_or(client_id.to_owned());
        let said = answer.properties().get(Identifier::ResponseInformation);
        said.map(|property| match property {
            Property::ResponseInformation(text) => text.replace(&client_id, "ID"),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(told(None, "client", asked), None);
    let template = Some("response/%c/");
    assert_eq!(told(template, "client", asked).as_deref(), Some("response/ID/"));
    assert_eq!(told(template, "", asked).as_deref(), Some("response/ID/"));
    assert_eq!(told(Some("response/"), "client", asked).as_deref(), Some("response/"));
    assert_eq!(told(template, "client", Property::RequestResponseInformation(0)), None);
    assert_eq!(told(template, "client", Property::RequestProblemInformation(1)), None);
    // No topic name can hold it.
    assert_eq!(told(template, "a/#", asked), None);
}

/// Its first bytes say in which version to answer; the rest need not come.
#[test]
fn a_connect_that_is_too_large_is_told_so() {
    let broker = Broker::start();
    let begin = |level| [b"\x10\xFF\xFF\x7F\x00\x04MQTT", &[level, 2][..]].concat();
    let mut client = Client::open(broker.address(), Version::V5);
    client.send_bytes(&begin(5));
    let answer = client.answer();
    assert_eq!(answer.reason, ReasonCode::PacketTooLarge);
    let why = answer.properties().reason_string();
    assert_eq!(why, Some("CONNECT: 2097155 bytes, the limit is 65536"));
    client.expect_closed();
    // It has no return code for it.
    let mut client = Client::open(broker.address(), Version::V3_1_1);
    client.send_bytes(&begin(4));
    client.expect_closed();
}
