//! New connections come no faster than allowed, and nobody is refused for it.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hookmq::config::Listener;
use mqtt::Version;

use crate::support::{Broker, Client, Login, both_versions, other_address};

both_versions!(who_comes_too_fast_waits);

/// From an address of this machine that is not loopback, where it has one.
fn who_comes_too_fast_waits(version: Version) {
    let broker = Broker::with(|config| {
        config.limits.max_connection_rate = 10;
        config.allow_anonymous = true;
        config.listeners = vec![Listener::tcp(([0, 0, 0, 0], 0).into())];
    });
    let port = broker.address().port();
    let connect_all = |address: IpAddr| {
        let clients: Vec<Client> = (0..25)
            .map(|number| {
                let client_id = format!("client-{number}");
                Login::new(version, &client_id).connect(SocketAddr::new(address, port))
            })
            .collect();
        clients.into_iter().for_each(Client::disconnect);
    };
    connect_all([127, 0, 0, 1].into());
    if let Some(address) = other_address() {
        let begin = Instant::now();
        connect_all(address);
        // Ten at once, and the others at the rate.
        assert!(begin.elapsed() >= Duration::from_millis(1400));
    }
}
