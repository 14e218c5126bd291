//! Lines that wait to be written. Who puts one in holds the lock for as long as it takes to copy it, and
//! never waits for the disk: what does not fit is counted.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    max: usize,
}

/// What the writer takes out.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) lines: Vec<u8>,
    /// Lines that did not fit.
    pub(crate) lost: u64,
    /// Nothing comes any more.
    pub(crate) is_closed: bool,
}

impl Queue {
    pub(crate) fn new(max: usize) -> Queue {
        Queue { waiting: Mutex::default(), wake: Condvar::new(), max }
    }

    /// A whole line.
    pub(crate) fn put(&self, line: &[u8]) {
        let mut waiting = self.lock();
        // Once one is lost, so are the others until the writer comes, so that it can say where.
        if waiting.lost > 0 || waiting.lines.len() + line.len() > self.max {
            waiting.lost += 1;
            return;
        }
        let was_empty = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        drop(waiting);
        if was_empty {
            self.wake.notify_one();
        }
    }

    /// Waits until there is something, at most so long. `empty` is what the lines go into next.
    pub(crate) fn take(&self, timeout: Duration, empty: Vec<u8>) -> Waiting {
        let nothing = |waiting: &mut Waiting| {
            waiting.lines.is_empty() && waiting.lost == 0 && !waiting.is_closed
        };
        let waited = self.wake.wait_timeout_while(self.lock(), timeout, nothing);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        let is_closed = waiting.is_closed;
        std::mem::replace(&mut *waiting, Waiting { lines: empty, lost: 0, is_closed })
    }

    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let queue = Queue::new(8);
        for line in ["abc\n", "de\n", "fg\n", "h\n"] {
            queue.put(line.as_bytes());
        }
        let waiting = queue.take(Duration::ZERO, Vec::new());
        // The last would have fitted, but comes after one that has not.
        assert_eq!((&*waiting.lines, waiting.lost), (&b"abc\nde\n"[..], 2));
        queue.put(b"i\n");
        let waiting = queue.take(Duration::MAX, waiting.lines);
        // What was handed in is not emptied here.
        assert_eq!((&*waiting.lines, waiting.lost), (&b"i\n"[..], 0));
    }

    #[test]
    fn the_writer_is_woken() {
        let queue = Queue::new(8);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let first = queue.take(Duration::MAX, Vec::new());
                let last = queue.take(Duration::MAX, Vec::new());
                (first.lines, last.is_closed)
            });
            queue.put(b"a\n");
            while !queue.lock().lines.is_empty() {
                std::thread::yield_now();
            }
            queue.close();
            assert_eq!(writer.join().unwrap(), (b"a\n".to_vec(), true));
        });
    }
}
