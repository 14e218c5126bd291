//! What plugins keep: their store and what they note at clients.

use std::collections::BTreeMap;

use super::Host;
use crate::Scope;

#[derive(Debug, Default)]
pub(super) struct Store {
    /// A value, and the millisecond of the host's clock at which it ends.
    pairs: BTreeMap<Vec<u8>, (Vec<u8>, u64)>,
    /// By client id, scope and key.
    attributes: BTreeMap<(String, u32, String), Vec<u8>>,
}

impl Host {
    /// What a plugin has put into its store under this key.
    pub fn kv(&self, key: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        let world = self.recorder.lock();
        world.store.get(key.as_ref(), world.now)
    }

    /// Puts a value into the store, as if a plugin had done so before.
    pub fn set_kv(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.recorder.lock().store.set(key.as_ref(), value.as_ref(), u64::MAX);
    }

    /// What a plugin has noted at a client.
    pub fn attribute(&self, client_id: &str, scope: Scope, key: &str) -> Option<Vec<u8>> {
        self.recorder.lock().store.attribute(client_id, scope.to_raw(), key)
    }
}

impl Store {
    pub(super) fn set(&mut self, key: &[u8], value: &[u8], ends: u64) {
        self.pairs.insert(key.to_vec(), (value.to_vec(), ends));
    }

    pub(super) fn get(&self, key: &[u8], now: u64) -> Option<Vec<u8>> {
        let (value, ends) = self.pairs.get(key)?;
        (*ends > now).then(|| value.clone())
    }

    /// Whether there was one.
    pub(super) fn remove(&mut self, key: &[u8], now: u64) -> bool {
        self.pairs.remove(key).is_some_and(|(_, ends)| ends > now)
    }

    pub(super) fn each(&self, prefix: &[u8], now: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
        let pairs = self.pairs.iter();
        pairs
            .filter(|(key, (_, ends))| key.starts_with(prefix) && *ends > now)
            .map(|(key, (value, _))| (key.clone(), value.clone()))
            .collect()
    }

    pub(super) fn note(&mut self, client_id: &str, scope: u32, key: &str, value: &[u8]) {
        let at = (client_id.to_owned(), scope, key.to_owned());
        match value {
            [] => self.attributes.remove(&at),
            value => self.attributes.insert(at, value.to_vec()),
        };
    }

    pub(super) fn attribute(&self, client_id: &str, scope: u32, key: &str) -> Option<Vec<u8>> {
        self.attributes.get(&(client_id.to_owned(), scope, key.to_owned())).cloned()
    }

    /// A client is gone.
    pub(super) fn forget(&mut self, client_id: &str) {
        self.attributes.retain(|(of, ..), _| of != client_id);
    }
}
