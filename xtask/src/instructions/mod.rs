//! `cargo xtask instructions`: how many instructions the cases of `microbench/` take, against the counts
//! that are committed. How long they take is `cargo bench`'s affair.

mod baseline;
mod callgrind;
mod comparison;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::packages;
use crate::step;
use crate::workspace::{cargo, root};
use baseline::Baseline;
use comparison::Comparison;

/// What is counted, and what is done with it.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Instructions {
    /// Count only the cases whose name has this in it
    #[arg(value_name = "PART")]
    part: Option<String>,
    /// Write the counts to microbench/instructions.toml, to be committed, instead of comparing them
    #[arg(long, conflicts_with = "part")]
    update: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask instructions             count all, compare with what is committed
  cargo xtask instructions decode/     count what begins so, or has it anywhere in its name
  cargo xtask instructions --update    what is counted now is right";

impl Instructions {
    /// Builds the micro-benchmarks in release, runs each once, and prints a table.
    ///
    /// # Errors
    /// If a case takes more instructions than it may, or cannot be run.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        packages::require(&[packages::VALGRIND])?;
        step::announce("build the micro-benchmarks (release)");
        let program = build()?;
        let names = self.names(&program)?;
        let file = root().join("microbench/instructions.toml");
        let here = rustc()?;
        let before = Baseline::read(&file)?;
        if let Some(before) = before.as_ref().filter(|before| !self.update && before.rustc != here)
        {
            let Baseline { rustc, .. } = before;
            eprintln!(
                "The counts that are committed are of {rustc}, and this is {here}: \
                 differences say little about the code."
            );
        }
        let before = before.map(|before| before.instructions).unwrap_or_default();
        let mut comparison = Comparison::new(&names);
        let mut counts = Vec::new();
        for name in &names {
            let count = callgrind::count(&program, name).with_context(|| name.clone())?;
            comparison.add(name, count, before.get(name).copied());
            counts.push((name.clone(), count));
        }
        if self.update {
            let instructions = counts.into_iter().collect();
            return Baseline { rustc: here, instructions }.write(&file);
        }
        for gone in before.keys().filter(|name| self.part.is_none() && !names.contains(name)) {
            println!("{gone} is no longer a case");
        }
        comparison.result()
    }

    fn names(&self, program: &Path) -> anyhow::Result<Vec<String>> {
        let output = Command::new(program).arg("--names").output();
        let text = String::from_utf8(output.context("cannot run the micro-benchmarks")?.stdout)?;
        let is_wanted = |name: &&str| self.part.as_ref().is_none_or(|part| name.contains(part));
        let names: Vec<_> = text.lines().filter(is_wanted).map(str::to_owned).collect();
        if names.is_empty() {
            bail!("there is no such case; there are\n{}", text.trim_end());
        }
        Ok(names)
    }
}

/// The program of `cargo bench`, as cargo names it.
fn build() -> anyhow::Result<PathBuf> {
    let arguments = ["bench", "--package", "microbench", "--bench", "microbench", "--no-run"];
    let mut command = cargo(&arguments);
    command.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = command.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo bench --no-run ended with {}", output.status);
    }
    let text = String::from_utf8(output.stdout).context("cargo's messages")?;
    let messages = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    let executable =
        |message: serde_json::Value| message.get("executable")?.as_str().map(PathBuf::from);
    messages.filter_map(executable).next_back().context("cargo names no program")
}

/// The compiler, as it names itself.
fn rustc() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("-V").output().context("cannot start rustc")?;
    Ok(String::from_utf8(output.stdout).context("rustc -V")?.trim_end().to_owned())
}
