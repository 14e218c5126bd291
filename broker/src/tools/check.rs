//! `hookmq check`: all that would keep the broker from starting, without starting it.

use std::path::Path;
use std::process::ExitCode;

use hookmq::config::{self, Config, Problem};
use hookmq::plugins::{self, Inspection, LoadError, PluginEntry};
use hookmq::server;

use super::{complain, say};

/// Say what a start would refuse, all of it, without starting
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Check {}

const AFTER_HELP: &str = "\
It reads the config, and each plugin that the config names, whose code does not run. It opens no
address, so that it can be asked while a broker runs.

Examples:
  hookmq check                            ./config.yml and its plugins
  hookmq check --config /etc/hookmq.yml && systemctl restart hookmq

What is wrong goes to stderr, a line for each, which begins with file and line; what would be loaded
to stdout. Exit status: 0 if nothing would be refused, 78 if something would.";

/// What is wrong, and where.
struct Finding {
    /// In the config, from 1; 0 for all of it.
    line: usize,
    text: String,
    /// The broker would not start.
    refused: bool,
}

impl Check {
    /// Says what is wrong. Blocks on the disk.
    pub(crate) fn run(&self, file: &Path) -> ExitCode {
        let (config, problems) = match config::inspect(file) {
            Ok(read) => read,
            Err(error) => {
                complain(error);
                return crate::BAD_CONFIG.into();
            }
        };
        let findings = findings(&config, &problems, file);
        let file = file.display();
        for Finding { line, text, .. } in &findings {
            match line {
                0 => complain(format_args!("{file}: {text}")),
                line => complain(format_args!("{file}:{line}: {text}")),
            }
        }
        if findings.iter().any(|finding| finding.refused) {
            return crate::BAD_CONFIG.into();
        }
        say(format_args!("{file}: nothing would be refused"));
        ExitCode::SUCCESS
    }
}

/// In the order of the file.
fn findings(config: &Config, problems: &[Problem], file: &Path) -> Vec<Finding> {
    let mut findings: Vec<Finding> = problems.iter().map(Finding::in_config).collect();
    // Else the folder is not the one that is meant.
    let plugins = if problems.iter().any(|problem| problem.key == "plugin_dir") {
        Vec::new()
    } else {
        plugins::inspect(&crate::plugin_dir(config, file), &config.plugins)
    };
    for (entry, plugin) in config.plugins.iter().zip(&plugins) {
        findings.extend(look_at(entry, plugin));
    }
    if findings.iter().all(|finding| !finding.refused) {
        findings.extend(open_to_all(config, &plugins));
    }
    findings.sort_by_key(|finding| finding.line);
    findings
}

/// Says what the plugin is, or returns what is wrong with it.
fn look_at(entry: &PluginEntry, plugin: &Inspection) -> Vec<Finding> {
    if plugin.refusals.is_empty() {
        say(plugin);
    }
    let line = entry.line.unwrap_or_default();
    let finding = |error: &LoadError| {
        let consequence =
            if entry.optional { "; it is optional, so the broker starts without it" } else { "" };
        Finding { line, text: format!("{error}{consequence}"), refused: !entry.optional }
    };
    plugin.refusals.iter().map(finding).collect()
}

/// Where it cannot be read whether some plugin decides who may connect, nothing is said.
fn open_to_all(config: &Config, plugins: &[Inspection]) -> Option<Finding> {
    let decides = |plugin: &Inspection| {
        let contents = plugin.contents.as_ref().filter(|_| plugin.refusals.is_empty());
        contents.is_some_and(|contents| contents.decides_who_connects() != Some(false))
    };
    if plugins.iter().any(decides) {
        return None;
    }
    let error = server::refuse_open_listeners(config).err()?;
    Some(Finding { line: 0, text: error.to_string(), refused: true })
}

impl Finding {
    fn in_config(problem: &Problem) -> Finding {
        let Problem { line, key, text } = problem;
        let text = if key.is_empty() { text.clone() } else { format!("{key}: {text}") };
        Finding { line: *line, text, refused: true }
    }
}
