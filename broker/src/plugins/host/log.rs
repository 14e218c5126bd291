//! The log of the broker, and reports of panics.

use std::borrow::Cow;

use log::Level;
use plugin_abi::raw::{HostContext, View};

use super::{Caller, contain};

pub(super) unsafe extern "C" fn log(
    context: HostContext,
    level: u32,
    target: View<'_>,
    message: View<'_>,
    file: View<'_>,
    line: u32,
) {
    let level = level_of(level);
    let [target, message, file] = [target, message, file].map(text);
    contain(|| {
        // SAFETY: the plugin passes back what it was given.
        unsafe { Caller::from_context(context) }.log(level, &target, &message, (&file, line));
    });
}

pub(super) unsafe extern "C" fn max_level(_: HostContext) -> u32 {
    log::max_level() as u32
}

pub(super) unsafe extern "C" fn panicked(
    context: HostContext,
    message: View<'_>,
    file: View<'_>,
    line: u32,
) {
    let [message, file] = [message, file].map(text);
    contain(|| {
        // SAFETY: the plugin passes back what it was given.
        unsafe { Caller::from_context(context) }.panicked(&message, (&file, line));
    });
}

/// What a number of plugin.h means; one that means nothing is the nearest.
fn level_of(number: u32) -> Level {
    match number {
        0 | 1 => Level::Error,
        2 => Level::Warn,
        3 => Level::Info,
        4 => Level::Debug,
        _ => Level::Trace,
    }
}

/// A plugin in C may send what is not UTF-8.
fn text(view: View<'_>) -> Cow<'_, str> {
    String::from_utf8_lossy(view.as_bytes())
}
