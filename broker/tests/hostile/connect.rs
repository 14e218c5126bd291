//! Rows 14, 24, 25, 38, 39 and 43: what CONNECT says.

use std::time::{Duration, Instant};

use mqtt::{ReasonCode, Version};

use crate::guard::{crowded, undisturbed};
use crate::program::Program;
use crate::refusal::{check_connect_refused, check_refused, only_v5};
use crate::support::{Broker, Client, Login, both_versions};
use crate::wire::{CLEAN, PASSWORD, RawConnect, packet, publish, text};

both_versions!(
    row_14_versions_that_are_none,
    row_24_connect_flags_that_do_not_go_together,
    row_25_enhanced_authentication_that_nobody_offers,
    row_38_two_clients_that_fight_for_one_id,
    row_39_client_ids_that_are_too_long,
    row_39_client_ids_that_are_no_file_names,
    row_43_silence_ends_at_the_keep_alive_cap,
);

/// [MQTT-3.1.2-2]: said in the words of the nearest version that the client may know.
fn row_14_versions_that_are_none(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let levels: &[u8] = if version.has_properties() { &[6, 7, 255] } else { &[0, 1, 3] };
        let unsupported = Some(ReasonCode::UnsupportedProtocolVersion);
        for &level in levels {
            let connect = RawConnect { level, ..RawConnect::new(version) };
            check_connect_refused(broker.address(), version, &connect.bytes(), unsupported);
        }
        // The old name with a level that it never had.
        let connect = RawConnect { name: b"MQIsdp", ..RawConnect::new(version) };
        check_connect_refused(broker.address(), version, &connect.bytes(), unsupported);
        // [MQTT-3.1.2-1]: nothing is said to what is not MQTT.
        let connect = RawConnect { name: b"HTTP", ..RawConnect::new(version) };
        check_connect_refused(broker.address(), version, &connect.bytes(), None);
    });
}

/// [MQTT-3.1.2-11] [MQTT-3.1.2-13], and [MQTT-3.1.2-22] of 3.1.1. In 5.0 a password may come alone.
fn row_24_connect_flags_that_do_not_go_together(version: Version) {
    let broker = Broker::start();
    let address = broker.address();
    undisturbed(address, || {
        for will_bits in [0b0000_1000, 0b0001_0000, 0b0010_0000, 0b0011_1000] {
            let connect = RawConnect { flags: CLEAN | will_bits, ..RawConnect::new(version) };
            let malformed = only_v5(version, ReasonCode::MalformedPacket);
            check_connect_refused(address, version, &connect.bytes(), malformed);
        }
        let connect = RawConnect { flags: CLEAN | PASSWORD, ..RawConnect::new(version) };
        if version.has_properties() {
            let mut client = Client::open(address, version);
            client.send_bytes(&connect.bytes());
            assert_eq!(client.connack().0, ReasonCode::Success);
        } else {
            check_connect_refused(address, version, &connect.bytes(), None);
        }
    });
}

/// [MQTT-4.12.0-1] [MQTT-4.12.0-7]: no method is offered, so that none can be changed. In 3.1.1 the
/// type of AUTH is reserved.
fn row_25_enhanced_authentication_that_nobody_offers(version: Version) {
    let broker = Broker::start();
    let address = broker.address();
    undisturbed(address, || {
        let method = [&[0x15], &*text(b"SCRAM-SHA-256")].concat();
        let block = crate::wire::properties(version, &method);
        let with_method = packet(0xF0, &[&[0x19], &block]);
        for bytes in [&[0xF0, 0][..], &[0xF0, 2, 0x19, 0], &with_method] {
            check_refused(address, version, bytes, ReasonCode::ProtocolError);
        }
        if version.has_properties() {
            let bad_method = Some(ReasonCode::BadAuthenticationMethod);
            let connect = RawConnect { properties: method, ..RawConnect::new(version) };
            check_connect_refused(address, version, &connect.bytes(), bad_method);
            // Authentication Data without a method.
            let properties = [&[0x16], &*text(b"data")].concat();
            let connect = RawConnect { properties, ..RawConnect::new(version) };
            let error = Some(ReasonCode::ProtocolError);
            check_connect_refused(address, version, &connect.bytes(), error);
        }
    });
}

