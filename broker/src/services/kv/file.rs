//! The file of a plugin's store: a database that is whole after any crash, and says when it is not.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
};

use super::Pair;

/// A value has the millisecond in front at which it ends.
const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("pairs");
const ENDS: usize = size_of::<u64>();
/// The pairs are in memory anyway.
const CACHE: usize = 256 * 1024;

/// A store that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KvError {
    #[error("another broker has its store {} open", file.display())]
    InUse { file: PathBuf },
    #[error(
        "its store {} is damaged: {error}; put a copy of before in its place, or move it away to begin \
         with an empty one",
        file.display()
    )]
    Damaged { file: PathBuf, error: String },
    #[error("its store {} cannot be used: {error}", file.display())]
    Unusable { file: PathBuf, error: String },
}

/// Made with the first write.
pub(super) struct File {
    path: PathBuf,
    /// None after an error too.
    database: Option<Database>,
}

impl File {
    /// Shows each pair that there is.
    pub(super) fn open(path: PathBuf, show: impl FnMut(&[u8], Pair)) -> Result<File, KvError> {
        if !path.exists() {
            return Ok(File { path, database: None });
        }
        let damaged = |error| KvError::Damaged { file: path.clone(), error };
        let database = match open(&path) {
            Ok(database) => database,
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(KvError::InUse { file: path }),
            Err(error) => return Err(damaged(error.to_string())),
        };
        read(&database, show).map_err(|error| damaged(error.to_string()))?;
        Ok(File { path, database: Some(database) })
    }

    /// Puts pairs, or removes them, all at once; they are on the disk when it returns.
    pub(super) fn write(&mut self, changes: &[(&[u8], Option<Pair>)]) -> Result<(), KvError> {
        if changes.is_empty() {
            return Ok(());
        }
        let file = self.path.clone();
        self.put(changes).map_err(|error| KvError::Unusable { file, error: error.to_string() })
    }

    fn put(&mut self, changes: &[(&[u8], Option<Pair>)]) -> Result<(), redb::Error> {
        if self.database.is_none() && self.path.exists() {
            self.database = Some(open(&self.path)?);
        }
        if let Some(database) = &self.database {
            let done = put(database, changes);
            if done.is_err() {
                // It refuses everything until it is opened anew.
                self.database = None;
            }
            return done;
        }
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // Under its own name it is there as a whole, or not at all.
        let new = self.path.with_extension("kv.new");
        if new.exists() {
            std::fs::remove_file(&new)?;
        }
        let database = Database::builder().set_cache_size(CACHE).create(&new)?;
        put(&database, changes)?;
        std::fs::rename(&new, &self.path)?;
        if let Some(folder) = self.path.parent() {
            std::fs::File::open(folder)?.sync_all()?;
        }
        self.database = Some(database);
        Ok(())
    }
}

fn open(path: &Path) -> Result<Database, DatabaseError> {
    // What it takes to be impossible may be there after all.
    let opened = catch_unwind(|| {
        let mut database = Database::builder().set_cache_size(CACHE).open(path)?;
        database.check_integrity()?;
        Ok(database)
    });
    opened.unwrap_or_else(|_| {
        Err(DatabaseError::Storage(StorageError::Corrupted("it contradicts itself".to_owned())))
    })
}

fn put(database: &Database, changes: &[(&[u8], Option<Pair>)]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    let mut table = transaction.open_table(TABLE)?;
    for (key, pair) in changes {
        match pair {
            Some(Pair { value, ends }) => {
                let stored = [&ends.to_le_bytes()[..], value].concat();
                table.insert(*key, &*stored)?;
            }
            None => drop(table.remove(*key)?),
        }
    }
    drop(table);
    transaction.commit()?;
    Ok(())
}

fn read(database: &Database, mut show: impl FnMut(&[u8], Pair)) -> Result<(), redb::Error> {
    let table = match database.begin_read()?.open_table(TABLE) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for pair in table.iter()? {
        let (key, stored) = pair?;
        if let Some((ends, value)) = stored.value().split_first_chunk::<ENDS>() {
            show(key.value(), Pair { value: value.into(), ends: u64::from_le_bytes(*ends) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use redb::StorageBackend;
    use redb::backends::InMemoryBackend;

    use super::*;

    /// A disk that can fail.
    #[derive(Debug)]
    struct Disk {
        inner: InMemoryBackend,
        fails: Arc<AtomicBool>,
    }

    impl Disk {
        fn check(&self) -> io::Result<()> {
            if self.fails.load(Ordering::Relaxed) { Err(io::Error::other("full")) } else { Ok(()) }
        }
    }

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            self.inner.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.inner.read(offset, out)
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.check()?;
            self.inner.set_len(len)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.check()?;
            self.inner.sync_data()
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.check()?;
            self.inner.write(offset, data)
        }
    }

    #[test]
    fn after_an_error_it_goes_on_with_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.kv");
        let pair = || Some(Pair { value: b"1"[..].into(), ends: u64::MAX });
        let mut file = File::open(path.clone(), |_, _| {}).unwrap();
        file.write(&[(b"a", pair())]).unwrap();
        let fails = Arc::new(AtomicBool::new(false));
        let disk = Disk { inner: InMemoryBackend::new(), fails: fails.clone() };
        file.database = Some(Database::builder().create_with_backend(disk).unwrap());
        fails.store(true, Ordering::Relaxed);
        file.write(&[(b"b", pair())]).unwrap_err();
        fails.store(false, Ordering::Relaxed);
        file.write(&[(b"b", pair())]).unwrap();
        drop(file);
        let mut keys = Vec::new();
        File::open(path, |key, _| keys.push(key.to_owned())).unwrap();
        assert_eq!(keys, [b"a", b"b"]);
    }
}
