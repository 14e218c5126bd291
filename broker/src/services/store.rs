//! The stores of all plugins, and the thread that writes them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::kv::{Kv, KvError, Writer};
use super::{Account, Declined};

pub(crate) struct Store {
    folder: PathBuf,
    max_bytes: usize,
    kvs: Mutex<HashMap<Arc<str>, Arc<Kv>>>,
    writer: Writer,
    /// Held while one is read; nobody waits for that who has another.
    opening: Mutex<()>,
}

impl Store {
    pub(super) fn new(folder: PathBuf, max_bytes: usize) -> Store {
        let (kvs, writer, opening) = (Mutex::default(), Writer::default(), Mutex::default());
        Store { folder, max_bytes, kvs, writer, opening }
    }

    /// Reads the store of a plugin, unless that was done before. Blocks on the disk.
    ///
    /// # Errors
    /// If there is one that cannot be read.
    pub(crate) fn open(&self, plugin: &Arc<str>) -> Result<(), KvError> {
        let _opening = self.opening.lock();
        if self.kvs.lock().contains_key(plugin) {
            return Ok(());
        }
        let kv = Arc::new(Kv::open(self.folder.join(format!("{plugin}.kv")), self.max_bytes)?);
        self.kvs.lock().insert(plugin.clone(), kv.clone());
        self.tell_writer(plugin, &kv);
        Ok(())
    }

    /// Writes what is left; nothing is written any more after it. Blocks on the disk.
    pub(crate) fn close(&self) {
        self.writer.stop();
    }

    fn kv(&self, plugin: &str) -> Result<Arc<Kv>, Declined> {
        self.kvs.lock().get(plugin).cloned().ok_or(Declined::NotThere)
    }

    fn tell_writer(&self, plugin: &Arc<str>, kv: &Arc<Kv>) {
        if kv.has_news() {
            self.writer.write_soon(plugin, kv);
        }
    }
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
        services.store.tell_writer(&self.name, &kv);
        changed
    }
}
