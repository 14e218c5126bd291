//! How long hooks took: a table with a line for each.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::play::{Line, Played};

/// Times of one hook, shortest first.
pub(super) struct Times(Vec<Duration>);

/// By hook.
pub(super) fn times(played: &Played) -> BTreeMap<&str, Times> {
    let mut by_hook: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for Line { hook, took, .. } in played.lines.values() {
        by_hook.entry(hook).or_default().push(*took);
    }
    let sorted = |mut times: Vec<Duration>| {
        times.sort_unstable();
        Times(times)
    };
    by_hook.into_iter().map(|(hook, times)| (hook, sorted(times))).collect()
}

impl Times {
    /// That which so many in a hundred do not exceed.
    fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }

    pub(super) fn row(&self, name: &str) -> String {
        let [p50, p99, max] = [50, 99, 100].map(|percent| self.percentile(percent));
        let count = self.0.len();
        format!("{name:<24} {count:>8} {p50:>12.1?} {p99:>12.1?} {max:>12.1?}")
    }

    pub(super) fn json(&self) -> Value {
        let [p50, p99, max] = [50, 99, 100]
            .map(|percent| u64::try_from(self.percentile(percent).as_nanos()).unwrap_or(u64::MAX));
        json!({ "events": self.0.len(), "p50_ns": p50, "p99_ns": p99, "max_ns": max })
    }
}

/// Above the rows.
pub(super) fn head(what: &str) -> String {
    format!("{what:<24} {:>8} {:>12} {:>12} {:>12}", "events", "p50", "p99", "max")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_those_that_were_measured() {
        let times = |count: u64| Times((1..=count).map(Duration::from_nanos).collect());
        let of = |count, percent| times(count).percentile(percent).as_nanos();
        assert_eq!((of(100, 50), of(100, 99), of(100, 100)), (50, 99, 100));
        assert_eq!((of(1, 50), of(1, 99), of(3, 50), of(3, 99)), (1, 1, 2, 3));
        assert_eq!(Times(Vec::new()).percentile(50), Duration::ZERO);
    }
}
