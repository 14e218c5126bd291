//! `hookmq ctl plugins`: plugins of a running broker, and what is done to them.

use std::path::Path;
use std::time::Duration;

use hookmq::config;
use serde_json::{Value, json};

use super::client::{Broker, Failure};
use super::examples;
use super::trace::Trace;
use crate::tools::{say, table};

/// List, change and watch the plugins of a running broker
#[derive(clap::Subcommand)]
#[command(after_help = AFTER_HELP)]
pub(super) enum Command {
    /// List the plugins in the order of their hooks, with how they stand
    #[command(after_help = examples::LIST)]
    List,
    /// Start a plugin that is disabled, at its place; or one that is in the folder and not in the
    /// config, at the end
    #[command(after_help = examples::ENABLE)]
    Enable {
        /// Its name
        plugin: String,
    },
    /// Take a plugin out; it keeps its place
    #[command(after_help = examples::DISABLE)]
    Disable {
        /// Its name
        plugin: String,
    },
    /// Start plugins anew, from their files as they are now
    #[command(after_help = examples::RELOAD)]
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Reload {
        /// Their names
        #[arg(group = "which")]
        plugin: Vec<String>,
        /// All that are enabled
        #[arg(long, group = "which")]
        all: bool,
    },
    /// Show a plugin's own section; or start it anew with another one
    #[command(after_help = examples::CONFIG)]
    Config {
        /// Its name
        plugin: String,
        /// The new section, as YAML or JSON, such as `{ max: 5 }`
        section: Option<String>,
    },
    /// Put the plugins into another order, in which their hooks are called
    #[command(after_help = examples::REORDER)]
    Reorder {
        /// The names of all plugins, each once
        #[arg(required = true)]
        plugins: Vec<String>,
    },
    /// Show what plugins answer as they do, until it is interrupted: all but what just goes on
    #[command(after_help = examples::TRACE)]
    Trace(Trace),
    /// Print the metrics that plugins have made, as OpenMetrics text
    #[command(after_help = examples::METRICS)]
    Metrics,
    /// Show how often each hook was asked, what came of it, and how long it took
    #[command(after_help = examples::STATS)]
    Stats {
        /// Of this plugin alone
        plugin: Option<String>,
    },
}

const AFTER_HELP: &str = "\
What is changed is in force for the next packet; no client is disconnected. A change that fails leaves
everything as it was. Changes last until the broker ends or reads its config again, as it does at SIGHUP:
write them into config.yml as well.

Examples:
  hookmq ctl plugins list
  hookmq ctl plugins reload acl                  after a new acl.so was copied into plugins/
  hookmq ctl plugins config sub-limiter '{ max: 9 }'
  hookmq ctl plugins disable hello
  hookmq ctl plugins reorder acl sub-limiter hello
  hookmq ctl plugins stats acl --json
  hookmq ctl plugins trace --refusals --client sensor-7
  hookmq ctl --config /etc/hookmq.yml plugins list

Exit status: 0 if it was done, 1 if the broker says no, 2 if the arguments are wrong, 69 if there is no
broker to be reached, 78 if the config cannot be read.";

impl Command {
    pub(super) fn run(&self, socket: &Path, as_json: bool) -> Result<(), Failure> {
        let requests = self.requests()?;
        let mut broker = Broker::connect(socket)?;
        if let Command::Trace(trace) = self {
            return trace.run(&mut broker, as_json);
        }
        for request in &requests {
            let answer = broker.ask(request)?;
            if as_json {
                say(&answer);
            } else {
                self.show(request, &answer);
            }
        }
        Ok(())
    }

    fn requests(&self) -> Result<Vec<Value>, Failure> {
        let about = |command: &str, plugin: &String| {
            vec![json!({ "command": format!("plugins.{command}"), "plugin": plugin })]
        };
        Ok(match self {
            Command::List => vec![json!({ "command": "plugins.list" })],
            Command::Enable { plugin } => about("enable", plugin),
            Command::Disable { plugin } => about("disable", plugin),
            Command::Reload { all: true, .. } => vec![json!({ "command": "plugins.reload" })],
            Command::Reload { plugin, .. } => {
                plugin.iter().flat_map(|plugin| about("reload", plugin)).collect()
            }
            Command::Config { plugin, section: None } => about("config", plugin),
            Command::Config { plugin, section: Some(text) } => {
                let section = config::plugin_section(text).map_err(|problem| {
                    Failure::Refused(format!("the section cannot be understood: {problem}"))
                })?;
                vec![json!({ "command": "plugins.config", "plugin": plugin, "section": section })]
            }
            Command::Reorder { plugins } => {
                vec![json!({ "command": "plugins.reorder", "plugins": plugins })]
            }
            Command::Trace(trace) => vec![trace.request()],
            Command::Metrics => vec![json!({ "command": "plugins.metrics" })],
            Command::Stats { plugin: None } => vec![json!({ "command": "plugins.stats" })],
            Command::Stats { plugin: Some(plugin) } => about("stats", plugin),
        })
    }

