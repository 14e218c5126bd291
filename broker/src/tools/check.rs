//! `hookmq check`: all that would keep the broker from starting, without starting it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use hookmq::Folders;
use hookmq::config::{self, Config, Problem};
use hookmq::plugins::{self, Contents, Inspection, PluginEntry};
use hookmq::server;

use super::{ConfigFile, complain, say, trial};

/// Say what a start would refuse, all of it, without starting
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Check {
    #[command(flatten)]
    config: ConfigFile,
    /// Start each plugin too, with its section of the config, in a process of its own
    #[arg(long)]
    load: bool,
}

const AFTER_HELP: &str = "\
It reads the config, and each plugin that the config names. None of their code runs, so that it takes
--load to learn whether they take their sections; `hookmq plugin check --help` has more. No address is
opened, so that all this can be asked while a broker runs.

Examples:
  hookmq check                            ./config.yml and its plugins
  hookmq check --load                     the same, and start the plugins and shut them down
  hookmq check --config /etc/hookmq.yml && systemctl restart hookmq

What is wrong goes to stderr, a line for each, which begins with file and line; what would be loaded
to stdout. Exit status: 0 if nothing would be refused, 78 if something would.";

/// How long each plugin may take to start, and to shut down.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is wrong, and where.
struct Finding {
    /// In the config, from 1; 0 for all of it.
    line: usize,
    text: String,
    /// The broker would not start.
    refused: bool,
}

impl Check {
    /// Says what is wrong; `given` stands before the command. Blocks on the disk, and as long as
    /// plugins do.
    pub(crate) fn run(&self, given: Option<PathBuf>) -> ExitCode {
        let file = self.config.path(given);
        let (config, problems) = match config::inspect(&file) {
            Ok(read) => read,
            Err(error) => {
                complain(error);
                return crate::BAD_CONFIG.into();
            }
        };
        let findings = self.findings(&config, &problems, &file);
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

    /// In the order of the file.
    fn findings(&self, config: &Config, problems: &[Problem], file: &Path) -> Vec<Finding> {
        let mut findings: Vec<Finding> = problems.iter().map(Finding::in_config).collect();
        // Else the folder is not the one that is meant.
        let plugins = if problems.iter().any(|problem| problem.key == "plugin_dir") {
            Vec::new()
        } else {
            plugins::inspect(&crate::plugin_dir(config, file), &config.plugins)
        };
        let folder = Folders::of(config, file).config;
        let mut decided = Some(false);
        for (entry, plugin) in config.plugins.iter().zip(&plugins) {
            match self.look_at(entry, plugin, &folder) {
                Ok(contents) => {
                    decided = either(decided, contents.decides_who_connects());
                    findings.extend(remarks(entry, plugin, &contents));
                }
                Err(errors) => findings.extend(errors.iter().map(|text| Finding::of(entry, text))),
            }
        }
        if decided != Some(true) && findings.iter().all(|finding| !finding.refused) {
            findings.extend(open_to_all(config, decided));
        }
        findings.sort_by_key(|finding| finding.line);
        findings
    }

    /// Says what the plugin is, or returns what is wrong with it.
    fn look_at(
        &self,
        entry: &PluginEntry,
        plugin: &Inspection,
        folder: &Path,
    ) -> Result<Contents, Vec<String>> {
        let Inspection { name, file, contents, refusals, .. } = plugin;
        let (Some(file), Some(contents), []) = (file, contents, refusals.as_slice()) else {
            return Err(refusals.iter().map(ToString::to_string).collect());
        };
        let mut contents = contents.clone();
        if self.load {
            let named = PluginEntry { name: name.clone(), ..entry.clone() };
            contents.hooks =
                Some(trial::run(file, &named, folder, PATIENCE).map_err(|error| vec![error])?);
        }
        say(format_args!("plugin {name} ({}): {contents}", file.display()));
        Ok(contents)
    }
}

/// Whether one of two is true, as far as it is known.
fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn remarks(entry: &PluginEntry, plugin: &Inspection, contents: &Contents) -> Vec<Finding> {
    let remark = |text: &String| Finding {
        line: entry.line.unwrap_or_default(),
        text: format!("warning: plugin {}: {text}", plugin.name),
        refused: false,
    };
    contents.remarks.iter().map(remark).collect()
}

/// Called if no plugin decides who may connect, or none is known to.
fn open_to_all(config: &Config, decided: Option<bool>) -> Option<Finding> {
    let error = server::refuse_open_listeners(config).err()?;
    Some(match decided {
        None => Finding {
            line: 0,
            text: "warning: listeners: whether a plugin decides who may connect, as one must, is \
                   told by --load alone"
                .to_owned(),
            refused: false,
        },
        _ => Finding { line: 0, text: error.to_string(), refused: true },
    })
}

impl Finding {
    fn in_config(problem: &Problem) -> Finding {
        let Problem { line, key, text } = problem;
        let text = if key.is_empty() { text.clone() } else { format!("{key}: {text}") };
        Finding { line: *line, text, refused: true }
    }

    fn of(entry: &PluginEntry, error: &str) -> Finding {
        let line = entry.line.unwrap_or_default();
        if entry.optional {
            let text = format!("{error}; it is optional, so the broker starts without it");
            return Finding { line, text, refused: false };
        }
        Finding { line, text: error.to_owned(), refused: true }
    }
}
