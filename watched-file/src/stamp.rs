//! By what a changed file is told from the one that was read.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Which file it is, and when it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Nobody can set it back.
    changed: (i64, i64),
}

/// The clock of some file systems has steps of so long.
const STEP: Duration = Duration::from_secs(2);

/// Nobody who writes a file in its place pauses for so long.
const WRITING: Duration = Duration::from_millis(300);

impl Stamp {
    pub(crate) fn of(path: &Path) -> io::Result<Stamp> {
        Ok(Stamp::from(&fs::metadata(path)?))
    }

    /// A change after this moment gives it another stamp. It is not so right after a change.
    pub(crate) fn is_settled(&self, clock: SystemTime) -> bool {
        let (seconds, _) = self.changed;
        age((seconds, 0), clock).is_some_and(|age| age > STEP)
    }

    /// Whoever has begun to write it may not be through.
    pub(crate) fn is_fresh(&self, clock: SystemTime) -> bool {
        age(self.changed, clock).is_some_and(|age| age < WRITING)
    }
}

/// `None`: it lies ahead, since a clock was set.
fn age((seconds, nanoseconds): (i64, i64), clock: SystemTime) -> Option<Duration> {
    let changed =
        Duration::new(seconds.try_into().unwrap_or(0), nanoseconds.try_into().unwrap_or(0));
    clock.duration_since(UNIX_EPOCH + changed).ok()
}

impl From<&Metadata> for Stamp {
    fn from(file: &Metadata) -> Stamp {
        Stamp {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}
