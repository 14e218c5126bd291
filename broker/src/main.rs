//! The binary: reads the arguments and the config, starts the broker, and stops it on a signal. The
//! other commands are in `tools`.

mod tools;

use std::future::poll_fn;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::Poll;

use anyhow::Context;
use clap::{Parser, Subcommand};
use hookmq::Folders;
use hookmq::config::{self, Config};
use hookmq::control::{Control, ControlError, ControlSocket};
use hookmq::reload::Reload;
use hookmq::server::{Server, StartError};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// `EX_CONFIG` of sysexits.h.
const BAD_CONFIG: u8 = 78;
/// `EX_TEMPFAIL` of sysexits.h: it may help to start the broker again.
const STORE_FAILED: u8 = 75;

/// An MQTT broker (3.1, 3.1.1 and 5.0) that is extended by plugins.
#[derive(Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Arguments {
    /// The config file, which must exist [default: config.yml in the working directory, created
    /// with plugins/ beside it if it is absent]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve in the foreground until SIGINT or SIGTERM; the default
    #[command(after_help = RUN_HELP)]
    Run {
        /// The config file, which must exist [default: as without `run`]
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    Check(tools::Check),
    Passwd(tools::Passwd),
    #[command(subcommand)]
    Plugin(tools::Plugin),
    Ctl(tools::Ctl),
    #[command(subcommand)]
    Store(tools::Store),
    Bench(bench::Bench),
}

const AFTER_HELP: &str = "\
Examples:
  hookmq                                 serve with ./config.yml
  hookmq run --config /etc/hookmq.yml    serve with another config; its plugins are in /etc/plugins
  RUST_LOG=debug hookmq                  log more than `log:` in the config says
  hookmq check                           say what a start would refuse
  hookmq passwd users.txt alice          add a user for the plugin auth-file, or change a password
  hookmq plugin --help                   begin, look at and list plugins
  hookmq ctl plugins list                what a running broker has loaded
  hookmq store check                     is what the broker keeps sound? export and import keep copies
  hookmq bench --help                    put load on a broker and measure it

SIGHUP has a running broker read its config again. Logs go to stderr. Exit status: 0 after a stop by
signal, 1 if the broker cannot start, 2 if the arguments are wrong, 78 if the config is, also where a
plugin refuses its own section, 75 if the store has failed (see store_failure in the config).";

const RUN_HELP: &str = "\
Examples:
  hookmq run                              serve with ./config.yml
  hookmq run --config /etc/hookmq.yml     its plugins are in /etc/plugins

Exit status: 0 after a stop by signal, 1 if the broker cannot start, 2 if the arguments are wrong, 78 if
the config is, also where a plugin refuses its own section, 75 if the store has failed (see store_failure in
the config): it may help to start the broker again.";

fn main() -> ExitCode {
    let Arguments { config: given, command } = Arguments::parse();
    match command {
        None => exit_code(run(given.as_deref())),
        Some(Command::Run { config }) => exit_code(run(config.or(given).as_deref())),
        Some(Command::Check(check)) => check.run(given),
        Some(Command::Passwd(passwd)) => passwd.run(),
        Some(Command::Plugin(plugin)) => plugin.run(given),
        Some(Command::Ctl(ctl)) => ctl.run(given),
        Some(Command::Store(store)) => store.run(given),
        Some(Command::Bench(bench)) => bench.run(),
    }
}

/// Tells why the broker did not start.
fn exit_code(result: anyhow::Result<ExitCode>) -> ExitCode {
    let error = match result {
        Ok(status) => return status,
        Err(error) => error,
    };
    // Every line stands alone: a bad config has one for each problem.
    eprintln!("{error:#}");
    let bad_config = error.is::<config::ConfigError>()
        || error.downcast_ref().is_some_and(StartError::is_bad_config);
    if bad_config { ExitCode::from(BAD_CONFIG) } else { ExitCode::FAILURE }
}

fn run(given: Option<&Path>) -> anyhow::Result<ExitCode> {
    let file = given.unwrap_or(Path::new(config::FILE_NAME));
    let created = given.is_none() && config::create_if_absent(Path::new("."))?;
    let config = config::load(file)?;
    start_log(config.log);
    if created {
        log::info!("{} and {}/ created: the first run", config::FILE_NAME, config::PLUGIN_DIR);
    }

    // Before the start, so that a signal during it is not lost.
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let signals = take_signals(&runtime).context("cannot wait for signals")?;
    let socket = take_socket(&config, file)?;
    let server = Server::start_in(&config, Folders::of(&config, file))
        .map_err(|error| with_place(error, file))?;
    let addresses: Vec<String> =
        server.addresses().iter().map(|address| format!("tcp://{address}")).collect();
    log::info!("hookmq {} listens on {}", env!("CARGO_PKG_VERSION"), addresses.join(" and "));

    let control = socket.map(|socket| Control::start(socket, server.roster().clone()));
    let control = control.transpose().context("cannot serve the control socket")?;
    let reload = Arc::new(Reload::new(file.into(), config, server.roster().clone()));
    let store_failure = server.store_failure();
    let end = runtime.block_on(wait(signals, store_failure, || read_again(&reload)));
    log::info!("{end}: stopping");
    drop(control);
    server.stop();
    log::info!("stopped");
    Ok(end.status())
}

