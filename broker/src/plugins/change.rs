//! Plugins that come and go while the broker serves. Clients stay connected; what is under way ends
//! with the plugins that it began with.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::{LoadError, Loaded, PluginEntry, Plugins, Set, find, load};
use crate::hooks::{Hooks, OpenToAll};

/// Why the plugins are what they were before.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The plugin could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There is no such plugin.
    #[error("no plugin {0} is loaded")]
    NotLoaded(String),
    /// Anybody in the network could connect.
    #[error(
        "no other plugin decides who may connect (none has on_before_connect), and tcp://{0} is open \
         to other machines"
    )]
    OpenToAll(SocketAddr),
    /// The broker is stopping.
    #[error("the plugins are shut down")]
    ShutDown,
}

impl Plugins {
    /// Starts a new instance of a plugin, from the file as it is now in `dir`. It takes the place of the
    /// one of that name, which ends when nobody uses it any more; if there is none, it goes to the end.
    /// Any thread; blocks while the new instance starts.
    ///
    /// # Errors
    /// If it cannot be loaded, even if it is `optional`, or must not take that place. Nothing has
    /// changed then.
    pub fn put(&self, dir: &Path, entry: &PluginEntry) -> Result<(), ChangeError> {
        let _changing = self.changing.lock();
        let mut loaded = self.set.lock().loaded.clone();
        let before = position(&loaded, find::name(&entry.name));
        let replaced = before.map(|index| loaded.remove(index));
        let plugin =
            load(dir, entry, &[], &loaded, &self.trace).map_err(|error| error.at(entry.line))?;
        let line = format!("plugin {plugin}");
        loaded.insert(before.unwrap_or(loaded.len()), Arc::new(plugin));
        self.exchange(loaded)?;
        log::info!(
            "{line}{}",
            if replaced.is_some() { ", in place of the one before" } else { "" }
        );
        Ok(())
    }

    /// Takes a plugin out; it ends when nobody uses it any more. Any thread.
    ///
    /// # Errors
    /// If it is not loaded, or has to stay.
    pub fn remove(&self, name: &str) -> Result<(), ChangeError> {
        let _changing = self.changing.lock();
        let mut loaded = self.set.lock().loaded.clone();
        let index = position(&loaded, name).ok_or_else(|| ChangeError::NotLoaded(name.into()))?;
        loaded.remove(index);
        self.exchange(loaded)?;
        log::info!("plugin {name} is taken out");
        Ok(())
    }

    /// Puts these plugins in force, in this order.
    fn exchange(&self, loaded: Vec<Arc<Loaded>>) -> Result<(), ChangeError> {
        let mut set = self.set.lock();
        if set.ended {
            return Err(ChangeError::ShutDown);
        }
        self.live.replace(Hooks::new(&loaded))?;
        *set = Set::new(loaded);
        Ok(())
    }
}

fn position(loaded: &[Arc<Loaded>], name: &str) -> Option<usize> {
    loaded.iter().position(|plugin| **plugin.name() == *name)
}

impl From<OpenToAll> for ChangeError {
    fn from(OpenToAll(address): OpenToAll) -> ChangeError {
        ChangeError::OpenToAll(address)
    }
}
