//! Makes a new store from the JSON lines of an export.

use std::fs;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use crate::builder::{Builder, Sealed};
use crate::change::{Lease, Subscription, Will};
use crate::engine::Engine;
use crate::format::{self, VERSION};
use crate::keys;
use crate::line::{self, Line};
use crate::opening::{self, JOURNAL, NEW, damaged};
use crate::record::{self, Mark};
use crate::recovery;
use crate::store::{self, OpenError};

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// There is a store already.
    #[error("there is a store already, and something is in it")]
    Exists,
    /// A line is none of an export.
    #[error("line {line} of the export is wrong: {why}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// The export was cut off.
    #[error("the export is not complete: its last line is missing")]
    Incomplete,
    /// The export cannot be read.
    #[error("cannot read the export: {0}")]
    Read(#[from] io::Error),
    /// The store cannot be written.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Lines of the export.
    pub lines: u64,
    /// Where the journal is now that was there before, if anything was in it.
    pub aside: Option<PathBuf>,
}

/// Makes a store in `dir` from the lines of an export; `progress` is told how many were read. It takes the place of
/// one that holds nothing, and with `replace` of any other, whose journal is put aside. Blocks. It is there when
/// it is complete: after an error all is as it was.
///
/// # Errors
/// If there is a store, the lines are not a complete export, or a file cannot be written.
pub fn import(
    dir: &Path,
    lines: &mut dyn BufRead,
    replace: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Imported, ImportError> {
    format::make_folder(dir)?;
    let _lock = store::lock(dir)?;
    let there = There::in_dir(dir);
    if matches!(there, There::Full) && !replace {
        return Err(ImportError::Exists);
    }
    let identity = format::read_if_readable(dir)?.unwrap_or_else(format::identity);
    let result = build(dir, identity, lines, progress);
    let (sealed, lines) = result.inspect_err(|_| _ = fs::remove_dir_all(dir.join(NEW)))?;
    let journal = dir.join(JOURNAL).exists();
    let before = journal.then(|| opening::free_name(dir, "replaced"));
    sealed.put_in_place(dir, before.as_deref())?;
    let aside = match (there, before) {
        (There::Empty, Some(before)) => {
            fs::remove_dir_all(before)?;
            None
        }
        (_, before) => before,
    };
    Ok(Imported { lines, aside })
}

/// What is in the folder.
enum There {
    Nothing,
    /// A store that holds nothing, as it is after a first start.
    Empty,
    /// Something is in it, or nobody knows.
    Full,
}

impl There {
    fn in_dir(dir: &Path) -> There {
        if !opening::is_there(dir) {
            return There::Nothing;
        }
        let identity = format::read(dir).ok().flatten();
        let opened = identity.and_then(|identity| opening::open(dir, identity).ok());
        match opened {
            Some((engine, _)) if keys::OF_RECORDS.iter().all(|tag| is_absent(&engine, *tag)) => {
                There::Empty
            }
            _ => There::Full,
        }
    }
}

fn is_absent(engine: &Engine, tag: u8) -> bool {
    engine.pairs(&[tag]).next().is_none()
}

/// A journal beside the one that is there, that can be opened.
fn build(
    dir: &Path,
    identity: format::Identity,
    lines: &mut dyn BufRead,
    progress: &mut dyn FnMut(u64),
) -> Result<(Sealed, u64), ImportError> {
    let mut builder = Builder::new(dir, identity)?;
    let mut counters = None;
    let mut read = 0;
    for text in lines.lines() {
        let text = text?;
        read += 1;
        let wrong = |why: &str| ImportError::Line { line: read, why: why.to_owned() };
        let line = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
        match (line, counters) {
            (Line::Store { version, sequence, next_session, next_message }, None) => {
                if version > VERSION {
                    return Err(OpenError::Newer { version }.into());
                }
                counters = Some(Mark { sequence, next_session, next_message, ..Mark::default() });
            }
            (Line::End { lines }, Some(counters)) if lines + 1 == read => {
                let sealed = builder.seal(counters)?;
                return verify(&dir.join(NEW), identity, read).map(|()| (sealed, read));
            }
            (Line::Store { .. } | Line::End { .. }, _) | (_, None) => {
                return Err(wrong("it stands at the wrong place"));
            }
            (line, Some(_)) => {
                line.check().map_err(|why| wrong(&why))?;
                put(line, &mut builder)?.ok_or_else(|| wrong("a value is out of its range"))?;
            }
        }
        progress(read);
    }
    Err(ImportError::Incomplete)
}

/// That nothing refers to what is not there.
fn verify(journal: &Path, identity: format::Identity, read: u64) -> Result<(), ImportError> {
    let engine = Engine::open(journal).map_err(damaged)?;
    match recovery::load(&engine, identity) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(ImportError::Line { line: read, why: OpenError::from(error).to_string() })
        }
    }
}

/// None if a value is out of its range.
fn put(line: Line, builder: &mut Builder) -> Result<Option<()>, OpenError> {
    let Some((key, value)) = record(line, builder)? else { return Ok(None) };
    builder.put(&key, &value).map(Some)
}

type Record = (keys::Key, Vec<u8>);

fn record(line: Line, builder: &mut Builder) -> Result<Option<Record>, OpenError> {
    Ok(Some(match line {
        Line::Session { session, client_id, user, expiry, away } => {
            let lease = record::encode_lease(Lease { expiry, away });
            builder.put(&keys::numbered(keys::LEASE, session), &lease)?;
            let owner = record::encode_owner(&client_id, user.as_deref());
            (keys::numbered(keys::SESSION, session), owner.to_vec())
        }
        Line::Queued { session, queued, packet_id } => {
            let Some(queued) = queued.queued() else { return Ok(None) };
            if let Some(packet_id) = packet_id {
                let key = keys::place(keys::IN_FLIGHT, session, queued.seq);
                builder.put(&key, &record::encode_in_flight(packet_id, false))?;
            }
            let key = keys::place(keys::QUEUED, session, queued.seq);
            (key, record::encode_queued(&queued).into_vec())
        }
        line => return Ok(single(line)),
    }))
}

/// What is one record.
fn single(line: Line) -> Option<Record> {
    Some(match line {
        Line::Message { id, message } => {
            let mut value = Vec::new();
            record::encode_message(&message.message()?, &mut value);
            (keys::numbered(keys::MESSAGE, id), value)
        }
        Line::Subscription { session, filter, options, identifier } => {
            let key = keys::subscription(session, &filter);
            let subscription = Subscription { filter, options, identifier };
            (key, record::encode_subscription(&subscription).into_vec())
        }
        Line::Received { session, seq, packet_id } => {
            let value = record::encode_in_flight(packet_id, true);
            (keys::place(keys::IN_FLIGHT, session, seq), value.into_vec())
        }
        Line::Begun { session, packet_id } => (keys::begun(session, packet_id), Vec::new()),
        Line::Will { session, delay, due, message } => {
            let will = Will { delay, due, message: message.message()? };
            (keys::numbered(keys::WILL, session), record::encode_will(&will).into_vec())
        }
        Line::Retained { topic, message } => {
            let mut value = Vec::new();
            record::encode_message(&message.message()?, &mut value);
            (keys::retained(&topic), value)
        }
        Line::Pair { plugin, key, value, ends } => {
            let (key, value) = (line::bytes(&key)?, line::bytes(&value)?);
            (keys::kv(&plugin, &key), record::encode_kv(&plugin, &key, &value, ends).into_vec())
        }
        _ => return None,
    })
}
