//! The broker, as a plugin sees it.

use std::sync::OnceLock;

use log::LevelFilter;

use crate::{
    module::HostApiRef,
    raw::{HostContext, View},
};

/// The broker. Cheap to copy; every call is allowed from any thread, and none blocks.
///
/// It offers little by now, and grows with later minor versions of this crate. To write to the
/// broker's log, use the macros of [`log`](crate::log).
#[derive(Clone, Copy)]
pub struct Host {
    context: HostContext,
    api: HostApiRef,
}

static CURRENT: OnceLock<Host> = OnceLock::new();

/// The broker that loaded this library, once it has.
pub(crate) fn current() -> Option<&'static Host> {
    CURRENT.get()
}

impl Host {
    pub(crate) fn new(context: HostContext, api: HostApiRef) -> Self {
        Host { context, api }
    }

    /// Makes it the broker of this library, for the logger and the panic hook.
    pub(crate) fn install(self) {
        // A library is bootstrapped once; were it not, the first broker is as good as the second.
        let _ = CURRENT.set(self);
    }

    /// The most detailed level that the broker's log takes.
    pub fn max_level(&self) -> LevelFilter {
        // SAFETY: the context is the one that came with this table.
        match unsafe { self.api.max_level()(self.context) } {
            0 => LevelFilter::Off,
            1 => LevelFilter::Error,
            2 => LevelFilter::Warn,
            3 => LevelFilter::Info,
            4 => LevelFilter::Debug,
            _ => LevelFilter::Trace,
        }
    }

    pub(crate) fn log(&self, level: log::Level, target: &str, message: &str, place: (&str, u32)) {
        let [target, message, file] = [target, message, place.0].map(|s| View::new(s.as_bytes()));
        // SAFETY: the context is the one that came with this table; the views live for the call.
        unsafe { self.api.log()(self.context, level as u32, target, message, file, place.1) }
    }

    pub(crate) fn panicked(&self, message: &str, file: &str, line: u32) {
        let [message, file] = [message, file].map(|s| View::new(s.as_bytes()));
        // SAFETY: as in `log`.
        unsafe { self.api.panicked()(self.context, message, file, line) }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}
