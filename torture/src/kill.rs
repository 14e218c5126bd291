//! Brokers that are killed at any moment, and started again on what is left.

use std::time::Duration;

use crate::broker::{Broker, Start};
use crate::load::Load;
use crate::random::Random;
use crate::report::Report;

/// A run of kills.
pub struct Kill {
    /// How often.
    pub rounds: u32,
    /// What is drawn by chance follows from it, but for what threads and disks make of it.
    pub seed: u64,
    /// How long a broker lives at most before it is killed.
    pub longest: Duration,
    /// How brokers are started; the folder is empty.
    pub start: Start,
}

impl Kill {
    /// Runs it; `progress` is told a line a round. Blocks.
    pub fn run(&self, progress: &mut dyn FnMut(&str)) -> Report {
        let mut random = Random::new(self.seed);
        let load = Load::start(&random);
        let mut report = Report::new("kill", self.seed);
        for round in 1..=self.rounds {
            let Some(broker) = self.start(&load, &mut report) else { return report };
            let life = Duration::from_millis(50 + random.below(self.longest.as_millis() as u64));
            std::thread::sleep(life);
            let verdict = load.scene().ledger.verdict();
            self.kill(broker, &load, &mut report);
            progress(&format!(
                "round {round} of {}: killed after {life:?}; {} acknowledged, {} delivered",
                self.rounds, verdict.acknowledged, verdict.delivered
            ));
        }
        let Some(broker) = self.start(&load, &mut report) else { return report };
        let events = self.start.folder.join("events.txt");
        report.verdict = load.settle(&events);
        report.said.extend(broker.stop());
        report
    }

    fn start(&self, load: &Load, report: &mut Report) -> Option<Broker> {
        match self.start.start() {
            Ok(broker) => {
                load.scene().ledger.note(format!("the broker is {}", broker.id()));
                load.scene().address.set(Some(broker.address()));
                Some(broker)
            }
            Err(error) => {
                report.said.push(error);
                None
            }
        }
    }

    fn kill(&self, mut broker: Broker, load: &Load, report: &mut Report) {
        load.scene().address.set(None);
        load.scene().ledger.note(format!("the broker {} is killed", broker.id()));
        if let Some(status) = broker.ended() {
            report.said.push(format!("the broker ended by itself: {status}"));
        }
        report.kills += 1;
        report.said.extend(broker.kill());
    }
}
