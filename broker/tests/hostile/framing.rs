//! Rows 1 to 8 and 10 to 13: fixed headers, lengths, packets cut short, and packets out of place.

use mqtt::{ReasonCode, Version};

use crate::guard::undisturbed;
use crate::program::Program;
use crate::refusal::{check_closed, check_connect_refused, check_refused, only_v5};
use crate::support::{Broker, Client, both_versions};
use crate::wire::{RawConnect, packet, properties, publish_at, text};

both_versions!(
    row_01_the_first_packet_is_not_connect,
    row_01_and_02_a_header_that_promises_much_costs_no_memory,
    row_02_a_connect_above_the_first_limit_is_refused_by_its_header,
    row_03_a_remaining_length_of_five_bytes,
    row_05_a_length_with_needless_bytes,
    row_06_a_subscribe_without_options,
    row_07_a_publish_cut_off_before_its_packet_id,
    row_08_a_topic_longer_than_the_packet,
    row_10_packet_id_zero,
    row_11_impossible_flags,
    row_12_packets_that_only_a_server_sends,
    row_13_a_second_connect,
);

/// The largest remaining length there is.
const HUGE: [u8; 4] = [0xFF, 0xFF, 0xFF, 0x7F];

/// Refused by the first byte: what the header promises is not waited for. [MQTT-3.1.0-1]
fn row_01_the_first_packet_is_not_connect(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        // PUBLISH, PINGREQ, DISCONNECT, AUTH.
        for first in [0x30, 0xC0, 0xE0, 0xF0] {
            check_closed(broker.address(), version, &[&[first], &HUGE[..]].concat());
            check_closed(broker.address(), version, &[first, 100]);
            check_closed(broker.address(), version, &[first, 0]);
            check_closed(broker.address(), version, &[first]);
        }
    });
}

fn row_01_and_02_a_header_that_promises_much_costs_no_memory(version: Version) {
    let broker = Program::start(&["connect_timeout: 2s", "max_packet_size: 256MiB"]);
    broker.keeps_its_memory(|| {
        let before = broker.peak();
        let mut half_open = Vec::new();
        for _ in 0..200 {
            check_closed(broker.address, version, &[&[0x10], &HUGE[..]].concat());
            // Just below the limit before CONNECT, so that it is waited for.
            let mut client = Client::open(broker.address, version);
            client.send_bytes(&[0x10, 0xFB, 0xFF, 0x03]);
            half_open.push(client);
        }
        for client in &mut half_open {
            client.expect_closed();
        }
        let grown = broker.peak() - before;
        assert!(grown < 200 * 64 * 1024 / 2, "{grown} bytes for 200 headers");
    });
    broker.stop();
}

/// A client that has not said who it is may send 64 KiB. The standard lets a server close without
/// CONNACK here, and there is no CONNECT yet whose version could be answered.
fn row_02_a_connect_above_the_first_limit_is_refused_by_its_header(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        check_closed(broker.address(), version, &[&[0x10], &HUGE[..]].concat());
        // 65,537 bytes with the header.
        check_closed(broker.address(), version, &[0x10, 0xFD, 0xFF, 0x03]);
        let mut slow = Client::open(broker.address(), version);
        for byte in [0x10, 0xFF, 0xFF, 0xFF] {
            slow.send_bytes(&[byte]);
        }
        slow.send_bytes(&[0x7F]);
        slow.expect_closed();
    });
}

fn row_03_a_remaining_length_of_five_bytes(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let address = broker.address();
        for first in [0x30, 0x82, 0xC0] {
            let bytes = [first, 0xFF, 0xFF, 0xFF, 0xFF, 0x01];
            check_refused(address, version, &bytes, ReasonCode::MalformedPacket);
        }
        check_closed(address, version, &[0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]);
    });
}

#[test]
fn row_04_a_length_of_five_bytes_inside_a_packet() {
    let (broker, version) = (Broker::start(), Version::V5);
    let five = [0x80, 0x80, 0x80, 0x80, 0x01];
    undisturbed(broker.address(), || {
        let filter = [&text(b"a")[..], &[0]].concat();
        let subscription_id = [&[0x0B][..], &five].concat();
        for bytes in [
            packet(0x82, &[&[0, 1], &five, &filter]),
            packet(0x82, &[&[0, 1], &properties(version, &subscription_id), &filter]),
            packet(0x30, &[&text(b"a"), &five]),
            packet(0x30, &[&text(b"a"), &properties(version, &five)]),
        ] {
            check_refused(broker.address(), version, &bytes, ReasonCode::MalformedPacket);
        }
    });
}

