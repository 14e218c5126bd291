//! The stores of all plugins, and where they are kept: in the store of the broker.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use hookmq_store::{Durability, OpenError, Pair};
use parking_lot::Mutex;

use super::kv::{Kv, Writer};
use super::{Account, Declined};
use crate::journal::Durable;

pub(crate) struct Store {
    max_bytes: usize,
    /// Where files were in versions before the first.
    former: PathBuf,
    kvs: Mutex<HashMap<Arc<str>, Arc<Kv>>>,
    writer: Writer,
    /// Held while the store of a plugin is made; nobody waits for that who has another.
    place: Mutex<KvPlace>,
}

/// Where what plugins put is kept.
pub(crate) enum KvPlace {
    /// Nowhere: it ends with the process, as for a plugin that is only tried.
    Memory,
    /// In a store of the broker that is for this alone, in this folder; opened with the first plugin that may
    /// put something.
    Folder(PathBuf),
    /// In the store of the broker, which had these.
    Store(Arc<Durable>, Vec<Pair>),
}

/// What plugins put cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("what it puts into its store cannot be kept: {}: {error}", folder.display())]
pub(crate) struct KvError {
    folder: PathBuf,
    error: OpenError,
}

impl Store {
    pub(super) fn new(place: KvPlace, former: PathBuf, max_bytes: usize) -> Store {
        let (kvs, writer) = (Mutex::default(), Writer::default());
        if let KvPlace::Store(durable, _) = &place {
            writer.begin(durable.clone());
        }
        Store { max_bytes, former, kvs, writer, place: Mutex::new(place) }
    }

    /// Makes the store of a plugin that may use it, unless that was done before. Blocks on the disk.
    ///
    /// # Errors
    /// If there is a store of the broker that cannot be opened.
    pub(crate) fn open(&self, plugin: &Arc<str>) -> Result<(), KvError> {
        let mut place = self.place.lock();
        if self.kvs.lock().contains_key(plugin) {
            return Ok(());
        }
        if let KvPlace::Folder(folder) = &*place {
            let (durable, pairs) = open_for_pairs(folder)?;
            self.writer.begin(durable.clone());
            *place = KvPlace::Store(durable, pairs);
        }
        self.warn_of_former_file(plugin);
        let (found, is_kept) = match &mut *place {
            KvPlace::Store(_, pairs) => {
                let found = pairs.extract_if(.., |pair| pair.plugin == *plugin).collect();
                pairs.shrink_to_fit();
                (found, true)
            }
            KvPlace::Memory | KvPlace::Folder(_) => (Vec::new(), false),
        };
        let kv = Arc::new(Kv::new(plugin.clone(), found, is_kept, self.max_bytes));
        self.kvs.lock().insert(plugin.clone(), kv.clone());
        self.tell_writer(&kv);
        Ok(())
    }

    /// Writes what is left and closes the store of the broker, which nobody else may use any more. Blocks on the
    /// disk.
    pub(crate) fn close(&self) {
        self.writer.close();
    }

    fn kv(&self, plugin: &str) -> Result<Arc<Kv>, Declined> {
        self.kvs.lock().get(plugin).cloned().ok_or(Declined::NotThere)
    }

    fn tell_writer(&self, kv: &Arc<Kv>) {
        if kv.has_news() {
            self.writer.write_soon(kv);
        }
    }

    fn warn_of_former_file(&self, plugin: &str) {
        let file = self.former.join(format!("{plugin}.kv"));
        if file.exists() {
            log::warn!(
                "{} is not read: builds before the store had what plugin {plugin} keeps there; remove it when \
                 you need it no more",
                file.display()
            );
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// No client is held up, for none waits for what plugins put.
const MAX_UNWRITTEN: usize = 32 * 1024 * 1024;

/// What of a store is for plugins; the rest of it is left as it is.
fn open_for_pairs(folder: &std::path::Path) -> Result<(Arc<Durable>, Vec<Pair>), KvError> {
    let (durable, state) = Durable::open(folder, Durability::Fsync, MAX_UNWRITTEN)
        .map_err(|error| KvError { folder: folder.to_owned(), error })?;
    let (sessions, retained) = (state.sessions.len(), state.retained.len());
    if sessions + retained > 0 {
        log::warn!(
            "{} has {sessions} sessions and {retained} retained messages, which are left there as they are: \
             durability is memory",
            folder.display()
        );
    }
    Ok((Arc::new(durable), state.pairs))
}

/// What a plugin does with its store. Nothing of it waits for the disk.
impl Account {
    pub(crate) fn kv_set(&self, key: &[u8], value: &[u8], seconds: u32) -> Result<(), Declined> {
        self.change_kv(|kv| kv.set(key, value, seconds))
    }

    pub(crate) fn kv_remove(&self, key: &[u8]) -> Result<(), Declined> {
        self.change_kv(|kv| kv.remove(key))
    }

    pub(crate) fn kv_get(&self, key: &[u8]) -> Result<Arc<[u8]>, Declined> {
        self.services()?.store.kv(&self.name)?.get(key)
    }

    /// Shows the pairs whose keys begin so, until `show` wants no more; returns how many.
    pub(crate) fn kv_each(
        &self,
        prefix: &[u8],
        show: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<u64, Declined> {
        Ok(self.services()?.store.kv(&self.name)?.each(prefix, show))
    }

    fn change_kv(&self, change: impl FnOnce(&Kv) -> Result<(), Declined>) -> Result<(), Declined> {
        let services = self.services()?;
        let kv = services.store.kv(&self.name)?;
        let changed = change(&kv);
        services.store.tell_writer(&kv);
        changed
    }
}
