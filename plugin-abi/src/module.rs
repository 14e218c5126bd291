//! What a plugin's library exports and what it is given: the tables that abi_stable checks. For the
//! broker; plugin authors use [`crate::Plugin`].
//!
//! Tables only grow, below the field marked as the last of 1.0.0.

use std::ffi::c_void;

use abi_stable::{
    StableAbi, declare_root_module_statics, library::RootModule, package_version_strings,
    sabi_types::VersionStrings, std_types::RStr,
};

use crate::raw::{self, EventPtr, HostContext, Text, View};

/// What a plugin is, before there is an instance of it.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModuleRef, prefix_fields = PluginModulePrefix)))]
#[sabi(missing_field(panic))]
pub struct PluginModule {
    /// The name of the crate.
    pub name: RStr<'static>,
    /// The version of the crate.
    pub version: RStr<'static>,
    /// A panic unwinds. Else it aborts the process.
    pub panic_unwind: bool,
    /// The hooks that the plugin has.
    pub hooks: HookTableRef,
    /// Makes the instance from its config (JSON). 0, or below 0 after its error went to the log.
    pub bootstrap: unsafe extern "C" fn(HostContext, HostApiRef, Text<'_>, *mut *mut c_void) -> i32,
    /// Tells the instance that the broker stops. Hooks may still be running.
    pub shutdown: unsafe extern "C" fn(*mut c_void) -> i32,
    /// Frees the instance. No hook runs, and none will be called.
    #[sabi(last_prefix_field)]
    pub drop: unsafe extern "C" fn(*mut c_void) -> i32,
}

impl RootModule for PluginModuleRef {
    declare_root_module_statics! {PluginModuleRef}
    const BASE_NAME: &'static str = "hookmq_plugin";
    const NAME: &'static str = "hookmq_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

/// One function a hook: the instance, then the event. What it answers is in [`crate::raw`].
///
/// The functions stand here by their C symbol's signature; a C plugin's are put into the same
/// table.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HookTableRef, prefix_fields = HookTablePrefix)))]
#[sabi(missing_field(default))]
#[allow(missing_docs, reason = "each is the hook of its name in `Plugin`")]
#[rustfmt::skip]
pub struct HookTable {
    pub on_socket_open:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::SocketOpen<'static>>) -> i32>,
    pub on_before_connect:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::BeforeConnect<'static>>) -> i32>,
    pub on_connect:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Connect<'static>>) -> i32>,
    pub on_before_subscribe:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Subscribe<'static>>) -> i32>,
    pub on_subscribe:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Subscribe<'static>>) -> i32>,
    pub on_before_unsubscribe:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Unsubscribe<'static>>) -> i32>,
    pub on_unsubscribe:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Unsubscribe<'static>>) -> i32>,
    pub on_message:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Publish<'static>>) -> i32>,
    pub on_before_publish:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Publish<'static>>) -> i32>,
    pub on_publish:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Publish<'static>>) -> i32>,
    #[sabi(last_prefix_field)]
    pub on_disconnect:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Disconnect<'static>>) -> i32>,
    // Since 1.1.
    pub on_auth:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Auth<'static>>) -> i32>,
}

/// The type of a hook in the table.
pub type HookFunction<E> = unsafe extern "C" fn(*mut c_void, EventPtr<E>) -> i32;

impl HookTable {
    /// A table without hooks.
    pub const NONE: HookTable = HookTable {
        on_socket_open: None,
        on_before_connect: None,
        on_connect: None,
        on_before_subscribe: None,
        on_subscribe: None,
        on_before_unsubscribe: None,
        on_unsubscribe: None,
        on_message: None,
        on_before_publish: None,
        on_publish: None,
        on_disconnect: None,
        on_auth: None,
    };
}

impl From<HookTableRef> for HookTable {
    /// The plugin's table in full; hooks that its version of this crate did not have are absent.
    fn from(table: HookTableRef) -> Self {
        HookTable {
            on_socket_open: table.on_socket_open(),
            on_before_connect: table.on_before_connect(),
            on_connect: table.on_connect(),
            on_before_subscribe: table.on_before_subscribe(),
            on_subscribe: table.on_subscribe(),
            on_before_unsubscribe: table.on_before_unsubscribe(),
            on_unsubscribe: table.on_unsubscribe(),
            on_message: table.on_message(),
            on_before_publish: table.on_before_publish(),
            on_publish: table.on_publish(),
            on_disconnect: table.on_disconnect(),
            on_auth: table.on_auth(),
        }
    }
}

/// What a Rust plugin may call. C plugins get [`raw::Host`] with the same functions.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostApiRef, prefix_fields = HostApiPrefix)))]
#[sabi(missing_field(option))]
pub struct HostApi {
    /// Writes a line to the broker's log: level (1 error to 5 trace), target, message, file, line.
    pub log: unsafe extern "C" fn(HostContext, u32, View<'_>, View<'_>, View<'_>, u32),
    /// The most detailed level that the broker's log takes: 0 off, 1 error to 5 trace.
    pub max_level: unsafe extern "C" fn(HostContext) -> u32,
    /// Reports a panic: message, file, line.
    #[sabi(last_prefix_field)]
    pub panicked: unsafe extern "C" fn(HostContext, View<'_>, View<'_>, u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_abi_version_is_the_version_of_the_crate() {
        let major: u32 = env!("CARGO_PKG_VERSION_MAJOR").parse().unwrap();
        let minor: u32 = env!("CARGO_PKG_VERSION_MINOR").parse().unwrap();
        assert_eq!(raw::ABI_VERSION, major << 16 | minor);
    }

    #[test]
    fn the_export_name_is_the_one_of_abi_stable() {
        assert_eq!(crate::export_name!(), abi_stable::library::ROOT_MODULE_LOADER_NAME);
    }
}
