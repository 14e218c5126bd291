//! `hookmq store import`: a store from the lines of an export.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use hookmq_store::{ImportError, import};

use super::{Failure, folder, not_opened};
use crate::tools::progress::Progress;
use crate::tools::{ConfigFile, say};

/// Make a store from the JSON lines of an export
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Import {
    /// The export; `-` is stdin [default: -]
    file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
    /// The folder of the store [default: store/ in `data_dir` of the config]
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    store: Option<PathBuf>,
    /// Take the place of a store that has something in it
    #[arg(long)]
    replace: bool,
}

const AFTER_HELP: &str = "\
All of it, or nothing: if the export is not complete or has a line that cannot be, everything stays as it was. A
store that holds nothing, as a first start leaves it, is replaced; any other is refused, unless
--replace is given, which puts its journal aside as store/journal.replaced-1. To merge two stores is not possible.

Examples:
  hookmq store import backup.jsonl
  gunzip < backup.jsonl.gz | hookmq store import
  hookmq store import --replace --config /etc/hookmq.yml backup.jsonl

Exit status: 0 if it is done; 1 if not; 2 if the arguments are wrong; 69 if a broker has the store open; 78 if the
config cannot be read.";

impl Import {
    /// `given` stands before the command.
    pub(super) fn run(&self, given: Option<PathBuf>) -> Result<(), Failure> {
        let folder = folder(self.store.as_deref(), &self.config, given)?;
        let file = self.file.as_deref().filter(|file| *file != Path::new("-"));
        let name = file.map_or("stdin".to_owned(), |file| file.display().to_string());
        let mut lines: Box<dyn BufRead> = match file {
            Some(file) => {
                let opened = File::open(file);
                Box::new(BufReader::new(
                    opened.map_err(|error| Failure::Wrong(format!("{name}: {error}")))?,
                ))
            }
            None => Box::new(io::stdin().lock()),
        };
        let mut progress = Progress::new(["imported", "lines"]);
        let imported = import(&folder, &mut lines, self.replace, &mut |count| progress.at(count));
        drop(progress);
        let imported = imported.map_err(|error| failure(&folder, &name, error))?;
        say(format_args!("{}: {} lines imported", folder.display(), imported.lines));
        if let Some(aside) = imported.aside {
            say(format_args!(
                "what was there is in {}: remove that when you need it no more",
                aside.display()
            ));
        }
        Ok(())
    }
}

fn failure(folder: &Path, name: &str, error: ImportError) -> Failure {
    match error {
        ImportError::Open(error) => not_opened(folder, &error),
        ImportError::Exists => Failure::Wrong(format!(
            "{}: {error}; --replace takes its place, and puts what is there aside",
            folder.display()
        )),
        error => Failure::Wrong(format!("{name}: {error}; nothing was imported")),
    }
}
