//! What a plugin under test takes for the broker: it keeps what the plugin logs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use abi_stable::prefix_type::WithMetadata;
use log::Level;

use super::{log_line::Log, running};
use crate::{
    module::{HostApi, HostApiRef},
    raw::{HostContext, View},
};

/// Stands for the broker in a test. It keeps what plugins log while it calls them; the lines are
/// printed as well, so that a test that fails shows them.
///
/// Each test makes its own. Several plugins may be started with one, as a broker has several.
#[derive(Debug)]
pub struct Host {
    recorder: &'static Recorder,
}

impl Host {
    /// A host that has heard nothing yet.
    ///
    /// The first one of a process takes over the logger of [`log`](crate::log), unless the tests have
    /// set one themselves: then nothing is recorded.
    pub fn new() -> Self {
        running::install();
        Host { recorder: Recorder::new() }
    }

    /// What was logged so far: in `bootstrap`, hooks, `shutdown` and `drop`, by the thread that they
    /// were called on. Not what the plugin's own threads log, see [`logs_of_threads`].
    ///
    /// A panic is a line too, as the broker's log has it.
    ///
    /// [`logs_of_threads`]: super::logs_of_threads
    pub fn logs(&self) -> Vec<Log> {
        self.recorder.lock().clone()
    }

    /// As [`logs`](Self::logs), and forgets them.
    pub fn take_logs(&self) -> Vec<Log> {
        std::mem::take(&mut *self.recorder.lock())
    }

    /// The reason that `bootstrap` has given: the broker shows it in its own error, and not as a line.
    pub(super) fn take_refusal(&self) -> Option<String> {
        let mut logs = self.recorder.lock();
        let last = logs.iter().rposition(|log| log.level == Level::Error)?;
        Some(logs.remove(last).text)
    }

    /// What a plugin is given.
    pub(super) fn handle(&self) -> crate::Host {
        let context = HostContext { ptr: std::ptr::from_ref(self.recorder).cast() };
        crate::Host::new(context, HostApiRef(API.static_as_prefix()))
    }
}

impl Default for Host {
    fn default() -> Self {
        Host::new()
    }
}

/// Lives for ever, since the threads of a plugin may outlive the test.
#[derive(Debug)]
struct Recorder(Mutex<Vec<Log>>);

impl Recorder {
    fn new() -> &'static Recorder {
        let recorder: &'static Recorder = Box::leak(Box::new(Recorder(Mutex::default())));
        // Kept within reach, so that who looks for leaks in a plugin finds none of ours.
        ALL.lock().unwrap_or_else(PoisonError::into_inner).push(recorder);
        recorder
    }

    /// # Safety
    ///
    /// The context is one that [`Host::handle`] made.
    unsafe fn from_context(context: HostContext) -> &'static Recorder {
        // SAFETY: the caller's promise; it was leaked.
        unsafe { &*context.ptr.cast::<Recorder>() }
    }

    fn record(&self, log: Log) {
        eprintln!("{log}");
        self.lock().push(log);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Log>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static ALL: Mutex<Vec<&'static Recorder>> = Mutex::new(Vec::new());

const API: &WithMetadata<HostApi> = &WithMetadata::new(HostApi::of_1_0(log, max_level, panicked));

unsafe extern "C" fn log(
    context: HostContext,
    level: u32,
    target: View<'_>,
    message: View<'_>,
    _file: View<'_>,
    _line: u32,
) {
    let level = match level {
        0 | 1 => Level::Error,
        2 => Level::Warn,
        3 => Level::Info,
        4 => Level::Debug,
        _ => Level::Trace,
    };
    // SAFETY: the plugin passes back what it was given.
    let recorder = unsafe { Recorder::from_context(context) };
    recorder.record(Log { level, target: text(target), text: text(message) });
}

unsafe extern "C" fn max_level(_: HostContext) -> u32 {
    log::LevelFilter::Trace as u32
}

unsafe extern "C" fn panicked(context: HostContext, message: View<'_>, file: View<'_>, line: u32) {
    let panic = running::Panic { message: text(message), file: text(file), line };
    let text = match running::hook() {
        Some(hook) => format!("panicked in {hook} at {}", panic.with_place()),
        None => format!("panicked at {}", panic.with_place()),
    };
    running::set_panic(panic);
    // SAFETY: the plugin passes back what it was given.
    let recorder = unsafe { Recorder::from_context(context) };
    recorder.record(Log { level: Level::Error, target: String::new(), text });
}

fn text(view: View<'_>) -> String {
    String::from_utf8_lossy(view.as_bytes()).into_owned()
}
