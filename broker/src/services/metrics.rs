//! Metrics of plugins: `hookmq_plugin_` and the name that the plugin gives, with the label `plugin`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::AtomicU64;

use parking_lot::{Mutex, RwLock};
use plugin_abi::raw;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::Declined;

/// Metrics of one plugin, each set of labels counted.
const MAX: usize = 1000;
/// Bytes of a name, of a label, and of the help.
const LONGEST: usize = 1024;

type Labels = Vec<(String, String)>;
type Counters = Family<Labels, Counter<f64, AtomicU64>>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// Those of all plugins.
#[derive(Default)]
pub(crate) struct Metrics {
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    registry: Registry,
    families: HashMap<String, Kind>,
}

enum Kind {
    Counter(Counters),
    Gauge(Gauges),
    Histogram(Histograms),
}

/// Those of one plugin, by their numbers.
#[derive(Default)]
pub(crate) struct Own {
    metrics: RwLock<Vec<Metric>>,
    known: Mutex<HashMap<(String, Labels), usize>>,
}

enum Metric {
    Counter(Counter<f64, AtomicU64>),
    Gauge(Gauge<f64, AtomicU64>),
    Histogram(Histogram),
}

/// What a plugin says of a metric.
#[derive(Clone, Copy)]
pub(crate) struct Description<'a> {
    pub(crate) kind: u32,
    pub(crate) name: &'a str,
    /// Each as `name=value`, ended by a zero byte.
    pub(crate) labels: &'a str,
    pub(crate) help: &'a str,
}

impl Metrics {
    /// All of them, in the text format of OpenMetrics.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // A `String` takes everything.
        let _ = encode(&mut text, &self.all.lock().registry);
        text
    }

    /// The metric's number, which is made if it is not there.
    pub(crate) fn metric(
        &self,
        plugin: &str,
        own: &Own,
        description: &Description<'_>,
    ) -> Result<i64, Declined> {
        let Description { kind, help, .. } = *description;
        // Of a counter this ending is put behind it in the text.
        let name = description.name;
        let name =
            if kind == raw::COUNTER { name.strip_suffix("_total").unwrap_or(name) } else { name };
        let labels = labels(plugin, description.labels).ok_or(Declined::Unfit)?;
        if !is_name(name) || help.len() > LONGEST {
            return Err(Declined::Unfit);
        }
        let mut known = own.known.lock();
        let count = known.len();
        let number = match known.entry((name.to_owned(), labels)) {
            Entry::Occupied(entry) if own.is_of_kind(*entry.get(), kind) => {
                return Ok(*entry.get() as i64);
            }
            Entry::Occupied(_) => return Err(Declined::Unfit),
            Entry::Vacant(_) if count >= MAX => return Err(Declined::Full),
            Entry::Vacant(entry) => {
                let metric = self.make(kind, name, help, &entry.key().1)?;
                let mut metrics = own.metrics.write();
                metrics.push(metric);
                *entry.insert(metrics.len() - 1)
            }
        };
        Ok(number as i64)
    }

    fn make(&self, kind: u32, name: &str, help: &str, labels: &Labels) -> Result<Metric, Declined> {
        let All { registry, families } = &mut *self.all.lock();
        let family = match families.entry(name.to_owned()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let full = format!("hookmq_plugin_{name}");
                let help = help.trim_end_matches('.');
                entry.insert(Kind::register(registry, kind, full, help)?)
            }
        };
        match (family, kind) {
            (Kind::Counter(family), raw::COUNTER) => {
                Ok(Metric::Counter(family.get_or_create(labels).clone()))
            }
            (Kind::Gauge(family), raw::GAUGE) => {
                Ok(Metric::Gauge(family.get_or_create(labels).clone()))
            }
            (Kind::Histogram(family), raw::HISTOGRAM) => {
                Ok(Metric::Histogram(family.get_or_create(labels).clone()))
            }
            _ => Err(Declined::Unfit),
        }
    }
}

impl Kind {
    fn register(
        registry: &mut Registry,
        kind: u32,
        name: String,
        help: &str,
    ) -> Result<Kind, Declined> {
        Ok(match kind {
            raw::COUNTER => {
                let family = Counters::default();
                registry.register(name, help, family.clone());
                Kind::Counter(family)
            }
            raw::GAUGE => {
                let family = Gauges::default();
                registry.register(name, help, family.clone());
                Kind::Gauge(family)
            }
            raw::HISTOGRAM => {
                let family = Histograms::new_with_constructor(histogram);
                registry.register(name, help, family.clone());
                Kind::Histogram(family)
            }
            _ => return Err(Declined::Unfit),
        })
    }
}

