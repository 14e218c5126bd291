//! The grants of all clients that are in, or about to be.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use plugin_abi::{Client, Host, HostError, Kick, log};

use crate::NOT_AUTHORIZED;
use crate::clock;
use crate::grant::Grant;
use crate::refused::EXPIRED;

/// A connection. A newcomer has the client id of one that is still there, until that gives way.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub(crate) enum Key {
    Addresses(SocketAddr, SocketAddr),
    /// Of a connection that has no addresses.
    ClientId(Box<str>),
}

/// In parts, each with its lock, so that event loops seldom meet.
pub(crate) struct Grants {
    parts: [RwLock<HashMap<Key, Entry>>; 16],
    hasher: RandomState,
}

struct Entry {
    grant: Arc<Grant>,
    client_id: Box<str>,
    /// Until it is connected: it may never be, and nobody tells. Or until its will is published.
    wait_until: Option<u64>,
    /// The connection is over.
    left: bool,
    /// It was told to go.
    told: bool,
}

/// Longer than anybody takes to connect, in seconds. Most wills are published by then too.
const PATIENCE: u64 = 300;

impl Key {
    pub(crate) fn of(client: &Client<'_>) -> Key {
        match (client.peer(), client.local()) {
            (Some(peer), Some(local)) => Key::Addresses(peer, local),
            _ => Key::ClientId(client.client_id().into()),
        }
    }
}

impl Entry {
    /// Of a client that is connected.
    fn new(client_id: &str, grant: Grant) -> Entry {
        let (grant, client_id) = (Arc::new(grant), client_id.into());
        Entry { grant, client_id, wait_until: None, left: false, told: false }
    }

    fn has_not_come(&self, now: u64) -> bool {
        self.wait_until.is_some_and(|until| now >= until)
    }

    fn has_to_go(&self, now: u64) -> bool {
        self.wait_until.is_none() && !self.told && self.grant.has_expired(now)
    }
}

impl Default for Grants {
    fn default() -> Self {
        Grants { parts: std::array::from_fn(|_| RwLock::default()), hasher: RandomState::new() }
    }
}

impl Grants {
    pub(crate) fn add(&self, key: &Key, client_id: &str, grant: Grant) {
        let wait_until = Some(clock::now() + PATIENCE);
        let entry = Entry { wait_until, ..Entry::new(client_id, grant) };
        self.change(key, |part| part.insert(key.clone(), entry));
    }

    /// Returns its grant.
    pub(crate) fn connected(&self, key: &Key, client_id: &str) -> Option<Arc<Grant>> {
        self.change(key, |part| {
            let entry = part.get_mut(key).filter(|entry| !entry.left)?;
            entry.wait_until = None;
            entry.client_id = client_id.into();
            Some(entry.grant.clone())
        })?
    }

