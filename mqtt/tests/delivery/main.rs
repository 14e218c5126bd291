//! QoS 1 and 2 over an imaginary network that breaks, resumes and breaks again.
//!
//! Two endpoints send to each other. Frames arrive in order; a broken connection loses the last of
//! them in each direction, as TCP does. Each run follows from its seed, and a run that fails says
//! which it was; `SEED=7 cargo test -p mqtt --test delivery` repeats that one alone.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic, in its helpers too"
)]

mod endpoint;
mod network;
mod random;
mod watch;

use mqtt::{QoS, Version};

use crate::network::{Network, Side};
use crate::random::Random;

const RUNS: u64 = 400;
const STEPS: u32 = 300;

#[test]
fn nothing_is_lost_doubled_or_out_of_order() {
    let one = std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
    let seeds = one.map_or(0..RUNS, |seed| seed..seed + 1);
    for seed in seeds {
        let _named = SaysItsSeed(seed);
        run(seed);
    }
}

/// Names the run if it ends in a panic.
struct SaysItsSeed(u64);

impl Drop for SaysItsSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the run with SEED={} failed", self.0);
        }
    }
}

fn run(seed: u64) {
    let mut random = Random::new(seed);
    let version = if random.one_in(2) { Version::V5 } else { Version::V3_1_1 };
    let mut network = Network::new(version, window(&mut random), window(&mut random));
    for _ in 0..STEPS {
        let side = if random.one_in(2) { Side::Left } else { Side::Right };
        match random.below(20) {
            0..8 => {
                let qos = if random.one_in(2) { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
                network.send(side, qos);
            }
            8..18 => network.deliver(side, 1 + random.below(4)),
            18 => network.disconnect(random.below(4), random.below(4)),
            _ => network.connect(window(&mut random), window(&mut random)),
        }
    }
    network.connect(window(&mut random), window(&mut random));
    network.deliver_all();
    network.check_complete();
}

/// Small windows are where it gets tight.
fn window(random: &mut Random) -> u16 {
    1 + random.below(6) as u16
}
