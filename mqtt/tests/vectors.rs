//! Decodes and encodes the packets in `vectors/*.txt`, which were written down from the standards.
//!
//! A vector is a block of lines: `name:`, `version:` (`3.1`, `3.1.1`, `5.0`, or `both` for the last
//! two), the bytes in hex with a comment for each field, and either `means:` with the packet's debug
//! text or `breaks:` with the violation's. `written:` holds the bytes it is encoded to where those
//! differ.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic, in its helpers too"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use mqtt::{Connect, Packet, PacketType, Version, Violation, decode, split_frame};

const MAX_PACKET_SIZE: u32 = 1 << 20;

/// One block of a file.
#[derive(Debug, Default)]
struct Vector {
    name: String,
    versions: Vec<Version>,
    bytes: Vec<u8>,
    means: Option<String>,
    breaks: Option<String>,
    written: Option<Vec<u8>>,
}

macro_rules! files {
    ($($file:ident)+) => {
        const FILES: &[&str] = &[$( stringify!($file) ),+];

        $( #[test] fn $file() { check_file(stringify!($file)); } )+
    };
}

files! {
    header connect connack publish ack subscribe suback unsubscribe unsuback ping disconnect auth
}

#[test]
fn every_file_is_read() {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    found.sort_unstable();
    let mut named = FILES.to_vec();
    named.sort_unstable();
    assert_eq!(found, named);
}

#[test]
fn every_packet_has_a_good_and_a_bad_vector_in_each_version() {
    let mut good = BTreeSet::new();
    let mut bad = BTreeSet::new();
    for vector in FILES.iter().flat_map(|file| parse(file)) {
        let seen = if vector.means.is_some() { &mut good } else { &mut bad };
        seen.extend(vector.versions.iter().map(|version| (version.level(), vector.bytes[0] >> 4)));
    }
    let old = (1..=14).map(|packet_type| (4, packet_type));
    let all: BTreeSet<_> = old.chain((1..=15).map(|packet_type| (5, packet_type))).collect();
    assert_eq!(all.difference(&good).next(), None);
    assert_eq!(all.difference(&bad).next(), None);
}

fn check_file(file: &str) {
    let mut wrong = String::new();
    for vector in parse(file) {
        for &version in &vector.versions {
            if let Err(why) = check(&vector, version) {
                wrong += &format!("\n{file}.txt: {} ({version}): {why}\n", vector.name);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn check(vector: &Vector, version: Version) -> Result<(), String> {
    let decoded = read(&vector.bytes, version);
    for end in 0..vector.bytes.len() {
        let part = &vector.bytes[..end];
        let split = split_frame(part, MAX_PACKET_SIZE);
        if split.is_ok_and(|frame| frame.is_some()) {
            return Err(format!("{end} bytes are taken for the whole"));
        }
    }
    match (decoded, &vector.means, &vector.breaks) {
        (Ok(packet), Some(means), None) => {
            same("means", &format!("{packet:?}"), means)?;
            let mut out = vec![0xAA];
            packet.encode(version, &mut out);
            let written = vector.written.as_ref().unwrap_or(&vector.bytes);
            same("written", &format!("{:02X?}", &out[1..]), &format!("{written:02X?}"))
        }
        (Err(violation), None, Some(breaks)) => same("breaks", &format!("{violation:?}"), breaks),
        (decoded, ..) => Err(format!("it is {decoded:?}")),
    }
}

fn read(bytes: &[u8], version: Version) -> Result<Packet<'_>, Violation> {
    let frame = split_frame(bytes, MAX_PACKET_SIZE)?.expect("the frame is whole");
    assert_eq!(frame.bytes(), bytes, "one packet and no more");
    if frame.packet_type() == PacketType::Connect {
        assert_eq!(decode(frame, version), Connect::decode(frame).map(Packet::Connect));
    }
    decode(frame, version)
}

fn same(what: &str, found: &str, expected: &str) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}\n   found {found}\nexpected {expected}"))
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn parse(file: &str) -> Vec<Vector> {
    let text = std::fs::read_to_string(folder().join(file).with_extension("txt")).unwrap();
    let mut vectors: Vec<Vector> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("name: ") {
            vectors.push(Vector { name: name.to_owned(), ..Vector::default() });
            continue;
        }
        let vector = vectors.last_mut().expect("a vector begins with its name");
        match line.split_once(": ") {
            Some(("version", version)) => vector.versions = versions(version),
            Some(("means", means)) => vector.means = Some(means.to_owned()),
            Some(("breaks", breaks)) => vector.breaks = Some(breaks.to_owned()),
            Some(("written", written)) => vector.written = Some(hex(written)),
            _ => vector.bytes.extend(hex(line)),
        }
    }
    vectors
}

fn versions(text: &str) -> Vec<Version> {
    match text {
        "both" => vec![Version::V3_1_1, Version::V5],
        "3.1" => vec![Version::V3_1],
        "3.1.1" => vec![Version::V3_1_1],
        "5.0" => vec![Version::V5],
        other => panic!("no such version: {other}"),
    }
}

/// The bytes in front of the comment.
fn hex(line: &str) -> Vec<u8> {
    let digits = line.split(';').next().unwrap_or_default();
    digits
        .split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).unwrap_or_else(|_| panic!("not hex: {line}")))
        .collect()
}
