//! Starts a plugin in a process of its own and shuts it down, so that a crash in it is told and not
//! suffered.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hookmq::Folders;
use hookmq::plugins::{Capability, PluginEntry, Plugins};
use serde_json::{Value, json};

/// How often it is asked whether the process has ended.
const PAUSE: Duration = Duration::from_millis(10);

/// What the plugin was doing.
#[derive(Clone, Copy)]
enum When {
    Starting,
    ShuttingDown,
}

/// The hooks of the plugin in `file`, which has started and was shut down; or the line that says why
/// it has not. Its paths begin in `folder`; the data of an instance that serves is not touched. What it
/// logs and prints goes to stderr. Blocks for twice `patience` at most.
pub(super) fn run(
    file: &Path,
    entry: &PluginEntry,
    folder: &Path,
    patience: Duration,
) -> Result<Vec<String>, String> {
    let fails =
        |why: &dyn fmt::Display| format!("plugin {} ({}) {why}", entry.name, file.display());
    let scratch = tempfile::tempdir().map_err(|error| fails(&error))?;
    let report = scratch.path().join(REPORT);
    let status = fs::File::create(&report)
        .and_then(|_| spawn(file, entry, folder, scratch.path()))
        .and_then(|child| wait(child, &report, patience))
        .map_err(|error| fails(&format_args!("could not be tried: {error}")))?;
    let report = fs::read_to_string(report).unwrap_or_default();
    let lines: Vec<Value> = report.lines().flat_map(serde_json::from_str).collect();
    let find = |key: &str| lines.iter().find_map(|line| line.get(key));
    if let Some(Value::String(error)) = find(REFUSED) {
        return Err(error.clone());
    }
    let hooks = find(STARTED).and_then(Value::as_array);
    let when = if hooks.is_some() { When::ShuttingDown } else { When::Starting };
    match (hooks, find(ENDED), status) {
        (Some(hooks), Some(_), Some(status)) if status.success() => {
            Ok(hooks.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        (_, _, Some(status)) => Err(fails(&format_args!(
            "has ended its process while {when} ({status}), as it would end the broker"
        ))),
        (_, _, None) => Err(fails(&format_args!("was still {when} after {patience:?}"))),
    }
}

fn spawn(file: &Path, entry: &PluginEntry, folder: &Path, scratch: &Path) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["plugin", "trial"]).args([file, folder, scratch]);
    start_with(&mut command, entry)
}

/// Starts a process that will [`read_entry`].
pub(super) fn start_with(command: &mut Command, entry: &PluginEntry) -> io::Result<Child> {
    let mut child = command.stdin(Stdio::piped()).stdout(io::stderr()).spawn()?;
    let entry = json!({
        "name": entry.name,
        "config": entry.config,
        "allow_panic_abort": entry.allow_panic_abort,
        "capabilities": entry.capabilities.map(|granted| granted.names().collect::<Vec<_>>()),
    });
    if let Some(mut stdin) = child.stdin.take() {
        // If it is gone already, its status says so.
        let _ = stdin.write_all(entry.to_string().as_bytes());
    }
    Ok(child)
}

/// How it has ended; `None` if it had to be killed.
fn wait(mut child: Child, report: &Path, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let mut deadline = Instant::now() + patience;
    let mut started = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if !started && fs::metadata(report)?.len() > 0 {
            started = true;
            deadline = Instant::now() + patience;
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::park_timeout(PAUSE);
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            When::Starting => "starting",
            When::ShuttingDown => "shutting down",
        })
    }
}

/// The process of the plugin; not for people.
#[derive(clap::Args)]
pub(crate) struct Trial {
    file: PathBuf,
    /// Where its paths begin
    folder: PathBuf,
    /// What it keeps goes there; and to a report, a line for each thing that has gone well, or why not
    scratch: PathBuf,
}

impl Trial {
    /// Reads from stdin with what name and section the plugin is to be started.
    pub(super) fn run(&self) -> ExitCode {
        crate::start_log(log::LevelFilter::Info);
        match self.start() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                super::complain(error);
                ExitCode::FAILURE
            }
        }
    }

    fn start(&self) -> io::Result<()> {
        let entry = read_entry()?;
        let folders = Folders {
            config: self.folder.clone(),
            plugins: self.file.parent().unwrap_or(Path::new("")).into(),
            data: self.scratch.join("data"),
        };
        match Plugins::load_file(&self.file, &entry, folders) {
            Err(error) => self.report(&json!({ REFUSED: error.to_string() })),
            Ok(plugins) => {
                self.report(&json!({ STARTED: plugins.hook_names() }))?;
                drop(plugins);
                self.report(&json!({ ENDED: true }))
            }
        }
    }

    fn report(&self, line: &Value) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(self.scratch.join(REPORT))?;
        file.write_all(format!("{line}\n").as_bytes())
    }
}

/// With what name and section the plugin is to be started, from stdin.
pub(super) fn read_entry() -> io::Result<PluginEntry> {
    let entry: Value = serde_json::from_reader(io::stdin())?;
    let get = |key: &str| entry.get(key).cloned().unwrap_or_default();
    Ok(PluginEntry {
        name: get("name").as_str().unwrap_or_default().to_owned(),
        config: get("config"),
        allow_panic_abort: get("allow_panic_abort") == Value::Bool(true),
        capabilities: get("capabilities").as_array().map(|names| {
            names.iter().filter_map(Value::as_str).filter_map(Capability::named).collect()
        }),
        ..PluginEntry::default()
    })
}

const REPORT: &str = "report";
const REFUSED: &str = "refused";
const STARTED: &str = "started";
const ENDED: &str = "ended";
