//! fjall as the journal uses it: one database, three keyspaces, batches that are written by one thread.
//!
//! What fjall guarantees, and what is done about the rest: a batch is found again as a whole or not at all.
//! After any failed write or fsync the database takes no more batches until it is opened anew; the failed
//! batch may then be there or not. See [`Journal`](crate::journal) for what is done before each opening.

use std::io;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::keys::Space;
use crate::staged::Write;

/// Journal files are removed when all they hold is in tables; this bounds what is replayed at a start.
const MAX_JOURNALS: u64 = 128 * 1024 * 1024;
const MAX_MEMTABLE: u64 = 16 * 1024 * 1024;
/// Only what a session had is read while the broker runs, and tables when the store is opened.
const CACHE: u64 = 8 * 1024 * 1024;
/// fjall halts a writer at four memtables that wait to be written, without a look at whether anybody
/// writes them.
const MAX_SEALED: usize = 3;

pub(crate) struct Engine {
    database: Database,
    keyspaces: [Keyspace; 3],
}

/// Why the engine could not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    /// There is no space left.
    #[error("there is no space left on the disk")]
    Full,
    /// Anything else.
    #[error("{0}")]
    Broken(String),
    /// A thread that writes tables has failed, and left no reason but in the log.
    #[error("a table could not be written")]
    Poisoned,
}

/// How hard a batch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    /// To the system.
    System,
    /// To the disk.
    Disk,
}

impl Engine {
    /// Opens the database in the folder `dir`, or makes it.
    pub(crate) fn open(dir: &Path) -> Result<Engine, EngineError> {
        // What it reads is checked, but not everywhere without an assertion.
        let opened = std::panic::catch_unwind(|| Engine::open_or_panic(dir));
        opened.unwrap_or_else(|_| {
            Err(EngineError::Broken("its files contradict each other".to_owned()))
        })
    }

    fn open_or_panic(dir: &Path) -> Result<Engine, EngineError> {
        let database = Database::builder(dir)
            .manual_journal_persist(true)
            .max_journaling_size(MAX_JOURNALS)
            .cache_size(CACHE)
            .worker_threads(2)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MAX_MEMTABLE);
        let [queues, sessions, retained] =
            Space::ALL.map(|space| database.keyspace(space.name(), options));
        Ok(Engine { database, keyspaces: [queues?, sessions?, retained?] })
    }

    /// Writes all or nothing. On an error it may be either, and nothing more is taken.
    pub(crate) fn write(&self, writes: &[Write], sync: Sync) -> Result<(), EngineError> {
        let mut batch = self.database.batch().durability(Some(match sync {
            Sync::System => PersistMode::Buffer,
            Sync::Disk => PersistMode::SyncData,
        }));
        for write in writes {
            let keyspace = self.keyspace(write.space);
            match &write.value {
                Some(value) => batch.insert(keyspace, write.key.clone(), value.clone()),
                None => batch.remove(keyspace, write.key.clone()),
            }
        }
        Ok(batch.commit()?)
    }

    /// Everything that was written is on the disk when it returns.
    pub(crate) fn sync(&self) -> Result<(), EngineError> {
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    /// Whether a batch would have to wait for tables to be written; an error if nobody writes them.
    pub(crate) fn is_behind(&self) -> Result<bool, EngineError> {
        let behind = self.keyspaces.iter().any(|space| space.sealed_memtable_count() >= MAX_SEALED);
        if behind {
            self.database.persist(PersistMode::Buffer)?;
        }
        Ok(behind)
    }

    /// Lets go of old journal files that a keyspace pins in which little happens.
    pub(crate) fn tend(&self) -> Result<(), EngineError> {
        if self.database.journal_count() > 1 {
            for keyspace in &self.keyspaces {
                keyspace.rotate_memtable()?;
            }
        }
        Ok(())
    }

    /// The keys that begin with `prefix`, in order.
    pub(crate) fn keys(
        &self,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<fjall::Slice, EngineError>> + use<> {
        let pairs = self.keyspace(Space::of(prefix)).prefix(prefix);
        pairs.map(|pair| Ok(pair.key()?))
    }

    /// Keys and values that begin with `prefix`, in order.
    pub(crate) fn pairs(
        &self,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<(fjall::Slice, fjall::Slice), EngineError>> + use<> {
        let pairs = self.keyspace(Space::of(prefix)).prefix(prefix);
        pairs.map(|pair| Ok(pair.into_inner()?))
    }

    /// Keys and values from `key` on that are in the same keyspace, in order.
    pub(crate) fn from(
        &self,
        key: &[u8],
    ) -> impl Iterator<Item = Result<(fjall::Slice, fjall::Slice), EngineError>> + use<> {
        let pairs = self.keyspace(Space::of(key)).range(key..);
        pairs.map(|pair| Ok(pair.into_inner()?))
    }

    fn keyspace(&self, space: Space) -> &Keyspace {
        let [queues, sessions, retained] = &self.keyspaces;
        match space {
            Space::Queues => queues,
            Space::Sessions => sessions,
            Space::Retained => retained,
        }
    }
}

impl From<fjall::Error> for EngineError {
    fn from(error: fjall::Error) -> EngineError {
        match error {
            fjall::Error::Io(error) => error.into(),
            fjall::Error::Poisoned => EngineError::Poisoned,
            fjall::Error::Locked => {
                EngineError::Broken("another process has the store open".to_owned())
            }
            error => match cause(&error) {
                Some(io) if is_full(io) => EngineError::Full,
                _ => EngineError::Broken(error.to_string()),
            },
        }
    }
}

/// The error of the system below an error of fjall.
fn cause(error: &fjall::Error) -> Option<&io::Error> {
    let sources = std::iter::successors(std::error::Error::source(error), |error| error.source());
    sources.filter_map(|error| error.downcast_ref()).next()
}

impl From<io::Error> for EngineError {
    fn from(error: io::Error) -> EngineError {
        if is_full(&error) { EngineError::Full } else { EngineError::Broken(error.to_string()) }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::WriteZero
    )
}
