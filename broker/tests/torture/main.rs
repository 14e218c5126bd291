//! The broker under torture, in a few rounds; `cargo xtask torture` does more of them.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

mod controls;

use std::path::PathBuf;
use std::time::Duration;

use torture::{ClockJumps, Durability, FullDisk, Kill, PowerCut, Rounds, Soak, Start, Trouble};

fn start(folder: PathBuf, durability: Durability) -> Start {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_hookmq"));
    Start { binary, folder, durability, environment: Vec::new() }
}

fn run(durability: Durability, seed: u64, trouble: &mut dyn Trouble) {
    let folder = tempfile::tempdir().unwrap();
    let start = start(folder.path().to_owned(), durability);
    let rounds = Rounds { rounds: 4, seed, longest: Duration::from_millis(1000), start };
    let report = rounds.run(trouble, &mut |line| eprintln!("{line}"));
    assert!(report.is_good() && report.acknowledged() > 0, "{report}");
}

#[test]
fn nothing_acknowledged_is_lost_when_it_is_killed_at_fsync() {
    run(Durability::Fsync, 1, &mut Kill);
}

#[test]
fn nothing_acknowledged_is_lost_when_it_is_killed_at_os() {
    run(Durability::Os, 2, &mut Kill);
}

#[test]
fn nothing_acknowledged_is_lost_with_the_power() {
    run(Durability::Fsync, 3, &mut PowerCut::default());
}

#[test]
fn what_is_lost_with_the_power_at_os_is_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let start = start(folder.path().to_owned(), Durability::Os);
    let rounds = Rounds { rounds: 2, seed: 5, longest: Duration::from_millis(6000), start };
    let report = rounds.run_tails(&mut |line| eprintln!("{line}"));
    assert!(report.is_good() && report.acknowledged() > 0, "{report}");
}

#[test]
fn a_full_disk_is_waited_for() {
    run(Durability::Fsync, 6, &mut FullDisk::told());
}

#[test]
fn its_memory_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let start = start(folder.path().to_owned(), Durability::Fsync);
    let soak = Soak { chapters: 3, chapter: Duration::from_secs(2), seed: 7, start };
    let report = soak.run(&mut |line| eprintln!("{line}"));
    assert!(report.is_good() && report.acknowledged() > 0, "{report}");
}

#[test]
fn clocks_that_jump_change_nothing() {
    run(Durability::Os, 4, &mut ClockJumps::default());
}
