//! `hookmq store check`: what is in the store, what of it cannot be read, and what is lost with it.

use std::path::PathBuf;

use hookmq_store::{Report, check};

use super::{Failure, folder, must_be_there, not_opened};
use crate::tools::progress::Progress;
use crate::tools::{ConfigFile, complain, say, table};

/// Say what is in the store and whether all of it can be read; with --repair make a damaged one anew
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Check {
    /// The folder of the store [default: store/ in `data_dir` of the config]
    #[arg(conflicts_with = "config")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
    /// Make the store anew from what can be read, if anything cannot
    #[arg(long)]
    repair: bool,
}

const AFTER_HELP: &str = "\
It reads every byte. What is there goes to stdout; what cannot be read to stderr, a line for each with what is
lost. Nothing is changed without --repair, and with it not before all of these lines are said. A damaged journal
is not removed but put aside, as store/journal.damaged-1. To look at a store takes room for a copy of
its journal files, about 200 MiB at most, and to repair it that of all it holds.

The end of a journal that was being written when the broker was killed or power was lost is not damage: it was not
yet what `durability:` promises, and the broker cuts it off when it starts.

Examples:
  hookmq store check                               that of ./config.yml
  hookmq store check --config /etc/hookmq.yml
  hookmq store check /var/lib/hookmq/store         a folder, without a config
  hookmq store check --repair && systemctl start hookmq

Exit status: 0 if nothing is wrong, or it was repaired; 1 if something is wrong or there is no store; 2 if the
arguments are wrong; 69 if a broker has the store open; 78 if the config cannot be read.";

impl Check {
    /// `given` stands before the command.
    pub(super) fn run(&self, given: Option<PathBuf>) -> Result<(), Failure> {
        let folder = folder(self.folder.as_deref(), &self.config, given)?;
        must_be_there(&folder)?;
        let look = |repair| {
            let mut progress = Progress::new(["looked at", "records"]);
            check(&folder, repair, &mut |count| progress.at(count))
                .map_err(|error| not_opened(&folder, &error))
        };
        let report = look(false)?;
        table::print(&rows(&report));
        let name = folder.display();
        report.findings.iter().for_each(|finding| complain(format_args!("{name}: {finding}")));
        if let Some(cut) = &report.cut {
            say(format_args!("{name}/journal/{cut}; the broker cuts that off when it starts"));
        }
        match report.findings.len() {
            0 => say(format_args!("{name}: all of it can be read")),
            _ if self.repair => {
                let aside = look(true)?.aside;
                let aside = aside.map(|path| path.display().to_string()).unwrap_or_default();
                say(format_args!(
                    "{name}: made anew from what can be read; what was there is in {aside}: remove that when you \
                     need it no more"
                ));
            }
            wrong => {
                return Err(Failure::Wrong(format!(
                    "{name}: {wrong} findings; the broker does not start with this store. What they say is lost, \
                     the rest is kept, by: hookmq store check --repair"
                )));
            }
        }
        Ok(())
    }
}

fn rows(report: &Report) -> [[String; 2]; 7] {
    [
        ("sessions", report.sessions),
        ("subscriptions", report.subscriptions),
        ("messages in queues", report.queued),
        ("of these different", report.messages),
        ("wills", report.wills),
        ("retained messages", report.retained),
        ("pairs of plugins", report.pairs),
    ]
    .map(|(what, count)| [what.to_owned(), count.to_string()])
}
