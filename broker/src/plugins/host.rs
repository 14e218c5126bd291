//! What a plugin may call. Each function is called from any thread, at any time after `bootstrap`
//! began, and never unwinds into the plugin.
#![allow(unsafe_code, reason = "called by plugins through a C ABI")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering},
};

use log::{Level, Record};
use parking_lot::Mutex;
use plugin_abi::{
    abi_stable::prefix_type::WithMetadata,
    module::{HostApi, HostApiRef},
    raw::{self, HostContext, View},
};

use super::escaped::Escaped;
use crate::hooks::running;

/// Who is calling. Lives for ever, since the threads of a plugin may outlive its instance.
pub(super) struct Caller {
    name: Box<str>,
    starting: AtomicBool,
    /// What it said last at error level, or when it panicked, while it was starting.
    complaint: Mutex<Option<String>>,
}

impl Caller {
    pub(super) fn new(name: &str) -> &'static Caller {
        Box::leak(Box::new(Caller {
            name: name.into(),
            starting: AtomicBool::new(true),
            complaint: Mutex::new(None),
        }))
    }

    /// To be handed to the plugin.
    pub(super) fn context(&'static self) -> HostContext {
        HostContext { ptr: std::ptr::from_ref(self).cast() }
    }

    /// The plugin has started, or has failed to: why, in its own words.
    pub(super) fn started(&self) -> Option<String> {
        self.starting.store(false, Ordering::Relaxed);
        self.complaint.lock().take()
    }

    /// # Safety
    ///
    /// The context is one that [`Caller::context`] made.
    unsafe fn from_context(context: HostContext) -> &'static Caller {
        // SAFETY: the caller's promise; it was leaked.
        unsafe { &*context.ptr.cast::<Caller>() }
    }

    fn log(&self, level: Level, target: &str, message: &str, place: (&str, u32)) {
        if level == Level::Error && self.starting.load(Ordering::Relaxed) {
            *self.complaint.lock() = Some(message.to_owned());
        }
        if level > log::max_level() {
            return;
        }
        let target = match target {
            "" => format!("plugin::{}", self.name),
            target => format!("plugin::{}::{target}", self.name),
        };
        let (file, line) = place;
        log::logger().log(
            &Record::builder()
                .level(level)
                .target(&target)
                .file(Some(file).filter(|file| !file.is_empty()))
                .line(Some(line).filter(|line| *line != 0))
                .args(format_args!("{}", Escaped(message)))
                .build(),
        );
    }

    fn panicked(&self, message: &str, place: (&str, u32)) {
        let (file, line) = place;
        let what = match running::current() {
            Some(hook) => format!("panicked in {hook} at {file}:{line}: {message}"),
            None => format!("panicked in a thread of its own at {file}:{line}: {message}"),
        };
        self.log(Level::Error, "", &format!("plugin {} {what}", self.name), place);
    }
}

/// The table for Rust plugins.
pub(super) fn api() -> HostApiRef {
    HostApiRef(API.static_as_prefix())
}

/// The table for a C plugin.
pub(super) fn c_host(caller: &'static Caller) -> &'static raw::Host {
    Box::leak(Box::new(raw::Host {
        size: size_of::<raw::Host>() as u32,
        abi_version: raw::ABI_VERSION,
        ctx: caller.context(),
        log,
        max_level,
    }))
}

const API: &WithMetadata<HostApi> = &WithMetadata::new(HostApi { log, max_level, panicked });

unsafe extern "C" fn log(
    context: HostContext,
    level: u32,
    target: View<'_>,
    message: View<'_>,
    file: View<'_>,
    line: u32,
) {
    let level = match level {
        0 | 1 => Level::Error,
        2 => Level::Warn,
        3 => Level::Info,
        4 => Level::Debug,
        _ => Level::Trace,
    };
    let [target, message, file] = [target, message, file].map(text);
    contain(|| {
        // SAFETY: the plugin passes back what it was given.
        unsafe { Caller::from_context(context) }.log(level, &target, &message, (&file, line));
    });
}

unsafe extern "C" fn max_level(_: HostContext) -> u32 {
    log::max_level() as u32
}

unsafe extern "C" fn panicked(context: HostContext, message: View<'_>, file: View<'_>, line: u32) {
    let [message, file] = [message, file].map(text);
    contain(|| {
        // SAFETY: the plugin passes back what it was given.
        unsafe { Caller::from_context(context) }.panicked(&message, (&file, line));
    });
}

/// A plugin in C may send what is not UTF-8.
fn text(view: View<'_>) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(view.as_bytes())
}

/// A logger that panics must not take the plugin's frames with it, which cannot unwind.
fn contain(call: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
        std::mem::forget(payload);
    }
}
