//! What was measured, and the medians of it.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// What one run has shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// Deliveries a second; of `connect`, connections.
    pub(crate) per_second: f64,
    /// CPU time of the broker for each of them, in µs.
    pub(crate) cpu: f64,
    /// Latency in µs; of `connect`, the time to CONNACK.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// How many messages were lost, in percent.
    pub(crate) lost: f64,
    /// The run has not gone well, for another reason than QoS 0.
    pub(crate) failed: bool,
}

impl Sample {
    /// Of what `hookmq bench --json` prints.
    pub(crate) fn of(result: &Value) -> Sample {
        let number = |value: &Value| value.as_f64().unwrap_or(0.0);
        let get = |key: &str| result.get(key).unwrap_or(&Value::Null);
        let either = |one: &str, other: &str| match get(one) {
            Value::Null => get(other).clone(),
            value => value.clone(),
        };
        let times = either("latency_us", "connect_us");
        let time = |key: &str| times.get(key).map_or(0.0, number);
        let cpu = get("broker").get("cpu_us_each").map_or(0.0, number);
        let expected = number(get("expected")).max(1.0);
        Sample {
            per_second: number(&either("delivered_per_second", "connected_per_second")),
            cpu,
            p50: time("p50"),
            p99: time("p99"),
            lost: 100.0 * number(get("lost")) / expected,
            failed: get("ok") != &Value::Bool(true),
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sample { per_second, cpu, p50, p99, lost, failed } = self;
        write!(f, "{per_second:12.0}/s {cpu:8.3} µs CPU  p50 {p50:.0} µs  p99 {p99:.0} µs")?;
        if *lost > 0.0 || *failed {
            write!(f, "  {lost:.1} % lost")?;
        }
        Ok(())
    }
}

/// All runs, by load and broker.
#[derive(Default)]
pub(crate) struct Samples(BTreeMap<(String, String), Vec<Sample>>);

impl Samples {
    pub(crate) fn add(&mut self, load: &str, broker: &str, sample: Sample) {
        self.0.entry((load.to_owned(), broker.to_owned())).or_default().push(sample);
    }

    /// The medians, each of its own: they need not be of one run. What has failed once has failed, and of what
    /// was lost the most counts.
    pub(crate) fn median(&self, load: &str, broker: &str) -> Option<Sample> {
        let samples = self.0.get(&(load.to_owned(), broker.to_owned()))?;
        let of = |part: fn(&Sample) -> f64| median(samples.iter().map(part).collect());
        Some(Sample {
            per_second: of(|sample| sample.per_second)?,
            cpu: of(|sample| sample.cpu)?,
            p50: of(|sample| sample.p50)?,
            p99: of(|sample| sample.p99)?,
            lost: samples.iter().map(|sample| sample.lost).fold(0.0, f64::max),
            failed: samples.iter().any(|sample| sample.failed),
        })
    }
}

fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let upper = *numbers.get(numbers.len() / 2)?;
    let lower = *numbers.get(numbers.len().checked_sub(1)? / 2)?;
    Some(lower.midpoint(upper))
}

#[cfg(test)]
mod tests {
    use super::{Sample, Samples, median};
    use serde_json::json;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(vec![9.0, 1.0, 5.0, 7.0]), Some(6.0));
    }

    #[test]
    fn a_run_is_read_as_it_is_printed() {
        let flow = Sample::of(&json!({
            "delivered_per_second": 7.5, "latency_us": { "p50": 3, "p99": 4 }, "lost": 1,
            "expected": 4, "broker": { "cpu_us_each": 0.5 }, "ok": false, "connect_us": { "p50": 9 },
        }));
        let expected =
            Sample { per_second: 7.5, cpu: 0.5, p50: 3.0, p99: 4.0, lost: 25.0, failed: true };
        assert_eq!(flow, expected);
        let storm = json!({ "connected_per_second": 8, "connect_us": { "p50": 9 }, "ok": true });
        let expected = Sample { per_second: 8.0, p50: 9.0, ..Sample::default() };
        assert_eq!(Sample::of(&storm), expected);
        let mut samples = Samples::default();
        samples.add("load", "broker", expected.clone());
        assert_eq!(samples.median("load", "broker"), Some(expected.clone()));
        for _ in 0..4 {
            samples.add("load", "broker", expected.clone());
        }
        samples.add("load", "broker", Sample { lost: 5.0, ..expected.clone() });
        assert_eq!(samples.median("load", "broker"), Some(Sample { lost: 5.0, ..expected }));
        assert_eq!(samples.median("load", "other"), None);
    }
}
