//! `hookmq plugin replay`: what a plugin answers to recorded events, and where two builds of it differ.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use hookmq::plugins::{PluginEntry, inspect_file};
use serde_json::{Value, json};

use super::check::read_section;
use super::play::{self, Line, Played};
use super::table;
use crate::tools::{complain, say};

/// Play recorded events to a plugin, and compare two builds of it
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Replay {
    /// What `hookmq plugin record` has written
    recording: PathBuf,
    /// The library, anywhere
    plugin: PathBuf,
    /// Play to this one too, and show only where they differ
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// The events of this hook alone, by its name in Rust. May be repeated
    #[arg(long, value_name = "HOOK")]
    hook: Vec<String>,
    /// The plugin's own section
    #[arg(long, value_name = "YAML", value_parser = read_section)]
    plugin_config: Option<Value>,
    /// That of the one to compare with [default: the same]
    #[arg(long, value_name = "YAML", requires = "compare", value_parser = read_section)]
    compare_config: Option<Value>,
    /// A JSON object a line, for programs
    #[arg(long)]
    json: bool,
    /// How long it may be silent, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(1..))]
    timeout: u32,
    /// As if its entry in the config said `allow_panic_abort: true`
    #[arg(long)]
    allow_panic_abort: bool,
}

const AFTER_HELP: &str = "\
The plugin runs in a process of its own, without a broker: it finds no clients and no retained messages, what
it keeps it can read again, and what it would publish is shown and goes nowhere. Events come one after the
other, as fast as it answers. No timer is due.

Examples:
  hookmq plugin replay events.rec acl.so --plugin-config '{ file: acl.yml }'
  hookmq plugin replay events.rec new/acl.so --compare plugins/acl.so
  hookmq plugin replay events.rec acl.so --hook on_before_publish --json

Exit status: 0 if all was played, and nothing differs; 1 if something differs, or a plugin could not be
started or ended its process; 2 if the arguments are wrong.";

impl Replay {
    /// Blocks on the disk, and as long as the plugins do.
    pub(super) fn run(&self) -> ExitCode {
        let Some(new) = self.play(&self.plugin, self.plugin_config.as_ref()) else {
            return ExitCode::FAILURE;
        };
        if new.left_out > 0 {
            let left_out = new.left_out;
            complain(format_args!("{left_out} events were left out when it was recorded"));
        }
        let Some(other) = &self.compare else {
            self.show(&new);
            return ending(&[&new]);
        };
        let config = self.compare_config.as_ref().or(self.plugin_config.as_ref());
        let Some(old) = self.play(other, config) else { return ExitCode::FAILURE };
        let differences = self.compare(&old, &new);
        self.times(&[("old", &old), ("new", &new)]);
        if !self.json {
            say(match differences {
                0 => "no difference".to_owned(),
                1 => "1 difference".to_owned(),
                n => format!("{n} differences"),
            });
        }
        if differences > 0 { ExitCode::FAILURE } else { ending(&[&old, &new]) }
    }

    /// Says why, if it cannot be begun.
    fn play(&self, file: &Path, config: Option<&Value>) -> Option<Played> {
        let plugin = inspect_file(file, self.allow_panic_abort);
        for error in &plugin.refusals {
            complain(error);
        }
        if !plugin.refusals.is_empty() {
            return None;
        }
        let entry = PluginEntry {
            name: plugin.name,
            config: config.cloned().unwrap_or_default(),
            allow_panic_abort: self.allow_panic_abort,
            ..PluginEntry::default()
        };
        let patience = Duration::from_secs(self.timeout.into());
        match play::play(&self.recording, file, &entry, &self.hook, patience) {
            Ok(played) => {
                if let Some(why) = &played.broken_off {
                    complain(why);
                }
                Some(played)
            }
            Err(error) => {
                complain(format_args!("{}: {error}", file.display()));
                None
            }
        }
    }

    fn show(&self, played: &Played) {
        for (number, line) in &played.lines {
            if self.json {
                let mut shown = about(*number, line);
                extend(&mut shown, answer(line));
                say(shown);
            } else {
                say(format_args!("{}  {}", place(*number, line), in_words(line)));
            }
        }
        self.times(&[("", played)]);
    }

    /// Shows where they differ, and returns how often they do.
    fn compare(&self, old: &Played, new: &Played) -> usize {
        let numbers: BTreeSet<u64> = old.lines.keys().chain(new.lines.keys()).copied().collect();
        let mut differences = 0;
        for number in numbers {
            let (before, after) = (old.lines.get(&number), new.lines.get(&number));
            let Some(event) = before.or(after) else { continue };
            let said = |line: &Line| (line.answer.clone(), line.parts.clone());
            if before.map(said) == after.map(said) {
                continue;
            }
            differences += 1;
            if self.json {
                let mut shown = about(number, event);
                let (old, new) = (before.map(answer), after.map(answer));
                extend(&mut shown, json!({ "old": old, "new": new }));
                say(shown);
            } else {
                say(place(number, event).trim_end());
                for (who, line) in [("old", before), ("new", after)] {
                    let said = line.map_or_else(|| "not asked".to_owned(), in_words);
                    say(format_args!("        {who}  {said}"));
                }
            }
        }
        differences
    }

    fn times(&self, all: &[(&str, &Played)]) {
        for (who, played) in all {
            let times = table::times(played);
            if self.json {
                let hooks: serde_json::Map<_, _> =
                    times.iter().map(|(hook, times)| ((*hook).to_owned(), times.json())).collect();
                say(json!({ "times": hooks, "of": who }));
            } else if !times.is_empty() {
                say(format_args!("\n{}", table::head(who)));
                for (hook, times) in &times {
                    say(times.row(hook));
                }
            }
        }
    }
}

fn ending(all: &[&Played]) -> ExitCode {
    match all.iter().all(|played| played.broken_off.is_none()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn place(number: u64, Line { hook, client, what, .. }: &Line) -> String {
    format!("{number:>6}  {hook:<22} {client:<16} {what:<24}")
}

fn in_words(line: &Line) -> String {
    std::iter::once(&line.answer).chain(&line.parts).cloned().collect::<Vec<_>>().join("; ")
}

fn about(number: u64, Line { hook, client, what, .. }: &Line) -> Value {
    json!({ "event": number, "hook": hook, "client": client, "what": what })
}

fn answer(Line { answer, parts, took, .. }: &Line) -> Value {
    let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
    json!({ "answer": answer, "parts": parts, "ns": ns })
}

fn extend(shown: &mut Value, more: Value) {
    if let (Value::Object(shown), Value::Object(more)) = (shown, more) {
        shown.extend(more);
    }
}
