//! When a hook has lasted too long so often that it has to be taken for one that blocks. It is told the time.

use std::time::{Duration, Instant};

use super::point::HookSet;

/// So many calls of a hook in a minute are enough.
pub(super) const SLOW_ENOUGH: usize = 3;

const WINDOW: Duration = Duration::from_secs(60);

/// The calls of one instance that have lasted too long.
#[derive(Default)]
pub(super) struct Slow {
    /// Those of the last minute.
    calls: Vec<(usize, Instant)>,
    /// The hooks that were moved for it.
    pub(super) moved: HookSet,
}

impl Slow {
    /// Counts a call of a hook. Returns whether there were enough; they are forgotten then.
    pub(super) fn count(&mut self, hook: usize, now: Instant) -> bool {
        self.calls.retain(|(_, at)| now.saturating_duration_since(*at) < WINDOW);
        self.calls.push((hook, now));
        let is_enough = self.calls.iter().filter(|(it, _)| *it == hook).count() >= SLOW_ENOUGH;
        if is_enough {
            self.calls.retain(|(it, _)| *it != hook);
        }
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_a_minute_are_enough() {
        let (mut slow, start) = (Slow::default(), Instant::now());
        for (hook, second, expected) in [
            (3, 0, false),
            (4, 0, false),
            (3, 30, false),
            // The first was a minute ago.
            (3, 60, false),
            (4, 60, false),
            (3, 89, true),
            (3, 90, false),
        ] {
            let now = start + Duration::from_secs(second);
            assert_eq!(slow.count(hook, now), expected, "{hook} {second}");
        }
    }
}
