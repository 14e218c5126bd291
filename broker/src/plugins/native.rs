//! Rust plugins: the root module that `#[plugin]` exports, checked by abi_stable.
#![allow(unsafe_code, reason = "reads a symbol of a library, and calls its bootstrap")]

use std::ffi::c_void;

use libloading::os::unix::Library;
use plugin_abi::{
    abi_stable::{
        StableAbi,
        abi_stability::abi_checking::{CheckingGlobals, check_layout_compatibility_with_globals},
        library::{AbiHeaderRef, LibHeader, ROOT_MODULE_LOADER_NAME_WITH_NUL, RootModule},
        type_layout::TypeLayout,
    },
    module::PluginModuleRef,
    raw::{self, Text},
};

use super::{
    error::Reason,
    host::{self, Caller},
};
use crate::hooks::running;

/// The plugin's root module, if the library has one, and the minor version of plugin-abi that it was built with.
pub(super) fn root_module(library: &Library) -> Result<Option<(PluginModuleRef, u32)>, Reason> {
    let name = ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes();
    // SAFETY: a symbol of this name is a static of abi_stable, which starts with a header that
    // tells whether the rest can be understood.
    let Ok(header) = (unsafe { library.get::<AbiHeaderRef>(name) }) else { return Ok(None) };
    let header =
        header.upgrade().map_err(|error| Reason::AbiStable(last_error(&error.to_string())))?;
    check_version(header)?;
    check_layout(header)?;
    // SAFETY: the layout was just checked.
    let module = unsafe { header.init_root_module_with_unchecked_layout::<PluginModuleRef>() };
    match module {
        Ok(module) => Ok(Some((module, minor(header)))),
        Err(error) => Err(Reason::RootModule(last_error(&error.to_string()))),
    }
}

/// Makes the plugin's instance.
pub(super) fn bootstrap(
    module: PluginModuleRef,
    caller: &'static Caller,
    config: &str,
) -> Result<*mut c_void, Reason> {
    let mut instance = std::ptr::null_mut();
    let _running = running::enter("bootstrap");
    let bootstrap = module.bootstrap();
    // SAFETY: the context and the table live for ever, the rest for the call.
    let code =
        unsafe { bootstrap(caller.context(), host::api(), Text::new(config), &raw mut instance) };
    match code {
        0 => {
            caller.started();
            Ok(instance)
        }
        raw::PANICKED => Err(Reason::BootstrapPanicked(caller.failed().unwrap_or_default())),
        code => Err(Reason::refused(code, caller.failed())),
    }
}

fn check_version(header: &LibHeader) -> Result<(), Reason> {
    let constants = header.root_mod_consts();
    if constants.name().as_str() != PluginModuleRef::NAME {
        return Err(Reason::Foreign(constants.name().as_str().to_owned()));
    }
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    let theirs = header.version_strings().version.as_str();
    if major(theirs) != major(PluginModuleRef::VERSION_STRINGS.version.as_str()) {
        return Err(Reason::Version { theirs: theirs.to_owned() });
    }
    Ok(())
}

fn minor(header: &LibHeader) -> u32 {
    let version = header.version_strings().version.as_str();
    version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or_default()
}

fn check_layout(header: &LibHeader) -> Result<(), Reason> {
    let Some(theirs) = header.layout() else {
        return Err(Reason::Layout("it describes no layout".into()));
    };
    let ours = <PluginModuleRef as StableAbi>::LAYOUT;
    check_layouts(ours, theirs).map_err(|error| Reason::Layout(last_error(&error)))
}

/// abi_stable's check accepts a plugin that knows more than the broker. One that knows less is as
/// good, and is found by asking the other way round. Fresh globals, or else the answer depends on
/// what was checked before.
fn check_layouts(ours: &'static TypeLayout, theirs: &'static TypeLayout) -> Result<(), String> {
    let check = |ours, theirs| {
        check_layout_compatibility_with_globals(ours, theirs, &CheckingGlobals::new())
    };
    check(ours, theirs)
        .or_else(|error| check(theirs, ours).map_err(|_| error))
        .map_err(|error| error.to_string())
}

/// The errors of abi_stable run over hundreds of lines; the last one of them is the innermost.
fn last_error(text: &str) -> String {
    let last = text.rsplit("Error:").next().unwrap_or(text);
    last.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table as one version of a crate would have it.
    macro_rules! version {
        ($version:ident, $($fields:tt)*) => {
            #[allow(dead_code, reason = "the layout is what is looked at")]
            mod $version {
                use abi_stable::StableAbi;

                #[repr(C)]
                #[derive(StableAbi)]
                #[sabi(kind(Prefix(prefix_ref = TableRef, prefix_fields = TablePrefix)))]
                #[sabi(missing_field(default))]
                pub(super) struct Table {
                    $($fields)*
                }
            }
        };
    }

    version!(v1_0, #[sabi(last_prefix_field)] first: Option<extern "C" fn(u32) -> i32>,);
    version!(
        v1_1,
        #[sabi(last_prefix_field)]
        first: Option<extern "C" fn(u32) -> i32>,
        second: Option<extern "C" fn() -> i32>,
    );
    version!(broken, #[sabi(last_prefix_field)] first: Option<extern "C" fn(u64) -> i32>,);

    fn layout<T: StableAbi>() -> &'static TypeLayout {
        T::LAYOUT
    }

    #[test]
    fn older_and_newer_plugins_match_in_any_order() {
        let (older, newer) = (layout::<v1_0::TableRef>(), layout::<v1_1::TableRef>());
        let broken = layout::<broken::TableRef>();
        for _ in 0..2 {
            assert_eq!(check_layouts(older, newer), Ok(()));
            assert!(check_layouts(older, broken).is_err());
            assert_eq!(check_layouts(newer, older), Ok(()));
            assert!(check_layouts(newer, broken).is_err());
            assert_eq!(check_layouts(newer, newer), Ok(()));
        }
    }
}
