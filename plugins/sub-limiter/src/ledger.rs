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

    /// Held for a map operation only. Hooks of different clients run at the same time; those of one
    /// client do not, so what `has_room` answered still holds when its `add` comes.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashSet<String>>> {
        self.filters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscribe(ledger: &Ledger, client_id: &str, filter: &str) -> bool {
        let allowed = ledger.has_room(client_id, filter, 2);
        if allowed {
            ledger.add(client_id, filter);
        }
        allowed
    }

    #[test]
    fn each_client_has_its_own_limit() {
        let ledger = Ledger::default();
        assert!(subscribe(&ledger, "a", "1"));
        assert!(subscribe(&ledger, "a", "2"));
        assert!(!subscribe(&ledger, "a", "3"));
        assert!(subscribe(&ledger, "b", "3"));
    }

    #[test]
    fn a_repeated_filter_counts_once() {
        let ledger = Ledger::default();
        assert!(subscribe(&ledger, "a", "1"));
        assert!(subscribe(&ledger, "a", "1"));
        assert!(subscribe(&ledger, "a", "2"));
        assert!(subscribe(&ledger, "a", "2"));
        assert!(!subscribe(&ledger, "a", "3"));
    }

    #[test]
    fn removing_makes_room_and_leaves_nothing_behind() {
        let ledger = Ledger::default();
        assert!(subscribe(&ledger, "a", "1"));
        assert!(subscribe(&ledger, "a", "2"));
        ledger.remove("a", "never there");
        assert!(!subscribe(&ledger, "a", "3"));
        ledger.remove("a", "1");
        assert!(subscribe(&ledger, "a", "3"));
        ledger.remove("a", "2");
        ledger.remove("a", "3");
        ledger.forget("b");
        assert!(ledger.lock().is_empty());
    }

    #[test]
    fn clients_do_not_disturb_each_other() {
        let ledger = Ledger::default();
        std::thread::scope(|scope| {
            for client in 0..8 {
                let ledger = &ledger;
                scope.spawn(move || {
                    let client_id = client.to_string();
                    for round in 0..200 {
                        assert!(subscribe(ledger, &client_id, "1"), "round {round}");
                        assert!(subscribe(ledger, &client_id, "2"));
                        assert!(!subscribe(ledger, &client_id, "3"));
                        ledger.forget(&client_id);
                    }
                });
            }
        });
        assert!(ledger.lock().is_empty());
    }
}
