//! Keeps a plugin that fails often from filling the log: one line a second, with what was left out.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The failures of one plugin, in one hook or of one kind.
#[derive(Default)]
pub(crate) struct Failures {
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    logged: Option<Instant>,
    left_out: u64,
}

impl Failures {
    /// Counts a failure. If it is to be logged: how many were not, since the last one that was.
    pub(crate) fn count(&self, now: Instant) -> Option<u64> {
        let mut last = self.last.lock();
        if last.logged.is_some_and(|logged| now.saturating_duration_since(logged) < INTERVAL) {
            last.left_out += 1;
            return None;
        }
        last.logged = Some(now);
        Some(std::mem::take(&mut last.left_out))
    }
}

/// What a line ends with that leaves some out.
pub(crate) fn and_more(left_out: u64) -> String {
    match left_out {
        0 => String::new(),
        n => format!("; {n} more like it since the last such line"),
    }
}

const INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_says_how_many_were_left_out() {
        let failures = Failures::default();
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert_eq!(failures.count(at(0)), Some(0));
        assert_eq!(failures.count(at(1)), None);
        assert_eq!(failures.count(at(999)), None);
        assert_eq!(failures.count(at(1000)), Some(2));
        assert_eq!(failures.count(at(1001)), None);
        assert_eq!(failures.count(at(5000)), Some(1));
        assert_eq!(failures.count(at(6000)), Some(0));
    }

    #[test]
    fn a_line_that_leaves_nothing_out_says_nothing_of_it() {
        assert_eq!(and_more(0), "");
        assert_eq!(and_more(2), "; 2 more like it since the last such line");
    }
}
