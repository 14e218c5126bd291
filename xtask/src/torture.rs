//! `cargo xtask torture`: the broker in release is ended without warning, for as long as one likes.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use torture::{ClockJumps, FullDisk, Kill, PowerCut, Report, Soak, Start, Trouble};

use crate::step;
use crate::workspace::{cargo, release_folder};

/// What is done to the broker.
#[derive(Subcommand)]
pub(crate) enum Torture {
    /// Kill it at any moment and start it again on what is left
    Kill(Rounds),
    /// Cut the power: what it has not brought to the disk is lost, or a part of it
    Power(Rounds),
    /// Have its disk full for a while
    Full(Full),
    /// Let it run for long under load, and look at its memory
    Soak(Minutes),
    /// Kill it, and have the wall clock jump by an hour, forth and back
    Clock(Rounds),
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask torture kill --rounds 1000
  cargo xtask torture kill --rounds 50 --seed 7 --durability os
  cargo xtask torture power --rounds 200
  cargo xtask torture full --mount
  cargo xtask torture soak --minutes 30 --broker target/release/hookmq

The last line says what was found; the exit status is 1 if anything acknowledged was lost.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rounds {
    /// How often
    #[arg(long, default_value_t = 100)]
    rounds: u32,
    /// How long it lives each time, at most [default: 2000; for power at os 8000, and not under 4000]
    #[arg(long, value_name = "MILLISECONDS")]
    longest: Option<u64>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
pub(crate) struct Full {
    #[command(flatten)]
    rounds: Rounds,
    /// Mount a small file system, which takes root, instead of failing its writes
    #[arg(long)]
    mount: bool,
}

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Minutes {
    /// How long
    #[arg(long, default_value_t = 30)]
    minutes: u32,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Common {
    /// What is drawn by chance follows from it [default: another each time]
    #[arg(long)]
    seed: Option<u64>,
    /// What the broker promises
    #[arg(long, value_enum, default_value_t = Durability::Fsync)]
    durability: Durability,
    /// Where store and log are, if not in a new folder; they are left there
    #[arg(long)]
    folder: Option<PathBuf>,
    /// A binary that was built already
    #[arg(long)]
    broker: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Durability {
    Fsync,
    Os,
}

impl Torture {
    /// # Errors
    /// If anything was lost, or the broker did what it must not.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        match self {
            Torture::Kill(rounds) => rounds.run(&mut Kill),
            Torture::Power(rounds) => rounds.power(),
            Torture::Full(Full { rounds, mount: false }) => rounds.run(&mut FullDisk::told()),
            Torture::Full(Full { rounds, mount: true }) => rounds.run(&mut FullDisk::mounted()),
            Torture::Soak(minutes) => minutes.run(),
            Torture::Clock(rounds) => rounds.run(&mut ClockJumps::default()),
        }
    }
}

impl Rounds {
    fn run(&self, trouble: &mut dyn Trouble) -> anyhow::Result<()> {
        self.common.run(|seed, start| self.of(2000, seed, start).run(trouble, &mut show))
    }

    /// What is promised decides what may be lost.
    fn power(&self) -> anyhow::Result<()> {
        match self.common.durability {
            Durability::Fsync => self.run(&mut PowerCut::default()),
            Durability::Os => {
                self.common.run(|seed, start| self.of(8000, seed, start).run_tails(&mut show))
            }
        }
    }

    fn of(&self, longest: u64, seed: u64, start: Start) -> torture::Rounds {
        let (rounds, longest) = (self.rounds, self.longest.unwrap_or(longest));
        torture::Rounds { rounds, seed, longest: Duration::from_millis(longest), start }
    }
}

impl Minutes {
    fn run(&self) -> anyhow::Result<()> {
        let (chapters, chapter) = (self.minutes, Duration::from_mins(1));
        self.common.run(|seed, start| Soak { chapters, chapter, seed, start }.run(&mut show))
    }
}

fn show(line: &str) {
    eprintln!("{line}");
}

impl Common {
    fn run(&self, torture: impl FnOnce(u64, Start) -> Report) -> anyhow::Result<()> {
        let binary = self.binary()?;
        let new = tempfile::tempdir().context("cannot make a folder")?;
        let folder = self.folder.clone().unwrap_or_else(|| new.path().to_owned());
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seed = self.seed.unwrap_or_else(|| now.map_or(0, |now| now.as_secs()));
        step::announce(&format!("torture with seed {seed} in {}", folder.display()));
        let durability = match self.durability {
            Durability::Fsync => torture::Durability::Fsync,
            Durability::Os => torture::Durability::Os,
        };
        let start = Start { binary, folder, durability, environment: Vec::new() };
        let report = torture(seed, start);
        println!("{report}");
        if !report.is_good() {
            let folder = self.folder.clone().unwrap_or_else(|| new.keep());
            bail!("the broker has failed; store and log are in {}", folder.display());
        }
        Ok(())
    }

    fn binary(&self) -> anyhow::Result<PathBuf> {
        if let Some(binary) = &self.broker {
            return Ok(binary.clone());
        }
        step::announce("build hookmq (release)");
        step::run(&mut cargo(&["build", "--release", "--package", "hookmq"]))?;
        Ok(release_folder()?.join("hookmq"))
    }
}
