//! How the journal is opened: looked at, settled, and only then given to fjall.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::engine::{Engine, EngineError};
use crate::format::{self, Identity};
use crate::journal::{self, Damage, Trouble};
use crate::state::Cut;
use crate::store::OpenError;

/// Where the files of fjall are, below the folder of the store.
pub(crate) const JOURNAL: &str = "journal";
pub(crate) const NEW: &str = "journal.new";

/// # Errors
/// If it is damaged, or a file cannot be used. Damaged files are left as they are.
pub(crate) fn open(dir: &Path, identity: Identity) -> Result<(Engine, Option<Cut>), OpenError> {
    let journal = dir.join(JOURNAL);
    let inspection = journal::inspect(&journal, identity)?;
    if !inspection.is_closed() {
        if let Some(Trouble::Damaged(damage)) = &inspection.trouble {
            return Err(OpenError::Damaged { what: damage.to_string() });
        }
        inspection.settle()?;
    }
    let cut = match inspection.trouble {
        Some(Trouble::Torn(cut)) => {
            log::warn!("{}/{cut}, and is cut off", journal.display());
            Some(cut)
        }
        _ => None,
    };
    let engine = Engine::open(&journal).map_err(damaged)?;
    Ok((engine, cut))
}

/// The identity of the store in `dir`, which is made if there is none. What a crash leaves of one that was
/// being made is made anew; nothing else is.
pub(crate) fn prepare(dir: &Path) -> Result<Identity, OpenError> {
    let (journal, new) = (dir.join(JOURNAL), dir.join(NEW));
    let identity = match (format::read(dir)?, journal.is_dir()) {
        (Some(identity), true) => return Ok(identity),
        (None, true) => return Err(format::unreadable()),
        // It was complete before the file was written, or the damaged one put aside.
        (Some(identity), false) if new.is_dir() => identity,
        (Some(_), false) => return Err(no_journal()),
        (None, false) => {
            create(&new)?;
            let identity = format::identity();
            format::create(dir, identity)?;
            identity
        }
    };
    fs::rename(new, journal)?;
    format::sync_folder(dir)?;
    Ok(identity)
}

/// The folder with the journal of the store in `dir`. It is not in its place yet if it was being put there when
/// the process ended.
pub(crate) fn journal(dir: &Path) -> Result<PathBuf, OpenError> {
    let mut places = [JOURNAL, NEW].into_iter().map(|name| dir.join(name));
    places.find(|place| place.is_dir()).ok_or_else(no_journal)
}

fn no_journal() -> OpenError {
    OpenError::Unreadable { what: format!("the folder {JOURNAL}") }
}

/// Whether there is a store in `dir`, in whatever state. An error of the file system counts as one.
pub(crate) fn is_there(dir: &Path) -> bool {
    let is_there = |name: &str| dir.join(name).try_exists().unwrap_or(true);
    is_there(format::FILE) || is_there(JOURNAL)
}

/// What a journal in `dir` may be called that is put aside.
pub(crate) fn free_name(dir: &Path, why: &str) -> PathBuf {
    let mut names = (1_u32..).map(|number| dir.join(format!("{JOURNAL}.{why}-{number}")));
    names.find(|name| !name.exists()).unwrap_or_else(|| dir.join(format!("{JOURNAL}.{why}")))
}

/// An empty journal.
pub(crate) fn create(dir: &Path) -> Result<(), OpenError> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    drop(Engine::open(dir).map_err(damaged)?);
    Ok(sync_folders(dir)?)
}

/// fjall does not bring the entries of its new keyspaces to the disk.
fn sync_folders(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    format::sync_folder(dir)
}

pub(crate) fn damaged(error: EngineError) -> OpenError {
    match error {
        EngineError::Full => io::Error::from(io::ErrorKind::StorageFull).into(),
        error => OpenError::Damaged { what: format!("the journal ({error})") },
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Damage { file, position, batches } = self;
        write!(f, "{JOURNAL}/{file} at byte {position}, with {batches} batches behind it,")
    }
}
