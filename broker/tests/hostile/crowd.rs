//! A crowd of clients, all connected at once, that sends every malformed packet there is: each client
//! one of them on each of its connections, until all have had their turn. Afterwards the broker has
//! the memory it had before.
//!
//! `HOOKMQ_CROWD` says how many clients there are.

use std::fs;
use std::net::{Shutdown, SocketAddr};
use std::path::Path;

use mqtt::Version;

use crate::guard::crowded;
use crate::program::Program;
use crate::support::{Client, Login, both_versions};

both_versions!(every_malformed_packet_from_each_of_many);

const CLIENTS: usize = 500;
/// Lines of a vector that are not bytes.
const KEYS: [&str; 4] = ["version: ", "means: ", "breaks: ", "written: "];
/// Rounds that make the broker as large as it gets by so many clients that do no harm.
const WARM_UP: usize = 2;

fn every_malformed_packet_from_each_of_many(version: Version) {
    let _crowded = crowded();
    let clients = std::env::var("HOOKMQ_CROWD").map_or(CLIENTS, |number| number.parse().unwrap());
    // Those that have not sent their CONNECT yet are many.
    let broker = Program::start(&["max_handshakes: 1000000"]);
    let vectors = malformed(version);
    assert!(vectors.len() > 50);
    for _ in 0..WARM_UP {
        send_each(broker.address, version, clients, |_| &[0xE0, 0]);
    }
    let mut resident = vec![broker.resident()];
    broker.keeps_its_memory(|| {
        for round in 0..vectors.len() {
            let vector = |number: usize| &*vectors[(number + round) % vectors.len()];
            send_each(broker.address, version, clients, vector);
            resident.push(broker.resident());
        }
    });
    let (before, last) = (resident[0], broker.resident());
    let settled = resident[..=vectors.len() / 4].iter().max().unwrap();
    println!(
        "{clients} clients, {} packets each: {before} bytes, at most {settled} in the first quarter, \
         then {last}",
        vectors.len()
    );
    // What a quarter of the packets made of it, the others do not make larger.
    assert!(last < settled + settled / 10, "{resident:?}");
    broker.stop();
}

/// All connect; then each sends its packet, and sees the broker close.
fn send_each<'a>(
    address: SocketAddr,
    version: Version,
    clients: usize,
    packet: impl Fn(usize) -> &'a [u8],
) {
    let mut crowd: Vec<Client> = (0..clients)
        .map(|number| {
            let mut client = Client::open(address, version);
            // What begins as a CONNECT is one; the others come after one.
            if packet(number)[0] >> 4 != 1 {
                client.send_bytes(&Login::new(version, &format!("crowd-{number}")).bytes());
            }
            client
        })
        .collect();
    for (number, client) in crowd.iter_mut().enumerate() {
        client.send_bytes(packet(number));
        client.stream.shutdown(Shutdown::Write).unwrap();
    }
    crowd.iter_mut().for_each(Client::drain_until_closed);
}

/// The packets in the test vectors of the protocol that break a rule in this version.
fn malformed(version: Version) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mqtt/tests/vectors");
    let mut packets = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        packets
            .extend(text.split("\nname: ").filter_map(|vector| malformed_packet(vector, version)));
    }
    packets
}

fn malformed_packet(vector: &str, version: Version) -> Option<Vec<u8>> {
    let name = if version.has_properties() { "5.0" } else { "3.1.1" };
    let is_version = |line: &str| line == "version: both" || line == format!("version: {name}");
    if !vector.lines().any(is_version) || !vector.lines().any(|line| line.starts_with("breaks: ")) {
        return None;
    }
    let is_hex =
        |line: &&str| !line.starts_with('#') && !KEYS.iter().any(|key| line.starts_with(key));
    Some(vector.lines().skip(1).filter(is_hex).flat_map(hex).collect())
}

/// The bytes in front of the comment.
fn hex(line: &str) -> Vec<u8> {
    let digits = line.split(';').next().unwrap();
    digits.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}
