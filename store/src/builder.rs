//! A journal that is made as a whole: by an import, or from what could be read of a damaged one. It takes its
//! place when it is complete.

use std::fs;
use std::path::Path;

use crate::engine::{Engine, Sync};
use crate::format::{self, Identity};
use crate::keys::{MARK, Space};
use crate::opening::{self, JOURNAL, NEW};
use crate::record::Mark;
use crate::staged::Write;
use crate::store::OpenError;

/// Bytes that are written at once.
const MAX_BATCH: usize = 4 * 1024 * 1024;

pub(crate) struct Builder {
    engine: Engine,
    mark: Mark,
    writes: Vec<Write>,
    bytes: usize,
}

impl Builder {
    /// Begins with an empty journal beside the one that the store has, if it has one.
    pub(crate) fn new(dir: &Path, identity: Identity) -> Result<Builder, OpenError> {
        let new = dir.join(NEW);
        opening::create(&new)?;
        let engine = Engine::open(&new).map_err(opening::damaged)?;
        let mark = Mark { identity, ..Mark::default() };
        Ok(Builder { engine, mark, writes: Vec::new(), bytes: 0 })
    }

    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), OpenError> {
        let (space, bytes) = (Space::of(key), key.len() + value.len());
        self.writes.push(Write { space, key: key.into(), value: Some(value.into()) });
        self.bytes += bytes;
        if self.bytes > MAX_BATCH { self.write(false) } else { Ok(()) }
    }

    fn write(&mut self, closed: bool) -> Result<(), OpenError> {
        self.mark = Mark { batch: self.mark.batch + 1, closed, ..self.mark };
        let value = Some(self.mark.encode().as_slice().into());
        self.writes.push(Write { space: Space::Queues, key: MARK.into(), value });
        while self.engine.is_behind().map_err(opening::damaged)? {
            std::thread::yield_now();
        }
        let sync = if closed { Sync::Disk } else { Sync::System };
        self.engine.write(&self.writes, sync).map_err(opening::damaged)?;
        self.writes.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Writes the rest, and puts the journal into its place; the one that was there goes to `aside`. `counters`
    /// has the numbers to go on with.
    pub(crate) fn finish(
        self,
        dir: &Path,
        counters: Mark,
        aside: Option<&Path>,
    ) -> Result<(), OpenError> {
        self.seal(counters)?.put_in_place(dir, aside)
    }

    /// Writes the rest, and closes the journal where it was made.
    pub(crate) fn seal(mut self, counters: Mark) -> Result<Sealed, OpenError> {
        let Mark { batch, identity, .. } = self.mark;
        self.mark = Mark { batch, identity, ..counters };
        self.write(true)?;
        Ok(Sealed { identity })
    }
}

/// A journal that is complete, and not in its place yet.
pub(crate) struct Sealed {
    identity: Identity,
}

impl Sealed {
    /// See [`Builder::finish`].
    pub(crate) fn put_in_place(self, dir: &Path, aside: Option<&Path>) -> Result<(), OpenError> {
        if let Some(aside) = aside {
            fs::rename(dir.join(JOURNAL), aside)?;
        }
        if format::read_if_readable(dir)?.is_none() {
            format::create(dir, self.identity)?;
        }
        fs::rename(dir.join(NEW), dir.join(JOURNAL))?;
        Ok(format::sync_folder(dir)?)
    }
}
