//! Which plugin runs on this thread, so that what it logs and how it panics goes to its own host: the
//! tests of a process share one logger and one panic hook, while a broker gives each library its own.

use std::{
    cell::{Cell, RefCell},
    panic,
    sync::{Condvar, Mutex, MutexGuard, Once, PoisonError},
    time::{Duration, Instant},
};

use log::{LevelFilter, Metadata, Record};

use super::log_line::Log;
use crate::{Host, guard, logger};

/// A plugin that can be called, and its host.
#[derive(Clone, Copy)]
pub(super) struct Callee {
    pub(super) host: Host,
    pub(super) crate_name: &'static str,
}

/// A panic, as the panic hook has it.
pub(super) struct Panic {
    pub(super) message: String,
    pub(super) file: String,
    pub(super) line: u32,
}

impl Panic {
    pub(super) fn with_place(&self) -> String {
        let Panic { message, file, line } = self;
        format!("{file}:{line}: {message}")
    }
}

impl Callee {
    /// Makes a call into the plugin. If it panics, what its panic hook has reported is returned too.
    pub(super) fn call(
        self,
        hook: &'static str,
        call: impl FnOnce() -> i32,
    ) -> (i32, Option<Panic>) {
        let before = RUNNING.replace(Some(Running { callee: self, hook }));
        PANIC.take();
        // It does not unwind: the shims keep panics in.
        let code = call();
        RUNNING.set(before);
        (code, PANIC.take())
    }
}

/// The hook that runs on this thread.
pub(super) fn hook() -> Option<&'static str> {
    RUNNING.get().map(|running| running.hook)
}

/// Notes how the call on this thread has panicked; the last panic counts.
pub(super) fn set_panic(panic: Panic) {
    PANIC.replace(Some(panic));
}

/// Puts logger and panic hook in place, once in a process. Panics of the tests themselves are reported
/// as before.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if log::set_logger(&Logger).is_ok() {
            log::set_max_level(LevelFilter::Trace);
        }
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| match RUNNING.get() {
            Some(running) => guard::report_to(&running.callee.host, panic),
            None => before(panic),
        }));
    });
}

#[derive(Clone, Copy)]
struct Running {
    callee: Callee,
    hook: &'static str,
}

thread_local! {
    static RUNNING: Cell<Option<Running>> = const { Cell::new(None) };
    static PANIC: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        match RUNNING.get() {
            Some(Running { callee, .. }) => {
                logger::send_to(&callee.host, callee.crate_name, record);
            }
            None => STRAYS.record(record),
        }
    }

    fn flush(&self) {}
}

/// What threads have logged that no host has called: nothing tells whose they are.
struct Strays {
    logs: Mutex<Vec<Log>>,
    more: Condvar,
}

static STRAYS: Strays = Strays { logs: Mutex::new(Vec::new()), more: Condvar::new() };

impl Strays {
    fn record(&self, record: &Record<'_>) {
        let (target, text) = (record.target().to_owned(), record.args().to_string());
        let log = Log { level: record.level(), target, text };
        eprintln!("{log}");
        self.lock().push(log);
        self.more.notify_all();
    }

    /// The lines but those seen; none if there is none more in time.
    fn wait_for_more(&self, seen: usize, timeout: Duration) -> Vec<Log> {
        let nothing_new = |logs: &mut Vec<Log>| logs.len() <= seen;
        let waited = self.more.wait_timeout_while(self.lock(), timeout, nothing_new);
        let (logs, _) = waited.unwrap_or_else(PoisonError::into_inner);
        logs.iter().skip(seen).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Log>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What threads have logged that no [`Host`](super::Host) has called: those of plugins, and the tests'
/// own. It cannot be told whose a thread is, so this is for the whole process, whatever test it is from;
/// for the same reason the targets are whole paths.
pub fn logs_of_threads() -> Vec<Log> {
    STRAYS.lock().clone()
}

/// Waits until a line of [`logs_of_threads`] is the one that is looked for.
///
/// # Panics
///
/// If it has not come within ten seconds.
#[track_caller]
pub fn wait_for_thread_log(mut is_it: impl FnMut(&Log) -> bool) -> Log {
    let end = Instant::now() + Duration::from_secs(10);
    let mut seen = 0;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        // No lock is held while the caller looks.
        let new = STRAYS.wait_for_more(seen, left);
        assert!(!new.is_empty(), "no thread has logged the line within ten seconds");
        seen += new.len();
        if let Some(log) = new.into_iter().find(&mut is_it) {
            return log;
        }
    }
}
