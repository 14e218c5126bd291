//! Which hook runs on this thread, so that a panic report can name it, and how far the event is from one that
//! no plugin has brought about. In the broker and not in the
//! plugin, where thread-local storage costs a call.

use std::cell::Cell;

/// Until it is dropped, `hook` is what runs on this thread.
pub(crate) fn enter(hook: &'static str) -> Running {
    Running { before: RUNNING.replace(Some(hook)) }
}

/// The hook that runs on this thread. None on a thread of a plugin's own.
pub(crate) fn current() -> Option<&'static str> {
    RUNNING.get()
}

/// Until it is dropped, hooks on this thread are called for an event of this depth.
pub(crate) fn at_depth(depth: u32) -> Depth {
    Depth { before: DEPTH.replace(depth) }
}

/// The depth of what is brought about on this thread now: one more than that of the event for which
/// a hook runs, or 0 if none does.
pub(crate) fn next_depth() -> u32 {
    if current().is_some() { DEPTH.get().saturating_add(1) } else { 0 }
}

/// The depth of the events for which hooks on this thread are called now.
pub(crate) fn depth() -> u32 {
    DEPTH.get()
}

pub(crate) struct Depth {
    before: u32,
}

impl Drop for Depth {
    fn drop(&mut self) {
        DEPTH.set(self.before);
    }
}

pub(crate) struct Running {
    before: Option<&'static str>,
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(self.before);
    }
}

thread_local! {
    static RUNNING: Cell<Option<&'static str>> = const { Cell::new(None) };
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}
