//! A wall clock that jumps by an hour, forth and back, while brokers run and between.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use crate::broker::Start;
use crate::pause::pause;
use crate::preload;
use crate::random::Random;
use crate::rounds::Trouble;
use crate::scene::Scene;

/// Brokers have a clock that is right, or an hour early or late.
#[derive(Default)]
pub struct ClockJumps {
    control: PathBuf,
}

impl ClockJumps {
    fn jump(&self, scene: Option<&Scene>, random: &mut Random) {
        let ahead = [-3600, 0, 3600][random.below(3) as usize];
        let mut options = std::fs::OpenOptions::new();
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.control)
            .expect("a file is made");
        // In place and never shorter, for brokers have it mapped.
        file.write_all_at(&i64::to_ne_bytes(ahead), 0).expect("a file is written");
        if let Some(scene) = scene {
            scene.ledger.note(format!("the clock is {ahead} s ahead"));
        }
    }
}

impl Trouble for ClockJumps {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn before(&mut self, start: &mut Start, random: &mut Random) {
        self.control = start.folder.join("clock");
        self.jump(None, random);
        start.environment =
            vec![("LD_PRELOAD", library().to_owned()), ("CLOCK_CONTROL", self.control.clone())];
    }

    fn during(&mut self, life: Duration, scene: &Scene, random: &mut Random) {
        for _ in 0..3 {
            pause(life / 3);
            self.jump(Some(scene), random);
        }
    }
}

fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| preload::build(include_str!("clock.c")))
}
