//! What the broker keeps of one instance of a plugin, through all exchanges of hooks: how it is to be
//! treated, and what it has done so far.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::slot;
use super::stats::{Came, HookStats, Stats};

pub(crate) struct Record {
    /// No other instance of any plugin in this process has it.
    _id: u64,
    plugin: Arc<str>,
    stats: Stats,
}

impl Record {
    pub(crate) fn new(plugin: &Arc<str>) -> Record {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Record { _id: id, plugin: plugin.clone(), stats: Stats::default() }
    }

    /// The plugin's name.
    pub(crate) fn plugin(&self) -> &Arc<str> {
        &self.plugin
    }

    /// Makes a call of a hook, and counts it.
    #[inline]
    pub(super) fn call(&self, hook: usize, call: impl FnOnce() -> i32) -> i32 {
        self.stats.here(slot::current(), hook).call(call)
    }

    /// Counts what came of a call.
    #[cold]
    pub(super) fn count(&self, hook: usize, came: Came) {
        self.stats.here(slot::current(), hook).count(came);
    }

    /// What was counted of a hook.
    pub(crate) fn stats(&self, hook: usize) -> HookStats {
        self.stats.of(hook)
    }
}
