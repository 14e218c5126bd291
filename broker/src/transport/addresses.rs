//! Counts the open connections of each address. Loopback is not counted: who is on this machine, or
//! behind a proxy on it, shares one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

#[derive(Clone, Default)]
pub(crate) struct Addresses {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection that counts for as long as this lives.
pub(crate) struct Counted {
    addresses: Addresses,
    address: IpAddr,
}

impl Addresses {
    /// Counts a connection from `address`; `None`: it has `limit` of them already.
    pub(crate) fn count(&self, address: IpAddr, limit: usize) -> Option<Counted> {
        let address = address.to_canonical();
        if !address.is_loopback() {
            let mut open = self.open.lock();
            let count = open.entry(address).or_default();
            if *count >= limit {
                return None;
            }
            *count += 1;
        }
        Some(Counted { addresses: self.clone(), address })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.addresses.open.lock();
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_so_many_and_no_more() {
        let addresses = Addresses::default();
        let [here, there] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        let first = addresses.count(here, 2);
        let second = addresses.count(here, 2);
        assert!(first.is_some() && second.is_some());
        assert!(addresses.count(here, 2).is_none());
        // The same address as a socket for both families writes it.
        assert!(addresses.count("::ffff:192.0.2.1".parse().unwrap(), 2).is_none());
        assert!(addresses.count(there, 2).is_some());
        drop(first);
        assert!(addresses.count(here, 2).is_some());
        drop(second);
        assert!(addresses.open.lock().is_empty());
    }

    #[test]
    fn loopback_is_not_counted() {
        let addresses = Addresses::default();
        for address in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
            let counted: Vec<_> =
                (0..10).map(|_| addresses.count(address.parse().unwrap(), 1)).collect();
            assert!(counted.iter().all(Option::is_some), "{address}");
        }
    }
}
