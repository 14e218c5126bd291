//! The commands beside `run`: they look at configs, plugins and what a broker keeps, or prepare files for them, and
//! start no broker.

mod check;
mod ctl;
mod passwd;
mod plugin;
mod progress;
mod store;
mod table;
mod trial;

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;

pub(crate) use check::Check;
pub(crate) use ctl::Ctl;
pub(crate) use passwd::Passwd;
pub(crate) use plugin::Plugin;
pub(crate) use store::Store;

/// The config that a command looks at.
#[derive(clap::Args)]
struct ConfigFile {
    /// The config file [default: config.yml in the working directory]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// `given` stands before the command.
    fn path(&self, given: Option<PathBuf>) -> PathBuf {
        self.config.clone().or(given).unwrap_or_else(|| hookmq::config::FILE_NAME.into())
    }
}

/// A line for whoever asked. Nobody may be listening any more, as in `… | head -1`.
fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line about what is wrong.
fn complain(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
