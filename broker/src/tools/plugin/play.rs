//! The process that plays recorded events to one plugin, so that a crash in it is told and not suffered; and
//! what is read of its report.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use hookmq::plugins::{Player, PluginEntry};
use recording::{Field, Reader, Record};
use serde_json::{Value, json};

use crate::tools::{complain, trial};

/// How often it is asked whether the process has ended.
const PAUSE: Duration = Duration::from_millis(10);

/// What a plugin has answered to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) hook: String,
    pub(super) client: String,
    /// The topic, filter or address that it was about.
    pub(super) what: String,
    pub(super) answer: String,
    pub(super) parts: Vec<String>,
    pub(super) took: Duration,
}

/// What has come of all events, by their number in the file.
pub(super) struct Played {
    pub(super) lines: BTreeMap<u64, Line>,
    /// Events that were left out when it was recorded.
    pub(super) left_out: u64,
    /// Why it ended before all was played.
    pub(super) broken_off: Option<String>,
}

/// Plays a recording to the plugin in `file`, in a process of its own. Blocks until it has ended, or has been
/// silent for as long as `patience`.
pub(super) fn play(
    recording: &Path,
    file: &Path,
    entry: &PluginEntry,
    hooks: &[String],
    patience: Duration,
) -> io::Result<Played> {
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report");
    File::create_new(&report)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["plugin", "play"]).args([file, recording, &report, folder.path()]);
    for hook in hooks {
        command.args(["--hook", hook]);
    }
    let child = trial::start_with(&mut command, entry)?;
    let status = wait(child, &report, patience)?;
    Ok(read_report(&fs::read_to_string(report)?, file, status, patience))
}

/// How it has ended; `None` if it had to be killed.
fn wait(mut child: Child, report: &Path, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let (mut deadline, mut size) = (Instant::now() + patience, 0);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let now = fs::metadata(report)?.len();
        if now > size {
            (size, deadline) = (now, Instant::now() + patience);
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::park_timeout(PAUSE);
    }
}

fn read_report(
    report: &str,
    file: &Path,
    status: Option<ExitStatus>,
    patience: Duration,
) -> Played {
    let mut played = Played { lines: BTreeMap::new(), left_out: 0, broken_off: None };
    let mut ended = false;
    let mut at = "while it started".to_owned();
    for line in report.lines() {
        // A line that is cut off tells of the event that it has not answered.
        let whole = serde_json::from_str(line).ok();
        let cut_off = || serde_json::from_str(&format!("{line}}}")).ok();
        let is_whole = whole.is_some();
        let Some(value): Option<Value> = whole.or_else(cut_off) else { continue };
        if let Some(Value::String(error)) = value.get(REFUSED) {
            return Played { broken_off: Some(error.clone()), ..played };
        }
        ended |= value.get(ENDED).is_some();
        played.left_out += value.get(LEFT_OUT).and_then(Value::as_u64).unwrap_or_default();
        let Some((number, line)) = read_line(&value) else { continue };
        at = match is_whole {
            true => format!("after event {number}"),
            false => format!("in event {number}, {} of {} ({})", line.hook, line.client, line.what),
        };
        // Else the plugin has not got the hook.
        if value.get("answer").is_some() {
            played.lines.insert(number, line);
        }
    }
    let file = file.display();
    played.broken_off = match status {
        Some(status) if status.success() && ended => None,
        Some(status) => Some(format!("{file} has ended its process {at} ({status})")),
        None => Some(format!("{file} was silent for {patience:?} {at}")),
    };
    played
}

fn read_line(value: &Value) -> Option<(u64, Line)> {
    let text = |key| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let parts = value.get("parts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let line = Line {
        hook: text("hook"),
        client: text("client"),
        what: text("what"),
        answer: text("answer"),
        parts: parts.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        took: Duration::from_nanos(value.get("ns").and_then(Value::as_u64).unwrap_or_default()),
    };
    Some((value.get("event")?.as_u64()?, line))
}

/// The process of the plugin; not for people.
#[derive(clap::Args)]
pub(crate) struct Play {
    file: PathBuf,
    recording: PathBuf,
    /// Gets a line for each event, the first half of it before the plugin is called
    report: PathBuf,
    /// Where the plugin keeps what it keeps
    data: PathBuf,
    #[arg(long)]
    hook: Vec<String>,
}

