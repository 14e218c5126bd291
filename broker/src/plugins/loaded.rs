//! A plugin that has started, in whatever language it is written.
#![allow(unsafe_code, reason = "ends the instance that it owns")]

use std::{
    ffi::c_void,
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use libloading::os::unix::Library;
use plugin_abi::{
    module::{HookTable, PluginModuleRef},
    raw,
};

use super::{
    Capabilities, Capability, Detail, Manifest, Sha256, Threads,
    blocking::{BlockingHooks, Overlap},
    c::{self, Symbols},
    entry::PluginEntry,
    error::Reason,
    host::{Caller, Declared},
    interest::Interests,
    native, terms,
};
use crate::{
    hooks::{Record, point, running},
    services::{InstanceId, Services},
};

/// A plugin and its instance, which ends with it.
pub(crate) struct Loaded {
    record: Record,
    source: Source,
    kind: Kind,
    hooks: HookTable,
    interests: Interests,
    blocking: BlockingHooks,
    /// Where hooks run that block.
    threads: Arc<Threads>,
    /// How long such a hook may take if the plugin does not say.
    blocking_deadline: Duration,
    granted: Capabilities,
    /// The config says what is granted.
    listed: bool,
    instance: *mut c_void,
    caller: &'static Caller,
    started: Instant,
    shut_down: AtomicBool,
}

/// Where a plugin comes from.
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) sha256: Sha256,
    pub(super) manifest: Option<Manifest>,
}

enum Kind {
    /// With the minor version of plugin-abi that it was built with.
    Native(PluginModuleRef, u32),
    C(Symbols),
}

impl Kind {
    fn of(library: &Library) -> Result<Kind, Reason> {
        match native::root_module(library)? {
            Some((module, minor)) => Ok(Kind::Native(module, minor)),
            None => Ok(Kind::C(c::symbols(library)?.ok_or(Reason::NotPlugin)?)),
        }
    }

    /// In C what is kept of a client is freed by hand when it goes; before 1.1 no hook ran anywhere but on an
    /// event loop.
    fn overlap(&self) -> Overlap {
        match self {
            Kind::Native(_, 1..) => Overlap::Foreseen,
            Kind::Native(..) | Kind::C(_) => Overlap::Unforeseen,
        }
    }

    /// Makes the instance; returns its hooks too.
    fn bootstrap(
        &self,
        entry: &PluginEntry,
        caller: &'static Caller,
        config: &str,
    ) -> Result<(*mut c_void, HookTable), Reason> {
        match self {
            Kind::Native(module, _) => {
                if !module.panic_unwind() && !entry.allow_panic_abort {
                    return Err(Reason::PanicAbort);
                }
                Ok((native::bootstrap(*module, caller, config)?, module.hooks().into()))
            }
            Kind::C(symbols) => Ok((symbols.bootstrap(caller, config)?, symbols.hooks)),
        }
    }
}

// SAFETY: plugins promise that their instance may be used from any thread, by several at once.
unsafe impl Send for Loaded {}
// SAFETY: as above.
unsafe impl Sync for Loaded {}

impl Loaded {
    /// Starts the plugin in a library.
    pub(super) fn start(
        name: &str,
        source: Source,
        library: &Library,
        entry: &PluginEntry,
        services: &Arc<Services>,
    ) -> Result<Loaded, Reason> {
        let kind = Kind::of(library)?;
        let config = match &entry.config {
            serde_json::Value::Null => "{}".to_owned(),
            config => config.to_string(),
        };
        let granted = terms::granted(source.manifest.as_ref(), entry);
        let account = services.account(name);
        if granted.has(Capability::Kv) {
            services.store.open(&account.name)?;
        }
        let caller = Caller::new(services, &account, (entry.shadow, granted), &config);
        // One that does not start has nothing left to call for, though its threads may be there.
        let begun = kind.bootstrap(entry, caller, &config).inspect_err(|_| caller.end());
        let (instance, hooks) = begun?;
        let Declared { interests, blocking } = caller.take_declared();
        let record = Record::new(&name.into(), entry, kind.overlap(), &services.trace);
        record.blocks_in(blocking.all(entry.blocking));
        let threads = Threads::new(record.plugin(), services.blocking_threads, &services.limits);
        let (shut_down, blocking_deadline) = (AtomicBool::new(false), services.blocking_deadline);
        let (listed, started) = (entry.capabilities.is_some(), Instant::now());
        Ok(Loaded {
            record,
            source,
            kind,
            hooks,
            interests,
            blocking,
            threads,
            blocking_deadline,
            granted,
            listed,
            instance,
            caller,
            started,
            shut_down,
        })
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        self.record.plugin()
    }

