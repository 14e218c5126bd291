//! The broker as a whole: starts its parts in order, and stops them in the reverse order.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hookmq_store::{OpenError, State};
use mqtt::ReasonCode;
use tokio::runtime::Handle;

use crate::broker::Broker;
use crate::config::{self, Config, Listener, StoreFailure};
use crate::hooks::{OpenToAll, Watchdog};
use crate::journal::{self, Durable};
use crate::overload::{Machine, Readings, Watch};
use crate::plugins::{LoadError, Plugins, Roster};
use crate::services::{Folders, KvPlace, Services};
use crate::shard::{self, ShardThread};
use crate::status::Status;
use crate::transport::{self, TcpAcceptor};

/// How long clients have to take their DISCONNECT, and plugins to answer about their wills.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// A running broker.
pub struct Server {
    broker: Arc<Broker>,
    roster: Arc<Roster>,
    shards: Vec<ShardThread>,
    watchdog: Watchdog,
    watch: Watch,
    addresses: Vec<SocketAddr>,
    on_store_failure: StoreFailure,
}

/// Why the broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A plugin could not be loaded.
    #[error(transparent)]
    Plugin(#[from] LoadError),
    /// An address could not be opened.
    #[error("listeners: cannot listen on tcp://{address}: {error}{}", way_out(error))]
    Listen {
        /// As the config has it.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// Anybody in the network could connect.
    #[error(
        "listeners: tcp://{0} is open to other machines, and no plugin decides who may connect \
         (none has on_before_connect); load one, listen on 127.0.0.1, or set allow_anonymous: true"
    )]
    OpenToAll(SocketAddr),
    /// What outlives the broker could not be read, or cannot be kept.
    #[error("{}: {error}{}", folder.display(), way_to_store(error))]
    Store {
        /// Where it is.
        folder: PathBuf,
        /// What is wrong.
        error: OpenError,
    },
    /// A thread or its event loop could not be made.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

impl From<OpenToAll> for StartError {
    fn from(OpenToAll(address): OpenToAll) -> StartError {
        StartError::OpenToAll(address)
    }
}

impl StartError {
    /// The line of the config that is to be changed, from 1.
    pub fn line(&self) -> Option<usize> {
        let StartError::Plugin(error) = self else { return None };
        error.line()
    }

    /// Whether the config asks for what cannot be had, though nothing else is wrong.
    pub fn is_bad_config(&self) -> bool {
        match self {
            StartError::Plugin(error) => error.is_bad_config(),
            StartError::OpenToAll(_) => true,
            StartError::Listen { .. } | StartError::Store { .. } | StartError::Thread(_) => false,
        }
    }
}

/// What to do where an address cannot be opened.
fn way_out(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "; another program has it, perhaps another hookmq (`ss -ltnp` names it): stop that one, or \
             take another port"
        }
        ErrorKind::AddrNotAvailable => {
            "; it is none of this machine's addresses, which `ip address` shows; 0.0.0.0 is all of them"
        }
        ErrorKind::PermissionDenied => {
            "; a port below 1024 takes the right CAP_NET_BIND_SERVICE: take another port, or give it \
             that right"
        }
        _ => "",
    }
}

/// What to do where there can be no store.
fn way_to_store(error: &OpenError) -> &'static str {
    let OpenError::Io(error) = error else { return "" };
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; the user of the broker must be able to write there: name another folder by `data_dir`, or keep \
             nothing by `durability: memory`"
        }
        ErrorKind::StorageFull => {
            "; make room on the disk, or name a folder on another one by `data_dir`"
        }
        _ => "",
    }
}

impl Server {
    /// Loads the plugins, opens the listeners, and serves on threads of its own until
    /// [`Server::stop`].
    ///
    /// # Errors
    /// When a plugin, a listener or a thread cannot be had; nothing is left running then.
    pub fn start(config: &Config, plugin_dir: &Path) -> Result<Server, StartError> {
        Server::start_in(config, Folders::within(plugin_dir))
    }

    /// The same, with all folders.
    ///
    /// # Errors
    /// As there.
    pub fn start_in(config: &Config, folders: Folders) -> Result<Server, StartError> {
        let readings = Machine::new(folders.store());
        Server::start_with(config, folders, Box::new(readings))
    }

