//! Looks at every byte of a closed store, says what cannot be read and what is lost with it, and makes it anew
//! from the rest if that is wanted. It works on a copy: until it is complete nothing of the store is changed.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::builder::Builder;
use crate::engine::Engine;
use crate::format;
use crate::journal::{self, Inspection, Trouble};
use crate::keys::{self, MARK};
use crate::opening;
use crate::record::{self, Mark};
use crate::state::Cut;
use crate::store::{self, OpenError};
use crate::walk::each;

/// What a store has, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Each thing that is wrong, with where it is and what is lost. Empty if the store is sound.
    pub findings: Vec<String>,
    /// The end of the journal that was being written when the process ended. Nothing is wrong with that:
    /// it was never reported as durable, and is cut off when the store is opened.
    pub cut: Option<Cut>,
    /// Sessions that can be read.
    pub sessions: u64,
    /// Their subscriptions.
    pub subscriptions: u64,
    /// Their wills.
    pub wills: u64,
    /// Messages that are queued, each once.
    pub messages: u64,
    /// Places in queues.
    pub queued: u64,
    /// Retained messages.
    pub retained: u64,
    /// Pairs of plugins.
    pub pairs: u64,
    /// Where the journal is now that was damaged, if the store was made anew.
    pub aside: Option<PathBuf>,
}

const COPY: &str = "journal.checked";

/// Checks the store in `dir`; with `repair` it is made anew from what can be read if anything is wrong, and the
/// damaged journal is put aside in the same folder. `progress` is told how many records were looked at.
///
/// Blocks for as long as it takes to read everything, twice to repair it.
///
/// # Errors
/// If the store is open, of a newer format, or so damaged that nothing can be read.
pub fn check(dir: &Path, repair: bool, progress: &mut dyn FnMut(u64)) -> Result<Report, OpenError> {
    let _lock = store::lock(dir)?;
    let identity = format::read(dir)?.ok_or_else(format::unreadable)?;
    if repair {
        opening::prepare(dir)?;
    }
    let journal = opening::journal(dir)?;
    let mut report = Report::default();
    let inspection = journal::inspect(&journal, identity)?;
    inspection.report_to(&mut report);
    let copy = dir.join(COPY);
    copy_journal(&journal, &copy, &inspection, identity)?;
    let result = look_at(&copy, &mut report, progress).and_then(|sound| {
        if repair && !report.findings.is_empty() {
            let aside = opening::free_name(dir, "damaged");
            sound.rebuild(dir, &aside, identity)?;
            report.aside = Some(aside);
        }
        Ok(())
    });
    fs::remove_dir_all(copy)?;
    result.map(|()| report)
}

/// The copy, and what of it is worth keeping.
struct Sound {
    engine: Engine,
    counters: Mark,
    ids: Ids,
}

/// What others refer to.
#[derive(Default)]
struct Ids {
    sessions: HashSet<u64>,
    messages: HashSet<u64>,
    places: HashSet<(u64, u64)>,
}

fn look_at(
    copy: &Path,
    report: &mut Report,
    progress: &mut dyn FnMut(u64),
) -> Result<Sound, OpenError> {
    let engine = Engine::open(copy).map_err(opening::damaged)?;
    let mut ids = Ids::default();
    let mut counters = Mark::default();
    // What is referred to is read before what refers to it.
    for tag in [MARK.first().copied().unwrap_or_default(), keys::SESSION, keys::MESSAGE] {
        each(&engine, tag, None, &mut |key, value| ids.add(key, value, &mut counters));
    }
    let mut looked_at = 0;
    for tag in keys::OF_RECORDS {
        let mut findings = Vec::new();
        let mut count = 0;
        each(&engine, tag, Some(&mut findings), &mut |key, value| {
            looked_at += 1;
            progress(looked_at);
            match ids.judge(key, value) {
                Ok(()) => count += 1,
                Err(what) => report.findings.push(format!("{what} (key {})", key.escape_ascii())),
            }
        });
        report.findings.append(&mut findings);
        match tag {
            keys::SESSION => report.sessions = count,
            keys::SUBSCRIPTION => report.subscriptions = count,
            keys::WILL => report.wills = count,
            keys::MESSAGE => report.messages = count,
            keys::QUEUED => report.queued = count,
            keys::RETAINED => report.retained = count,
            keys::KV => report.pairs = count,
            _ => {}
        }
    }
    Ok(Sound { engine, counters, ids })
}

