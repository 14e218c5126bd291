//! Times that were measured: how many took how long.

use hdrhistogram::Histogram;

/// Times in microseconds, to three digits; what takes longer than ten minutes counts as that.
pub(crate) struct Times {
    /// Without those of `last`.
    histogram: Histogram<u64>,
    /// Messages come in batches that took equally long: they are counted, and entered together.
    last: u64,
    count: u64,
}

impl Times {
    #[expect(clippy::expect_used, reason = "the bounds are constant")]
    pub(crate) fn new() -> Times {
        let histogram = Histogram::new_with_bounds(1, 600_000_000, 3).expect("bounds in range");
        Times { histogram, last: 0, count: 0 }
    }

    /// Of what began and ended then, in nanoseconds.
    #[inline]
    pub(crate) fn record(&mut self, began: u64, ended: u64) {
        let time = ended.saturating_sub(began) / 1000;
        if time != self.last {
            self.enter();
            self.last = time;
        }
        self.count += 1;
    }

    fn enter(&mut self) {
        self.histogram.saturating_record_n(self.last, self.count);
        self.count = 0;
    }

    pub(crate) fn merge(&mut self, mut other: Times) {
        other.enter();
        self.histogram += other.histogram;
    }

    /// Whether nothing was measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.histogram.len() + self.count
    }

    /// All of them.
    pub(crate) fn histogram(&self) -> Histogram<u64> {
        let mut all = self.histogram.clone();
        all.saturating_record_n(self.last, self.count);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::Times;

    #[test]
    fn equal_times_count_as_often_as_they_are_measured() {
        let (mut one, mut other) = (Times::new(), Times::new());
        for time in [5, 5, 5, 100, 5] {
            one.record(1_000, 1_000 + time * 1_000);
        }
        other.record(0, 200_000);
        one.merge(other);
        let all = one.histogram();
        assert_eq!((one.len(), all.len(), all.max()), (6, 6, 200));
        assert_eq!((all.value_at_quantile(0.5), all.value_at_quantile(0.8)), (5, 100));
        assert!(!one.is_empty() && Times::new().is_empty() && Times::new().histogram().is_empty());
    }
}
