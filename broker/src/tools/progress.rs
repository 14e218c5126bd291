//! How far something is that takes long, on stderr: a line that changes on a terminal, else one every few seconds.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

const ON_TERMINAL: Duration = Duration::from_millis(100);
const ELSEWHERE: Duration = Duration::from_secs(5);

pub(crate) struct Progress {
    /// What is done, and to what: "looked at 7 records" has both around the number.
    words: [&'static str; 2],
    is_terminal: bool,
    next: Instant,
    /// A line stands on the terminal.
    stands: bool,
}

impl Progress {
    /// Nothing is said about what is done soon.
    pub(crate) fn new(words: [&'static str; 2]) -> Progress {
        let is_terminal = io::stderr().is_terminal();
        let next = Instant::now() + if is_terminal { ON_TERMINAL } else { ELSEWHERE };
        Progress { words, is_terminal, next, stands: false }
    }

    pub(crate) fn at(&mut self, count: u64) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        let [done, what] = self.words;
        // That nobody reads it is no reason to stop.
        if self.is_terminal {
            let _ = write!(io::stderr(), "\r{done} {count} {what} ");
            (self.next, self.stands) = (now + ON_TERMINAL, true);
        } else {
            let _ = writeln!(io::stderr(), "{done} {count} {what}");
            self.next = now + ELSEWHERE;
        }
    }
}

impl Drop for Progress {
    /// What is said next has the line for itself.
    fn drop(&mut self) {
        if self.stands {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