/// Before anything else is touched that another broker may have. One without the socket can do all but
/// be talked to, so that it cannot be made is no error.
fn take_socket(config: &Config, file: &Path) -> Result<Option<ControlSocket>, ControlError> {
    let Some(path) = control_socket(config, file) else { return Ok(None) };
    match ControlSocket::make(&path) {
        Ok(socket) => Ok(Some(socket)),
        Err(error @ ControlError::InUse { .. }) => Err(error),
        Err(error) => {
            log::warn!("{error}");
            Ok(None)
        }
    }
}

/// On a thread of its own, for a plugin may take its time to start, and the broker is to stop when it is
/// told to.
fn read_again(reload: &Arc<Reload>) {
    let reload = reload.clone();
    let read = move || {
        log::info!("SIGHUP: reading the config again");
        if let Err(error) = reload.reload() {
            error.to_string().lines().for_each(|line| log::error!("{line}"));
            log::error!("the config is not taken up; what was in force stays so");
        }
    };
    if let Err(error) = std::thread::Builder::new().name("reload".into()).spawn(read) {
        log::error!("cannot start a thread to read the config again: {error}");
    }
}

/// Before it, the line of the config that names the plugin.
fn with_place(error: StartError, file: &Path) -> anyhow::Error {
    let place = match (error.line(), &error) {
        (Some(line), _) => format!("{}:{line}", file.display()),
        (None, StartError::Listen { .. } | StartError::OpenToAll(_)) => file.display().to_string(),
        (None, _) => return error.into(),
    };
    anyhow::Error::from(error).context(place)
}

/// Beside the config file, unless that says otherwise.
fn plugin_dir(config: &Config, file: &Path) -> PathBuf {
    let name = config.plugin_dir.as_deref().unwrap_or(Path::new(config::PLUGIN_DIR));
    beside(file, name)
}

/// The socket that `hookmq ctl` talks to.
fn control_socket(config: &Config, file: &Path) -> Option<PathBuf> {
    config.control.as_deref().map(|path| beside(file, path))
}

/// A relative path starts at the folder of the config file.
fn beside(file: &Path, path: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}

/// Time in UTC, level, message; a plugin's name before what the plugin says.
fn start_log(level: log::LevelFilter) {
    let mut builder = env_logger::Builder::new();
    // What is to be logged may change while the broker serves, unless the environment says what is.
    let by_environment = std::env::var_os("RUST_LOG").is_some();
    let most = if by_environment { level } else { log::LevelFilter::Trace };
    builder.filter_level(most);
    // What is below the store tells of each file that it opens, and of a full disk as of the last day. The store
    // has words of its own for what matters.
    for library in ["fjall", "lsm_tree"] {
        builder.filter_module(library, log::LevelFilter::Off);
    }
    builder.parse_default_env().format(|out, record| {
        let style = out.default_level_style(record.level());
        write!(out, "{} {style}{:<5}{style:#} ", out.timestamp_seconds(), record.level())?;
        if record.target().starts_with("plugin::") {
            write!(out, "[{}] ", record.target())?;
        }
        writeln!(out, "{}", record.args())
    });
    builder.init();
    if !by_environment {
        log::set_max_level(level);
    }
}

/// What the process is told by signals. From here on they no longer kill it.
struct Signals {
    /// Those that ask it to end.
    stop: [(&'static str, Signal); 2],
    hang_up: Signal,
}

fn take_signals(runtime: &Runtime) -> std::io::Result<Signals> {
    let _entered = runtime.enter();
    let interrupt = signal(SignalKind::interrupt())?;
    let stop = [("SIGINT", interrupt), ("SIGTERM", signal(SignalKind::terminate())?)];
    Ok(Signals { stop, hang_up: signal(SignalKind::hangup())? })
}

/// Why the broker stops.
enum Ending {
    Signal(&'static str),
    StoreFailed,
}

impl Ending {
    fn status(&self) -> ExitCode {
        match self {
            Ending::Signal(_) => ExitCode::SUCCESS,
            Ending::StoreFailed => ExitCode::from(STORE_FAILED),
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Ending::Signal(name) => name,
            Ending::StoreFailed => "the store has failed, see store_failure",
        })
    }
}

/// Waits until the broker is to end.
async fn wait(
    mut signals: Signals,
    store_failure: impl Future<Output = ()>,
    hang_up: impl Fn(),
) -> Ending {
    let mut store_failure = pin!(store_failure);
    poll_fn(|context| {
        while signals.hang_up.poll_recv(context).is_ready() {
            hang_up();
        }
        if store_failure.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ending::StoreFailed);
        }
        let came = signals
            .stop
            .iter_mut()
            .find_map(|(name, signal)| signal.poll_recv(context).is_ready().then_some(*name));
        came.map_or(Poll::Pending, |name| Poll::Ready(Ending::Signal(name)))
    })
    .await
}
