//! `hookmq store`: looks at what a broker keeps while none runs, mends it, and copies it out and in.

mod check;
mod export;
mod import;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hookmq::Folders;
use hookmq::config;
use hookmq_store::OpenError;

use super::{ConfigFile, complain};

/// Check, mend, export and import what the broker keeps
#[derive(clap::Subcommand)]
#[command(after_help = AFTER_HELP)]
pub(crate) enum Store {
    Check(check::Check),
    Export(export::Export),
    Import(import::Import),
}

const AFTER_HELP: &str = "\
The store is the folder store/ in `data_dir` of the config. It has sessions with their subscriptions and what waits
for them, retained messages, wills, and the pairs of plugins. The broker must be stopped. Call it as the user that the
broker runs as, who has to be able to use the files that are made.

Examples:
  hookmq store check                      what is in it, and is all of it readable?
  hookmq store check --repair             make a damaged one anew from what can be read
  hookmq store export backup.jsonl        all of it, as JSON lines
  hookmq store import backup.jsonl        a store from these";

impl Store {
    /// `config` stands before the command. Blocks for as long as it takes to read or write everything.
    pub(crate) fn run(&self, config: Option<PathBuf>) -> ExitCode {
        let done = match self {
            Store::Check(check) => check.run(config),
            Store::Export(export) => export.run(config),
            Store::Import(import) => import.run(config),
        };
        let (status, text) = match done {
            Ok(()) => return ExitCode::SUCCESS,
            Err(Failure::Wrong(text)) => (ExitCode::FAILURE, text),
            Err(Failure::InUse(text)) => (ExitCode::from(IN_USE), text),
            Err(Failure::BadConfig(text)) => (crate::BAD_CONFIG.into(), text),
        };
        complain(text);
        status
    }
}

/// `EX_UNAVAILABLE` of sysexits.h.
const IN_USE: u8 = 69;

/// Why it was not done.
enum Failure {
    /// Something is wrong with the store, or a file.
    Wrong(String),
    /// A broker has the store open.
    InUse(String),
    /// The config does not say where the store is.
    BadConfig(String),
}

/// The folder of a store: `given` itself, or that of a config; `before` stands before the command.
fn folder(
    given: Option<&Path>,
    config: &ConfigFile,
    before: Option<PathBuf>,
) -> Result<PathBuf, Failure> {
    if let Some(folder) = given {
        return Ok(folder.to_owned());
    }
    let file = config.path(before);
    let (config, problems) = config::inspect(&file).map_err(|error| {
        Failure::BadConfig(format!(
            "{error}; --config names the config of the broker; where there is none, name the folder of the store"
        ))
    })?;
    // What is wrong elsewhere is the broker's business.
    match problems.iter().find(|problem| problem.key == "data_dir") {
        Some(problem) => Err(Failure::BadConfig(format!("{}:{problem}", file.display()))),
        None => Ok(Folders::of(&config, &file).store()),
    }
}

/// That there is a store.
fn must_be_there(folder: &Path) -> Result<(), Failure> {
    if hookmq_store::is_there(folder) {
        return Ok(());
    }
    Err(Failure::Wrong(format!(
        "{}: there is no store; a broker makes one when it starts, unless `durability: memory` has it keep nothing",
        folder.display()
    )))
}

fn not_opened(folder: &Path, error: &OpenError) -> Failure {
    let text = format!("{}: {error}", folder.display());
    match error {
        OpenError::Locked => Failure::InUse(text),
        _ => Failure::Wrong(text),
    }
}