    fn show(&self, request: &Value, answer: &Value) {
        let plugin = request.get("plugin").and_then(Value::as_str).unwrap_or_default();
        match self {
            Command::List => table::print(&plugins(answer)),
            Command::Metrics => say(answer.as_str().unwrap_or_default().trim_end()),
            Command::Stats { .. } => table::print(&stats(answer)),
            Command::Config { section: None, .. } | Command::Trace(_) => say(answer),
            Command::Enable { .. } => say(format_args!("{plugin} is enabled")),
            Command::Disable { .. } => say(format_args!("{plugin} is disabled")),
            Command::Reload { all: true, .. } => say("all plugins are started anew"),
            Command::Reload { .. } => say(format_args!("{plugin} is started anew")),
            Command::Config { .. } => {
                say(format_args!("{plugin} is started anew with its new section"));
            }
            Command::Reorder { plugins } => {
                say(format_args!("the order is {}", plugins.join(", ")));
            }
        }
    }
}

fn plugins(answer: &Value) -> Vec<[String; 6]> {
    let head = ["NAME", "STATE", "VERSION", "FOR", "CAPABILITIES", "FILE"].map(str::to_owned);
    let rows = answer.as_array().into_iter().flatten().map(|it| {
        let state = match it.get("quarantined_ms").and_then(Value::as_u64) {
            Some(millis) => format!("quarantined {}", span(Duration::from_millis(millis))),
            None => text(it, "state"),
        };
        let shadow = it.get("shadow") == Some(&Value::Bool(true));
        let state = if shadow { format!("{state}, shadow") } else { state };
        let age = it.get("seconds").and_then(Value::as_u64);
        let age = age.map_or("-".to_owned(), |seconds| span(Duration::from_secs(seconds)));
        let granted = it.get("capabilities").and_then(Value::as_array).into_iter().flatten();
        let granted = granted.filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
        let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        let (version, file) = (or_dash(text(it, "version")), or_dash(text(it, "file")));
        [text(it, "name"), state, version, age, or_dash(granted), file]
    });
    std::iter::once(head).chain(rows).collect()
}

/// The columns of numbers, and what they are called in an answer.
const COUNTS: [(&str, &str); 9] = [
    ("ASKED", "asked"),
    ("ALLOWED", "allowed"),
    ("VETOED", "vetoed"),
    ("REFUSED", "refused"),
    ("FAILED", "failed"),
    ("THROTTLED", "throttled"),
    ("WAITING", "waiting"),
    ("OVERDUE", "overdue"),
    ("SKIPPED", "skipped"),
];

/// What shadows would have changed; shown where there is one.
const SHADOWS: [(&str, &str); 3] =
    [("AGREED", "agreed"), ("WOULD_REFUSE", "would_refuse"), ("WOULD_ALLOW", "would_allow")];

fn stats(answer: &Value) -> Vec<Vec<String>> {
    let hooks = || answer.as_array().into_iter().flatten();
    let is_some =
        |it: &Value, key: &str| it.get(key).and_then(Value::as_u64).is_some_and(|n| n > 0);
    let any_shadow = hooks().any(|it| SHADOWS.iter().any(|(_, key)| is_some(it, key)));
    let counts = || COUNTS.iter().chain(SHADOWS.iter().filter(move |_| any_shadow));
    let mut head = vec!["PLUGIN", "HOOK"];
    head.extend(counts().map(|(name, _)| name));
    head.extend(["P50", "P99", "MAX"]);
    let head = head.into_iter().map(str::to_owned).collect();
    let rows = hooks().map(|it| {
        let mut row = vec![text(it, "plugin"), text(it, "hook")];
        row.extend(counts().map(|(_, key)| text(it, key)));
        row.extend(["p50_ns", "p99_ns", "max_ns"].map(|key| {
            let nanos = it.get(key).and_then(Value::as_u64).unwrap_or_default();
            let timed = it.get("timed") != Some(&Value::from(0));
            if timed { span(Duration::from_nanos(nanos)) } else { "-".to_owned() }
        }));
        row
    });
    std::iter::once(head).chain(rows).collect()
}

/// What is under a key, as it is shown; nothing if there is nothing.
pub(super) fn text(object: &Value, key: &str) -> String {
    match object.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// Short, and as exact as anybody needs.
pub(super) fn span(time: Duration) -> String {
    let (seconds, nanos) = (time.as_secs(), time.subsec_nanos());
    match seconds {
        0 if nanos == 0 => "0s".to_owned(),
        0 if nanos < 10_000 => format!("{nanos}ns"),
        0 if nanos < 10_000_000 => format!("{}us", nanos / 1000),
        0 => format!("{}ms", nanos / 1_000_000),
        1..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shadows_have_columns_of_their_own() {
        let head = |shadow: u64| {
            let hook = json!({ "plugin": "acl", "hook": "on_connect", "would_refuse": shadow });
            let rows = stats(&json!([{ "plugin": "hello", "would_refuse": 0 }, hook]));
            assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{rows:?}");
            let would = rows[0].iter().position(|name| name == "WOULD_REFUSE")?;
            Some((rows[1][would].clone(), rows[2][would].clone()))
        };
        assert_eq!(head(0), None);
        assert_eq!(head(2), Some(("0".to_owned(), "2".to_owned())));
    }

    #[test]
    fn a_span_has_a_unit_that_fits_it() {
        let cases = [
            (Duration::ZERO, "0s"),
            (Duration::from_nanos(400), "400ns"),
            (Duration::from_micros(33), "33us"),
            (Duration::from_millis(20), "20ms"),
            (Duration::from_secs(119), "119s"),
            (Duration::from_secs(120), "2m"),
            (Duration::from_secs(7200), "2h"),
            (Duration::from_secs(172_800), "2d"),
        ];
        for (time, text) in cases {
            assert_eq!(span(time), text);
        }
    }
}
