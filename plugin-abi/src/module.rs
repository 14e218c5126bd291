//! What a plugin's library exports and what it is given: the tables that abi_stable checks. For the
//! broker; plugin authors use [`crate::Plugin`].
//!
//! Tables only grow, below the field marked as the last of 1.0.0.

mod for_c;
mod unknown;

use std::ffi::c_void;

use abi_stable::{
    StableAbi, declare_root_module_statics, library::RootModule, package_version_strings,
    sabi_types::VersionStrings, std_types::RStr,
};

use crate::raw::{
    self, AnswerContext, EventPtr, HostContext, Message, Part, Text, View, VisitClient,
    VisitMessage, VisitPair, VisitSubscription, VisitValue,
};

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
    pub on_will:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Publish<'static>>) -> i32>,
    pub on_before_deliver:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Deliver<'static>>) -> i32>,
    pub on_delivered:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Deliver<'static>>) -> i32>,
    pub on_dropped:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Dropped<'static>>) -> i32>,
    pub on_session:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Session<'static>>) -> i32>,
    pub on_tick:
        Option<unsafe extern "C" fn(*mut c_void, EventPtr<raw::Tick<'static>>) -> i32>,
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
        on_will: None,
        on_before_deliver: None,
        on_delivered: None,
        on_dropped: None,
        on_session: None,
        on_tick: None,
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
            on_will: table.on_will(),
            on_before_deliver: table.on_before_deliver(),
            on_delivered: table.on_delivered(),
            on_dropped: table.on_dropped(),
            on_session: table.on_session(),
            on_tick: table.on_tick(),
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
    // Since 1.1.
    /// Publishes a message, as the plugin. 0, or one of the negative numbers.
    pub publish: unsafe extern "C" fn(HostContext, EventPtr<Message<'static>>) -> i32,
    /// Sends a message to one client, subscribed or not: client id, message.
    pub publish_to: unsafe extern "C" fn(HostContext, View<'_>, EventPtr<Message<'static>>) -> i32,
    /// Keeps a message for future subscribers without publishing it; one without payload clears its topic.
    pub retain: unsafe extern "C" fn(HostContext, EventPtr<Message<'static>>) -> i32,
    /// Shows the retained messages whose topics match a filter; a topic name is one. How many were shown, or negative.
    pub each_retained:
        unsafe extern "C" fn(HostContext, View<'_>, *mut c_void, VisitMessage) -> i64,
    /// Ends a client's connection: client id, reason code, words for the client, flags.
    pub disconnect: unsafe extern "C" fn(HostContext, View<'_>, u32, View<'_>, u32) -> i32,
    /// Subscribes for a client: client id, whole filter, Subscription Options, Subscription Identifier or 0.
    pub subscribe: unsafe extern "C" fn(HostContext, View<'_>, View<'_>, u32, u32) -> i32,
    /// Unsubscribes for a client: client id, whole filter.
    pub unsubscribe: unsafe extern "C" fn(HostContext, View<'_>, View<'_>) -> i32,
    /// Shows the clients and sessions, or the one of a client id. How many were shown, or negative.
    pub each_client: unsafe extern "C" fn(HostContext, View<'_>, *mut c_void, VisitClient) -> i64,
    /// Shows all subscriptions, or those of a client id. How many were shown, or negative.
    pub each_subscription:
        unsafe extern "C" fn(HostContext, View<'_>, *mut c_void, VisitSubscription) -> i64,
    /// Shows the subscriptions that a message to a topic would be delivered by. How many, or negative.
    pub receivers:
        unsafe extern "C" fn(HostContext, View<'_>, *mut c_void, VisitSubscription) -> i64,
    /// Notes something of the plugin's own at a client: client id, scope, key, value; an empty value removes it.
    pub attribute_set: unsafe extern "C" fn(HostContext, View<'_>, u32, View<'_>, View<'_>) -> i32,
    /// Shows what was noted: client id, scope, key.
    pub attribute_get:
        unsafe extern "C" fn(HostContext, View<'_>, u32, View<'_>, *mut c_void, VisitValue) -> i32,
    /// Puts a value into the plugin's durable store: key, value, seconds to live or 0.
    pub kv_set: unsafe extern "C" fn(HostContext, View<'_>, View<'_>, u32) -> i32,
    /// Shows the value of a key of the plugin's store.
    pub kv_get: unsafe extern "C" fn(HostContext, View<'_>, *mut c_void, VisitValue) -> i32,
    /// Removes a key from the plugin's store.
    pub kv_remove: unsafe extern "C" fn(HostContext, View<'_>) -> i32,
    /// Shows the pairs whose keys begin so. How many were shown, or negative.
    pub kv_each: unsafe extern "C" fn(HostContext, View<'_>, *mut c_void, VisitPair) -> i64,
    /// Has OnTick called: id, milliseconds from now, milliseconds between further calls or 0 for one call.
    pub timer_set: unsafe extern "C" fn(HostContext, u64, u64, u64) -> i32,
    /// Forgets a timer.
    pub timer_cancel: unsafe extern "C" fn(HostContext, u64) -> i32,
    /// Makes a metric, or finds it: kind, name, labels as key=value each ended by a zero byte, help. Its number, or negative.
    pub metric: unsafe extern "C" fn(HostContext, u32, View<'_>, View<'_>, View<'_>) -> i64,
    /// Changes a metric: its number, ADD, SET or OBSERVE, by how much.
    pub metric_update: unsafe extern "C" fn(HostContext, i64, u32, f64) -> i32,
    /// While starting: what the plugin wants to be called for. Hook by its name in Rust, or empty for all; which interest; value.
    pub interest: unsafe extern "C" fn(HostContext, View<'_>, u32, View<'_>) -> i32,
    /// Shows the plugin's section of the config in force, as JSON.
    pub config: unsafe extern "C" fn(HostContext, *mut c_void, VisitValue) -> i32,
    /// Shows the path of a folder: FOLDER_OF_CONFIG, FOLDER_OF_DATA.
    pub folder: unsafe extern "C" fn(HostContext, u32, *mut c_void, VisitValue) -> i32,
    /// While a hook runs that may answer later: its answer_ctx, milliseconds until it counts as failed. The ticket to answer with, or 0.
    pub defer: unsafe extern "C" fn(HostContext, AnswerContext, u32) -> u64,
    /// Answers later: ticket, answer, parts of the answer, how many.
    pub complete: unsafe extern "C" fn(HostContext, u64, i32, *const Part<'_>, usize) -> i32,
    /// While starting: a hook that blocks, and so is called on a thread for that. Hook by its name in Rust, milliseconds until it counts as failed, or 0 for as many as the config says.
    pub blocking: unsafe extern "C" fn(HostContext, View<'_>, u32) -> i32,
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
