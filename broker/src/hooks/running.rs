//! Which hook runs on this thread, so that a panic report can name it. In the broker and not in the
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
}
