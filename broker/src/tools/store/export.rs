//! `hookmq store export`: all that the store holds, as JSON lines.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hookmq_store::{ExportError, export};

use super::{Failure, folder, must_be_there, not_opened};
use crate::tools::progress::Progress;
use crate::tools::{ConfigFile, complain};

/// Write all that the store holds as JSON lines
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Export {
    /// Where to; `-` is stdout [default: -]
    file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
    /// The folder of the store [default: store/ in `data_dir` of the config]
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    store: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
A line is an object with one key, its kind: store, message, session, subscription, queued, received, begun, will,
retained, pair, end. Payloads, properties and the pairs of plugins are in base64. The last line says how many
were before it, so that `hookmq store import` knows a part of an export from a whole one.

The file is there when it is complete, in place of one that was there before, and its owner alone may read it:
it has what clients have sent.

Examples:
  hookmq store export backup.jsonl
  hookmq store export | gzip > backup.jsonl.gz
  hookmq store export --store /var/lib/hookmq/store backup.jsonl

Exit status: 0 if all of it is written; 1 if not, or there is no store; 2 if the arguments are wrong; 69 if a broker
has the store open; 78 if the config cannot be read.";

impl Export {
    /// `given` stands before the command.
    pub(super) fn run(&self, given: Option<PathBuf>) -> Result<(), Failure> {
        let folder = folder(self.store.as_deref(), &self.config, given)?;
        must_be_there(&folder)?;
        let lines = match self.file.as_deref().filter(|file| *file != Path::new("-")) {
            Some(file) => to_file(&folder, file)?,
            None => write(&folder, &mut io::stdout().lock(), Path::new("stdout"))?,
        };
        complain(format_args!("{}: {lines} lines exported", folder.display()));
        Ok(())
    }
}

fn write(folder: &Path, out: &mut dyn Write, to: &Path) -> Result<u64, Failure> {
    let mut progress = Progress::new(["exported", "lines"]);
    export(folder, out, &mut |count| progress.at(count)).map_err(|error| match error {
        ExportError::Open(error) => not_opened(folder, &error),
        error => Failure::Wrong(format!("{}: {error}", to.display())),
    })
}

fn to_file(folder: &Path, file: &Path) -> Result<u64, Failure> {
    let failed = |error: io::Error| Failure::Wrong(format!("{}: {error}", file.display()));
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut out = File::create(&part).map_err(failed)?;
    let written = out
        .set_permissions(Permissions::from_mode(0o600))
        .map_err(failed)
        .and_then(|()| write(folder, &mut out, file))
        .and_then(|lines| {
            out.sync_all().and_then(|()| fs::rename(&part, file)).map_err(failed)?;
            Ok(lines)
        });
    written.inspect_err(|_| _ = fs::remove_file(&part))
}
