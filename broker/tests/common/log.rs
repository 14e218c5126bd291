//! Takes what is logged in this process, so that a test can look at it. Tests run side by side: each
//! looks for names that only it uses.

use std::{fmt::Write, sync::Once};

use log::{LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;

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
    let lines = LINES.lock();
    lines.iter().filter(|line| line.contains(text)).cloned().collect()
}

/// The messages under `target`, without anything before them.
pub(crate) fn messages(target: &str) -> Vec<String> {
    let target = format!(" {target}: ");
    let message = |line: &String| Some(line.split_once(&target)?.1.rsplit_once(" (")?.0.to_owned());
    lines(&target).iter().filter_map(message).collect()
}

struct Lines;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut line = format!("{} {}: {}", record.level(), record.target(), record.args());
        let (file, at) = (record.file().unwrap_or("?"), record.line().unwrap_or(0));
        write!(line, " ({file}:{at})").unwrap();
        LINES.lock().push(line);
    }

    fn flush(&self) {}
}
