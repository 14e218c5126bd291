//! After a failure of the disk: whether it is worth waiting, and how the journal is opened again.
//!
//! Only a full disk is waited for. After any other failed write or fsync nobody knows what the disk has, and
//! the same call succeeding later would not say it either.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use crate::committer::Stop;
use crate::engine::{Engine, EngineError};
use crate::format::Identity;
use crate::opening;
use crate::store::OpenError;

/// So much must fit before the journal is opened again; opening it writes tables.
const NEEDED: usize = 8 * 1024 * 1024;
static CHUNK: [u8; 64 * 1024] = [1; 64 * 1024];

/// # Errors
/// If it was not for want of space.
pub(crate) fn must_be_full(error: EngineError, dir: &Path) -> Result<(), Stop> {
    match error {
        EngineError::Full => Ok(()),
        // The thread that failed only logs why. If there is no space now, that was it.
        EngineError::Poisoned if matches!(probe(dir), Err(EngineError::Full)) => Ok(()),
        error => Err(error.into()),
    }
}

/// # Errors
/// If there is no space yet, or the journal does not open.
pub(crate) fn open_again(dir: &Path, identity: Identity) -> Result<Engine, EngineError> {
    probe(dir)?;
    match opening::open(dir, identity) {
        Ok((engine, _)) => Ok(engine),
        Err(OpenError::Io(error)) => Err(error.into()),
        Err(error) => Err(EngineError::Broken(error.to_string())),
    }
}

/// Whether there is space.
fn probe(dir: &Path) -> Result<(), EngineError> {
    let path = dir.join("probe");
    let result = fill(&path);
    let removed = fs::remove_file(&path);
    result?;
    Ok(removed?)
}

fn fill(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    for _ in 0..NEEDED / CHUNK.len() {
        file.write_all(&CHUNK)?;
    }
    file.sync_all()
}
