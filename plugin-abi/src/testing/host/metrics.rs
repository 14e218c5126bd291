//! The metrics of plugins.

use super::Host;
use crate::raw;

/// As many as a broker has.
const MAX: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Metrics(Vec<Metric>);

#[derive(Debug)]
struct Metric {
    kind: u32,
    name: String,
    labels: String,
    value: f64,
    observed: Vec<f64>,
}

impl Host {
    /// What a counter or gauge stands at.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let world = self.recorder.lock();
        world.metrics.find(name, &raw_labels(labels)).map(|metric| metric.value)
    }

    /// What a histogram has been given, in its order.
    pub fn observed(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let world = self.recorder.lock();
        let metric = world.metrics.find(name, &raw_labels(labels));
        metric.map(|metric| metric.observed.clone()).unwrap_or_default()
    }
}

fn raw_labels(labels: &[(&str, &str)]) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value}\0")).collect()
}

impl Metrics {
    /// The number of the metric, which is made if it is not there.
    pub(super) fn metric(&mut self, kind: u32, name: &str, labels: &str) -> Result<i64, i32> {
        let is_known = [raw::COUNTER, raw::GAUGE, raw::HISTOGRAM].contains(&kind);
        let mut pairs = labels.split_terminator('\0').map(|pair| pair.split_once('='));
        let are_named = pairs.all(|pair| pair.is_some_and(|(label, _)| is_name(label)));
        if !is_known || !is_name(name) || !are_named {
            return Err(raw::UNFIT);
        }
        let same = |it: &Metric| it.name == name && it.labels == labels;
        match self.0.iter().position(same) {
            Some(at) if self.0.get(at).is_some_and(|it| it.kind != kind) => Err(raw::UNFIT),
            Some(at) => Ok(at as i64),
            None if self.0.len() >= MAX => Err(raw::FULL),
            None => {
                let (name, labels) = (name.to_owned(), labels.to_owned());
                self.0.push(Metric { kind, name, labels, value: 0.0, observed: Vec::new() });
                Ok(self.0.len() as i64 - 1)
            }
        }
    }

    pub(super) fn update(&mut self, number: i64, how: u32, by: f64) -> Result<(), i32> {
        let metric = usize::try_from(number).ok().and_then(|number| self.0.get_mut(number));
        let metric = metric.ok_or(raw::NOT_THERE)?;
        match (metric.kind, how) {
            (raw::COUNTER, raw::ADD) if by >= 0.0 => metric.value += by,
            (raw::GAUGE, raw::ADD) => metric.value += by,
            (raw::GAUGE, raw::SET) => metric.value = by,
            (raw::HISTOGRAM, raw::OBSERVE) => metric.observed.push(by),
            _ => return Err(raw::UNFIT),
        }
        Ok(())
    }

    fn find(&self, name: &str, labels: &str) -> Option<&Metric> {
        self.0.iter().find(|metric| metric.name == name && metric.labels == labels)
    }
}

fn is_name(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(is_word) && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}
