//! The ends of the connections of one listener, shared by those that have the same.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::connection::LocalEnd;

pub(super) struct LocalEnds {
    /// The listener as the config names it.
    listener: Arc<str>,
    /// As in [`LocalEnd`].
    keeps: bool,
    /// That of the last connection: most have the same, also where the listener has several addresses.
    last: (SocketAddr, Arc<LocalEnd>),
}

impl LocalEnds {
    /// `address` is the one to expect.
    pub(super) fn new(listener: Arc<str>, address: SocketAddr, keeps: bool) -> LocalEnds {
        let last = (address, LocalEnd::new(address, listener.clone(), keeps));
        LocalEnds { listener, keeps, last }
    }

    /// That of a connection to this address.
    pub(super) fn at(&mut self, address: SocketAddr) -> Arc<LocalEnd> {
        if self.last.0 != address {
            self.last = (address, LocalEnd::new(address, self.listener.clone(), self.keeps));
        }
        self.last.1.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_and_connections_in_a_row_share_it() {
        let [one, other] = ["192.0.2.1:1883", "[2001:db8::1]:1883"].map(|it| it.parse().unwrap());
        let mut ends = LocalEnds::new("tcp://[::]:1883".into(), one, true);
        for address in [one, one, other, other, one] {
            let end = ends.at(address);
            assert_eq!(end.address.to_socket_addr(), Some(address));
            assert_eq!(&*end.listener, "tcp://[::]:1883");
            assert!(Arc::ptr_eq(&end, &ends.at(address)));
        }
    }
}
