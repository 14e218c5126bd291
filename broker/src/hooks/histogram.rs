//! How long calls have taken: a number for each power of two. Not what each of them took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Up to 100 ns, up to 200 ns, and so on; 13 s and more is in the last.
const BUCKETS: usize = 28;

/// Nanoseconds of the first bucket.
const FIRST: u64 = 100;

/// Written by any thread; seldom, so that it does not matter by how many.
#[derive(Default)]
pub(super) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    /// Nanoseconds.
    max: AtomicU64,
}

/// The sum of several.
#[derive(Default)]
pub(super) struct Spread {
    buckets: [u64; BUCKETS],
    max: u64,
}

impl Histogram {
    pub(super) fn count(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(bucket(nanoseconds)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.max.fetch_max(nanoseconds, Ordering::Relaxed);
    }
}

impl Spread {
    pub(super) fn add(&mut self, histogram: &Histogram) {
        for (sum, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum += bucket.load(Ordering::Relaxed);
        }
        self.max = self.max.max(histogram.max.load(Ordering::Relaxed));
    }

    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(super) fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// What so large a part of them took at most: the end of the bucket where that is, but no more than
    /// the longest. Zero if there are none.
    pub(super) fn quantile(&self, part: f64) -> Duration {
        let wanted = (self.count() as f64 * part).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                let end = if index + 1 < BUCKETS { FIRST << index } else { self.max };
                return Duration::from_nanos(end.min(self.max));
            }
        }
        self.max()
    }
}

fn bucket(nanoseconds: u64) -> usize {
    let doubled = nanoseconds.div_ceil(FIRST).max(1).next_power_of_two().ilog2();
    (doubled as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_is_twice_the_one_before() {
        for (nanoseconds, expected) in [
            (0, 0),
            (100, 0),
            (101, 1),
            (200, 1),
            (201, 2),
            (100 << 26, 26),
            (100 << 27, 27),
            (u64::MAX / 2, 27),
        ] {
            assert_eq!(bucket(nanoseconds), expected, "{nanoseconds}");
        }
    }

    #[test]
    fn quantiles_are_rounded_up() {
        let mut spread = Spread::default();
        assert_eq!((spread.quantile(0.5), spread.max()), (Duration::ZERO, Duration::ZERO));
        let histogram = Histogram::default();
        for nanoseconds in [90, 150, 150, 3_000_000] {
            histogram.count(Duration::from_nanos(nanoseconds));
        }
        spread.add(&histogram);
        spread.add(&histogram);
        assert_eq!(spread.count(), 8);
        assert_eq!(spread.quantile(0.25), Duration::from_nanos(100));
        assert_eq!(spread.quantile(0.5), Duration::from_nanos(200));
        assert_eq!(spread.quantile(0.99), Duration::from_millis(3));
        assert_eq!(spread.max(), Duration::from_millis(3));
    }

    #[test]
    fn what_takes_for_ever_is_in_the_last() {
        let histogram = Histogram::default();
        histogram.count(Duration::from_secs(500));
        histogram.count(Duration::MAX);
        let mut spread = Spread::default();
        spread.add(&histogram);
        assert_eq!(spread.quantile(0.5), Duration::from_nanos(u64::MAX));
    }
}