impl Ids {
    fn add(&mut self, key: &[u8], value: &[u8], counters: &mut Mark) {
        if key == MARK {
            // The identity was asked for before.
            let identity = value.last_chunk().map(|bytes| u128::from_be_bytes(*bytes));
            let mark = identity.and_then(|identity| Mark::decode(value, identity));
            *counters = mark.unwrap_or_default();
        } else if let Some((number, _)) = keys::session_of(key) {
            let readable = match key.first() {
                Some(&keys::SESSION) if record::decode_owner(value).is_some() => {
                    self.sessions.insert(number)
                }
                Some(&keys::SESSION) => false,
                _ if record::decode_message(value).is_some() => self.messages.insert(number),
                _ => false,
            };
            let next = match key.first() {
                Some(&keys::SESSION) => &mut counters.next_session,
                _ => &mut counters.next_message,
            };
            if readable {
                *next = (*next).max(number.saturating_add(1));
            }
        }
    }

    /// Whether a record can be read and refers to what is there; if not, what is lost.
    fn judge(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let tag = key.first().copied().unwrap_or_default();
        let number = keys::session_of(key).map(|(number, _)| number);
        let has_session = number.is_some_and(|number| self.sessions.contains(&number));
        let place = keys::place_of(key);
        let (is_sound, lost) = match tag {
            keys::SESSION => (has_session, "a session is lost"),
            keys::LEASE => (
                has_session && record::decode_lease(value).is_some(),
                "how long a session outlives its connection is lost: it stays for ever",
            ),
            keys::SUBSCRIPTION => (
                has_session && record::decode_subscription(value).is_some(),
                "a subscription is lost",
            ),
            keys::WILL => (has_session && record::decode_will(value).is_some(), "a will is lost"),
            keys::BEGUN => (has_session, "an inbound packet identifier is lost"),
            keys::MESSAGE => {
                (record::decode_message(value).is_some(), "the content of a message is lost")
            }
            keys::QUEUED => {
                let queued = place.and_then(|(_, seq)| record::decode_queued(seq, value));
                let is_there = queued.is_some_and(|q| self.messages.contains(&q.message));
                self.places.extend(place.filter(|_| has_session && is_there));
                (has_session && is_there, "a message is lost for a session")
            }
            keys::IN_FLIGHT => {
                let step = record::decode_in_flight(value);
                let is_there = place.is_some_and(|place| self.places.contains(&place));
                let is_sound =
                    has_session && step.is_some_and(|(_, received)| received || is_there);
                (is_sound, "the packet identifier of a message is lost")
            }
            keys::RETAINED => {
                (record::decode_message(value).is_some(), "a retained message is lost")
            }
            _ => (record::decode_kv(value).is_some(), "a pair of a plugin is lost"),
        };
        if is_sound { Ok(()) } else { Err(lost) }
    }
}

impl Sound {
    fn rebuild(
        mut self,
        dir: &Path,
        aside: &Path,
        identity: format::Identity,
    ) -> Result<(), OpenError> {
        let mut builder = Builder::new(dir, identity)?;
        let mut result = Ok(());
        for tag in keys::OF_RECORDS {
            each(&self.engine, tag, None, &mut |key, value| {
                if result.is_ok() && self.ids.judge(key, value).is_ok() {
                    result = builder.put(key, value);
                }
            });
        }
        result?;
        builder.finish(dir, self.counters, Some(aside))
    }
}

/// Tables never change: the copy has them by other names. Journal files have what can be read of them.
fn copy_journal(
    from: &Path,
    to: &Path,
    inspection: &Inspection,
    identity: format::Identity,
) -> Result<(), OpenError> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    copy_folder(from, to)?;
    if matches!(inspection.trouble, None | Some(Trouble::Torn(_))) {
        return Ok(journal::inspect(to, identity)?.settle()?);
    }
    for path in journal::files(to)? {
        let readable = journal::readable(&fs::read(&path)?, identity);
        fs::write(path, readable)?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if from.file_name().is_some_and(|name| name == "tables") {
            fs::hard_link(entry.path(), target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

impl Inspection {
    fn report_to(&self, report: &mut Report) {
        match &self.trouble {
            None => {}
            Some(Trouble::Torn(cut)) => report.cut = Some(cut.clone()),
            Some(Trouble::Damaged(damage)) => {
                let last = self.last.map_or(0, |last| last.mark.sequence);
                report.findings.push(format!(
                    "{damage} is not readable: changes after group {last} are lost, those behind it are kept"
                ));
            }
        }
    }
}
