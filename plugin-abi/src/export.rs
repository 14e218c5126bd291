//! Turns an `impl Plugin` into the symbol that the broker looks for. Called by `#[plugin]` only.

use std::ffi::c_void;

use crate::{
    auth,
    config::Config,
    deliver, event, guard,
    guard::guard,
    host::Host,
    logger,
    module::HostApiRef,
    plugin::Plugin,
    raw::{self, EventPtr, HostContext, Text},
};

pub use abi_stable::{
    library::{__call_root_module_loader, CheckTypeLayout, LibHeader, RootModuleResult},
    prefix_type::{PrefixTypeTrait, WithMetadata},
    std_types::RStr,
};

/// The name of the exported symbol. abi_stable's own attribute would write it, but names crates
/// that a plugin does not depend on.
#[doc(hidden)]
#[macro_export]
macro_rules! export_name {
    () => {
        "_1as_0lib_1header_0root_bmodule_bloader"
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! export {
    (
        $plugin:ty;
        wants $($wants:literal)*; may_use $($may_use:literal)*; requires $requires:literal;
        $($(#[$cfg:meta])* $hook:ident)*
    ) => {
        const _: () = {
            use $crate::{export, manifest, module};
            use export::PrefixTypeTrait as _;

            const FIELDS: &[manifest::Field] = &[
                ("name", &[env!("CARGO_PKG_NAME")]),
                ("version", &[env!("CARGO_PKG_VERSION")]),
                ("plugin-abi", &[manifest::ABI_VERSION]),
                ("panic", &[if cfg!(panic = "unwind") { "unwind" } else { "abort" }]),
                ("hooks", &[$($(#[$cfg])* stringify!($hook),)*]),
                ("wants", &[$($wants,)*]),
                ("may-use", &[$($may_use,)*]),
                ("requires", &[$requires]),
                ("license", &[env!("CARGO_PKG_LICENSE")]),
                ("description", &[env!("CARGO_PKG_DESCRIPTION")]),
            ];

            // The linker keeps notes although nothing in the code refers to them.
            #[used]
            #[cfg_attr(target_os = "linux", unsafe(link_section = ".note.hookmq"))]
            static MANIFEST: manifest::Note<{ manifest::size(FIELDS) }> =
                manifest::Note::new(FIELDS);

            // A plugin may have all the hooks there are in its version of this crate.
            #[allow(clippy::needless_update)]
            const HOOKS: &export::WithMetadata<module::HookTable> =
                &export::WithMetadata::new(module::HookTable {
                    $($(#[$cfg])* $hook: Some(export::$hook::<$plugin>),)*
                    ..module::HookTable::NONE
                });

            unsafe extern "C" fn bootstrap(
                context: $crate::raw::HostContext,
                api: module::HostApiRef,
                config: $crate::raw::Text<'_>,
                instance: *mut *mut std::ffi::c_void,
            ) -> i32 {
                // SAFETY: as the broker promises.
                unsafe {
                    export::bootstrap::<$plugin>(
                        context, api, config, instance, env!("CARGO_CRATE_NAME"),
                    )
                }
            }

            fn root_module() -> module::PluginModuleRef {
                module::PluginModule {
                    name: export::RStr::from_str(env!("CARGO_PKG_NAME")),
                    version: export::RStr::from_str(env!("CARGO_PKG_VERSION")),
                    panic_unwind: cfg!(panic = "unwind"),
                    hooks: module::HookTableRef(HOOKS.static_as_prefix()),
                    bootstrap,
                    shutdown: export::shutdown::<$plugin>,
                    drop: export::drop::<$plugin>,
                }
                .leak_into_prefix()
            }

            extern "C" fn constructor() -> export::RootModuleResult {
                export::__call_root_module_loader(root_module)
            }

            #[unsafe(export_name = $crate::export_name!())]
            pub static ROOT_MODULE: export::LibHeader = unsafe {
                // SAFETY: the constructor returns what `root_module` does.
                export::LibHeader::from_constructor::<module::PluginModuleRef>(
                    constructor,
                    export::CheckTypeLayout::Yes,
                )
            };
        };
    };
}

/// Makes the instance.
///
/// # Safety
///
/// `context` and `api` come from the broker and are valid for ever; `instance` may be written.
pub unsafe fn bootstrap<T: Plugin>(
    context: HostContext,
    api: HostApiRef,
    config: Text<'_>,
    instance: *mut *mut c_void,
    crate_name: &'static str,
) -> i32 {
    guard(|| {
        let host = Host::new(context, api);
        host.install();
        guard::report_panics();
        logger::install(&host, crate_name);
        // SAFETY: the caller's promise.
        unsafe { start::<T>(host, config, instance) }
    })
}

/// What is left to do when logger and panic hook are in place. It panics if the plugin does.
///
/// # Safety
///
/// `instance` may be written.
pub(crate) unsafe fn start<T: Plugin>(
    host: Host,
    config: Text<'_>,
    instance: *mut *mut c_void,
) -> i32 {
    match T::bootstrap(host, Config::new(config.as_str())) {
        Ok(plugin) => {
            // SAFETY: the caller lets us write there.
            unsafe { instance.write(Box::into_raw(Box::new(plugin)).cast()) };
            0
        }
        Err(error) => {
            host.log(log::Level::Error, "", &error.to_string(), ("", 0));
            raw::FAILED
        }
    }
}

/// Tells the instance that the broker stops.
///
/// # Safety
///
/// `instance` comes from `bootstrap::<T>`, and was not given to `drop`.
pub unsafe extern "C" fn shutdown<T: Plugin>(instance: *mut c_void) -> i32 {
    guard(|| {
        // SAFETY: the caller's promise; a `Plugin` is `Sync`.
        unsafe { &*instance.cast::<T>() }.shutdown();
        raw::CONTINUE
    })
}

/// Frees the instance.
///
/// # Safety
///
/// `instance` comes from `bootstrap::<T>`, and nothing uses it during or after this call.
pub unsafe extern "C" fn drop<T: Plugin>(instance: *mut c_void) -> i32 {
    guard(|| {
        // SAFETY: the caller's promise.
        std::mem::drop(unsafe { Box::from_raw(instance.cast::<T>()) });
        raw::CONTINUE
    })
}

macro_rules! answer {
    (decides $answer:expr, $event:ident) => {
        $answer.into().give(&$event)
    };
    (authenticates $answer:expr, $event:ident) => {
        $answer.give(&$event)
    };
    (observes $answer:expr, $event:ident) => {{
        $answer;
        raw::CONTINUE
    }};
}

/// One function a hook, which finds the instance, wraps the event and keeps panics in.
macro_rules! shims {
    ($($hook:ident $place:ident $event:ident $kind:ident;)*) => {$(
        /// The hook of its name.
        ///
        /// # Safety
        ///
        /// `instance` comes from `bootstrap::<T>` and is alive; `event` lives for the call.
        pub unsafe extern "C" fn $hook<T: Plugin>(
            instance: *mut c_void,
            event: EventPtr<raw::$event<'static>>,
        ) -> i32 {
            guard(|| {
                // SAFETY: the caller's promise; a `Plugin` is `Sync`.
                let plugin = unsafe { &*instance.cast::<T>() };
                // SAFETY: the caller's promise.
                let event = unsafe { $place::$event::new(event) };
                answer!($kind plugin.$hook(&event), event)
            })
        }
    )*};
}

shims! {
    on_socket_open event SocketOpen decides;
    on_before_connect event BeforeConnect decides;
    on_connect event Connect decides;
    on_before_subscribe event Subscribe decides;
    on_subscribe event Subscribe observes;
    on_before_unsubscribe event Unsubscribe decides;
    on_unsubscribe event Unsubscribe observes;
    on_message event Publish observes;
    on_before_publish event Publish decides;
    on_publish event Publish observes;
    on_auth auth Auth authenticates;
    on_will event Publish decides;
    on_before_deliver deliver Deliver decides;
    on_delivered deliver Deliver observes;
    on_dropped deliver Dropped observes;
    on_session event Session observes;
    on_tick event Tick observes;
    on_disconnect event Disconnect observes;
}