/// Each takes the session from the other, until the broker has enough: the one that has it keeps it.
/// 3.1.1 hears that the server is unavailable.
fn row_38_two_clients_that_fight_for_one_id(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        let mut owner = Login::new(version, "fought-for").connect(broker.address());
        for _ in 0..15 {
            let newcomer = Login::new(version, "fought-for").connect(broker.address());
            owner.expect_disconnect(ReasonCode::SessionTakenOver);
            owner = newcomer;
        }
        let said = only_v5(version, ReasonCode::ConnectionRateExceeded);
        for _ in 0..1000 {
            let (mut newcomer, answer) = Login::new(version, "fought-for").ask(broker.address());
            assert_eq!(answer.reason, said.unwrap_or(ReasonCode::ServerUnavailable));
            newcomer.expect_closed();
        }
        owner.ping();
        // The ban is this client id's alone.
        Login::new(version, "another").connect(broker.address()).ping();
    });
}

/// 0x85; 0x02 in 3.1.1.
fn row_39_client_ids_that_are_too_long(version: Version) {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        for length in [257, 65_000] {
            let client_id = vec![b'x'; length];
            let connect = RawConnect { client_id, ..RawConnect::new(version) };
            let refused = Some(ReasonCode::ClientIdentifierNotValid);
            check_connect_refused(broker.address(), version, &connect.bytes(), refused);
        }
        // The longest there can be: above what a CONNECT may have before it is understood.
        let connect = RawConnect { client_id: vec![b'x'; 65_535], ..RawConnect::new(version) };
        let mut client = Client::open(broker.address(), version);
        client.send_bytes(&connect.bytes()[..5]);
        client.expect_closed();
    });
}

/// They are names like any other, and the log shows what they are made of.
fn row_39_client_ids_that_are_no_file_names(version: Version) {
    let broker = Program::start_in_shell("export RUST_LOG=debug", &[]);
    undisturbed(broker.address, || {
        for client_id in ["../../x", "/etc/passwd", "a\nERROR forged", "\u{1b}[31mred", "%s%n", "#"]
        {
            let mut client = Login::new(version, client_id).connect(broker.address);
            client.ping();
            client.subscribe("\u{1b}[2J\r", mqtt::QoS::AtMostOnce);
            client.send_bytes(&publish(version, b"\x1b[2J\r", &[], b""));
            client.say_good_bye();
        }
    });
    for line in broker.stop() {
        assert!(!line.contains(['\u{1b}', '\r']), "{line:?}");
        assert!(!line.starts_with("ERROR forged"), "{line:?}");
    }
}

/// 3.1.1 has no way to tell a client of another keep alive, and gives it one and a half times its own
/// [MQTT-3.1.2-24]: there the client's word stands.
#[test]
fn row_43_keep_alive_has_a_cap() {
    let broker = Broker::start();
    undisturbed(broker.address(), || {
        for (asked, told) in [(0, Some(3600)), (65_535, Some(3600)), (3600, None), (60, None)] {
            let login = Login::new(Version::V5, "client").keep_alive(asked);
            let (_client, answer) = login.ask(broker.address());
            assert_eq!(answer.properties().server_keep_alive(), told);
        }
    });
}

/// [MQTT-3.1.2-22] with the keep alive that CONNACK says. [MQTT-3.2.2-21]
fn row_43_silence_ends_at_the_keep_alive_cap(version: Version) {
    let _crowded = crowded();
    let broker = Program::start(&["max_keep_alive: 1s"]);
    broker.keeps_its_memory(|| {
        let begin = Instant::now();
        let asked = |number: u16| if version.has_properties() { 65_535 * (number % 2) } else { 1 };
        let mut silent: Vec<Client> = (0..5000)
            .map(|number| {
                let client_id = format!("silent-{number}");
                let login = Login::new(version, &client_id).keep_alive(asked(number));
                login.connect(broker.address)
            })
            .collect();
        for mut client in silent.drain(..) {
            client.expect_disconnect(ReasonCode::KeepAliveTimeout);
        }
        assert!(begin.elapsed() >= Duration::from_millis(1500));
        assert!(begin.elapsed() < Duration::from_secs(20));
    });
}

impl Client {
    fn say_good_bye(&mut self) {
        self.send(&mqtt::Packet::Disconnect(mqtt::Disconnect::new(ReasonCode::Success)));
        self.drain_until_closed();
    }
}
