//! Rows 17 to 22: properties that are too many, stand twice, stand in the wrong place, or say 0.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mqtt::{ReasonCode, Version};

use crate::guard::undisturbed;
use crate::program::Program;
use crate::refusal::{check_connect_refused, check_refused};
use crate::support::{Broker, Login};
use crate::wire::{CLEAN, RawConnect, WILL, packet, properties, publish, subscribe, text};

/// All of this is about MQTT 5: 3.1.1 has no properties.
const VERSION: Version = Version::V5;

/// Reading them is linear. 0x95 would say that the packet is too large, which it is not; the limit is
/// the broker's own, and 0x97 says that in CONNACK as in DISCONNECT.
#[test]
fn row_17_ten_thousand_user_properties() {
    let broker = Broker::start();
    let address = broker.address();
    undisturbed(address, || {
        let many = user_properties(10_000);
        let begin = Instant::now();
        check_connect_block(address, &many, ReasonCode::QuotaExceeded);
        check_will_block(address, &many, ReasonCode::QuotaExceeded);
        for bytes in [
            publish(VERSION, b"a", &many, b""),
            subscribe(VERSION, &many, b"a", 0),
            packet(0xA2, &[&[0, 1], &properties(VERSION, &many), &text(b"a")]),
        ] {
            check_refused(address, VERSION, &bytes, ReasonCode::QuotaExceeded);
        }
        // Five packets of 50,000 bytes: quadratic work would take minutes.
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    });
}

#[test]
fn row_17_user_properties_up_to_the_limit_are_taken() {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let mut client = Login::new(VERSION, "client").connect(broker.address());
        client.subscribe("a", mqtt::QoS::AtMostOnce);
        let most = user_properties(64);
        client.send_bytes(&publish(VERSION, b"a", &most, b""));
        assert_eq!(client.receive_publish().properties, most);
        client.send_bytes(&publish(VERSION, b"a", &user_properties(65), b""));
        client.expect_disconnect(ReasonCode::QuotaExceeded);
    });
}

/// The limit of bytes counts names and values.
#[test]
fn row_17_user_properties_that_are_long() {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let mut client = Login::new(VERSION, "client").connect(broker.address());
        client.subscribe("a", mqtt::QoS::AtMostOnce);
        let most = user_property(b"name", &vec![b'x'; 32 * 1024 - 4]);
        client.send_bytes(&publish(VERSION, b"a", &most, b""));
        assert_eq!(client.receive_publish().properties, most);
        let more = user_property(b"name", &vec![b'x'; 32 * 1024 - 3]);
        client.send_bytes(&publish(VERSION, b"a", &more, b""));
        client.expect_disconnect(ReasonCode::QuotaExceeded);
    });
}

#[test]
fn row_18_a_property_that_stands_twice() {
    let broker = Broker::start();
    let address = broker.address();
    undisturbed(address, || {
        for once in in_publish() {
            let bytes = publish(VERSION, b"a", &once.repeat(2), b"");
            check_refused(address, VERSION, &bytes, ReasonCode::ProtocolError);
        }
        for once in in_connect() {
            check_connect_block(address, &once.repeat(2), ReasonCode::ProtocolError);
        }
        for once in in_will() {
            check_will_block(address, &once.repeat(2), ReasonCode::ProtocolError);
        }
        let twice = subscribe(VERSION, &[0x0B, 1, 0x0B, 2], b"a", 0);
        check_refused(address, VERSION, &twice, ReasonCode::ProtocolError);
        let expiry = [0x11, 0, 0, 0, 0].repeat(2);
        let twice = packet(0xE0, &[&[0], &properties(VERSION, &expiry)]);
        check_refused(address, VERSION, &twice, ReasonCode::ProtocolError);
    });
}

/// Section 2.2.2.2 of 5.0: an identifier that is not valid for its packet makes the packet malformed,
/// as one that nobody knows does. The row's 0x82 does not come.
#[test]
fn row_19_a_property_that_is_unknown_or_out_of_place() {
    let broker = Broker::start();
    let address = broker.address();
    let malformed = ReasonCode::MalformedPacket;
    undisturbed(address, || {
        // 0x7F and 0x00 are nobody's, nor is 128; Server Keep Alive and Session Expiry Interval are
        // not PUBLISH's.
        for block in [&[0x7F, 0][..], &[0, 0], &[0x80, 0x01, 0], &[0x13, 0, 1], &[0x11, 0, 0, 0, 1]]
        {
            check_refused(address, VERSION, &publish(VERSION, b"a", block, b""), malformed);
            check_refused(address, VERSION, &subscribe(VERSION, block, b"a", 0), malformed);
        }
        // A will's delay is not CONNECT's own; a Topic Alias is not a will's.
        check_connect_block(address, &[0x18, 0, 0, 0, 1], malformed);
        check_connect_block(address, &[0x7F, 0], malformed);
        check_will_block(address, &[0x23, 0, 1], malformed);
        check_will_block(address, &[0x7F, 0], malformed);
    });
}

