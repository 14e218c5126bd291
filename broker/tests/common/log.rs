//! Takes what is logged in this process, so that a test can look at it. Tests run side by side: each
//! looks for names that only it uses.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Once;
use std::time::Instant;

use log::{LevelFilter, Log, Metadata, Record};
use parking_lot::{Condvar, Mutex};

use super::patience::PATIENCE;

/// Starts to take what is logged. Call it before what is to be looked at.
pub(crate) fn take() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        log::set_logger(&Lines).unwrap();
        log::set_max_level(LevelFilter::Debug);
    });
}

/// All lines so far with `text` in them, as `LEVEL target: message (file:line)`.
pub(crate) fn lines(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (target, lines) in &LINES.lock().by_target {
        let head = format!(" {target}: ");
        let is_elsewhere = text.starts_with(" plugin::") && !head.starts_with(text);
        if is_elsewhere && !text.starts_with(&head) {
            continue;
        }
        found.extend(lines.iter().filter(|(_, line)| line.contains(text)).cloned());
    }
    found.sort_unstable();
    found.into_iter().map(|(_, line)| line).collect()
}

/// The messages under `target`, without anything before them.
pub(crate) fn messages(target: &str) -> Vec<String> {
    let target = format!(" {target}: ");
    let message = |line: &String| Some(line.split_once(&target)?.1.rsplit_once(" (")?.0.to_owned());
    lines(&target).iter().filter_map(message).collect()
}

/// Waits until `look` finds something in what is logged.
#[track_caller]
pub(crate) fn until<T>(look: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = LINES.lock().count;
        if let Some(found) = look() {
            return found;
        }
        let mut taken = LINES.lock();
        while taken.count == seen {
            assert!(!MORE.wait_until(&mut taken, deadline).timed_out(), "it was never logged");
        }
    }
}

/// Waits for a line with `text` in it; of several the last.
#[track_caller]
pub(crate) fn wait_for(text: &str) -> String {
    until(|| lines(text).pop())
}

struct Lines;

/// Each with its place among all. Many tests look for those of one plugin again and again.
struct Taken {
    count: u64,
    by_target: BTreeMap<String, Vec<(u64, String)>>,
}

static LINES: Mutex<Taken> = Mutex::new(Taken { count: 0, by_target: BTreeMap::new() });

/// Another line has been taken.
static MORE: Condvar = Condvar::new();

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut line = format!("{} {}: {}", record.level(), record.target(), record.args());
        let (file, at) = (record.file().unwrap_or("?"), record.line().unwrap_or(0));
        write!(line, " ({file}:{at})").unwrap();
        let mut taken = LINES.lock();
        taken.count += 1;
        let place = taken.count;
        taken.by_target.entry(record.target().to_owned()).or_default().push((place, line));
        drop(taken);
        MORE.notify_all();
    }

    fn flush(&self) {}
}