/// [MQTT-1.5.5-1]. 3.1.1 has no such sentence, but its table of lengths gives each number of bytes a
/// range of its own; a padded length is in none of them, and is refused as well.
fn row_05_a_length_with_needless_bytes(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let malformed = ReasonCode::MalformedPacket;
        for bytes in [&[0xC0, 0x80, 0x00][..], &[0xC0, 0x80, 0x80, 0x00]] {
            check_refused(broker.address(), version, bytes, malformed);
        }
        if version.has_properties() {
            let bytes = packet(0x30, &[&text(b"a"), &[0x80, 0x00]]);
            check_refused(broker.address(), version, &bytes, malformed);
        }
    });
}

fn row_06_a_subscribe_without_options(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let whole = [&text(b"a")[..], &[0]].concat();
        for filters in [text(b"a"), [whole, text(b"b")].concat()] {
            let bytes = packet(0x82, &[&[0, 1], &properties(version, &[]), &filters]);
            check_refused(broker.address(), version, &bytes, ReasonCode::MalformedPacket);
        }
    });
}

fn row_07_a_publish_cut_off_before_its_packet_id(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        for first in [0x32, 0x34] {
            for rest in [&[][..], &[0]] {
                let bytes = packet(first, &[&text(b"a"), rest]);
                check_refused(broker.address(), version, &bytes, ReasonCode::MalformedPacket);
            }
        }
        // Every packet with a fixed part, cut off within it.
        for first in [0x30, 0x40, 0x50, 0x62, 0x70, 0x82, 0xA2] {
            let bytes = packet(first, &[&[0]]);
            check_refused(broker.address(), version, &bytes, ReasonCode::MalformedPacket);
        }
    });
}

fn row_08_a_topic_longer_than_the_packet(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        for bytes in [
            packet(0x30, &[&[0, 5], b"abcd"]),
            packet(0x30, &[&[0xFF, 0xFF], b"a"]),
            packet(0x82, &[&[0, 1], &properties(version, &[]), &[0xFF, 0xFF], b"a"]),
            packet(0xA2, &[&[0, 1], &properties(version, &[]), &[0, 2], b"a"]),
        ] {
            check_refused(broker.address(), version, &bytes, ReasonCode::MalformedPacket);
        }
    });
}

/// [MQTT-2.2.1-3], in both versions. The field can be read, so it is a protocol error,
/// not a malformed packet.
fn row_10_packet_id_zero(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let none = properties(version, &[]);
        for bytes in [
            publish_at(version, 1, b"a", 0),
            publish_at(version, 2, b"a", 0),
            packet(0x82, &[&[0, 0], &none, &text(b"a"), &[0]]),
            packet(0xA2, &[&[0, 0], &none, &text(b"a")]),
            packet(0x62, &[&[0, 0]]),
        ] {
            check_refused(broker.address(), version, &bytes, ReasonCode::ProtocolError);
        }
    });
}

/// [MQTT-2.1.3-1] [MQTT-3.3.1-2] [MQTT-3.3.1-4] [MQTT-3.6.1-1] [MQTT-3.8.1-1]
fn row_11_impossible_flags(version: Version) {
    let broker = Broker::start();
    let address = broker.address();
    undisturbed(address, || {
        for first in [0x36, 0x3E, 0x38, 0x80, 0x8F, 0x60, 0xA0, 0xC1, 0xE1, 0x41, 0x51, 0x71] {
            let bytes = packet(first, &[&text(b"a"), &[0, 1, 0]]);
            check_refused(address, version, &bytes, ReasonCode::MalformedPacket);
        }
        // [MQTT-3.1.2-3]; 3.1.1 has no return code for it.
        let mut connect = RawConnect::new(version);
        connect.flags |= 1;
        let malformed = only_v5(version, ReasonCode::MalformedPacket);
        check_connect_refused(address, version, &connect.bytes(), malformed);
        check_closed(address, version, &[0x11, 0]);
    });
}

/// Well-formed, but not a client's to send.
fn row_12_packets_that_only_a_server_sends(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let none = properties(version, &[]);
        let reasons: &[u8] = if version.has_properties() { &[0] } else { &[] };
        for bytes in [
            packet(0x20, &[&[0, 0], &none]),
            packet(0x90, &[&[0, 1], &none, &[0]]),
            packet(0xB0, &[&[0, 1], &none, reasons]),
            packet(0xD0, &[]),
        ] {
            check_refused(broker.address(), version, &bytes, ReasonCode::ProtocolError);
            check_closed(broker.address(), version, &bytes);
        }
    });
}

/// [MQTT-3.1.0-2]
fn row_13_a_second_connect(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let bytes = RawConnect::new(version).bytes();
        check_refused(broker.address(), version, &bytes, ReasonCode::ProtocolError);
    });
}
