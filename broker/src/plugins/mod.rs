//! Loads the plugins that the config names: finds the file, checks it, maps a private copy, and asks
//! it for its hooks. Not when hooks are called, which is [`crate::hooks`].
//!
//! A library stays mapped until the process ends: its threads and thread-local destructors may
//! outlive everything that could be waited for.

mod answer;
mod auth_answer;
mod blocking;
mod c;
mod capability;
mod change;
mod contents;
mod copy;
mod described;
mod detail;
mod elf;
mod entry;
mod error;
mod escaped;
mod find;
mod hook_fn;
mod host;
mod inspect;
mod interest;
mod kept_event;
mod later;
mod library;
mod loaded;
mod manifest;
mod native;
mod recorded;
mod replay;
mod roster;
mod sha256;
mod terms;
mod threads;
mod versions;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::status::Status;
use crate::{
    config::Config,
    hooks::{
        HookStats, Hooks, Live, RecordFilter, Recording, Standing, TraceFilter, TraceReader, point,
    },
    services::{Folders, Services},
};

pub(crate) use answer::{Answer, AnswerHandle, LONGEST, Parts, text};
pub(crate) use auth_answer::AuthParts;
pub use blocking::Blocking;
pub(crate) use blocking::Overlap;
pub use capability::{Capabilities, Capability};
pub use change::{ChangeError, Place};
pub use contents::{Contents, Language};
pub(crate) use described::Described;
pub use detail::{Detail, Enlisted};
pub use entry::{OnError, PluginEntry};
pub use error::LoadError;
use error::Reason;
pub(crate) use hook_fn::HookFn;
pub use inspect::{Inspection, inspect, inspect_file, libraries};
pub(crate) use interest::Interest;
pub(crate) use kept_event::{Keep, KeptEvent};
pub(crate) use later::{Answerer, Completion, Overdue, Ticket};
pub(crate) use loaded::Loaded;
use loaded::Source;
pub use manifest::Manifest;
pub(crate) use recorded::Recorded;
pub use replay::{Played, Player};
pub use roster::Roster;
pub use sha256::Sha256;
pub(crate) use threads::{Call, Threads};
pub use versions::PassedOver;

/// How long plugins have at the end for the hooks that they are in, on threads of their own.
const PATIENCE: Duration = Duration::from_secs(5);

/// The plugins of a running broker.
///
/// Dropping it shuts them down, as [`Plugins::shutdown`] does.
pub struct Plugins {
    services: Arc<Services>,
    live: Arc<Live>,
    set: Mutex<Set>,
    /// Held while plugins come and go, which takes as long as they do.
    changing: Mutex<()>,
}

/// What a plugin has done in one of its hooks, since its instance was started.
#[derive(Clone, Debug)]
pub struct PluginStats {
    /// Its name.
    pub plugin: Arc<str>,
    /// The hook, as Rust plugins name it.
    pub hook: &'static str,
    /// The counters.
    pub counts: HookStats,
}

struct Set {
    names: Vec<String>,
    /// Empty once they are shut down.
    loaded: Vec<Arc<Loaded>>,
    ended: bool,
}

impl Plugins {
    /// Loads plugins from `dir` in the order given, and logs each. Blocks while they start.
    ///
    /// # Errors
    ///
    /// The first plugin that is not `optional` and cannot be loaded ends it; those that were
    /// already loaded are shut down.
    pub fn load(dir: &Path, entries: &[PluginEntry]) -> Result<Plugins, LoadError> {
        Plugins::load_for(Services::new(&Config::default(), Folders::within(dir)), entries)
    }

