//! A broker in this process, on a port of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use hookmq::config::{Config, Durability, Listener, Mark};
use hookmq::plugins::{PluginEntry, Plugins, Roster};
use hookmq::server::Server;
use hookmq::{Folders, Readings, Status};
use tempfile::TempDir;

use super::limited::poll;
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
        let server = Server::start(&config(change), plugin_dir).unwrap();
        Broker { server: Some(server), folder: None }
    }

    /// The same on a machine of which `readings` say how much there is.
    pub(crate) fn start_with(
        plugin_dir: &Path,
        readings: Box<dyn Readings>,
        change: impl FnOnce(&mut Config),
    ) -> Broker {
        let folders = Folders::within(plugin_dir);
        let server = Server::start_with(&config(change), folders, readings).unwrap();
        Broker { server: Some(server), folder: None }
    }

    pub(crate) fn status(&self) -> Status {
        self.server.as_ref().unwrap().status()
    }

    /// How it is, once it is so.
    pub(crate) fn status_when(&self, look: impl Fn(&Status) -> bool) -> Status {
        poll(|| self.status(), look)
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

/// The default for tests, with what `change` makes of it.
fn config(change: impl FnOnce(&mut Config)) -> Config {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config {
        listeners: vec![Listener::tcp(address)],
        threads: NonZeroUsize::new(2),
        // What outlives a broker has tests of its own.
        durability: Durability::Memory,
        ..Config::default()
    };
    // Other tests, and what else runs here, are no reason to hold anybody up.
    config.limits.max_memory = Mark::Off;
    config.limits.min_disk_free = Mark::Off;
    change(&mut config);
    config
}