    /// Tells it from those that were and will be.
    pub(crate) fn id(&self) -> InstanceId {
        self.caller.instance()
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    pub(super) fn file(&self) -> &Path {
        &self.source.file
    }

    pub(super) fn detail(&self) -> Detail {
        let version = match (&self.kind, &self.source.manifest) {
            (Kind::Native(module, _), _) => module.version().to_string(),
            (Kind::C(_), Some(manifest)) => manifest.version.clone(),
            (Kind::C(_), None) => String::new(),
        };
        Detail {
            name: self.name().clone(),
            version,
            file: self.source.file.clone(),
            sha256: self.source.sha256,
            granted: self.granted,
            hooks: point::names(&self.hooks),
            blocking: self.blocking_names(),
            standing: self.record.standing(),
            age: self.started.elapsed(),
        }
    }

    fn blocking_names(&self) -> Vec<&'static str> {
        let blocking = self.record.blocking();
        let present = point::present(&self.hooks);
        present.filter(|(index, _)| blocking.has(*index)).map(|(_, name)| name).collect()
    }

    pub(super) fn hooks(&self) -> &HookTable {
        &self.hooks
    }

    pub(super) fn interests(&self) -> &Interests {
        &self.interests
    }

    /// Where its hooks run that block.
    pub(crate) fn threads(&self) -> &Arc<Threads> {
        &self.threads
    }

    /// How long a hook that blocks may take.
    pub(crate) fn blocking_deadline(&self, hook: usize) -> Duration {
        self.blocking.deadline(hook).unwrap_or(self.blocking_deadline)
    }

    pub(super) fn instance(&self) -> *mut c_void {
        self.instance
    }

    /// Tells a Rust plugin, once, that the broker stops. A C plugin is told when it is dropped.
    pub(super) fn shutdown(&self) {
        let Kind::Native(module, _) = &self.kind else { return };
        if self.shut_down.swap(true, Ordering::Relaxed) {
            return;
        }
        let _running = running::enter("shutdown");
        // SAFETY: the instance is of this module, and alive.
        let code = unsafe { module.shutdown()(self.instance) };
        self.check_end("shutdown", code);
    }

    fn check_end(&self, what: &str, code: i32) {
        if code != raw::CONTINUE {
            log::error!("plugin {} failed in {what}; the broker goes on", self.name());
        }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.threads.end();
        self.shutdown();
        match &self.kind {
            Kind::Native(module, _) => {
                let _running = running::enter("drop");
                // SAFETY: the instance is of this module; hooks hold an `Arc` of us, so none runs.
                let code = unsafe { module.drop()(self.instance) };
                self.check_end("drop", code);
            }
            // SAFETY: as above.
            Kind::C(symbols) => unsafe { symbols.shutdown(self.instance) },
        }
        self.caller.end();
    }
}

/// The line that is logged when it has started.
impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} loaded from {}: ", self.name(), self.file().display())?;
        match (&self.kind, &self.source.manifest) {
            (Kind::Native(module, _), _) => write!(f, "{} {}", module.name(), module.version()),
            (Kind::C(_), Some(said)) => write!(f, "{} {}", said.name, said.version),
            (Kind::C(symbols), None) => {
                write!(f, "C ABI {}.{}", symbols.abi_version >> 16, symbols.abi_version & 0xFFFF)
            }
        }?;
        match (self.granted == Capabilities::default(), self.listed) {
            (true, _) => Ok(()),
            (false, true) => write!(f, "; granted: {}", self.granted),
            (false, false) => write!(f, "; granted, as it asks for it: {}", self.granted),
        }
    }
}
