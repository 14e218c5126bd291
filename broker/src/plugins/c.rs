//! Plugins in C, and in what can call C: functions found by name, as `plugin.h` declares them.
#![allow(unsafe_code, reason = "gives symbols the types of plugin.h, and calls Bootstrap")]

use std::ffi::{CStr, c_void};

use libloading::os::unix::Library;
use plugin_abi::{
    module::{HookFunction, HookTable},
    raw::{self, View},
};

use super::{
    error::Reason,
    host::{self, Caller},
};
use crate::hooks::running;

/// What a C plugin exports.
#[derive(Clone, Copy)]
pub(super) struct Symbols {
    pub(super) hooks: HookTable,
    pub(super) abi_version: u32,
    bootstrap: Option<BootstrapFunction>,
    shutdown: Option<ShutdownFunction>,
}

type VersionFunction = unsafe extern "C" fn() -> u32;
type BootstrapFunction = unsafe extern "C" fn(*const raw::Host, View<'_>, *mut *mut c_void) -> i32;
type ShutdownFunction = unsafe extern "C" fn(*mut c_void);

/// The plugin's functions, if the library says that it is one.
pub(super) fn symbols(library: &Library) -> Result<Option<Symbols>, Reason> {
    // SAFETY: a library that exports this name means plugin.h, and so its signature.
    let Some(version) = (unsafe { symbol::<VersionFunction>(library, c"PluginAbiVersion") }) else {
        return Ok(None);
    };
    // SAFETY: as above.
    let abi_version = unsafe { version() };
    if abi_version >> 16 != raw::ABI_VERSION >> 16 {
        let theirs = format!("{}.{}", abi_version >> 16, abi_version & 0xFFFF);
        return Err(Reason::Version { theirs });
    }
    // SAFETY: the library says that it keeps to plugin.h, of a version that we know.
    let (bootstrap, shutdown, hooks) =
        unsafe { (symbol(library, c"Bootstrap"), symbol(library, c"Shutdown"), hooks(library)) };
    Ok(Some(Symbols { hooks, abi_version, bootstrap, shutdown }))
}

impl Symbols {
    /// Makes the plugin's instance. It may be null.
    pub(super) fn bootstrap(
        &self,
        caller: &'static Caller,
        config: &str,
    ) -> Result<*mut c_void, Reason> {
        let mut instance = std::ptr::null_mut();
        let Some(bootstrap) = self.bootstrap else {
            caller.started();
            return Ok(instance);
        };
        let _running = running::enter("Bootstrap");
        let config = View::new(config.as_bytes());
        // SAFETY: the host lives for ever, the rest for the call.
        let code = unsafe { bootstrap(host::c_host(caller), config, &raw mut instance) };
        if code != 0 {
            return Err(Reason::refused(code, caller.failed()));
        }
        caller.started();
        Ok(instance)
    }

    /// Frees the instance.
    ///
    /// # Safety
    ///
    /// `instance` is of this plugin; nothing uses it during or after this call.
    pub(super) unsafe fn shutdown(&self, instance: *mut c_void) {
        if let Some(shutdown) = self.shutdown {
            let _running = running::enter("Shutdown");
            // SAFETY: the caller's promise.
            unsafe { shutdown(instance) };
        }
    }
}

/// # Safety
///
/// The library keeps to plugin.h.
unsafe fn hooks(library: &Library) -> HookTable {
    // SAFETY: the caller's promise: the symbols have the signatures of plugin.h.
    unsafe {
        HookTable {
            on_socket_open: hook(library, c"OnSocketOpen"),
            on_before_connect: hook(library, c"OnBeforeConnect"),
            on_connect: hook(library, c"OnConnect"),
            on_before_subscribe: hook(library, c"OnBeforeSubscribe"),
            on_subscribe: hook(library, c"OnSubscribe"),
            on_before_unsubscribe: hook(library, c"OnBeforeUnsubscribe"),
            on_unsubscribe: hook(library, c"OnUnsubscribe"),
            on_message: hook(library, c"OnMessage"),
            on_before_publish: hook(library, c"OnBeforePublish"),
            on_publish: hook(library, c"OnPublish"),
            on_disconnect: hook(library, c"OnDisconnect"),
            on_auth: hook(library, c"OnAuth"),
            on_will: hook(library, c"OnWill"),
            on_before_deliver: hook(library, c"OnBeforeDeliver"),
            on_delivered: hook(library, c"OnDelivered"),
            on_dropped: hook(library, c"OnDropped"),
            on_session: hook(library, c"OnSession"),
            on_tick: hook(library, c"OnTick"),
        }
    }
}

/// # Safety
///
/// A symbol of that name is a hook that takes `E`.
unsafe fn hook<E>(library: &Library, name: &CStr) -> Option<HookFunction<E>> {
    // SAFETY: the caller's promise.
    unsafe { symbol(library, name) }
}

/// # Safety
///
/// `F` is a function pointer, and a symbol of that name is a function of its type.
unsafe fn symbol<F: Copy>(library: &Library, name: &CStr) -> Option<F> {
    // SAFETY: the caller's promise.
    unsafe { library.get::<F>(name.to_bytes_with_nul()) }.ok().map(|symbol| *symbol)
}
