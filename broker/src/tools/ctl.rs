//! `hookmq ctl`: talks to a running broker over its control socket.

mod client;
mod examples;
mod plugins;
mod status;
mod trace;

use std::path::PathBuf;
use std::process::ExitCode;

use hookmq::config;

use super::complain;
pub(super) use client::Failure;

/// List and change what a running broker does
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Ctl {
    #[command(flatten)]
    socket: SocketFile,
    /// Print answers as they come: a line of JSON each
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    about: About,
}

/// The broker to talk to.
#[derive(clap::Args)]
pub(super) struct SocketFile {
    /// The config file of the broker [default: config.yml in the working directory]
    #[arg(short, long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The control socket of the broker [default: what `control:` of its config says]
    #[arg(long, value_name = "PATH", global = true)]
    socket: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum About {
    #[command(subcommand)]
    Plugins(plugins::Command),
    /// Show how the broker is: its clients, its store, and what it had to drop
    Status,
    /// Print the metrics of the broker, as OpenMetrics text; those of plugins: ctl plugins metrics
    Metrics,
}

const AFTER_HELP: &str = "\
Examples:
  hookmq ctl plugins list      what the broker of ./config.yml has loaded
  hookmq ctl status            how it is
  hookmq ctl plugins --help    what can be done with it";

impl Ctl {
    /// `given` stands before the command. Blocks as long as the broker takes.
    pub(crate) fn run(&self, given: Option<PathBuf>) -> ExitCode {
        let path = self.socket.path(given);
        ending(path.and_then(|path| match &self.about {
            About::Plugins(command) => command.run(&path, self.json),
            About::Status => status::show(&path, self.json),
            About::Metrics => status::print_metrics(&path, self.json),
        }))
    }
}

/// Says why it was not done, if it was not.
pub(super) fn ending(done: Result<(), Failure>) -> ExitCode {
    let (text, status) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Refused(text)) => (text, ExitCode::FAILURE),
        Err(Failure::Unreachable(text)) => (text, UNREACHABLE.into()),
        Err(Failure::BadConfig(text)) => (text, crate::BAD_CONFIG.into()),
    };
    complain(text);
    status
}

/// `EX_UNAVAILABLE` of sysexits.h.
const UNREACHABLE: u8 = 69;

impl SocketFile {
    /// The config may have problems elsewhere.
    pub(super) fn path(&self, given: Option<PathBuf>) -> Result<PathBuf, Failure> {
        if let Some(socket) = &self.socket {
            return Ok(socket.clone());
        }
        let file = self.config.clone().or(given).unwrap_or_else(|| config::FILE_NAME.into());
        let (config, problems) = config::inspect(&file).map_err(|error| {
            Failure::BadConfig(format!(
                "{error}; --socket names the socket of a broker whose config is not at hand"
            ))
        })?;
        let path = file.display();
        if let Some(problem) = problems.iter().find(|problem| problem.key == "control") {
            return Err(Failure::BadConfig(format!("{path}:{problem}")));
        }
        crate::control_socket(&config, &file).ok_or_else(|| {
            Failure::BadConfig(format!(
                "{path}: control: is off, so that the broker has no socket to talk to it by"
            ))
        })
    }
}
