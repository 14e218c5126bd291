//! A file of rules, and the thread that looks whether it has changed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use plugin_abi::{Result, log};
use watched_file::{Look, WatchedFile};

use crate::compile::from_file;
use crate::rules::Rules;

/// Rules that a thread exchanges when their file has changed.
pub(crate) struct Watcher {
    stop: Arc<Stop>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Stop {
    asked: Mutex<bool>,
    told: Condvar,
}

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

impl Watcher {
    /// Reads the file; the rules are always those of the last one without a mistake.
    ///
    /// # Errors
    /// The file cannot be read, or holds mistakes: a line for each.
    pub(crate) fn start(file: PathBuf) -> Result<(Self, Arc<ArcSwap<Rules>>)> {
        let name = file.display().to_string();
        let is_first = AtomicBool::new(true);
        let parse = move |bytes: &[u8]| {
            // Somebody is about to write it, and no rules would let everybody in meanwhile.
            if !is_first.swap(false, Ordering::Relaxed) && says_nothing(bytes) {
                return Err(vec!["1: there is nothing in it; no rules are `rules: []`".to_owned()]);
            }
            let problems = |problems: Vec<_>| problems.iter().map(ToString::to_string).collect();
            from_file(bytes, &name).map_err(problems)
        };
        let file = WatchedFile::open(file, parse).map_err(|problems| problems.join("\n"))?;
        let rules = Arc::new(ArcSwap::new(file.current()));
        let stop = Arc::<Stop>::default();
        let thread = {
            let (rules, stop) = (Arc::clone(&rules), Arc::clone(&stop));
            let run = move || watch(&file, &rules, &stop);
            std::thread::Builder::new().name("acl-file".to_owned()).spawn(run)?
        };
        Ok((Watcher { stop, thread: Mutex::new(Some(thread)) }, rules))
    }

    /// Waits until the thread has ended. It does nothing the second time.
    pub(crate) fn stop(&self) {
        *self.stop.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.told.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            log::error!("the thread that watched the rules has panicked");
        }
    }
}

impl Stop {
    /// Whether to stop, after a while or at once.
    fn wait(&self) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(asked, INTERVAL, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Nothing but comments.
fn says_nothing(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.all(|line| line.is_empty() || line.starts_with(b"#"))
}

fn watch(file: &WatchedFile<Rules>, rules: &ArcSwap<Rules>, stop: &Stop) {
    while !stop.wait() {
        let name = file.path().display();
        match file.look(Instant::now()) {
            Look::Same => {}
            Look::Read(new) => {
                let count = new.len();
                rules.store(new);
                // Who reads it may rely on it.
                log::info!("{name} has changed: {count} rules");
            }
            Look::Bad(problems) => {
                for problem in problems {
                    log::error!("{problem}");
                }
                log::error!("{name}: the rules stay as they were");
            }
        }
    }
}
