//! What plugins may ask of the broker, in safe code. Not how they reach it, which is
//! `crate::plugins::host`.
//!
//! Each plugin has an [`Account`] by its name, which outlives its instances. What changes something is
//! an [`Errand`]: it is checked at once, waits in the account's mailbox, and is done on the shard that
//! the plugin always has, so that what a plugin does keeps its order. What only looks is done on the
//! plugin's own thread. Nothing here blocks, and no lock is held while a plugin is called.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;

use crate::broker::Broker;
use crate::config::{Config, DATA_DIR, Limits, PLUGIN_DIR};
use crate::hooks::Trace;

mod account;
mod attributes;
mod clients;
mod declined;
mod errand;
mod kv;
mod mailbox;
mod metrics;
mod packet;
mod rehearsal;
mod store;
pub(crate) mod subscribe;
mod timers;

pub(crate) use account::{Account, CLIENT_ID_PREFIX};
pub(crate) use clients::{Shown, ShownSubscription};
pub(crate) use declined::Declined;
pub(crate) use errand::Errand;
pub(crate) use metrics::Description;
use metrics::Metrics;
pub(crate) use packet::{Draft, Packet};
use rehearsal::Everybody;
use store::Store;
pub(crate) use store::{KvError, KvPlace};
use timers::Timers;

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// That of the config file.
    pub config: PathBuf,
    /// The plugins.
    pub plugins: PathBuf,
    /// What the broker and its plugins keep; made when it is needed.
    pub data: PathBuf,
}

impl Folders {
    /// Those that belong to a config that was read from `file`.
    pub fn of(config: &Config, file: &Path) -> Folders {
        let beside = file.parent().unwrap_or(Path::new(""));
        // A name alone has no folder in it, and an empty path is none.
        let of_config = if beside.as_os_str().is_empty() { Path::new(".") } else { beside };
        let folder = |given: &Option<PathBuf>, name: &str| {
            beside.join(given.as_deref().unwrap_or(Path::new(name)))
        };
        Folders {
            config: of_config.to_path_buf(),
            plugins: folder(&config.plugin_dir, PLUGIN_DIR),
            data: folder(&config.data_dir, DATA_DIR),
        }
    }

    /// Where the broker keeps what outlives it.
    pub fn store(&self) -> PathBuf {
        self.data.join("store")
    }

    /// All of it in a folder of plugins, where there is no config file.
    pub fn within(plugins: &Path) -> Folders {
        let data = plugins.join(DATA_DIR);
        Folders { config: plugins.to_path_buf(), plugins: plugins.to_path_buf(), data }
    }
}

/// What plugins may use, before, while and after the broker serves.
pub(crate) struct Services {
    pub(crate) folders: Folders,
    pub(crate) limits: Limits,
    pub(crate) trace: Arc<Trace>,
    /// Of each plugin, for hooks that block.
    pub(crate) blocking_threads: usize,
    pub(crate) blocking_deadline: Duration,
    plugin_publish_depth: u32,
    stage: RwLock<Stage>,
    accounts: Mutex<HashMap<Arc<str>, Arc<Account>>>,
    pub(crate) store: Store,
    pub(crate) timers: Timers,
    pub(crate) metrics: Metrics,
    instances: AtomicU64,
}

/// Tells instances of plugins apart; none is used twice.
pub(crate) type InstanceId = u64;

enum Stage {
    /// Plugins are loaded; what they want done waits.
    Starting,
    Serving(Arc<Engine>),
    Stopping,
}

/// The broker that serves.
pub(crate) struct Engine {
    pub(crate) broker: Arc<Broker>,
    shards: Arc<[Handle]>,
    /// Nobody is connected, and whomever a plugin names is there.
    everybody: Option<Everybody>,
}

impl Services {
    /// What plugins put into their stores is kept at `place`.
    pub(crate) fn new(config: &Config, folders: Folders, place: KvPlace) -> Arc<Services> {
        Arc::new(Services {
            limits: config.limits.clone(),
            trace: Arc::default(),
            blocking_threads: config.blocking_threads,
            blocking_deadline: config.blocking_deadline,
            plugin_publish_depth: config.plugin_publish_depth,
            stage: RwLock::new(Stage::Starting),
            accounts: Mutex::default(),
            store: Store::new(place, folders.data.join(PLUGIN_DIR), config.limits.max_kv_bytes),
            timers: Timers::default(),
            metrics: Metrics::default(),
            instances: AtomicU64::new(1),
            folders,
        })
    }

    /// The account of a plugin, made when it is first asked for.
    pub(crate) fn account(self: &Arc<Self>, name: &str) -> Arc<Account> {
        let mut accounts = self.accounts.lock();
        if let Some(account) = accounts.get(name) {
            return account.clone();
        }
        let account = Arc::new(Account::new(name, self));
        accounts.insert(account.name.clone(), account.clone());
        account
    }

    pub(crate) fn next_instance(&self) -> InstanceId {
        self.instances.fetch_add(1, Ordering::Relaxed)
    }

    /// From now on there is a broker; does what has waited for it.
    pub(crate) fn serve(&self, broker: Arc<Broker>, shards: Arc<[Handle]>) {
        *self.stage.write() = Stage::Serving(Arc::new(Engine { broker, shards, everybody: None }));
        let accounts: Vec<_> = self.accounts.lock().values().cloned().collect();
        accounts.iter().for_each(Account::attend);
    }

    /// From now on nothing is done for plugins that takes a broker.
    pub(crate) fn stop(&self) {
        *self.stage.write() = Stage::Stopping;
    }

    /// The broker that serves.
    ///
    /// # Errors
    /// [`Declined::NotThere`] before, [`Declined::Stopping`] after.
    pub(crate) fn engine(&self) -> Result<Arc<Engine>, Declined> {
        match &*self.stage.read() {
            Stage::Starting => Err(Declined::NotThere),
            Stage::Serving(engine) => Ok(engine.clone()),
            Stage::Stopping => Err(Declined::Stopping),
        }
    }
}
