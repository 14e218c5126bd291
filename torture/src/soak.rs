//! A broker that goes on for long, with clients and sessions that come and go; and the memory that it takes.

use std::fs;
use std::time::{Duration, Instant};

use crate::broker::{Broker, Start};
use crate::load::Load;
use crate::pause::pause;
use crate::random::Random;
use crate::report::Report;

/// One broker, and chapters with clients of their own; after each all sessions are ended.
pub struct Soak {
    /// How many.
    pub chapters: u32,
    /// How long one is, without what it takes to let all arrive.
    pub chapter: Duration,
    /// What is drawn by chance follows from it.
    pub seed: u64,
    /// How the broker is started; the folder is empty.
    pub start: Start,
}

/// Memory may grow by so much, in percent, from the end of the first third on; and by as many KiB more.
const GROWTH: (u64, u64) = (15, 16 * 1024);

impl Soak {
    /// Runs it; `progress` is told a line a chapter. Blocks.
    pub fn run(&self, progress: &mut dyn FnMut(&str)) -> Report {
        let mut report = Report::new("soak", self.seed);
        match self.start.start() {
            Ok(broker) => self.all(broker, &mut report, progress),
            Err(error) => report.said.push(error),
        }
        report
    }

    fn all(&self, mut broker: Broker, report: &mut Report, progress: &mut dyn FnMut(&str)) {
        let random = Random::new(self.seed);
        let mut at_rest = Vec::new();
        for chapter in 1..=self.chapters {
            let load = Load::start(chapter, &random.branch(chapter.into()));
            load.scene().address.set(Some(broker.address()));
            let (begin, mut most) = (Instant::now(), 0);
            while begin.elapsed() < self.chapter {
                pause(Duration::from_secs(1));
                most = most.max(resident(&broker));
            }
            let events = self.start.folder.join("events.txt");
            report.verdict.add(load.settle(&events, broker.address()));
            at_rest.push(resident(&broker));
            progress(&format!(
                "chapter {chapter} of {}: {} acknowledged; {most} KiB under load, {} KiB after it",
                self.chapters,
                report.acknowledged(),
                resident(&broker)
            ));
            if let Some(status) = broker.ended() {
                report.said.push(format!("the broker ended by itself: {status}"));
            }
            if !report.is_good() {
                break;
            }
        }
        judge(&at_rest, report);
        report.said.extend(broker.stop());
    }
}

/// From the last of the first third to the last of all.
fn judge(at_rest: &[u64], report: &mut Report) {
    let first = at_rest.get(at_rest.len() / 3).copied().unwrap_or(0);
    let last = at_rest.last().copied().unwrap_or(0);
    let (percent, more) = GROWTH;
    report.notes.push(format!("memory: {first} KiB after a third of the time, {last} KiB at last"));
    if last > first + first * percent / 100 + more {
        report.said.push(format!("memory grows: {at_rest:?} KiB"));
    }
}

/// In KiB.
fn resident(broker: &Broker) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", broker.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
