//! Plays recorded events to one plugin, without a broker: calls its hooks and keeps what they answer. For
//! `hookmq plugin replay`; nothing of it runs in a broker.
#![allow(unsafe_code, reason = "starts a plugin, calls its hooks and ends it")]

mod answer;
mod event;
mod host;
mod store;
mod tickets;

use std::{ffi::c_void, path::Path, time::Duration};

use plugin_abi::{
    module::{HookTable, PluginModuleRef},
    raw::{self, Text},
};
use recording::Record;

use super::{
    PluginEntry, c, elf,
    error::{LoadError, Reason},
    library, native,
};

/// A plugin that was started to be played to. It is shut down when this is dropped.
///
/// A process plays to one plugin only: what that asks of the broker is kept for the process.
pub struct Player {
    hooks: HookTable,
    instance: *mut c_void,
    kind: Kind,
}

enum Kind {
    Native(PluginModuleRef),
    C(c::Symbols),
}

/// What came of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// What the hook has decided: `continue`, `veto`, `refuse 0x87`, or how it has failed.
    pub answer: String,
    /// What it has handed over besides, and what it has asked of the broker while it ran, in order.
    pub parts: Vec<String>,
    /// How long the answer took.
    pub took: Duration,
}

impl Player {
    /// Starts the plugin in `file`, under the name and with the section in `entry`. Blocks while it starts.
    ///
    /// # Errors
    ///
    /// If it cannot be loaded, even if it is `optional`.
    pub fn start(file: &Path, entry: &PluginEntry) -> Result<Player, LoadError> {
        let fail = |reason| LoadError::new(&entry.name, Some(file), reason);
        let bytes = std::fs::read(file).map_err(|error| fail(Reason::Read(error)))?;
        elf::check(&bytes).map_err(|error| fail(Reason::Elf(error)))?;
        let library = library::open(&entry.name, &bytes).map_err(fail)?;
        let config = match &entry.config {
            serde_json::Value::Null => "{}".to_owned(),
            config => config.to_string(),
        };
        host::prepare(&entry.name, &config);
        let started = match native::root_module(library).map_err(fail)? {
            Some(module) => start_native(module, entry, &config),
            None => match c::symbols(library).map_err(fail)? {
                Some(symbols) => start_c(symbols, &config),
                None => Err(Reason::NotPlugin),
            },
        };
        let player = started.map_err(fail)?;
        host::started();
        Ok(player)
    }

    /// Calls the hook of the event, and waits for an answer that comes later. `None`: the plugin has no
    /// such hook.
    pub fn play(&self, record: &Record) -> Option<Played> {
        let answer = answer::Taken::default();
        let called = event::call(&self.hooks, self.instance, record, &answer)?;
        Some(answer.into_played(record.hook(), called))
    }
}

fn start_native(
    module: PluginModuleRef,
    entry: &PluginEntry,
    config: &str,
) -> Result<Player, Reason> {
    if !module.panic_unwind() && !entry.allow_panic_abort {
        return Err(Reason::PanicAbort);
    }
    let mut instance = std::ptr::null_mut();
    let bootstrap = module.bootstrap();
    // SAFETY: the context and the table live for ever, the rest for the call.
    let code =
        unsafe { bootstrap(host::CONTEXT, host::api(), Text::new(config), &raw mut instance) };
    match code {
        0 => Ok(Player { hooks: module.hooks().into(), instance, kind: Kind::Native(module) }),
        raw::PANICKED => Err(Reason::BootstrapPanicked(host::last_error().unwrap_or_default())),
        code => Err(Reason::refused(code, host::last_error())),
    }
}

fn start_c(symbols: c::Symbols, config: &str) -> Result<Player, Reason> {
    let made = symbols.bootstrap_with(host::c_host, config);
    let instance = made.map_err(|code| Reason::refused(code, host::last_error()))?;
    Ok(Player { hooks: symbols.hooks, instance, kind: Kind::C(symbols) })
}

impl Drop for Player {
    fn drop(&mut self) {
        match &self.kind {
            // SAFETY: the instance is of this module; no hook runs, and none will be called.
            Kind::Native(module) => unsafe {
                module.shutdown()(self.instance);
                module.drop()(self.instance);
            },
            // SAFETY: as above.
            Kind::C(symbols) => unsafe { symbols.shutdown(self.instance) },
        }
    }
}
