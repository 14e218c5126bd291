//! The journal files of fjall, looked at before fjall does.
//!
//! fjall takes whatever it cannot decode for the end, cuts the rest off and says nothing. So what is there is
//! read first, and told apart: an end that was being written when the process ended, which is cut off, and
//! damage to what was on the disk, at which the store refuses to open. A batch was on the disk if a later one
//! says so in its [mark](crate::record::Mark), or if a later file has batches, for a file is brought to the disk before the
//! next one is made.

mod batch;

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use batch::Batch;

use crate::format::Identity;
use crate::state::Cut;

/// What the files hold.
#[derive(Debug, Default)]
pub(crate) struct Inspection {
    /// In the order they were written.
    pub(crate) files: Vec<Inspected>,
    /// Of the last batch before any trouble.
    pub(crate) last: Option<Batch>,
    pub(crate) trouble: Option<Trouble>,
}

#[derive(Debug)]
pub(crate) struct Inspected {
    pub(crate) path: PathBuf,
    /// Batches that are whole, also those behind damage.
    pub(crate) batches: u64,
    /// Where the batches end that stand one behind the other from the beginning.
    pub(crate) end: u64,
}

/// Something that cannot be read.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Never reported as durable on the disk.
    Torn(Cut),
    /// It was on the disk once.
    Damaged(Damage),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) file: String,
    pub(crate) position: u64,
    /// Whole batches behind it.
    pub(crate) batches: u64,
}

/// # Errors
/// If a file cannot be read.
pub(crate) fn inspect(dir: &Path, identity: Identity) -> io::Result<Inspection> {
    let mut inspection = Inspection::default();
    for path in files(dir)? {
        inspection.look_at(path, identity)?;
    }
    Ok(inspection)
}

impl Inspection {
    fn look_at(&mut self, path: PathBuf, identity: Identity) -> io::Result<()> {
        let bytes = fs::read(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut file = Inspected { path, batches: 0, end: 0 };
        let mut at = 0;
        while let Some(batch) = batch::read(&bytes, at, identity) {
            if self.trouble.is_some() || !self.last.is_none_or(|last| batch.follows(&last)) {
                break;
            }
            at = batch.end;
            self.last = Some(batch);
            file.batches += 1;
        }
        file.end = at as u64;
        let rest = Rest::of(&bytes, at, identity);
        file.batches += rest.batches;
        self.judge(&name, file.end, &rest);
        self.files.push(file);
        Ok(())
    }

    /// Whether what stands behind the batches of a file is an end or a damage.
    fn judge(&mut self, file: &str, position: u64, rest: &Rest) {
        let expected = self.last.map_or(rest.first.saturating_sub(1), |last| last.mark.batch + 1);
        match &mut self.trouble {
            // A file has batches although one before it could not be read to its end.
            Some(Trouble::Torn(cut)) if rest.batches > 0 => {
                let batches = cut.batches + rest.batches;
                let (file, position) = (std::mem::take(&mut cut.file), cut.position);
                self.trouble = Some(Trouble::Damaged(Damage { file, position, batches }));
            }
            Some(Trouble::Torn(cut)) => cut.bytes += rest.bytes,
            Some(Trouble::Damaged(damage)) => damage.batches += rest.batches,
            None if rest.bytes == 0 => {}
            None if rest.batches > 0 && rest.synced >= expected => {
                let damage = Damage { file: file.to_owned(), position, batches: rest.batches };
                self.trouble = Some(Trouble::Damaged(damage));
            }
            None => {
                let (bytes, batches) = (rest.bytes, rest.batches);
                self.trouble =
                    Some(Trouble::Torn(Cut { file: file.to_owned(), position, bytes, batches }));
            }
        }
    }

    /// The store was closed after the last batch.
    pub(crate) fn is_closed(&self) -> bool {
        self.trouble.is_none() && self.last.is_none_or(|last| last.mark.closed)
    }

    /// Cuts off what was being written, and brings to the disk what is before it.
    ///
    /// The bytes are written again at their places: when an fsync has failed, the system may go on showing
    /// bytes that the disk never got, and to fsync them again does nothing.
    pub(crate) fn settle(&self) -> io::Result<()> {
        for inspected in &self.files {
            let mut file = File::options().read(true).write(true).open(&inspected.path)?;
            if matches!(self.trouble, Some(Trouble::Torn(_)))
                && file.metadata()?.len() > inspected.end
            {
                file.set_len(inspected.end)?;
            }
            rewrite(&mut file, inspected.end)?;
            file.sync_all()?;
        }
        Ok(())
    }
}

fn rewrite(file: &mut File, end: u64) -> io::Result<()> {
    let mut chunk = vec![0; 1024 * 1024];
    let mut at = 0;
    while at < end {
        let len = usize::try_from(end - at).unwrap_or(usize::MAX).min(chunk.len());
        let chunk = chunk.get_mut(..len).unwrap_or_default();
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(chunk)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(chunk)?;
        at += len as u64;
    }
    Ok(())
}

/// The journal files in `dir`, in the order they were written.
pub(crate) fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse::<u64>().ok());
        files.extend(number.map(|number| (number, path)));
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// The batches of a file that are whole, one behind the other.
pub(crate) fn readable(bytes: &[u8], identity: Identity) -> Vec<u8> {
    let mut readable = Vec::new();
    let (mut at, end) = (0, without_zeros(bytes));
    while at < end {
        if let Some(batch) = batch::read(bytes, at, identity) {
            readable.extend_from_slice(bytes.get(at..batch.end).unwrap_or_default());
            at = batch.end;
        } else {
            at += 1;
        }
    }
    readable
}

/// What stands behind the batches of a file.
struct Rest {
    /// Without the zeros at the end: files are made longer than what they hold.
    bytes: u64,
    batches: u64,
    /// The number of the first of them.
    first: u64,
    /// The highest number of which they say that all up to it was on the disk.
    synced: u64,
}

impl Rest {
    fn of(bytes: &[u8], from: usize, identity: Identity) -> Rest {
        let rest = bytes.get(from..).unwrap_or_default();
        let used = without_zeros(rest);
        let mut found = Rest { bytes: used as u64, batches: 0, first: 0, synced: 0 };
        let mut at = from;
        while at < from + used {
            let Some(batch) = batch::read(bytes, at, identity) else {
                at += 1;
                continue;
            };
            if found.batches == 0 {
                found.first = batch.mark.batch;
            }
            found.batches += 1;
            found.synced = found.synced.max(batch.mark.synced);
            at = batch.end;
        }
        found
    }
}

/// How long it is without the zeros at the end; there may be millions.
fn without_zeros(bytes: &[u8]) -> usize {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut end = bytes.len();
    for chunk in bytes.rchunks(ZEROS.len()) {
        if ZEROS.get(..chunk.len()) != Some(chunk) {
            return end - chunk.iter().rev().take_while(|byte| **byte == 0).count();
        }
        end -= chunk.len();
    }
    0
}
