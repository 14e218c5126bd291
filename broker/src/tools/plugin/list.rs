//! `hookmq plugin list`: what is in the folder of plugins, and which of it the config names.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hookmq::config;
use hookmq::plugins::{self, Inspection, PassedOver, PluginEntry};

use crate::tools::{ConfigFile, complain, table};

/// List the libraries in the folder of plugins, and which of them the config names
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct List {
    #[command(flatten)]
    config: ConfigFile,
}

const AFTER_HELP: &str = "\
A line for each file, those that the config names first and in its order, which is that of their hooks:
the line of the config or `-`, file, name, version, version of plugin-abi, and hooks. Where there is a
`?`, only loading the plugin tells. Of several files of one plugin the one that is taken has the line,
and the others say why they are not. None of their code runs.

Examples:
  hookmq plugin list
  hookmq plugin list --config /etc/hookmq.yml

Exit status: 0, also if some could not be loaded, which `hookmq check` tells; 78 if the config or the
folder cannot be read.";

/// A line of the list, by columns.
type Row = [String; 6];

/// The column of the hooks, and of why there are none.
const HOOKS: usize = 5;

impl List {
    /// `given` stands before the command. Blocks on the disk.
    pub(super) fn run(&self, given: Option<PathBuf>) -> ExitCode {
        let file = self.config.path(given);
        let (config, problems) = match config::inspect(&file) {
            Ok(read) => read,
            Err(error) => {
                complain(error);
                return crate::BAD_CONFIG.into();
            }
        };
        for problem in &problems {
            complain(format_args!("{}:{problem}", file.display()));
        }
        let dir = crate::plugin_dir(&config, &file);
        match rows(&dir, &config.plugins) {
            Ok(rows) => table::print(&rows),
            Err(error) => {
                complain(format_args!("{}: cannot be read: {error}", dir.display()));
                return crate::BAD_CONFIG.into();
            }
        }
        if problems.is_empty() { ExitCode::SUCCESS } else { crate::BAD_CONFIG.into() }
    }
}

/// All lines, with a head.
fn rows(dir: &Path, entries: &[PluginEntry]) -> io::Result<Vec<Row>> {
    let present = plugins::libraries(dir)?;
    let named = plugins::inspect(dir, entries);
    let mut rows = vec![["LINE", "FILE", "NAME", "VERSION", "ABI", "HOOKS"].map(str::to_owned)];
    rows.extend(entries.iter().zip(&named).map(|(entry, it)| row(Some(entry), it)));
    let is_named = |file: &PathBuf| named.iter().any(|it| it.file.as_ref() == Some(file));
    let others = present.iter().filter(|file| !is_named(file));
    let passed_over: Vec<&PassedOver> = named.iter().flat_map(|it| &it.passed_over).collect();
    rows.extend(others.map(|file| {
        let mut row = row(None, &plugins::inspect_file(file, false));
        if let Some(passed) = passed_over.iter().find(|it| it.file == *file) {
            row[HOOKS] = format!("not taken: {}", passed.why);
        }
        row
    }));
    Ok(rows)
}

fn row(entry: Option<&PluginEntry>, plugin: &Inspection) -> Row {
    let line = entry.and_then(|entry| entry.line).map_or("-".to_owned(), |line| line.to_string());
    let file = plugin.file.as_ref().and_then(|file| file.file_name());
    let file = file.map_or(format!("no {}", plugin.name), |it| it.to_string_lossy().into_owned());
    let contents = plugin.contents.as_ref();
    let hooks = match contents.and_then(|contents| contents.hooks.as_deref()) {
        _ if !plugin.refusals.is_empty() => "cannot be loaded".to_owned(),
        Some([]) => "none".to_owned(),
        Some(hooks) => hooks.join(" "),
        None => UNKNOWN.to_owned(),
    };
    let [name, version, abi] = match contents.map(|contents| &contents.manifest) {
        Some(Some(it)) => [it.name.clone(), it.version.clone(), it.plugin_abi.clone()],
        Some(None) => [UNKNOWN; 3].map(str::to_owned),
        None => Default::default(),
    };
    [line, file, name, version, abi, hooks]
}

const UNKNOWN: &str = "?";