#[test]
fn row_19_ten_thousand_wrong_wills_leave_nothing() {
    let broker = Program::start(&[]);
    broker.keeps_its_memory(|| {
        for _ in 0..10_000 {
            check_will_block(broker.address, &[0x23, 0, 1], ReasonCode::MalformedPacket);
        }
    });
    broker.stop();
}

/// [MQTT-3.3.2-8] [MQTT-3.3.2-9]. One that stands for nothing: 0x82; none that there can be: 0x94.
#[test]
fn row_20_topic_aliases_that_there_are_not() {
    let broker = Broker::start();
    let address = broker.address();
    let aliased = |topic: &[u8], alias: u16| {
        let block = [&[0x23], &alias.to_be_bytes()[..]].concat();
        publish(VERSION, topic, &block, b"")
    };
    undisturbed(address, || {
        for topic in [&b"a"[..], b""] {
            for alias in [0, 65, 65_535] {
                let invalid = ReasonCode::TopicAliasInvalid;
                check_refused(address, VERSION, &aliased(topic, alias), invalid);
            }
        }
        for alias in [1, 64] {
            check_refused(address, VERSION, &aliased(b"", alias), ReasonCode::ProtocolError);
        }
        // Another one is set, and one that the connection before had.
        let both = [aliased(b"a", 2), aliased(b"", 1)].concat();
        check_refused(address, VERSION, &both, ReasonCode::ProtocolError);
        check_refused(address, VERSION, &aliased(b"", 2), ReasonCode::ProtocolError);
    });
}

#[test]
fn row_21_maxima_of_zero() {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        for block in [&[0x21, 0, 0][..], &[0x27, 0, 0, 0, 0]] {
            check_connect_block(broker.address(), block, ReasonCode::ProtocolError);
        }
    });
}

/// [MQTT-3.3.4-6]
#[test]
fn row_22_subscription_identifiers() {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        for bytes in
            [subscribe(VERSION, &[0x0B, 0], b"a", 0), publish(VERSION, b"a", &[0x0B, 1], b"")]
        {
            check_refused(broker.address(), VERSION, &bytes, ReasonCode::ProtocolError);
        }
    });
}

fn check_connect_block(address: SocketAddr, block: &[u8], reason: ReasonCode) {
    let connect = RawConnect { properties: block.to_vec(), ..RawConnect::new(VERSION) };
    check_connect_refused(address, VERSION, &connect.bytes(), Some(reason));
}

fn check_will_block(address: SocketAddr, block: &[u8], reason: ReasonCode) {
    let will_properties = block.to_vec();
    let connect = RawConnect { flags: CLEAN | WILL, will_properties, ..RawConnect::new(VERSION) };
    check_connect_refused(address, VERSION, &connect.bytes(), Some(reason));
}

fn user_properties(count: usize) -> Vec<u8> {
    user_property(b"", b"").repeat(count)
}

fn user_property(name: &[u8], value: &[u8]) -> Vec<u8> {
    [&[0x26][..], &text(name), &text(value)].concat()
}

/// Payload Format Indicator, Message Expiry Interval, Content Type, Response Topic, Correlation
/// Data, Topic Alias.
fn in_publish() -> Vec<Vec<u8>> {
    let mut properties = in_will();
    properties.pop();
    properties.push(vec![0x23, 0, 1]);
    properties
}

/// Those of a message, and Will Delay Interval.
fn in_will() -> Vec<Vec<u8>> {
    let text = text(b"x");
    let of = |identifier: u8| [&[identifier], &*text].concat();
    vec![
        vec![0x01, 1],
        vec![0x02, 0, 0, 0, 9],
        of(0x03),
        of(0x08),
        of(0x09),
        vec![0x18, 0, 0, 0, 1],
    ]
}

/// Session Expiry Interval, Receive Maximum, Maximum Packet Size, Topic Alias Maximum, Request
/// Response Information, Request Problem Information, Authentication Method.
fn in_connect() -> Vec<Vec<u8>> {
    vec![
        vec![0x11, 0, 0, 0, 1],
        vec![0x21, 0, 9],
        vec![0x27, 0, 0, 1, 0],
        vec![0x22, 0, 9],
        vec![0x19, 1],
        vec![0x17, 1],
        [&[0x15], &*text(b"x")].concat(),
    ]
}
