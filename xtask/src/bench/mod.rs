//! `cargo xtask bench`: measures hookmq against the brokers that are installed, and writes
//! docs/performance.md with its plots. How a load works is `hookmq bench`'s affair.

mod broker;
mod load;
mod machine;
mod page;
mod peers;
mod plot;
mod samples;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::packages;
use crate::step;
use crate::workspace::{cargo, release_folder, root};
use broker::Broker;
use load::{LOADS, Load};
use samples::{Sample, Samples};

/// What and how much is measured.
#[derive(clap::Args)]
pub(crate) struct Bench {
    /// More brokers to measure, and how they are started; see docs/benchmark.md
    #[arg(long, value_name = "FILE")]
    peers: Option<PathBuf>,
    /// How often each load is put on each broker; the medians count
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long a load lasts, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Where performance.md and its plots go [default: docs/]
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

impl Bench {
    /// Builds hookmq in release, measures, and writes the page.
    ///
    /// # Errors
    /// If a broker does not start or a load cannot be put on it, or what is measured cannot be written.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        packages::require(&[packages::MOSQUITTO])?;
        let brokers = self.brokers()?;
        let mut samples = Samples::default();
        for round in 0..self.rounds {
            step::announce(&format!("round {} of {}", round + 1, self.rounds));
            // Each begins a round in its turn, so that none always comes first.
            let first = round as usize % brokers.len();
            for broker in brokers.iter().cycle().skip(first).take(brokers.len()) {
                self.measure(broker, &mut samples)
                    .with_context(|| format!("cannot measure {}", broker.name))?;
            }
        }
        let folder = self.to.clone().unwrap_or_else(|| root().join("docs"));
        page::write(&folder, &brokers, &samples, self.rounds, self.seconds)
    }

    fn brokers(&self) -> anyhow::Result<Vec<Broker>> {
        step::announce("build hookmq (release)");
        step::run(&mut cargo(&["build", "--release", "--package", "hookmq"]))?;
        let mut brokers = vec![broker::hookmq(&hookmq()?), broker::mosquitto()];
        if let Some(file) = &self.peers {
            brokers.extend(peers::read(file)?);
        }
        Ok(brokers)
    }

    /// All loads, one after the other, on a broker that was started for them.
    fn measure(&self, broker: &Broker, samples: &mut Samples) -> anyhow::Result<()> {
        let running = broker.start()?;
        for load in LOADS {
            let result = self.put(load, running.port, running.id())?;
            let sample = Sample::of(&result);
            eprintln!("{:12} {:28} {}", broker.name, load.name, sample);
            samples.add(load.name, &broker.name, sample);
        }
        Ok(())
    }

    /// What `hookmq bench` says of it.
    fn put(&self, load: &Load, port: u16, pid: u32) -> anyhow::Result<Value> {
        let mut command = Command::new(hookmq()?);
        command.arg("bench").args(load.arguments.split(' ')).arg("--json");
        command.args(["--port", &port.to_string(), "--broker-pid", &pid.to_string()]);
        if load.lasts {
            command.args(["--duration", &format!("{}s", self.seconds)]);
        }
        let output = command.output().context("cannot start hookmq bench")?;
        let result = serde_json::from_slice(&output.stdout);
        let Ok(result) = result else {
            bail!("{}: {}", load.name, String::from_utf8_lossy(&output.stderr).trim());
        };
        Ok(result)
    }
}

/// The program that was built.
fn hookmq() -> anyhow::Result<PathBuf> {
    Ok(release_folder()?.join("hookmq"))
}

/// Writes a file and says so.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())?;
    step::announce(&format!("wrote {}", path.display()));
    Ok(())
}