    /// Of a client that is connected, and has none here. Returns the one that holds.
    pub(crate) fn adopt(&self, key: &Key, client_id: &str, grant: Grant) -> Option<Arc<Grant>> {
        self.change(key, |part| {
            let entry = part.entry(key.clone()).or_insert_with(|| Entry::new(client_id, grant));
            entry.grant.clone()
        })
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Grant>> {
        let part = self.part(key)?.read().unwrap_or_else(PoisonError::into_inner);
        part.get(key).map(|entry| entry.grant.clone())
    }

    /// The connection is over. Its grant is kept for a while if there is a will.
    pub(crate) fn left(&self, key: &Key) {
        self.change(key, |part| match part.get_mut(key) {
            Some(entry) if entry.grant.has_will => {
                entry.left = true;
                entry.wait_until = Some(clock::now() + PATIENCE);
            }
            _ => drop(part.remove(key)),
        });
    }

    pub(crate) fn remove(&self, key: &Key) {
        self.change(key, |part| part.remove(key));
    }

    /// Sends away whose token has expired, and forgets who has not come.
    pub(crate) fn end_expired(&self, host: &Host, now: u64) {
        let kick = Kick::because(NOT_AUTHORIZED).words(EXPIRED);
        for (key, client_id) in self.take_expired(now) {
            match host.disconnect(&client_id, &kick) {
                Ok(()) => log::debug!("the token of {client_id:?} has expired: it has to go"),
                // It has gone by itself.
                Err(HostError::NotThere) => {}
                Err(why @ (HostError::NotGranted | HostError::NotOffered)) => {
                    log::debug!(
                        "the token of {client_id:?} has expired; it stays, and may do nothing: {why}"
                    );
                }
                Err(why) => {
                    log::debug!("the token of {client_id:?} has expired; it stays for now: {why}");
                    self.tell_again(&key);
                }
            }
        }
    }

    fn tell_again(&self, key: &Key) {
        self.change(key, |part| {
            if let Some(entry) = part.get_mut(key) {
                entry.told = false;
            }
        });
    }

    /// Who is connected and has to go now, each once.
    fn take_expired(&self, now: u64) -> Vec<(Key, Box<str>)> {
        let mut expired = Vec::new();
        for part in &self.parts {
            // Mostly there is nobody, and then nobody waits.
            let is_anybody = |part: &HashMap<Key, Entry>| {
                part.values().any(|entry| entry.has_not_come(now) || entry.has_to_go(now))
            };
            if !is_anybody(&part.read().unwrap_or_else(PoisonError::into_inner)) {
                continue;
            }
            let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
            part.retain(|_, entry| !entry.has_not_come(now));
            for (key, entry) in part.iter_mut().filter(|(_, entry)| entry.has_to_go(now)) {
                entry.told = true;
                expired.push((key.clone(), entry.client_id.clone()));
            }
        }
        expired
    }

    fn change<T>(
        &self,
        key: &Key,
        change: impl FnOnce(&mut HashMap<Key, Entry>) -> T,
    ) -> Option<T> {
        let part = self.part(key)?;
        Some(change(&mut part.write().unwrap_or_else(PoisonError::into_inner)))
    }

    fn part(&self, key: &Key) -> Option<&RwLock<HashMap<Key, Entry>>> {
        let hash = self.hasher.hash_one(key) as usize;
        self.parts.get(hash % self.parts.len())
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.read().unwrap().len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::names::Names;
    use crate::settings::Rights;

    fn key(port: u16) -> Key {
        let [peer, local] = [port, 1883].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        Key::Addresses(peer, local)
    }

    fn grant(expires: Option<u64>) -> Grant {
        let claims = serde_json::from_value(json!({ "pub": ["a"] })).unwrap();
        let names = Names { client_id: "c", username: None };
        Grant::new(&claims, &Rights::default(), names, expires)
    }

    #[test]
    fn a_newcomer_does_not_take_the_grant_of_who_has_to_go() {
        let grants = Grants::default();
        grants.add(&key(1), "c", grant(Some(1)));
        grants.connected(&key(1), "c");
        grants.add(&key(2), "c", grant(Some(2)));
        grants.left(&key(1));
        grants.connected(&key(2), "c");
        assert!(grants.get(&key(1)).is_none());
        assert!(grants.get(&key(2)).unwrap().publish.has("a"));
        grants.left(&key(2));
        assert_eq!(grants.len(), 0);
    }

    #[test]
    fn who_has_expired_is_told_once() {
        let grants = Grants::default();
        for (port, expires) in [(1, Some(100)), (2, Some(200)), (3, None)] {
            grants.add(&key(port), "before", grant(expires));
            grants.connected(&key(port), &port.to_string());
        }
        assert!(grants.take_expired(99).is_empty());
        assert_eq!(grants.take_expired(100), [(key(1), "1".into())]);
        assert!(grants.take_expired(100).is_empty());
        grants.tell_again(&key(1));
        assert_eq!(grants.take_expired(100), [(key(1), "1".into())]);
        assert_eq!(grants.take_expired(u64::MAX), [(key(2), "2".into())]);
        assert_eq!(grants.len(), 3, "until they are gone");
    }

    /// Another plugin may give the will a topic that nobody has looked at yet.
    #[test]
    fn a_will_has_the_grant_of_its_client_that_has_left() {
        let grants = Grants::default();
        let mut grant = grant(Some(1));
        grant.has_will = true;
        grants.add(&key(1), "c", grant);
        grants.connected(&key(1), "c");
        grants.left(&key(1));
        assert!(grants.get(&key(1)).unwrap().publish.has("a"));
        assert!(grants.connected(&key(1), "c").is_none(), "it is for the will alone");
        let now = clock::now();
        assert!(grants.take_expired(now).is_empty(), "nobody is there who could go");
        assert_eq!(grants.len(), 1);
        assert!(grants.take_expired(now + PATIENCE + 1).is_empty());
        assert_eq!(grants.len(), 0);
    }

    #[test]
    fn who_never_connects_is_forgotten() {
        let grants = Grants::default();
        grants.add(&key(1), "c", grant(Some(1)));
        let now = clock::now();
        assert!(grants.take_expired(now).is_empty());
        assert_eq!(grants.len(), 1);
        assert!(grants.take_expired(now + PATIENCE + 1).is_empty());
        assert_eq!(grants.len(), 0);
    }
}
