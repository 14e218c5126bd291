//! `hookmq plugin`: for those who write plugins, and those who run them.

mod check;
mod list;
mod new;
mod play;
mod record;
mod replay;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use super::trial;

/// Begin, look at and list plugins
#[derive(clap::Subcommand)]
#[command(after_help = AFTER_HELP)]
pub(crate) enum Plugin {
    New(new::New),
    Check(check::Check),
    List(list::List),
    Record(record::Record),
    Replay(replay::Replay),
    #[command(hide = true)]
    Play(play::Play),
    #[command(hide = true)]
    Trial(trial::Trial),
}

const AFTER_HELP: &str = "\
Examples:
  hookmq plugin new my-plugin                           a folder with a plugin to change
  hookmq plugin check target/release/libmy_plugin.so    what it is, and what would be refused
  hookmq plugin list                                    what is in plugins/
  hookmq plugin record events.rec --for 30s             what hooks of a running broker are told
  hookmq plugin replay events.rec new.so --compare old.so    where two builds answer differently";

impl Plugin {
    /// `config` stands before the command.
    pub(crate) fn run(&self, config: Option<PathBuf>) -> ExitCode {
        match self {
            Plugin::New(new) => new.run(),
            Plugin::Check(check) => check.run(),
            Plugin::List(list) => list.run(config),
            Plugin::Record(record) => record.run(config),
            Plugin::Replay(replay) => replay.run(),
            Plugin::Play(play) => play.run(),
            Plugin::Trial(trial) => trial.run(),
        }
    }
}
