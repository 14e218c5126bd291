//! The file `format`: which version of the format a store has, and its identity.
//!
//! The identity stands in the mark of every batch, so that bytes which a client sent are never taken for one.

use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use crate::store::OpenError;

/// What this build writes, and the newest that it reads.
pub const VERSION: u32 = 1;

pub(crate) const FILE: &str = "format";
const TITLE: &str = "hookmq store";

/// Which store this is.
pub(crate) type Identity = u128;

/// # Errors
/// If the store is of a newer version, or the file is none of a store.
pub(crate) fn read(dir: &Path) -> Result<Option<Identity>, OpenError> {
    let text = match fs::read_to_string(dir.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(unreadable()),
        text => text?,
    };
    let mut lines = text.lines();
    let version = lines.next().filter(|title| *title == TITLE).and(lines.next());
    let version = version.and_then(|line| line.strip_prefix("version ")?.parse::<u32>().ok());
    match version {
        Some(version) if version > VERSION => return Err(OpenError::Newer { version }),
        Some(1..) => {}
        _ => return Err(unreadable()),
    }
    let identity = lines.next().and_then(|line| line.strip_prefix("id "));
    let identity = identity.and_then(|hex| u128::from_str_radix(hex, 16).ok());
    identity.map(Some).ok_or_else(unreadable)
}

/// The same of a store that another is to take the place of. None also if it cannot be read.
///
/// # Errors
/// If the store is of a newer version.
pub(crate) fn read_if_readable(dir: &Path) -> Result<Option<Identity>, OpenError> {
    match read(dir) {
        Err(OpenError::Unreadable { .. }) => Ok(None),
        identity => identity,
    }
}

/// Makes the folder of a store, if need be, so that it outlives a loss of power with all folders above.
/// What clients have sent is nobody else's business.
pub(crate) fn make_folder(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    if dir.join(FILE).exists() {
        return Ok(());
    }
    for above in std::path::absolute(dir)?.ancestors().skip(1) {
        match sync_folder(above) {
            // Whoever may not even look at it has not made anything there.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
            synced => synced?,
        }
    }
    Ok(())
}

/// Writes the file of a new store.
pub(crate) fn create(dir: &Path, identity: Identity) -> io::Result<()> {
    let path = dir.join("format.new");
    let mut file = File::create(&path)?;
    write!(file, "{TITLE}\nversion {VERSION}\nid {identity:032x}\n")?;
    file.sync_all()?;
    fs::rename(path, dir.join(FILE))?;
    sync_folder(dir)
}

/// One that no other store has, and nobody can guess.
pub(crate) fn identity() -> Identity {
    let [high, low] = [(); 2].map(|()| u128::from(RandomState::new().hash_one(FILE)));
    high << 64 | low
}

/// What was made, renamed or removed in a folder is on the disk.
pub(crate) fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

pub(crate) fn unreadable() -> OpenError {
    OpenError::Unreadable { what: format!("the file {FILE}") }
}
