//! How often somebody has sent too much, beside the metrics of the broker.

use plugin_abi::{Counter, Host};

pub(crate) struct Metrics {
    pub(crate) throttled: Count,
    pub(crate) refused: Count,
    pub(crate) connections: Count,
}

/// Counts nothing where the broker has no metrics.
pub(crate) struct Count(Option<Counter>);

impl Metrics {
    pub(crate) fn new(host: Host) -> Metrics {
        let counter = |name, help| Count(host.counter(name, &[], help).ok());
        Metrics {
            throttled: counter("throttled_total", "Messages after which their client had to wait"),
            refused: counter("refused_total", "Messages that were refused"),
            connections: counter(
                "connections_refused_total",
                "Connections that were closed unread",
            ),
        }
    }
}

impl Count {
    pub(crate) fn count(&self) {
        if let Some(counter) = &self.0 {
            counter.add(1.0);
        }
    }
}
