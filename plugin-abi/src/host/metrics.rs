//! Metrics that appear beside those of the broker, as `hookmq_plugin_NAME`, with the label `plugin`.

use super::{Host, HostError};
use crate::raw::{self, View};

macro_rules! metrics {
    ($($(#[$doc:meta])* $metric:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $metric {
            host: Host,
            number: i64,
        }
    )*};
}

metrics! {
    /// Only grows.
    Counter;
    /// Goes up and down.
    Gauge;
    /// Counts how often which value came.
    Histogram;
}

impl Host {
    /// Makes a counter, or finds the one of this name and labels. The name has letters, digits and `_`.
    ///
    /// # Errors
    ///
    /// [`HostError::Unfit`] if the name or a label is not allowed; [`HostError::Full`] above 1000 metrics.
    pub fn counter(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        help: &str,
    ) -> Result<Counter, HostError> {
        Ok(Counter { host: *self, number: self.metric(raw::COUNTER, name, labels, help)? })
    }

    /// Makes a gauge, or finds it.
    ///
    /// # Errors
    ///
    /// As [`counter`](Self::counter).
    pub fn gauge(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        help: &str,
    ) -> Result<Gauge, HostError> {
        Ok(Gauge { host: *self, number: self.metric(raw::GAUGE, name, labels, help)? })
    }

    /// Makes a histogram, or finds it. Its buckets double from 1 µs to 100 s if values are seconds.
    ///
    /// # Errors
    ///
    /// As [`counter`](Self::counter).
    pub fn histogram(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        help: &str,
    ) -> Result<Histogram, HostError> {
        Ok(Histogram { host: *self, number: self.metric(raw::HISTOGRAM, name, labels, help)? })
    }

    fn metric(
        &self,
        kind: u32,
        name: &str,
        labels: &[(&str, &str)],
        help: &str,
    ) -> Result<i64, HostError> {
        let function = self.api.metric().ok_or(HostError::NotOffered)?;
        let labels: String =
            labels.iter().map(|(name, value)| format!("{name}={value}\0")).collect();
        let [name, labels, help] = [name, &labels, help].map(|text| View::new(text.as_bytes()));
        // SAFETY: the context is the one that came with this table; the views live for the call.
        let number = unsafe { function(self.context, kind, name, labels, help) };
        HostError::check_count(number).map(|_| number)
    }

    fn update(&self, number: i64, how: u32, value: f64) {
        if let Some(function) = self.api.metric_update() {
            // SAFETY: as above. A number that was given once is valid for ever.
            unsafe { function(self.context, number, how, value) };
        }
    }
}

impl Counter {
    /// Adds so much; less than nothing is ignored.
    pub fn add(&self, value: f64) {
        self.host.update(self.number, raw::ADD, value);
    }
}

impl Gauge {
    /// Adds so much, which may be less than nothing.
    pub fn add(&self, value: f64) {
        self.host.update(self.number, raw::ADD, value);
    }

    /// Makes it this.
    pub fn set(&self, value: f64) {
        self.host.update(self.number, raw::SET, value);
    }
}

impl Histogram {
    /// Counts this value.
    pub fn observe(&self, value: f64) {
        self.host.update(self.number, raw::OBSERVE, value);
    }
}
