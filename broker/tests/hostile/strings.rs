//! Rows 15, 16 and 23: strings that are not UTF-8, hold U+0000, or are text by the client's word only.

use mqtt::{ReasonCode, Version};

use crate::guard::undisturbed;
use crate::refusal::{check_connect_refused, check_refused, only_v5};
use crate::support::{Broker, Login, both_versions};
use crate::wire::{CLEAN, RawConnect, USERNAME, WILL, packet, properties, publish};
use crate::wire::{subscribe, text, unsubscribe};

both_versions!(row_15_strings_that_are_not_utf_8, row_16_strings_with_nul);

/// An overlong NUL, a surrogate, beyond U+10FFFF, cut off, a lone continuation byte.
const NOT_UTF_8: [&[u8]; 5] =
    [&[0xC0, 0x80], &[0xED, 0xA0, 0x80], &[0xF4, 0x90, 0x80, 0x80], &[b'a', 0xE2, 0x82], &[0xBF]];

/// [MQTT-1.5.4-1], in both versions
fn row_15_strings_that_are_not_utf_8(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        for bad in NOT_UTF_8 {
            check_every_string(&broker, version, bad);
        }
    });
}

/// [MQTT-1.5.4-2], in both versions. 5.0 says what must not be sent and gives no code;
/// a packet that cannot be parsed by its rules is a malformed one.
fn row_16_strings_with_nul(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        for bad in [&b"\0"[..], b"a\0b", b"a/\0"] {
            check_every_string(&broker, version, bad);
        }
    });
}

/// A payload is the publisher's word. A server may check Payload Format Indicator and need not; this
/// one does not look into payloads.
#[test]
fn row_23_a_payload_that_is_not_what_it_says_is_passed_on() {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let mut client = Login::new(Version::V5, "hostile").connect(broker.address());
        client.subscribe("a", mqtt::QoS::AtMostOnce);
        client.send_bytes(&publish(Version::V5, b"a", &[0x01, 1], &[0xC0, 0x80]));
        let received = client.receive_publish();
        assert_eq!((received.properties, received.payload), (vec![1, 1], vec![0xC0, 0x80]));
    });
}

fn check_every_string(broker: &Broker, version: Version, bad: &[u8]) {
    let address = broker.address();
    let malformed = ReasonCode::MalformedPacket;
    for connect in connects(version, bad) {
        check_connect_refused(address, version, &connect.bytes(), only_v5(version, malformed));
    }
    let mut packets = vec![
        publish(version, bad, &[], b""),
        subscribe(version, &[], bad, 0),
        unsubscribe(version, bad),
    ];
    if version.has_properties() {
        let bad = text(bad);
        let user_property = [&[0x26][..], &text(b"name"), &bad].concat();
        let user_property_name = [&[0x26][..], &bad, &text(b"value")].concat();
        packets.push(publish(version, b"a", &user_property, b""));
        packets.push(publish(version, b"a", &user_property_name, b""));
        packets.push(subscribe(version, &user_property, b"a", 0));
        // Content Type and Response Topic; Reason String of DISCONNECT and of PUBACK.
        packets.push(publish(version, b"a", &[&[0x03], &*bad].concat(), b""));
        packets.push(publish(version, b"a", &[&[0x08], &*bad].concat(), b""));
        let reason_string = properties(version, &[&[0x1F], &*bad].concat());
        packets.push(packet(0xE0, &[&[0], &reason_string]));
        packets.push(packet(0x40, &[&[0, 1, 0], &reason_string]));
    }
    for bytes in packets {
        check_refused(address, version, &bytes, malformed);
    }
}

/// Each with the bad string in one of its fields.
fn connects(version: Version, bad: &[u8]) -> Vec<RawConnect> {
    let good = || RawConnect::new(version);
    let mut connects = vec![
        RawConnect { client_id: bad.to_vec(), ..good() },
        RawConnect { flags: CLEAN | WILL, will_topic: bad.to_vec(), ..good() },
        RawConnect { flags: CLEAN | USERNAME, username: bad.to_vec(), ..good() },
    ];
    if version.has_properties() {
        let bad = text(bad);
        let user_property = [&[0x26][..], &text(b"name"), &bad].concat();
        let method = [&[0x15], &*bad].concat();
        let content_type = [&[0x03], &*bad].concat();
        connects.push(RawConnect { properties: user_property, ..good() });
        connects.push(RawConnect { properties: method, ..good() });
        let flags = CLEAN | WILL;
        connects.push(RawConnect { flags, will_properties: content_type, ..good() });
    }
    connects
}