    /// The same, with what they can use of the broker.
    pub(crate) fn load_for(
        services: Arc<Services>,
        entries: &[PluginEntry],
    ) -> Result<Plugins, LoadError> {
        let mut loaded: Vec<Arc<Loaded>> = Vec::with_capacity(entries.len());
        let named: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        for entry in entries {
            match load(&services, &services.folders.plugins, entry, &named, &loaded)
                .map_err(|error| error.at(entry.line))
            {
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
        Ok(Plugins::new(services, loaded))
    }

    /// Loads the plugin in `file` alone, under the name in `entry`; in `folders` are the files of its own.
    /// Blocks while it starts.
    ///
    /// # Errors
    ///
    /// If it cannot be loaded, even if it is `optional`.
    pub fn load_file(
        file: &Path,
        entry: &PluginEntry,
        folders: Folders,
    ) -> Result<Plugins, LoadError> {
        let services = Services::new(&Config::default(), folders);
        let plugin =
            load_file(&services, &entry.name, file, entry).map_err(|error| error.at(entry.line))?;
        log::info!("plugin {plugin}");
        Ok(Plugins::new(services, vec![Arc::new(plugin)]))
    }

    fn new(services: Arc<Services>, loaded: Vec<Arc<Loaded>>) -> Plugins {
        let live = Arc::new(Live::new(&loaded));
        services.timers.serve(&live);
        Plugins { services, live, set: Mutex::new(Set::new(loaded)), changing: Mutex::new(()) }
    }

    /// What they can use of the broker.
    pub(crate) fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// Their hooks, for those who are to notice a change.
    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Their hooks, in the order of the config. None once they are shut down.
    pub fn hooks(&self) -> Arc<Hooks> {
        self.live.current()
    }

    /// Calls each plugin's `shutdown`, in the order of the config; the second call does nothing.
    ///
    /// Drop every [`Hooks`] first: a C plugin gets its `Shutdown`, which frees what its hooks use,
    /// only when no hook can be called any more. Blocks as long as the plugins do.
    pub fn shutdown(&self) {
        let mut set = self.set.lock();
        set.ended = true;
        let loaded = std::mem::take(&mut set.loaded);
        drop(set);
        self.services.timers.stop();
        wait_for_calls(&self.live.instances());
        self.live.end();
        shut_down(loaded);
        self.services.store.close();
    }

    /// The names of the loaded plugins, without `.so`, in the order of the config.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.set.lock().names.clone().into_iter()
    }

    /// What each instance in force has done in each of its hooks, in the order of the config.
    pub fn stats(&self) -> Vec<PluginStats> {
        let set = self.set.lock();
        let stats = set.loaded.iter().flat_map(|plugin| {
            point::present(plugin.hooks()).map(|(index, hook)| PluginStats {
                plugin: plugin.name().clone(),
                hook,
                counts: plugin.record().stats(index),
            })
        });
        stats.collect()
    }

    /// What can be told of each instance in force, in the order of the config.
    pub fn details(&self) -> Vec<Detail> {
        self.set.lock().loaded.iter().map(|plugin| plugin.detail()).collect()
    }

    /// Shows what plugins answer from now on, until the result is dropped. Those that come later too.
    pub fn trace(&self, filter: TraceFilter) -> TraceReader {
        self.services.trace.read(filter)
    }

    /// Records what hooks are told from now on, until the result is dropped.
    pub fn record(&self, filter: RecordFilter) -> Recording {
        self.live.record(filter)
    }

    /// How each instance in force stands, by the name of its plugin, in the order of the config.
    pub fn standings(&self) -> Vec<(Arc<str>, Standing)> {
        let set = self.set.lock();
        let standing = |plugin: &Arc<Loaded>| (plugin.name().clone(), plugin.record().standing());
        set.loaded.iter().map(standing).collect()
    }

    /// How the broker is that they are for; `None`: it does not serve yet, or any more.
    pub(crate) fn status(&self) -> Option<Status> {
        self.services.engine().ok().map(|engine| Status::of(&engine.broker))
    }

    /// The metrics of all plugins, in the text format of OpenMetrics.
    pub fn metrics_text(&self) -> String {
        self.services.metrics.text()
    }

    /// The names of the hooks that some plugin has. None once they are shut down.
    pub fn hook_names(&self) -> Vec<&'static str> {
        self.set.lock().loaded.iter().flat_map(|plugin| point::names(plugin.hooks())).collect()
    }
}

impl Set {
    fn new(loaded: Vec<Arc<Loaded>>) -> Set {
        let names = loaded.iter().map(|plugin| plugin.name().to_string()).collect();
        Set { names, loaded, ended: false }
    }
}

impl Drop for Plugins {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugins").field("names", &self.set.lock().names).finish_non_exhaustive()
    }
}

/// Loads a plugin that none of `others` is; `named` are the names of all entries.
fn load(
    services: &Arc<Services>,
    dir: &Path,
    entry: &PluginEntry,
    named: &[&str],
    others: &[Arc<Loaded>],
) -> Result<Loaded, LoadError> {
    let (found, passed_over) = versions::choose(dir, entry, named)?;
    let (name, file) = (found.name, found.file.as_path());
    for other in passed_over {
        log::info!("plugin {name}: not taken is {other}");
    }
    if others.iter().any(|other| **other.name() == *name || other.file() == file) {
        return Err(LoadError::new(name, Some(file), Reason::Twice));
    }
    load_file(services, name, file, entry)
}

fn load_file(
    services: &Arc<Services>,
    name: &str,
    file: &Path,
    entry: &PluginEntry,
) -> Result<Loaded, LoadError> {
    let fail = |reason| LoadError::new(name, Some(file), reason);
    let bytes = std::fs::read(file).map_err(|error| fail(Reason::Read(error)))?;
    let sha256 = Sha256::of(&bytes);
    terms::check_file(sha256, entry).map_err(fail)?;
    elf::check(&bytes).map_err(|error| fail(Reason::Elf(error)))?;
    let manifest = Manifest::read(&bytes);
    let against = manifest.iter().flat_map(|manifest| terms::check(manifest, entry)).next();
    against.map_or(Ok(()), |reason| Err(fail(reason)))?;
    let library = library::open(name, &bytes).map_err(fail)?;
    let source = Source { file: file.into(), sha256, manifest };
    Loaded::start(name, source, library, entry, services).map_err(fail)
}

/// Waits for the calls on threads of the plugins, which nobody waits for any more.
fn wait_for_calls(plugins: &[Arc<Loaded>]) {
    let deadline = Instant::now() + PATIENCE;
    for plugin in plugins {
        let left = plugin.threads().wait(deadline.saturating_duration_since(Instant::now()));
        if left > 0 {
            let name = plugin.name();
            log::warn!(
                "plugin {name} is in {left} hooks that block and do not return; it is not waited for"
            );
        }
    }
}

fn shut_down(plugins: Vec<Arc<Loaded>>) {
    for plugin in plugins {
        plugin.shutdown();
    }
}
