//! Stops asking a service that has failed several times in a row, and tries it again after a pause that
//! grows. It is told the time.

use std::time::{Duration, Instant};

use crate::settings;

pub(crate) struct Breaker {
    settings: settings::Breaker,
    failures: u32,
    pause: Duration,
    /// Nobody asks before this, and then one alone until it has an answer.
    open_until: Option<Instant>,
    trying: bool,
}

/// What a failure has led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum After {
    Nothing,
    /// Nobody asks for so long.
    Opened(Duration),
}

impl Breaker {
    pub(crate) fn new(settings: settings::Breaker) -> Self {
        Breaker { settings, failures: 0, pause: Duration::ZERO, open_until: None, trying: false }
    }

    /// Whether to ask. Who was let through says later how it went.
    pub(crate) fn lets_through(&mut self, now: Instant) -> bool {
        match self.open_until {
            None => true,
            Some(until) if now < until || self.trying => false,
            Some(_) => {
                self.trying = true;
                true
            }
        }
    }

    /// Who was let through does not ask after all.
    pub(crate) fn gave_up(&mut self) {
        self.trying = false;
    }

    /// Returns whether it was open.
    pub(crate) fn succeeded(&mut self) -> bool {
        (self.failures, self.pause, self.trying) = (0, Duration::ZERO, false);
        self.open_until.take().is_some()
    }

    pub(crate) fn failed(&mut self, now: Instant) -> After {
        self.failures = self.failures.saturating_add(1);
        let was_trying = std::mem::take(&mut self.trying);
        // Those that were asked before it opened fail too, and count no more.
        let is_news = was_trying || self.open_until.is_none();
        if self.settings.failures == 0 || self.failures < self.settings.failures || !is_news {
            return After::Nothing;
        }
        let (first, longest) = (self.settings.pause.0, self.settings.max_pause.0);
        self.pause = self.pause.saturating_mul(2).max(first).min(longest);
        self.open_until = Some(now + self.pause);
        After::Opened(self.pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duration::Span;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker(failures: u32) -> Breaker {
        let (pause, max_pause) = (Span(SECOND), Span(3 * SECOND));
        Breaker::new(settings::Breaker { failures, pause, max_pause })
    }

    #[test]
    fn it_opens_after_failures_in_a_row() {
        let (mut breaker, now) = (breaker(2), Instant::now());
        assert_eq!(breaker.failed(now), After::Nothing);
        assert!(!breaker.succeeded());
        assert_eq!(breaker.failed(now), After::Nothing);
        assert!(breaker.lets_through(now));
        assert_eq!(breaker.failed(now), After::Opened(SECOND));
        // One that was asked before.
        assert_eq!(breaker.failed(now), After::Nothing);
        assert!(!breaker.lets_through(now + SECOND / 2));
    }

    #[test]
    fn one_tries_after_a_pause_that_grows() {
        let (mut breaker, mut now) = (breaker(1), Instant::now());
        assert_eq!(breaker.failed(now), After::Opened(SECOND));
        for (waited, pause) in [(1, 2), (2, 3), (3, 3)] {
            now += waited * SECOND;
            assert!(breaker.lets_through(now));
            assert!(!breaker.lets_through(now), "only one");
            assert_eq!(breaker.failed(now), After::Opened(pause * SECOND));
        }
        now += 3 * SECOND;
        assert!(breaker.lets_through(now));
        assert!(breaker.succeeded());
        assert!(breaker.lets_through(now) && breaker.lets_through(now));
        assert_eq!(breaker.failed(now), After::Opened(SECOND));
    }

    #[test]
    fn zero_failures_turn_it_off() {
        let (mut breaker, now) = (breaker(0), Instant::now());
        for _ in 0..10 {
            assert_eq!(breaker.failed(now), After::Nothing);
        }
        assert!(breaker.lets_through(now));
    }
}
