//! When a plugin fails so often that it is not asked for a while. It is told the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// In which `max_failures` are too many.
const WINDOW: Duration = Duration::from_secs(60);

/// The first quarantine; each that begins in a trial is twice as long as the one before.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// How long a plugin must not fail after a quarantine.
pub(super) const TRIAL: Duration = Duration::from_secs(10);

/// Of one instance of a plugin.
pub(super) struct Breaker {
    /// 0: however many.
    max_failures: usize,
    /// When they were, the oldest first; those of the last minute.
    failures: VecDeque<Instant>,
    state: State,
    /// The last quarantine.
    back_off: Duration,
}

#[derive(Clone, Copy)]
enum State {
    Serving,
    Quarantined { until: Instant },
    OnTrial { until: Instant },
}

/// How a plugin stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is asked.
    Serving,
    /// It is not asked, for so long.
    Quarantined(Duration),
    /// It is asked, after a quarantine; a failure begins another.
    OnTrial,
}

impl Breaker {
    pub(super) fn new(max_failures: u32) -> Breaker {
        Breaker {
            max_failures: max_failures as usize,
            failures: VecDeque::new(),
            state: State::Serving,
            back_off: Duration::ZERO,
        }
    }

    /// The plugin has failed; `at_once`: which is once too often. If it is quarantined for that: how
    /// long.
    pub(super) fn failed(&mut self, now: Instant, at_once: bool) -> Option<Duration> {
        // A trial that is over ends here, if nobody has looked since.
        self.attend(now);
        match self.state {
            // Calls that were under way.
            State::Quarantined { .. } => None,
            State::OnTrial { .. } => Some(self.quarantine(self.back_off * 2, now)),
            State::Serving => {
                let too_often = at_once || self.is_too_often(now);
                too_often.then(|| self.quarantine(SHORTEST, now))
            }
        }
    }

    /// Ends what is over. How the plugin stands now, if that has changed.
    pub(super) fn attend(&mut self, now: Instant) -> Option<Standing> {
        match self.state {
            State::Quarantined { until } if now >= until => {
                self.state = State::OnTrial { until: now + TRIAL };
            }
            State::OnTrial { until } if now >= until => self.state = State::Serving,
            _ => return None,
        }
        Some(self.standing(now))
    }

    pub(super) fn standing(&self, now: Instant) -> Standing {
        match self.state {
            State::Serving => Standing::Serving,
            State::Quarantined { until } => {
                Standing::Quarantined(until.saturating_duration_since(now))
            }
            State::OnTrial { .. } => Standing::OnTrial,
        }
    }

    /// How long the next quarantine is if it begins in this trial.
    pub(super) fn next(&self) -> Duration {
        (self.back_off * 2).min(LONGEST)
    }

    fn is_too_often(&mut self, now: Instant) -> bool {
        if self.max_failures == 0 {
            return false;
        }
        let is_old = |failure: &Instant| now.saturating_duration_since(*failure) >= WINDOW;
        while self.failures.front().is_some_and(is_old) {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
        self.failures.len() >= self.max_failures
    }

    fn quarantine(&mut self, time: Duration, now: Instant) -> Duration {
        let time = time.min(LONGEST);
        self.failures.clear();
        self.back_off = time;
        self.state = State::Quarantined { until: now + time };
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A breaker and its clock, in milliseconds.
    struct Clocked(Breaker, Instant);

    fn clocked(max_failures: u32) -> Clocked {
        Clocked(Breaker::new(max_failures), Instant::now())
    }

    impl Clocked {
        fn failed(&mut self, at: u64) -> Option<u64> {
            let now = self.1 + Duration::from_millis(at);
            self.0.failed(now, false).map(|time| time.as_secs())
        }

        fn attend(&mut self, at: u64) -> Option<Standing> {
            self.0.attend(self.1 + Duration::from_millis(at))
        }

        fn standing(&self, at: u64) -> Standing {
            self.0.standing(self.1 + Duration::from_millis(at))
        }
    }

    #[test]
    fn so_many_failures_in_a_minute_are_too_many() {
        let mut breaker = clocked(3);
        assert_eq!(breaker.failed(0), None);
        assert_eq!(breaker.failed(1000), None);
        // The first was a minute ago.
        assert_eq!(breaker.failed(60_000), None);
        assert_eq!(breaker.standing(60_000), Standing::Serving);
        assert_eq!(breaker.failed(60_999), Some(1));
        assert_eq!(breaker.standing(60_999), Standing::Quarantined(SHORTEST));
        // It was under way.
        assert_eq!(breaker.failed(61_000), None);
        assert_eq!(breaker.standing(61_998), Standing::Quarantined(Duration::from_millis(1)));
    }

    #[test]
    fn quarantines_are_twice_as_long_each_time_up_to_a_minute() {
        let mut breaker = clocked(1);
        let mut now = 0;
        assert_eq!(breaker.failed(now), Some(1));
        for (quarantine, next) in
            [(1, 2), (2, 4), (4, 8), (8, 16), (16, 32), (32, 60), (60, 60), (60, 60)]
        {
            assert_eq!(breaker.attend(now + quarantine * 1000 - 1), None);
            now += quarantine * 1000;
            assert_eq!(breaker.attend(now), Some(Standing::OnTrial));
            assert_eq!(breaker.0.next().as_secs(), next);
            now += 9_999;
            assert_eq!(breaker.attend(now), None);
            assert_eq!(breaker.failed(now), Some(next));
        }
    }

    #[test]
    fn who_passes_the_trial_begins_anew() {
        let mut breaker = clocked(2);
        assert_eq!((breaker.failed(0), breaker.failed(1)), (None, Some(1)));
        assert_eq!(breaker.attend(1001), Some(Standing::OnTrial));
        assert_eq!(breaker.attend(11_001), Some(Standing::Serving));
        assert_eq!(breaker.attend(11_002), None);
        assert_eq!((breaker.failed(11_003), breaker.failed(11_004)), (None, Some(1)));
        // The same if nobody has looked meanwhile.
        assert_eq!(breaker.attend(12_004), Some(Standing::OnTrial));
        assert_eq!((breaker.failed(22_004), breaker.failed(22_005)), (None, Some(1)));
    }

    #[test]
    fn without_a_limit_only_the_first_counts_or_none() {
        let mut breaker = clocked(0);
        assert!((0..10_000).all(|at| breaker.failed(at).is_none()));
        assert_eq!(breaker.0.failures.len(), 0);
        assert_eq!(breaker.0.failed(breaker.1, true), Some(SHORTEST));
    }
}
