//! SIGKILL at any moment: what was reported is there, and what is there is a prefix of what was submitted.

use std::io::Read;
use std::path::Path;

use hookmq_store::Durability;

use crate::script::{Random, Scripted, open};
use crate::writer;

/// How often; `STORE_KILLS=1000` for more.
fn kills() -> u64 {
    std::env::var("STORE_KILLS").map_or(20, |kills| kills.parse().expect("a number"))
}

/// Kills the writer after some bytes of its ledger, which it returns: the highest number reported.
fn run_and_kill(dir: &Path, seed: u64, durability: Durability, random: &mut Random) -> u64 {
    let mut writer = writer::spawn(dir, seed, durability);
    let mut output = writer.stdout.take().unwrap();
    let mut ledger = vec![0; 150 + usize::try_from(random.below(800)).unwrap()];
    // What test runners say first is part of it.
    output.read_exact(&mut ledger).expect("the writer lives");
    writer.kill().unwrap();
    output.read_to_end(&mut ledger).unwrap();
    writer.wait().unwrap();
    writer::last_reported(&ledger)
}

fn killed_again_and_again(durability: Durability, seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Scripted::new(seed);
    let mut random = Random(seed);
    for _ in 0..kills() {
        let reported = run_and_kill(dir.path(), seed, durability, &mut random);
        let (store, state) = open(dir.path()).expect("the store opens");
        drop(store);
        model.must_be(&state, reported);
    }
}

#[test]
fn nothing_reported_is_lost_with_the_process_at_fsync() {
    killed_again_and_again(Durability::Fsync, 11);
}

#[test]
fn nothing_reported_is_lost_with_the_process_at_os() {
    killed_again_and_again(Durability::Os, 12);
}
