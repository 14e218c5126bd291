//! Brokers that are killed at any moment, and started again on what is left; and what else befalls them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::broker::{Broker, Start};
use crate::load::Load;
use crate::pause::pause;
use crate::random::Random;
use crate::report::Report;
use crate::scene::Scene;

/// What befalls a broker, beside that it is killed in the end.
pub trait Trouble {
    /// What the report begins with.
    fn name(&self) -> &'static str;

    /// A broker is about to start.
    fn before(&mut self, _start: &mut Start, _random: &mut Random) {}

    /// A broker runs, for so long.
    fn during(&mut self, life: Duration, _scene: &Scene, _random: &mut Random) {
        pause(life);
    }

    /// From here on nothing happens to this broker.
    fn calm(&mut self) {}

    /// It was killed.
    fn after(&mut self, _start: &Start, _random: &mut Random) {}

    /// Whether a broker may log this as an error.
    fn may_say(&self, _line: &str) -> bool {
        false
    }
}

/// Nothing else.
pub struct Kill;

impl Trouble for Kill {
    fn name(&self) -> &'static str {
        "kill"
    }
}

/// A run.
pub struct Rounds {
    /// How often a broker is killed.
    pub rounds: u32,
    /// What is drawn by chance follows from it, but for what threads and disks make of it.
    pub seed: u64,
    /// How long a broker lives at most before it is killed.
    pub longest: Duration,
    /// How brokers are started; the folder is empty.
    pub start: Start,
}

/// After so many rounds all that waits is let arrive, and new clients come.
const CHAPTER: u32 = 25;

struct Run<'a> {
    rounds: &'a Rounds,
    start: Start,
    trouble: &'a mut dyn Trouble,
    random: Random,
    report: Report,
}

impl Rounds {
    /// Runs it, until something is wrong; `progress` is told a line a round. Blocks.
    pub fn run(&self, trouble: &mut dyn Trouble, progress: &mut dyn FnMut(&str)) -> Report {
        let (start, random) = (self.start.clone(), Random::new(self.seed));
        let report = Report::new(trouble.name(), self.seed);
        let mut run = Run { rounds: self, start, trouble, random, report };
        if let Err(error) = run.all(progress) {
            run.report.said.push(error);
        }
        run.report
    }
}

impl Run<'_> {
    /// # Errors
    /// If a broker does not start.
    fn all(&mut self, progress: &mut dyn FnMut(&str)) -> Result<(), String> {
        let last = self.rounds.rounds;
        for begin in (1..=last).step_by(CHAPTER as usize) {
            let load = Load::start(begin / CHAPTER, &self.random.branch(begin.into()));
            for round in begin..(begin + CHAPTER).min(last + 1) {
                let life = self.one(&load)?;
                let acknowledged = self.report.acknowledged() + load.acknowledged();
                progress(&format!(
                    "round {round} of {last}: ended after {life:?}; {acknowledged} acknowledged"
                ));
            }
            self.end_chapter(load)?;
            if !self.report.is_good() {
                break;
            }
        }
        Ok(())
    }

    fn one(&mut self, load: &Load) -> Result<Duration, String> {
        if self.random.once_in(8) {
            self.start_in_vain()?;
        }
        let mut broker = self.start_broker(load)?;
        let longest = self.rounds.longest.as_millis() as u64;
        let life = Duration::from_millis(50 + self.random.below(longest));
        self.trouble.during(life, load.scene(), &mut self.random);
        load.scene().address.set(None);
        load.scene().ledger.note(format!("the broker {} is killed", broker.id()));
        if let Some(status) = broker.ended() {
            self.report.said.push(format!("the broker ended by itself: {status}"));
        }
        self.report.kills += 1;
        // Who asks for an end under load must not lose anything either.
        let said = if self.random.once_in(6) { broker.stop() } else { broker.kill() };
        self.take_said(said);
        self.trouble.after(&self.start, &mut self.random);
        Ok(life)
    }

    fn start_in_vain(&mut self) -> Result<(), String> {
        self.trouble.before(&mut self.start, &mut self.random);
        self.start.start_in_vain(Duration::from_millis(self.random.below(60)))?;
        self.trouble.after(&self.start, &mut self.random);
        self.report.kills += 1;
        Ok(())
    }

    fn end_chapter(&mut self, load: Load) -> Result<(), String> {
        let broker = self.start_broker(&load)?;
        self.trouble.calm();
        let verdict = load.settle(&self.start.folder.join("events.txt"), broker.address());
        self.report.verdict.add(verdict);
        let said = broker.stop();
        self.take_said(said);
        Ok(())
    }

    fn start_broker(&mut self, load: &Load) -> Result<Broker, String> {
        self.trouble.before(&mut self.start, &mut self.random);
        let broker = self.start.start()?;
        // Before the clients know it; at other times load is the first that it sees.
        if self.random.once_in(2) {
            load.look_at_rest(broker.address());
        }
        load.scene().ledger.note(format!("the broker is {}", broker.id()));
        load.scene().address.set(Some(broker.address()));
        Ok(broker)
    }

    fn take_said(&mut self, said: Vec<String>) {
        let said = said.into_iter().filter(|line| !self.trouble.may_say(line));
        self.report.said.extend(said);
    }
}

/// Puts what is in `from` in the place of what is in `to`.
pub(crate) fn replace_folder(from: &Path, to: &Path) {
    fs::remove_dir_all(to).expect("a folder is removed");
    fs::rename(from, to).expect("a folder is renamed");
}
