//! The file of a plugin's store: a database that is whole after any crash, and says when it is not.

use std::panic::catch_unwind;
use std::path::PathBuf;

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};

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
    database: Option<Database>,
}

impl File {
    /// Shows each pair that there is.
    pub(super) fn open(path: PathBuf, show: impl FnMut(&[u8], Pair)) -> Result<File, KvError> {
        if !path.exists() {
            return Ok(File { path, database: None });
        }
        let damaged = |error| KvError::Damaged { file: path.clone(), error };
        // What it takes to be impossible may be there after all.
        let opened = catch_unwind(|| {
            let mut database = Database::builder().set_cache_size(CACHE).open(&path)?;
            database.check_integrity()?;
            Ok::<_, DatabaseError>(database)
        });
        let database = match opened {
            Ok(Ok(database)) => database,
            Ok(Err(DatabaseError::DatabaseAlreadyOpen)) => {
                return Err(KvError::InUse { file: path });
            }
            Ok(Err(error)) => return Err(damaged(error.to_string())),
            Err(_) => return Err(damaged("it contradicts itself".to_owned())),
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
        if let Some(database) = &self.database {
            return put(database, changes);
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
