//! Keeps a panic inside the plugin, and reports it at once. It cannot hold what does not unwind: a
//! build with `panic = "abort"`, a stack overflow, a call to `exit`.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind},
};

use crate::{
    host::{self, Host},
    raw,
};

/// Runs what the broker called, and answers [`raw::PANICKED`] if it panics.
#[inline]
pub(crate) fn guard(call: impl FnOnce() -> i32) -> i32 {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(answer) => answer,
        Err(payload) => {
            contain(payload);
            raw::PANICKED
        }
    }
}

/// Makes every panic of this library, on any of its threads, a line in the broker's log.
///
/// The report is sent from the panic hook, so that it comes out even if the process is about to
/// abort. Each shared library has its own copy of the standard library, hence its own hook.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(report));
}

fn report(panic: &PanicHookInfo<'_>) {
    if let Some(host) = host::current() {
        report_to(host, panic);
    }
}

pub(crate) fn report_to(host: &Host, panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("a payload that is not text");
    let (file, line) = panic.location().map_or(("", 0), |place| (place.file(), place.line()));
    host.panicked(message, file, line);
}

/// Drops a panic's payload, whose own drop may panic again.
#[cold]
fn contain(payload: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(another);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct DropPanics;

    impl Drop for DropPanics {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }

    #[test]
    fn nothing_unwinds_out() {
        assert_eq!(guard(|| raw::CONTINUE), raw::CONTINUE);
        assert_eq!(guard(|| panic!("boom")), raw::PANICKED);
        assert_eq!(guard(|| std::panic::panic_any(DropPanics)), raw::PANICKED);
    }
}
