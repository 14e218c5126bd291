//! The thread that writes what waits in the queue.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};
use std::{io, mem};

use plugin_abi::log;

use crate::file::LogFile;
use crate::line::lost;
use crate::queue::{Queue, Waiting};
use crate::settings::Fsync;

pub(crate) struct Writer {
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// How long it waits for a line before it sees to other things.
const PAUSE: Duration = Duration::from_secs(1);

/// A full disk, and too many lines, are told so often.
const BETWEEN_COMPLAINTS: Duration = Duration::from_secs(60);

impl Writer {
    /// # Errors
    /// There can be no more threads.
    pub(crate) fn start(queue: Arc<Queue>, file: LogFile, fsync: Fsync) -> io::Result<Writer> {
        let writing = Writing {
            file,
            fsync,
            lost: 0,
            unsynced: false,
            synced: Instant::now(),
            followed: Instant::now(),
            complained: None,
        };
        let thread = std::thread::Builder::new().name("event-log".to_owned());
        let thread = thread.spawn(move || writing.run(&queue))?;
        Ok(Writer { thread: Mutex::new(Some(thread)) })
    }

    /// Waits until the thread has written all, once the queue is closed.
    pub(crate) fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            log::error!("the thread that writes the events has panicked");
        }
    }
}

struct Writing {
    file: LogFile,
    fsync: Fsync,
    /// Lines of which the file does not tell yet that they are missing.
    lost: u64,
    unsynced: bool,
    synced: Instant,
    followed: Instant,
    complained: Option<Instant>,
}

impl Writing {
    fn run(mut self, queue: &Queue) {
        let mut spare = Vec::new();
        loop {
            let pause = match self.fsync {
                Fsync::Every(period) if self.unsynced => period.min(PAUSE),
                _ => PAUSE,
            };
            let mut waiting = queue.take(pause, mem::take(&mut spare));
            self.follow();
            self.write(&mut waiting);
            self.sync(waiting.is_closed);
            if waiting.is_closed {
                return;
            }
            spare = waiting.lines;
            spare.clear();
            spare.shrink_to(MAX_SPARE);
        }
    }

    fn write(&mut self, waiting: &mut Waiting) {
        let now = SystemTime::now();
        // Of what the disk has not taken is told first, and of what has not fitted at the end.
        if self.lost > 0 && self.file.write(&lost(now, self.lost), now).is_ok() {
            self.lost = 0;
        }
        if waiting.lost > 0 {
            waiting.lines.extend_from_slice(&lost(now, waiting.lost));
            self.complain(|| format!("{} events did not fit into the queue", waiting.lost));
        }
        if waiting.lines.is_empty() {
            return;
        }
        self.unsynced = true;
        if let Err((lines, error)) = self.file.write(&waiting.lines, now) {
            // The line about lost ones is no event.
            let events =
                if waiting.lost > 0 { lines.saturating_sub(1) + waiting.lost } else { lines };
            self.lost += events;
            let file = self.file.path().display().to_string();
            self.complain(|| format!("{file}: {lines} events cannot be written: {error}"));
        }
    }

    fn sync(&mut self, is_last: bool) {
        let is_due = match self.fsync {
            Fsync::Never => false,
            Fsync::Always => true,
            Fsync::Every(period) => is_last || self.synced.elapsed() >= period,
        };
        if !self.unsynced || !is_due {
            return;
        }
        (self.unsynced, self.synced) = (false, Instant::now());
        if let Err(error) = self.file.sync() {
            let file = self.file.path().display().to_string();
            self.complain(|| format!("{file}: what was written may not be on the disk: {error}"));
        }
    }

    /// Looks once a second whether the file has been moved.
    fn follow(&mut self) {
        if self.followed.elapsed() < PAUSE {
            return;
        }
        self.followed = Instant::now();
        if let Err(error) = self.file.follow() {
            let file = self.file.path().display().to_string();
            self.complain(|| format!("{file}: cannot be opened again: {error}"));
        }
    }

    fn complain(&mut self, text: impl FnOnce() -> String) {
        if self.complained.is_none_or(|last| last.elapsed() >= BETWEEN_COMPLAINTS) {
            self.complained = Some(Instant::now());
            log::warn!("{}", text());
        }
    }
}

/// What a queue keeps for the next lines.
const MAX_SPARE: usize = 1 << 20;
