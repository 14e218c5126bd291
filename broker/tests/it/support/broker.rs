//! A broker in this process, on a port of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use hookmq::config::{Config, Durability, Listener};
use hookmq::plugins::{PluginEntry, Plugins, Roster};
use hookmq::server::Server;
use tempfile::TempDir;

use crate::common::plugins::PluginDir;

pub(crate) struct Broker {
    server: Option<Server>,
    /// What it keeps, if it has no plugins.
    folder: Option<TempDir>,
}

impl Broker {
    pub(crate) fn start() -> Broker {
        Broker::with(|_| {})
    }

    /// With what `change` makes of the default config.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Broker {
        let folder = tempfile::tempdir().unwrap();
        let mut broker = Broker::start_in(folder.path(), change);
        broker.folder = Some(folder);
        broker
    }

    /// With plugins that lie in `directory`, which may go once they are loaded.
    pub(crate) fn with_plugins(directory: &PluginDir, plugins: Vec<PluginEntry>) -> Broker {
        Broker::with_plugins_and(directory, plugins, |_| {})
    }

    /// The same, with what `change` makes of the default config.
    pub(crate) fn with_plugins_and(
        directory: &PluginDir,
        plugins: Vec<PluginEntry>,
        change: impl FnOnce(&mut Config),
    ) -> Broker {
        Broker::start_in(directory.path(), |config| {
            config.plugins = plugins;
            change(config);
        })
    }

    /// With plugins in a directory, and what `change` makes of the default config.
    pub(crate) fn start_in(plugin_dir: &Path, change: impl FnOnce(&mut Config)) -> Broker {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut config = Config {
            listeners: vec![Listener::Tcp { address }],
            threads: NonZeroUsize::new(2),
            // What outlives a broker has tests of its own.
            durability: Durability::Memory,
            ..Config::default()
        };
        change(&mut config);
        Broker { server: Some(Server::start(&config, plugin_dir).unwrap()), folder: None }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses()[0]
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        self.server.as_ref().unwrap().addresses()
    }

    pub(crate) fn plugins(&self) -> &Plugins {
        self.server.as_ref().unwrap().plugins()
    }

    pub(crate) fn roster(&self) -> &Arc<Roster> {
        self.server.as_ref().unwrap().roster()
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
