//! Plugins that come and go while the broker serves. Clients stay connected; what is under way ends
//! with the plugins that it began with.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::{LoadError, Loaded, PluginEntry, Plugins, Reason, Set, find, load};
use crate::hooks::OpenToAll;

/// Why the plugins are what they were before.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The plugin could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There is no such plugin.
    #[error(
        "there is no plugin {0}: `hookmq ctl plugins list` shows which there are; one that is only in the \
         folder comes in by `hookmq ctl plugins enable`, or by config.yml and SIGHUP"
    )]
    NotLoaded(String),
    /// Anybody in the network could connect.
    #[error(
        "no other plugin decides who may connect (none has on_before_connect), and tcp://{0} is open \
         to other machines"
    )]
    OpenToAll(SocketAddr),
    /// It is there, and disabled.
    #[error("plugin {0} is disabled; enable it first")]
    Disabled(String),
    /// The broker is stopping.
    #[error("the plugins are shut down")]
    ShutDown,
    /// A plugin is starting all the while.
    #[error(
        "another change of the plugins is still under way, which waits for a plugin to start; try \
         again, or restart the broker"
    )]
    Busy,
    /// The names are not those of the plugins.
    #[error("an order has all plugins, each once: {0}")]
    Order(String),
}

impl ChangeError {
    /// The line of the config that is to be changed, from 1.
    pub fn line(&self) -> Option<usize> {
        let ChangeError::Load(error) = self else { return None };
        error.line()
    }
}

/// What stands at a place in the order of the hooks.
#[derive(Clone, Debug)]
pub enum Place {
    /// The instance of that name that is in force.
    Keep(String),
    /// A new instance, in place of the one of its name if there is one.
    Start(PluginEntry),
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
        let mut places: Vec<Place> = self.names().map(Place::Keep).collect();
        let start = Place::Start(PluginEntry { optional: false, ..entry.clone() });
        let name = find::name(&entry.name);
        match places.iter_mut().find(|place| place.name() == name) {
            Some(place) => *place = start,
            None => places.push(start),
        }
        self.settle(dir, &places).map(drop)
    }

    /// Takes a plugin out; it ends when nobody uses it any more. Any thread.
    ///
    /// # Errors
    /// If it is not loaded, or has to stay.
    pub fn remove(&self, name: &str) -> Result<(), ChangeError> {
        let _changing = self.changing.lock();
        if self.names().all(|other| other != name) {
            return Err(ChangeError::NotLoaded(name.into()));
        }
        let others = self.names().filter(|other| other != name);
        self.settle(Path::new(""), &others.map(Place::Keep).collect::<Vec<_>>()).map(drop)
    }

    /// Has these plugins, in this order, and no others: all of it at once. New instances are started
    /// from the files as they are now in `dir`; those whose place is taken, or that have none any more,
    /// end when nobody uses them. Any thread; blocks while the new instances start. Returns the names of those
    /// that are `optional` and could not be loaded.
    ///
    /// # Errors
    /// If one that is not `optional` cannot be loaded, one that is to be kept is not there, or somebody
    /// would not be asked who has to be. Nothing has changed then. One that is `optional` and cannot be
    /// loaded is logged, and leaves the old one where it is.
    pub fn arrange(&self, dir: &Path, places: &[Place]) -> Result<Vec<String>, ChangeError> {
        let _changing = self.changing.lock();
        self.settle(dir, places)
    }

    fn settle(&self, dir: &Path, places: &[Place]) -> Result<Vec<String>, ChangeError> {
        let before = self.set.lock().loaded.clone();
        let old = |name: &str| before.iter().find(|plugin| **plugin.name() == *name);
        let named: Vec<&str> = places.iter().map(Place::name).collect();
        let mut loaded: Vec<Arc<Loaded>> = Vec::with_capacity(places.len());
        let (mut lines, mut failed) = (Vec::new(), Vec::new());
        for place in places {
            let old = old(place.name());
            match place {
                Place::Keep(name) if loaded.iter().any(|it| **it.name() == **name) => {
                    return Err(LoadError::new(name, None, Reason::Twice).into());
                }
                Place::Keep(name) => {
                    loaded.push(old.ok_or_else(|| ChangeError::NotLoaded(name.clone()))?.clone());
                }
                Place::Start(entry) => match load(&self.services, dir, entry, &named, &loaded) {
                    Ok(plugin) => {
                        lines.push(match old {
                            Some(_) => format!("plugin {plugin}, in place of the one before"),
                            None => format!("plugin {plugin}"),
                        });
                        loaded.push(Arc::new(plugin));
                    }
                    Err(error) if entry.optional => {
                        log::error!(
                            "{}; it is optional, so nothing else changes",
                            error.at(entry.line)
                        );
                        loaded.extend(old.cloned());
                        failed.push(place.name().to_owned());
                    }
                    Err(error) => return Err(error.at(entry.line).into()),
                },
            }
        }
        self.exchange(loaded)?;
        let gone = before.iter().filter(|plugin| !named.contains(&plugin.name().as_ref()));
        lines.extend(gone.map(|plugin| format!("plugin {} is taken out", plugin.name())));
        lines.iter().for_each(|line| log::info!("{line}"));
        Ok(failed)
    }

    /// Puts these plugins in force, in this order.
    fn exchange(&self, loaded: Vec<Arc<Loaded>>) -> Result<(), ChangeError> {
        let mut set = self.set.lock();
        if set.ended {
            return Err(ChangeError::ShutDown);
        }
        self.live.replace(&loaded)?;
        *set = Set::new(loaded);
        Ok(())
    }
}

impl Place {
    /// The name that logs show.
    fn name(&self) -> &str {
        match self {
            Place::Keep(name) => name,
            Place::Start(entry) => find::name(&entry.name),
        }
    }
}

impl From<OpenToAll> for ChangeError {
    fn from(OpenToAll(address): OpenToAll) -> ChangeError {
        ChangeError::OpenToAll(address)
    }
}