    /// The same; what memory and disk there is, `readings` say.
    ///
    /// # Errors
    /// As there.
    pub fn start_with(
        config: &Config,
        folders: Folders,
        readings: Box<dyn Readings>,
    ) -> Result<Server, StartError> {
        let (kept, place) = open_store(config, &folders)?;
        let plugins = Plugins::load_for(Services::new(config, folders, place), &config.plugins)?;
        if let Some(address) = open_listener(config) {
            plugins.live().guard(address)?;
        }
        let mut listeners = Vec::new();
        for Listener::Tcp { address, keeps } in &config.listeners {
            let listener = transport::bind(*address)
                .map_err(|error| StartError::Listen { address: *address, error })?;
            listeners.push((listener, *keeps));
        }
        let durable = kept.as_ref().map(|(durable, _)| durable.clone());
        durable.iter().for_each(|durable| durable.clock_begins());
        let broker = Arc::new(Broker::new(config, plugins.live().clone(), durable));
        if let Some((durable, state)) = kept {
            journal::restore(&broker, &durable, state);
        }
        let threads = config.threads.or(std::thread::available_parallelism().ok());
        let shards = (0..threads.map_or(1, usize::from))
            .map(|index| shard::start(index, broker.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let watchdog = Watchdog::start(plugins.live().clone())?;
        let watch = Watch::start(broker.clone(), readings)?;
        let handles: Arc<[Handle]> = shards.iter().map(|shard| shard.handle().clone()).collect();
        plugins.services().serve(broker.clone(), handles.clone());
        let mut addresses = Vec::new();
        for (listener, keeps) in listeners {
            let address = listener.local_addr()?;
            addresses.push(address);
            let acceptor = TcpAcceptor::new(broker.clone(), handles.clone(), address, keeps);
            if let Some(first) = handles.first() {
                first.spawn(acceptor.run(listener));
            }
        }
        let plugin_dir = plugins.services().folders.plugins.clone();
        let roster = Roster::new(plugins, plugin_dir, &config.plugins);
        let on_store_failure = config.store_failure;
        Ok(Server { broker, roster, shards, watchdog, watch, addresses, on_store_failure })
    }

    /// How it is.
    pub fn status(&self) -> Status {
        Status::of(&self.broker)
    }

    /// Returns when the store has failed, and the config says that the broker is to stop then.
    pub fn store_failure(&self) -> impl Future<Output = ()> + use<> {
        let durable = match self.on_store_failure {
            StoreFailure::Exit => self.broker.durable.clone(),
            StoreFailure::Wait => None,
        };
        async move {
            match durable {
                Some(durable) => durable.failed().await,
                None => std::future::pending().await,
            }
        }
    }

    /// The plugins, which may come and go while it serves.
    pub fn plugins(&self) -> &Plugins {
        self.roster.plugins()
    }

    /// What an operator can do to the plugins.
    pub fn roster(&self) -> &Arc<Roster> {
        &self.roster
    }

    /// Where it listens, in the order of the config, with the ports the system chose.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Tells the clients, waits for them to go, stops the threads, then the plugins. Blocks for
    /// 10 seconds at most, if the plugins' `shutdown` is quick; 15 if one does not return from a hook that blocks;
    /// longer by 10 if the disk of the store does not answer.
    pub fn stop(self) {
        let Server { broker, roster, shards, watchdog, watch, .. } = self;
        // [MQTT-4.13.2-1]
        broker.order_all_to_close(ReasonCode::ServerShuttingDown);
        let deadline = Instant::now() + STOP_WITHIN;
        let Broker { clients, lingering, waiting_wills, .. } = &*broker;
        let are_here = || {
            // A client leaves its will before it is gone itself.
            [clients, lingering, waiting_wills].iter().any(|it| it.load(Ordering::Acquire) > 0)
        };
        while are_here() && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        let left = broker.clients.load(Ordering::Acquire);
        if left > 0 {
            log::warn!("{left} clients did not go in time and are cut off");
        }
        let left = broker.waiting_wills.load(Ordering::Acquire);
        if left > 0 {
            log::warn!("{left} wills that wait for a plugin are not published");
        }
        roster.plugins().services().stop();
        shards.into_iter().for_each(ShardThread::stop);
        drop((watchdog, watch));
        broker.tally.report_all();
        // With the last use of the hooks gone, the plugins can be told. What they put then is kept too: behind
        // that the store is closed.
        drop(broker);
        roster.shutdown();
    }
}

/// The store, and what it held when it was opened.
type Kept = (Arc<Durable>, State);

/// The store, and what it holds but for the pairs of plugins; and where these are kept.
fn open_store(config: &Config, folders: &Folders) -> Result<(Option<Kept>, KvPlace), StartError> {
    let folder = folders.store();
    let durability = match config.durability {
        config::Durability::Memory => return Ok((None, KvPlace::Folder(folder))),
        config::Durability::Os => hookmq_store::Durability::Os,
        config::Durability::Fsync => hookmq_store::Durability::Fsync,
    };
    match Durable::open(&folder, durability, config.limits.max_unwritten) {
        Ok((durable, mut state)) => {
            let (durable, pairs) = (Arc::new(durable), std::mem::take(&mut state.pairs));
            Ok((Some((durable.clone(), state)), KvPlace::Store(durable, pairs)))
        }
        Err(error) => Err(StartError::Store { folder, error }),
    }
}

/// For a broker without a plugin that decides who may connect.
///
/// # Errors
/// If a listener is open to other machines, and the config does not allow that.
pub fn refuse_open_listeners(config: &Config) -> Result<(), StartError> {
    open_listener(config).map_or(Ok(()), |address| Err(StartError::OpenToAll(address)))
}

/// A listener that other machines reach, if the config does not allow that to everybody.
fn open_listener(config: &Config) -> Option<SocketAddr> {
    let mut addresses = config.listeners.iter().map(|Listener::Tcp { address, .. }| *address);
    addresses.find(|address| !config.allow_anonymous && !address.ip().is_loopback())
}
