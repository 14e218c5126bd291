//! The broker, as a plugin sees it.

mod clients;
mod error;
mod interest;
mod messages;
mod metrics;
mod store;
mod timers;

use std::{
    ffi::{OsString, c_void},
    os::unix::ffi::OsStringExt,
    path::PathBuf,
    sync::OnceLock,
    time::Duration,
};

use log::LevelFilter;

use crate::{
    config::Config,
    edit::Deciding,
    guard::guard,
    later::Later,
    module::HostApiRef,
    raw::{self, HostContext, Part, View, VisitValue},
};

pub use clients::{ClientInfo, Kick, SubscriptionInfo};
pub use error::HostError;
pub use interest::Interest;
pub use metrics::{Counter, Gauge, Histogram};
pub use store::Scope;

/// The broker. Cheap to copy; every call is allowed from any thread, and none blocks.
///
/// What changes something is accepted at once and done soon, in the order of the plugin's calls. To write to
/// the broker's log, use the macros of [`log`](crate::log).
///
/// All but the log is there since 1.1; an earlier broker answers [`HostError::NotOffered`].
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

    /// To answer a hook that is running later, from any thread; the hook then returns
    /// [`Verdict::Pending`](crate::Verdict::Pending). Only the client that the event is about waits.
    ///
    /// After `deadline` the hook has failed; what that means is in [`Plugin`](crate::Plugin). It is
    /// rounded up to half a second.
    ///
    /// `None` where nobody can wait: the broker is of an earlier ABI, or is stopping.
    pub fn later(&self, event: &impl Deciding, deadline: Duration) -> Option<Later> {
        let context = event.context()?;
        let milliseconds = u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX);
        // SAFETY: the hook is running, so its answer is alive.
        let ticket = unsafe { self.api.defer()?(self.context, context, milliseconds) };
        (ticket != 0).then(|| Later::new(*self, ticket))
    }

    /// Has a hook that blocks, by its name as `on_before_connect`, called on one of the plugin's threads
    /// for that, several at a time; only the client that the event is about waits. To be called in
    /// [`bootstrap`](crate::Plugin::bootstrap). The hook answers and changes the event as any other.
    ///
    /// After `deadline` the hook has failed; what that means is in [`Plugin`](crate::Plugin). It is
    /// rounded up to half a second and is five minutes at most; zero is what the config says
    /// (`blocking_deadline`). It runs on, and others are called for the same client meanwhile, as they are when
    /// the broker closes the connection.
    ///
    /// # Errors
    ///
    /// [`HostError::CannotWait`] if the hook observes, or is on_before_deliver; [`HostError::Unfit`] if there is
    /// no such hook; [`HostError::NotOffered`] if the broker is of an earlier ABI.
    pub fn blocking(&self, hook: &str, deadline: Duration) -> Result<(), HostError> {
        let function = self.api.blocking().ok_or(HostError::NotOffered)?;
        let milliseconds = u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX);
        // SAFETY: the context is the one that came with this table; the view lives for the call.
        HostError::check(unsafe {
            function(self.context, View::new(hook.as_bytes()), milliseconds)
        })
    }

    /// The plugin's section of the config, as it is in force now.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    pub fn config(&self) -> Result<Config, HostError> {
        let function = self.api.config().ok_or(HostError::NotOffered)?;
        let json = self.value(|user, visit| {
            // SAFETY: the context is the one that came with this table; `visit` takes `user`.
            unsafe { function(self.context, user, visit) }
        })?;
        Ok(Config::new(&String::from_utf8_lossy(&json)))
    }

    /// The folder of the config file. A relative path in the plugin's config begins there.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    pub fn config_folder(&self) -> Result<PathBuf, HostError> {
        self.folder(raw::FOLDER_OF_CONFIG)
    }

    /// A folder where the plugin may keep files of its own; it is there.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    pub fn data_folder(&self) -> Result<PathBuf, HostError> {
        self.folder(raw::FOLDER_OF_DATA)
    }

    fn folder(&self, which: u32) -> Result<PathBuf, HostError> {
        let function = self.api.folder().ok_or(HostError::NotOffered)?;
        let path = self.value(|user, visit| {
            // SAFETY: the context is the one that came with this table; `visit` takes `user`.
            unsafe { function(self.context, which, user, visit) }
        })?;
        Ok(OsString::from_vec(path).into())
    }

    pub(crate) fn complete(
        &self,
        ticket: u64,
        code: i32,
        parts: &[Part<'_>],
    ) -> Result<(), HostError> {
        let function = self.api.complete().ok_or(HostError::NotOffered)?;
        // SAFETY: the context is the one that came with this table; the parts live for the call.
        HostError::check(unsafe {
            function(self.context, ticket, code, parts.as_ptr(), parts.len())
        })
    }

    /// Calls a function that shows one value, and copies it.
    fn value(
        &self,
        call: impl FnOnce(*mut c_void, VisitValue) -> i32,
    ) -> Result<Vec<u8>, HostError> {
        let mut value: Option<Vec<u8>> = None;
        let code = call((&raw mut value).cast(), VisitValue { visit: keep_value });
        HostError::check(code)?;
        value.ok_or(HostError::NotThere)
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

/// # Safety
///
/// `user` is the place that [`Host::value`] has passed.
unsafe extern "C" fn keep_value(user: *mut c_void, value: View<'_>) -> i32 {
    // SAFETY: the caller's promise; nobody else has it during the call.
    let kept = unsafe { &mut *user.cast::<Option<Vec<u8>>>() };
    *kept = Some(value.as_bytes().to_vec());
    0
}

/// Keeps a panic of who is shown something inside the plugin, and ends the show with it.
fn visit(show: impl FnOnce() -> bool) -> i32 {
    guard(|| show().into()).max(0)
}
