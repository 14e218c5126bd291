//! Who is subscribed to what. It holds filters and not a count, so that a client that repeats a
//! filter replaces its subscription, as it does in the broker.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub struct Ledger {
    filters: Mutex<HashMap<String, HashSet<String>>>,
}

impl Ledger {
    /// Whether the subscription would be one of at most `max`.
    pub fn has_room(&self, client_id: &str, filter: &str, max: usize) -> bool {
        let clients = self.lock();
        let Some(filters) = clients.get(client_id) else { return max > 0 };
        filters.len() < max || filters.contains(filter)
    }

    pub fn add(&self, client_id: &str, filter: &str) {
        let mut clients = self.lock();
        match clients.get_mut(client_id) {
            Some(filters) => {
                filters.insert(filter.to_owned());
            }
            None => {
                clients.insert(client_id.to_owned(), HashSet::from([filter.to_owned()]));
            }
        }
    }

    pub fn remove(&self, client_id: &str, filter: &str) {
        let mut clients = self.lock();
        let Some(filters) = clients.get_mut(client_id) else { return };
        filters.remove(filter);
        if filters.is_empty() {
            clients.remove(client_id);
        }
    }

    pub fn forget(&self, client_id: &str) {
        self.lock().remove(client_id);
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Held for a map operation only. Hooks of different clients run at the same time; those of one
    /// client do not, so what `has_room` answered still holds when its `add` comes.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashSet<String>>> {
        self.filters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
