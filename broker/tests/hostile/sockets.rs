//! Rows 42, 60, 65 and 70: too many sockets, too few descriptors, the time, and the end.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use mqtt::Version;

use crate::guard::{crowded, undisturbed};
use crate::program::Program;
use crate::support::{Client, Login, both_versions};
use crate::wire::{RawConnect, publish};

both_versions!(
    row_42_half_a_connect_on_many_connections,
    row_60_no_descriptor_is_left,
    row_70_sigterm_under_load,
);

/// Only so many are let wait, the newest; those are closed when the time for CONNECT is over. Others
/// connect meanwhile.
fn row_42_half_a_connect_on_many_connections(version: Version) {
    let _crowded = crowded();
    let broker = Program::start(&["connect_timeout: 3s"]);
    broker.keeps_its_memory(|| {
        let connect = RawConnect::new(version).bytes();
        let begin = Instant::now();
        let mut halves: Vec<Client> = (0..5000)
            .map(|number| {
                let mut client = Client::open(broker.address, version);
                // One after the other lacks the last byte, the rest, or everything.
                let sent = [connect.len() - 1, 1, 0][number % 3];
                client.send_bytes(&connect[..sent]);
                client
            })
            .collect();
        for number in 0..100 {
            let connecting = Instant::now();
            let client_id = format!("legitimate-{number}");
            Login::new(version, &client_id).connect(broker.address).ping();
            assert!(connecting.elapsed() < Duration::from_secs(1));
        }
        let newest = halves.split_off(4500);
        for client in &mut halves {
            client.expect_closed();
        }
        for mut client in newest {
            client.expect_closed();
        }
        assert!(begin.elapsed() < Duration::from_secs(20));
    });
    broker.stop();
}

/// With no descriptor left the broker waits for one, and does not spin.
fn row_60_no_descriptor_is_left(version: Version) {
    let broker = Program::start_in_shell("ulimit -n 64", &[]);
    undisturbed(broker.address, || {
        let mut idle: Vec<TcpStream> =
            (0..200).map(|_| TcpStream::connect(broker.address).unwrap()).collect();
        let before = broker.processor_time();
        // A second in which nothing comes on the first of them.
        idle[0].set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let nothing = idle[0].read(&mut [0]).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        let busy = broker.processor_time() - before;
        assert!(busy < 60, "{busy} % of a processor while there is nothing to do");
    });
    Login::new(version, "later").connect(broker.address).ping();
    let said = broker.stop();
    let warnings = said.iter().filter(|line| line.contains("cannot accept")).count();
    assert!((1..=30).contains(&warnings), "{said:#?}");
}

/// Nothing in the broker looks at the wall clock: setting it does not disturb keep alive, expiry or
/// any other deadline, since none of them knows what time it is.
#[test]
fn row_65_the_wall_clock_is_not_asked() {
    let broker = Path::new(env!("CARGO_MANIFEST_DIR"));
    for directory in [broker.join("src"), broker.join("../mqtt/src")] {
        check_for_wall_clock(&directory);
    }
}

/// Each is told, the broker ends in time and is content.
fn row_70_sigterm_under_load(version: Version) {
    const CLIENTS: usize = 8;
    let broker = Program::start(&[]);
    let message = publish(version, b"load", &[], b"x").repeat(100);
    let begun = Barrier::new(CLIENTS + 1);
    let took = thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (message, begun, address) = (&message, &begun, broker.address);
            scope.spawn(move || {
                let client_id = format!("load-{number}");
                let mut client = Login::new(version, &client_id).connect(address);
                client.ping();
                begun.wait();
                flood_until_closed(&mut client, message);
            });
        }
        begun.wait();
        let mut watcher = Login::new(version, "watcher").connect(broker.address);
        watcher.ping();
        let begin = Instant::now();
        broker.process.signal("TERM");
        watcher.expect_disconnect(mqtt::ReasonCode::ServerShuttingDown);
        let (status, said) = broker.process.wait();
        assert!(status.success(), "{status}: {said:#?}");
        begin.elapsed()
    });
    assert!(took < Duration::from_secs(10), "{took:?}");
}

/// Goes on for as long as the broker takes it.
fn flood_until_closed(client: &mut Client, message: &[u8]) {
    while client.stream.write_all(message).is_ok() {}
}

/// The time that people read in a trace; and what has to survive a restart, where no other clock goes on. As
/// long as the broker runs, no session, message or connection depends on it.
const MAY_ASK: [&str; 4] =
    ["hooks/trace.rs", "hooks/traced.rs", "services/kv/mod.rs", "journal/durable.rs"];

fn check_for_wall_clock(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check_for_wall_clock(&path);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            let may_ask = MAY_ASK.iter().any(|file| path.ends_with(file));
            assert!(
                may_ask || !text.contains("SystemTime"),
                "{} reads the wall clock",
                path.display()
            );
        }
    }
}
