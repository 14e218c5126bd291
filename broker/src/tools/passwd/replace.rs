//! Replaces a file as a whole: a reader has the old one or the new one, also after a loss of power.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

/// From the reading of the file to its end, nobody else edits it in this way.
pub(super) struct Editing {
    path: PathBuf,
    /// Locked, until it is closed.
    folder: File,
}

/// The owner alone.
const PRIVATE: u32 = 0o600;

impl Editing {
    /// Waits until nobody else edits a file of that folder.
    pub(super) fn begin(path: &Path) -> anyhow::Result<Editing> {
        // A link stays one: what it leads to is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let locked = File::open(parent).and_then(|folder| folder.lock().map(|()| folder));
        let folder = locked.with_context(|| parent.display().to_string())?;
        Ok(Editing { path, folder })
    }

    /// The file itself, behind all links.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts this into its place. Owner, group and mode stay; a new file is its owner's alone.
    pub(super) fn finish(self, text: &str) -> anyhow::Result<()> {
        self.replace(text).with_context(|| format!("{}: cannot be written", self.path.display()))
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut new = NamedTempFile::new_in(parent.unwrap_or(Path::new(".")))?;
        new.write_all(text.as_bytes())?;
        match fs::metadata(&self.path) {
            Ok(old) => keep_owner(new.as_file(), &old)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                new.as_file().set_permissions(Permissions::from_mode(PRIVATE))?;
            }
            Err(error) => return Err(error),
        }
        new.as_file().sync_all()?;
        new.persist(&self.path).map_err(|error| error.error)?;
        self.folder.sync_all()
    }
}

/// A broker that could read the old file can read the new one, and nobody else can.
fn keep_owner(new: &File, old: &fs::Metadata) -> io::Result<()> {
    let made = new.metadata()?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        fchown(new, Some(old.uid()), Some(old.gid()))?;
    }
    new.set_permissions(Permissions::from_mode(old.mode() & 0o660 | PRIVATE))
}
