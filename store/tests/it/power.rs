//! The power goes: at fsync nothing that was reported is lost, at os what is lost is the end and nothing else.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use hookmq_store::Durability;
use torture::Random;
use torture::disk::{self, Disk, Record, Unsynced};

use crate::script::{Scripted, open};
use crate::writer;

/// How often; `STORE_POWER_CUTS=1000` for more.
fn cuts() -> usize {
    std::env::var("STORE_POWER_CUTS").map_or(24, |cuts| cuts.parse().expect("a number"))
}

/// The store, in folders that the writer makes on a disk.
const STORE: &str = "data/store";

/// Runs a writer until its ledger has so many bytes; what it did.
fn trace(dir: &Path, seed: u64, durability: Durability, ledger: usize) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut command = writer::command(&dir.join(STORE), seed, durability);
    disk::watch(&mut command, dir);
    let mut writer = command.env("DISK_TRACE", file.path()).spawn().unwrap();
    let mut output = writer.stdout.take().unwrap();
    output.read_exact(&mut vec![0; ledger]).expect("the writer lives");
    writer.kill().unwrap();
    output.read_to_end(&mut Vec::new()).unwrap();
    writer.wait().unwrap();
    fs::read(file.path()).unwrap()
}

/// Moments at which the power goes, in order; not before there is a store.
fn moments(records: &[Record<'_>], random: &mut Random) -> Vec<usize> {
    let mut moments: Vec<usize> =
        (0..cuts()).map(|_| usize::try_from(random.below(records.len() as u64)).unwrap()).collect();
    moments.sort_unstable();
    moments
}

fn power_cuts(durability: Durability, seed: u64, ledger: usize, reported_is_kept: bool) {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = Disk::new(dir.path());
    let trace = trace(dir.path(), seed, durability, ledger);
    let records = disk::records(&trace);
    let mut random = Random::new(seed);
    let mut model = Scripted::new(seed);
    let (mut at, mut reported, mut kept) = (0, 0, 0);
    for moment in moments(&records, &mut random) {
        for record in &records[at..moment] {
            disk.apply(record);
            if record.is_output() {
                reported = reported.max(writer::last_reported(record.data));
            }
        }
        at = moment;
        for unsynced in [Unsynced::Lost, Unsynced::Kept, Unsynced::Torn] {
            let image = tempfile::tempdir().unwrap();
            disk.write_to(image.path(), unsynced, &mut random);
            let (_store, state) = open(&image.path().join(STORE))
                .unwrap_or_else(|error| panic!("at record {at}, {unsynced:?}: {error}"));
            kept = kept.max(state.sequence);
            model.must_be(&state, if reported_is_kept { reported } else { 0 });
        }
    }
    assert!(kept > 100 && reported > 100, "{kept} groups of {reported} were written");
}

#[test]
fn nothing_reported_is_lost_with_the_power_at_fsync() {
    power_cuts(Durability::Fsync, 21, 5_000, true);
}

#[test]
fn what_is_lost_with_the_power_at_os_is_the_end() {
    power_cuts(Durability::Os, 22, 3_000, false);
}
