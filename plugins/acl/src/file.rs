//! A file of rules: read at the start, and again when it has changed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use arc_swap::ArcSwap;
use plugin_abi::log;

use crate::compile::from_file;
use crate::rules::Rules;
use crate::settings::lines;

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// Far more than rules for every client of a large site.
const MAX_SIZE: u64 = 64 << 20;

/// The rules of a file, with all of its mistakes as one text.
///
/// # Errors
/// The file cannot be read, or a rule in it cannot be understood; the old rules are then kept.
pub(crate) fn load(file: &Path) -> Result<Contents, String> {
    let name = file.display();
    let text = read(file).map_err(|error| format!("{name}: cannot be read: {error}"))?;
    let result = from_file(&text, &name.to_string());
    let rules = result
        .map_err(|problems| lines(&problems, |problem| problem.in_file(&name.to_string())))?;
    Ok(Contents { text, rules })
}

/// What was read.
pub(crate) struct Contents {
    pub(crate) text: String,
    pub(crate) rules: Rules,
}

/// A thread that looks at the file once a second.
pub(crate) struct Watcher {
    stop: Arc<Stop>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Stop {
    asked: Mutex<bool>,
    told: Condvar,
}

impl Watcher {
    /// `text` is what the rules in force were made of.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(crate) fn start(
        file: PathBuf,
        text: String,
        rules: Arc<ArcSwap<Rules>>,
    ) -> io::Result<Self> {
        let stop = Arc::<Stop>::default();
        let watch = Watch { file, time: None, last: Ok(text), rules };
        let thread = {
            let stop = Arc::clone(&stop);
            let name = "acl-file".to_owned();
            std::thread::Builder::new().name(name).spawn(move || watch.run(&stop))?
        };
        Ok(Watcher { stop, thread: Mutex::new(Some(thread)) })
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

struct Watch {
    file: PathBuf,
    /// When it was changed that was read last, if that is so long ago that its time would be another if
    /// it had been changed again.
    time: Option<SystemTime>,
    /// What was last in it, or why it could not be read.
    last: Result<String, String>,
    rules: Arc<ArcSwap<Rules>>,
}

impl Watch {
    fn run(mut self, stop: &Stop) {
        while !stop.wait() {
            self.look();
        }
    }

    fn look(&mut self) {
        let time = fs::metadata(&self.file).and_then(|about| about.modified()).ok();
        if time.is_some() && time == self.time {
            return;
        }
        self.time = time.filter(|time| time.elapsed().is_ok_and(|age| age > 2 * INTERVAL));
        let now = read(&self.file).map_err(|error| error.to_string());
        if now == self.last {
            return;
        }
        self.last = now;
        let name = self.file.display().to_string();
        let text = match &self.last {
            Ok(text) => text,
            Err(error) => {
                log::error!("{name}: cannot be read: {error}; the rules stay as they were");
                return;
            }
        };
        match from_file(text, &name) {
            Ok(rules) => {
                log::info!("{name} has changed: {} rules", rules.len());
                self.rules.store(Arc::new(rules));
            }
            Err(problems) => {
                let problems = lines(&problems, |problem| problem.in_file(&name));
                log::error!("{problems}\nthe rules stay as they were");
            }
        }
    }
}

fn read(file: &Path) -> io::Result<String> {
    // Nothing that would block, as a pipe does, or never end.
    let about = fs::metadata(file)?;
    if !about.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if about.len() > MAX_SIZE {
        return Err(io::Error::other(format!("it is larger than {MAX_SIZE} bytes")));
    }
    fs::read_to_string(file)
}
