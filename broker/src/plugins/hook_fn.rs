//! One hook of one plugin, callable from safe code.
#![allow(unsafe_code, reason = "the one place that calls into a plugin while the broker serves")]

use std::{ffi::c_void, sync::Arc};

use plugin_abi::{module::HookFunction, raw::EventPtr};

use super::{Interest, KeptEvent, Loaded};
use crate::hooks::{Record, point::Point};

/// A hook and the instance that it is called with. Keeps the plugin alive.
pub(crate) struct HookFn<P: Point> {
    function: HookFunction<P::Event<'static>>,
    instance: *mut c_void,
    plugin: Arc<Loaded>,
}

// SAFETY: plugins promise that their hooks may be called from any thread, several at once: in Rust
// by `Plugin: Send + Sync`, in C by plugin.h.
unsafe impl<P: Point> Send for HookFn<P> {}
// SAFETY: as above.
unsafe impl<P: Point> Sync for HookFn<P> {}

impl<P: Point> Clone for HookFn<P> {
    fn clone(&self) -> Self {
        HookFn { function: self.function, instance: self.instance, plugin: self.plugin.clone() }
    }
}

impl<P: Point> HookFn<P> {
    /// The plugin's hook, if it has it.
    pub(crate) fn of(plugin: &Arc<Loaded>) -> Option<HookFn<P>> {
        let function = P::function(plugin.hooks())?;
        Some(HookFn { function, instance: plugin.instance(), plugin: Arc::clone(plugin) })
    }

    /// The answer, which can be any number.
    #[inline]
    pub(crate) fn call(&self, event: &P::Event<'_>) -> i32 {
        let event = EventPtr::from(event).cast();
        // SAFETY: function and instance are of the same plugin, which `self` keeps alive. The event
        // is what the hook takes; it is borrowed for the call and the plugin promises to keep
        // nothing of it, so its lifetime may be forgotten.
        unsafe { (self.function)(self.instance, event) }
    }

    /// The same for a copy of an event.
    pub(crate) fn call_kept(&self, event: &KeptEvent<P>) -> i32 {
        // SAFETY: as in `call`; the copy lives for the call.
        unsafe { (self.function)(self.instance, event.as_ptr().cast()) }
    }

    /// The instance.
    pub(crate) fn loaded(&self) -> &Arc<Loaded> {
        &self.plugin
    }

    /// What of the hook's events the plugin wants to be called for; `None`: all.
    pub(crate) fn interest(&self) -> Option<Interest> {
        self.plugin.interests().of(P::NAME)
    }

    /// What is kept of the instance.
    pub(crate) fn record(&self) -> &Record {
        self.plugin.record()
    }
}
