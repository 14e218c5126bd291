//! A token bucket, kept as one number: when it will be full.

use std::time::Duration;

use plugin_config::Rate;

/// Nanoseconds since the plugin was started.
pub(crate) type Nanos = u64;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    rate: Rate,
    /// How long it takes to fill it.
    holds: Nanos,
}

/// When it will be full; full, if that is over. What is taken moves this on by the time that it takes to
/// come in again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket(Nanos);

/// The most that a client can be made to wait at once.
const MAX_WAIT: Nanos = 60_000_000_000;

impl Limit {
    pub(crate) fn new(rate: Rate, burst: u64) -> Limit {
        let empty = Limit { rate, holds: 0 };
        Limit { rate, holds: empty.time(burst) }
    }

    /// In which so much comes in.
    fn time(&self, amount: u64) -> Nanos {
        let nanos =
            u128::from(amount) * self.rate.per.as_nanos() / u128::from(self.rate.amount.max(1));
        // Ten years are as good as more.
        nanos.min(1 << 58) as Nanos
    }
}

impl Bucket {
    pub(crate) fn is_full(self, now: Nanos) -> bool {
        self.0 <= now
    }

    /// Whether so much is in it. A full one has whatever is asked for, or what is larger than the burst
    /// would never go through.
    pub(crate) fn has(self, amount: u64, limit: &Limit, now: Nanos) -> bool {
        self.is_full(now)
            || self.0.saturating_add(limit.time(amount)) <= now.saturating_add(limit.holds)
    }

    /// Takes it, whether it is there or not, and says how long it is until none is missing. What is
    /// missing is no more than what comes in within a minute.
    pub(crate) fn take(&mut self, amount: u64, limit: &Limit, now: Nanos) -> Duration {
        let owed = now.saturating_add(limit.holds);
        let full = self.0.max(now).saturating_add(limit.time(amount));
        self.0 = full.min(owed.saturating_add(MAX_WAIT));
        Duration::from_nanos(self.0.saturating_sub(owed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    fn limit(amount: u64, seconds: u64, burst: u64) -> Limit {
        Limit::new(Rate { amount, per: Duration::from_secs(seconds) }, burst)
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let limit = limit(10, 1, 3);
        let mut bucket = Bucket::default();
        let mut now = 5 * SECOND;
        for _ in 0..3 {
            assert!(bucket.has(1, &limit, now));
            assert_eq!(bucket.take(1, &limit, now), Duration::ZERO);
        }
        assert!(!bucket.has(1, &limit, now));
        // One comes in each tenth of a second.
        for _ in 0..20 {
            now += SECOND / 10 - 1;
            assert!(!bucket.has(1, &limit, now));
            now += 1;
            assert!(bucket.has(1, &limit, now));
            assert_eq!(bucket.take(1, &limit, now), Duration::ZERO);
        }
        assert!(!bucket.is_full(now));
        assert!(bucket.is_full(now + SECOND * 3 / 10));
        // Not more than the burst is saved up.
        now += 100 * SECOND;
        for _ in 0..3 {
            assert!(bucket.has(1, &limit, now));
            bucket.take(1, &limit, now);
        }
        assert!(!bucket.has(1, &limit, now));
    }

    #[test]
    fn who_takes_more_waits_until_it_is_paid_off() {
        let limit = limit(10, 1, 10);
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(10, &limit, 0), Duration::ZERO);
        assert_eq!(bucket.take(1, &limit, 0), Duration::from_millis(100));
        assert_eq!(bucket.take(1, &limit, 0), Duration::from_millis(200));
        assert_eq!(bucket.take(1, &limit, SECOND / 10), Duration::from_millis(200));
        // Nobody is in debt for longer than a minute.
        assert_eq!(bucket.take(1_000_000, &limit, 0), Duration::from_secs(60));
        assert_eq!(bucket.take(u64::MAX, &limit, 0), Duration::from_secs(60));
        assert_eq!(bucket.take(1, &limit, u64::MAX), Duration::ZERO);
    }

    #[test]
    fn what_is_larger_than_the_burst_goes_through_a_full_bucket() {
        let limit = limit(100, 1, 100);
        let mut bucket = Bucket::default();
        assert!(bucket.has(1000, &limit, SECOND));
        assert_eq!(bucket.take(1000, &limit, SECOND), Duration::from_secs(9));
        assert!(!bucket.has(1, &limit, 9 * SECOND));
        assert!(bucket.has(1000, &limit, 11 * SECOND));
    }
}
