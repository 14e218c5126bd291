//! The broker under torture, in a few rounds; `cargo xtask torture` does more of them.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;
use std::time::Duration;

use torture::{Durability, Kill, Start};

fn start(folder: PathBuf, durability: Durability) -> Start {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_hookmq"));
    Start { binary, folder, durability, environment: Vec::new() }
}

fn killed_again_and_again(durability: Durability, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let start = start(folder.path().to_owned(), durability);
    let kill = Kill { rounds: 4, seed, longest: Duration::from_millis(1000), start };
    let report = kill.run(&mut |line| eprintln!("{line}"));
    assert!(report.is_good() && report.acknowledged() > 0, "{report}");
}

#[test]
fn nothing_acknowledged_is_lost_when_it_is_killed_at_fsync() {
    killed_again_and_again(Durability::Fsync, 1);
}

#[test]
fn nothing_acknowledged_is_lost_when_it_is_killed_at_os() {
    killed_again_and_again(Durability::Os, 2);
}
