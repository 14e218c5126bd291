//! Loads the plugins that the config names: finds the file, checks it, maps a private copy, and asks
//! it for its hooks. Not when hooks are called, which is [`crate::hooks`].
//!
//! A library stays mapped until the process ends: its threads and thread-local destructors may
//! outlive everything that could be waited for.

mod answer;
mod auth_answer;
mod c;
mod contents;
mod copy;
mod elf;
mod entry;
mod error;
mod escaped;
mod find;
mod hook_fn;
mod host;
mod inspect;
mod library;
mod loaded;
mod manifest;
mod native;
mod replay;

use std::{path::Path, sync::Arc};

use parking_lot::Mutex;

use crate::hooks::{Hooks, point};

pub(crate) use answer::{Answer, AnswerHandle, Parts, text};
pub(crate) use auth_answer::AuthParts;
pub use contents::{Contents, Language};
pub use entry::PluginEntry;
pub use error::LoadError;
use error::Reason;
pub(crate) use hook_fn::HookFn;
pub use inspect::{Inspection, inspect, inspect_file, libraries};
pub(crate) use loaded::Loaded;
pub use manifest::Manifest;
pub use replay::{Played, Player};

/// The plugins of a running broker.
///
/// Dropping it shuts them down, as [`Plugins::shutdown`] does.
pub struct Plugins {
    names: Vec<Box<str>>,
    /// Empty once they are shut down.
    loaded: Mutex<Vec<Arc<Loaded>>>,
}

impl Plugins {
    /// Loads plugins from `dir` in the order given, and logs each. Blocks while they start.
    ///
    /// # Errors
    ///
    /// The first plugin that is not `optional` and cannot be loaded ends it; those that were
    /// already loaded are shut down.
    pub fn load(dir: &Path, entries: &[PluginEntry]) -> Result<Plugins, LoadError> {
        let mut loaded: Vec<Arc<Loaded>> = Vec::with_capacity(entries.len());
        for entry in entries {
            match load(dir, entry, &loaded).map_err(|error| error.at(entry.line)) {
                Ok(plugin) => {
                    log::info!("plugin {plugin}");
                    loaded.push(Arc::new(plugin));
                }
                Err(error) if entry.optional => {
                    log::error!("{error}; it is optional, so the broker starts without it");
                }
                Err(error) => {
                    shut_down(loaded);
                    return Err(error);
                }
            }
        }
        let names = loaded.iter().map(|plugin| plugin.name().into()).collect();
        Ok(Plugins { names, loaded: Mutex::new(loaded) })
    }

    /// Loads the plugin in `file` alone, under the name in `entry`. Blocks while it starts.
    ///
    /// # Errors
    ///
    /// If it cannot be loaded, even if it is `optional`.
    pub fn load_file(file: &Path, entry: &PluginEntry) -> Result<Plugins, LoadError> {
        let plugin = load_file(&entry.name, file, entry).map_err(|error| error.at(entry.line))?;
        log::info!("plugin {plugin}");
        let names = vec![plugin.name().into()];
        Ok(Plugins { names, loaded: Mutex::new(vec![Arc::new(plugin)]) })
    }

    /// Their hooks, in the order of the config. None once they are shut down.
    pub fn hooks(&self) -> Hooks {
        Hooks::new(&self.loaded.lock())
    }

    /// Calls each plugin's `shutdown`, in the order of the config; the second call does nothing.
    ///
    /// Drop every [`Hooks`] first: a C plugin gets its `Shutdown`, which frees what its hooks use,
    /// only when no hook can be called any more. Blocks as long as the plugins do.
    pub fn shutdown(&self) {
        shut_down(std::mem::take(&mut *self.loaded.lock()));
    }

    /// The names of the loaded plugins, without `.so`, in the order of the config.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    /// The names of the hooks that some plugin has. None once they are shut down.
    pub fn hook_names(&self) -> Vec<&'static str> {
        self.loaded.lock().iter().flat_map(|plugin| point::names(plugin.hooks())).collect()
    }
}

impl Drop for Plugins {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugins").field("names", &self.names).finish_non_exhaustive()
    }
}

fn load(dir: &Path, entry: &PluginEntry, before: &[Arc<Loaded>]) -> Result<Loaded, LoadError> {
    let found = find::find(dir, &entry.name)?;
    let (name, file) = (found.name, found.file.as_path());
    if before.iter().any(|other| other.name() == name || other.file() == file) {
        return Err(LoadError::new(name, Some(file), Reason::Twice));
    }
    load_file(name, file, entry)
}

fn load_file(name: &str, file: &Path, entry: &PluginEntry) -> Result<Loaded, LoadError> {
    let fail = |reason| LoadError::new(name, Some(file), reason);
    let bytes = std::fs::read(file).map_err(|error| fail(Reason::Read(error)))?;
    elf::check(&bytes).map_err(|error| fail(Reason::Elf(error)))?;
    let library = library::open(name, &bytes).map_err(fail)?;
    Loaded::start(name, file, library, entry).map_err(fail)
}

fn shut_down(plugins: Vec<Arc<Loaded>>) {
    for plugin in plugins {
        plugin.shutdown();
    }
}
