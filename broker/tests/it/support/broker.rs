//! A broker in this process, on a port of its own.

use std::net::{Ipv4Addr, SocketAddr};

use hookmq::config::{Config, Listener};
use hookmq::server::Server;
use tempfile::TempDir;

pub(crate) struct Broker {
    server: Option<Server>,
    /// Where its plugins are.
    pub(crate) directory: TempDir,
}

impl Broker {
    pub(crate) fn start() -> Broker {
        Broker::with(|_| {})
    }

    /// With what `change` makes of the default config.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Broker {
        Broker::in_directory(tempfile::tempdir().unwrap(), change)
    }

    /// With plugins that lie in `directory`.
    pub(crate) fn in_directory(directory: TempDir, change: impl FnOnce(&mut Config)) -> Broker {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut config = Config {
            listeners: vec![Listener::Tcp { address }],
            threads: std::num::NonZeroUsize::new(2),
            ..Config::default()
        };
        change(&mut config);
        let server = Server::start(&config, directory.path()).unwrap();
        Broker { server: Some(server), directory }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.as_ref().unwrap().addresses()[0]
    }

    /// Stops it in good order.
    pub(crate) fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}
