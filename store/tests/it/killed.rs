//! SIGKILL at any moment: what was reported is there, and what is there is a prefix of what was submitted.

use std::io::Read;
use std::path::Path;

use hookmq_store::{Durability, Options, State, Store};

use crate::model::Model;
use crate::script::{self, Random};
use crate::writer;

/// How often; `STORE_KILLS=1000` for more.
fn kills() -> u64 {
    std::env::var("STORE_KILLS").map_or(20, |kills| kills.parse().expect("a number"))
}

/// Kills the writer after some bytes of its ledger, which it returns: the highest number reported.
fn run_and_kill(dir: &Path, seed: u64, durability: Durability, random: &mut Random) -> u64 {
    let mut writer = writer::spawn(dir, seed, durability);
    let mut output = writer.stdout.take().unwrap();
    let mut ledger = vec![0; 150 + usize::try_from(random.below(1_500)).unwrap()];
    // What test runners say first is part of it.
    output.read_exact(&mut ledger).expect("the writer lives");
    writer.kill().unwrap();
    output.read_to_end(&mut ledger).unwrap();
    writer.wait().unwrap();
    writer::last_reported(&ledger)
}

/// The model goes on to where the store is.
fn catch_up(model: &mut Model, at: &mut u64, seed: u64, to: u64) {
    while *at < to {
        *at += 1;
        model.apply(&script::scripted(seed, *at));
    }
}

fn killed_again_and_again(durability: Durability, seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let (mut model, mut at) = (Model::default(), 0);
    let mut random = Random(seed);
    for _ in 0..kills() {
        let reported = run_and_kill(dir.path(), seed, durability, &mut random);
        let state = read(dir.path());
        catch_up(&mut model, &mut at, seed, state.sequence);
        model.must_be(&state);
        // What was reported beyond, if anything, left nothing.
        let mut further = model.clone();
        catch_up(&mut further, &mut at.clone(), seed, reported);
        further.must_be(&state);
    }
}

fn read(dir: &Path) -> State {
    let options = Options::new(Durability::Fsync);
    Store::open(dir, options, Box::new(|_| {})).expect("the store opens").1
}

#[test]
fn nothing_reported_is_lost_with_the_process_at_fsync() {
    killed_again_and_again(Durability::Fsync, 11);
}

#[test]
fn nothing_reported_is_lost_with_the_process_at_os() {
    killed_again_and_again(Durability::Os, 12);
}