/// From a microsecond to more than a hundred seconds.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(1e-6, 2.0, 28))
}

impl Own {
    fn is_of_kind(&self, number: usize, kind: u32) -> bool {
        matches!(
            (self.metrics.read().get(number), kind),
            (Some(Metric::Counter(_)), raw::COUNTER)
                | (Some(Metric::Gauge(_)), raw::GAUGE)
                | (Some(Metric::Histogram(_)), raw::HISTOGRAM)
        )
    }

    /// Changes the metric of a number.
    pub(crate) fn update(&self, number: i64, how: u32, by: f64) -> Result<(), Declined> {
        let metrics = self.metrics.read();
        let number = usize::try_from(number).map_err(|_| Declined::NotThere)?;
        match (metrics.get(number).ok_or(Declined::NotThere)?, how) {
            (Metric::Counter(counter), raw::ADD) if by >= 0.0 && by.is_finite() => {
                counter.inc_by(by);
            }
            (Metric::Gauge(gauge), raw::ADD) => drop(gauge.inc_by(by)),
            (Metric::Gauge(gauge), raw::SET) => drop(gauge.set(by)),
            (Metric::Histogram(histogram), raw::OBSERVE) => histogram.observe(by),
            _ => return Err(Declined::Unfit),
        }
        Ok(())
    }
}

fn labels(plugin: &str, labels: &str) -> Option<Labels> {
    let mut all = vec![("plugin".to_owned(), plugin.to_owned())];
    for label in labels.split_terminator('\0') {
        let (name, value) = label.split_once('=')?;
        let is_new = all.iter().all(|(known, _)| known != name);
        if !is_name(name) || name == "le" || !is_new || value.len() > LONGEST {
            return None;
        }
        all.push((name.to_owned(), value.to_owned()));
    }
    Some(all)
}

fn is_name(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.len() <= LONGEST
        && name.bytes().all(is_word)
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTER: Description<'_> =
        Description { kind: raw::COUNTER, name: "calls_total", labels: "to=a\0", help: "Calls." };

    #[test]
    fn metrics_of_several_plugins_stand_in_one_text() {
        let metrics = Metrics::default();
        let [one, other] = [Own::default(), Own::default()];
        let number = metrics.metric("one", &one, &COUNTER).unwrap();
        assert_eq!(metrics.metric("one", &one, &COUNTER), Ok(number));
        one.update(number, raw::ADD, 1.5).unwrap();
        let theirs = metrics.metric("other", &other, &COUNTER).unwrap();
        other.update(theirs, raw::ADD, 2.0).unwrap();
        let text = metrics.text();
        assert!(text.contains("# TYPE hookmq_plugin_calls counter\n"), "{text}");
        assert!(
            text.contains("hookmq_plugin_calls_total{plugin=\"one\",to=\"a\"} 1.5\n"),
            "{text}"
        );
        assert!(text.contains("hookmq_plugin_calls_total{plugin=\"other\",to=\"a\"} 2"), "{text}");
    }

    #[test]
    fn what_means_nothing_is_unfit() {
        let (metrics, own) = (Metrics::default(), Own::default());
        let number = metrics.metric("p", &own, &COUNTER).unwrap();
        assert_eq!(own.update(number, raw::ADD, -1.0), Err(Declined::Unfit));
        assert_eq!(own.update(number, raw::SET, 1.0), Err(Declined::Unfit));
        assert_eq!(own.update(number + 1, raw::ADD, 1.0), Err(Declined::NotThere));
        assert_eq!(own.update(-1, raw::ADD, 1.0), Err(Declined::NotThere));
        for unfit in [
            Description { name: "1st", ..COUNTER },
            Description { name: "", ..COUNTER },
            Description { name: "a-b", ..COUNTER },
            Description { labels: "to", ..COUNTER },
            Description { labels: "a b=1\0", ..COUNTER },
            Description { labels: "plugin=x\0", ..COUNTER },
            Description { kind: raw::GAUGE, name: "calls", ..COUNTER },
            Description { kind: 9, name: "new", ..COUNTER },
        ] {
            assert_eq!(metrics.metric("p", &own, &unfit), Err(Declined::Unfit), "{}", unfit.name);
        }
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let (metrics, own) = (Metrics::default(), Own::default());
        for number in 0..MAX {
            let labels = format!("n={number}\0");
            metrics.metric("p", &own, &Description { labels: &labels, ..COUNTER }).unwrap();
        }
        let one_more = Description { labels: "n=x\0", ..COUNTER };
        assert_eq!(metrics.metric("p", &own, &one_more), Err(Declined::Full));
    }
}