impl Play {
    /// Reads from stdin with what name and section the plugin is to be started.
    pub(super) fn run(&self) -> ExitCode {
        crate::start_log(log::LevelFilter::Warn);
        match self.start() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(error);
                ExitCode::FAILURE
            }
        }
    }

    fn start(&self) -> io::Result<()> {
        let entry = trial::read_entry()?;
        let mut report = File::options().append(true).open(&self.report)?;
        let records = match Reader::new(BufReader::new(File::open(&self.recording)?)) {
            Ok(records) => records,
            Err(error) => return refused(&mut report, &self.recording, &error.to_string()),
        };
        let player = match Player::start(&self.file, &entry, &self.data) {
            Ok(player) => player,
            Err(error) => return writeln!(report, "{}", json!({ REFUSED: error.to_string() })),
        };
        for (number, record) in (1..).zip(records) {
            match record {
                Ok(record) => self.one(&player, number, &record, &mut report)?,
                Err(error) => return refused(&mut report, &self.recording, &error.to_string()),
            }
        }
        drop(player);
        writeln!(report, "{}", json!({ ENDED: true }))
    }

    fn one(
        &self,
        player: &Player,
        number: u64,
        record: &Record,
        report: &mut File,
    ) -> io::Result<()> {
        if let Some(left_out) = record.left_out() {
            return writeln!(report, "{}", json!({ LEFT_OUT: left_out }));
        }
        if !self.hook.is_empty() && !self.hook.iter().any(|hook| hook == record.hook()) {
            return Ok(());
        }
        let what = [Field::WholeFilter, Field::Topic, Field::Method, Field::Peer];
        let what = what.map(|field| record.text(field)).into_iter().find(|text| !text.is_empty());
        let event = json!({
            "event": number,
            "hook": record.hook(),
            "client": record.text(Field::ClientId),
            "what": what.unwrap_or_default(),
        });
        let event = event.to_string();
        let begun = event.strip_suffix('}').unwrap_or(&event);
        report.write_all(begun.as_bytes())?;
        // One for a hook that the plugin has not got ends the line too, as no answer.
        let Some(played) = player.play(record) else { return writeln!(report, "}}") };
        let ns = u64::try_from(played.took.as_nanos()).unwrap_or(u64::MAX);
        let (answer, parts) = (json!(played.answer), json!(played.parts));
        writeln!(report, ",\"answer\":{answer},\"parts\":{parts},\"ns\":{ns}}}")
    }
}

fn refused(report: &mut File, file: &Path, error: &str) -> io::Result<()> {
    writeln!(report, "{}", json!({ REFUSED: format!("{}: {error}", file.display()) }))
}

const REFUSED: &str = "refused";
const ENDED: &str = "ended";
const LEFT_OUT: &str = "left_out";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    const LINE: &str = r#"{"event":3,"hook":"on_will","client":"c","what":"a","answer":"veto","parts":["x"],"ns":7}"#;

    fn read(report: &str, status: Option<i32>) -> Played {
        let status = status.map(ExitStatus::from_raw);
        read_report(report, Path::new("p.so"), status, Duration::from_secs(1))
    }

    #[test]
    fn a_report_is_read() {
        let played = read(&format!("{LINE}\n{{\"ended\":true}}\n"), Some(0));
        assert_eq!(played.broken_off, None);
        let line = &played.lines[&3];
        assert_eq!((line.hook.as_str(), line.answer.as_str()), ("on_will", "veto"));
        assert_eq!((line.parts.as_slice(), line.took.as_nanos()), (&["x".to_owned()][..], 7));
    }

    #[test]
    fn what_it_was_doing_is_told_when_it_ends() {
        let cut_off = r#"{"event":4,"hook":"on_will","client":"d","what":"b""#;
        let played = read(&format!("{LINE}\n{cut_off}"), Some(11));
        assert_eq!(played.lines.len(), 1);
        let why = played.broken_off.unwrap();
        assert!(
            why.starts_with("p.so has ended its process in event 4, on_will of d (b) ("),
            "{why}"
        );
        let silent = read("", None).broken_off.unwrap();
        assert_eq!(silent, "p.so was silent for 1s while it started");
        let refused = read("{\"refused\":\"no\"}\n", Some(0)).broken_off;
        assert_eq!(refused.as_deref(), Some("no"));
    }
}
