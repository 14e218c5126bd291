//! How a broker that serves is: what `hookmq ctl status` shows, and its metrics.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use hookmq_store::Health;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::session::DropCause;

/// How a broker is at the moment. Counts are since its start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// Clients that are connected.
    pub clients: usize,
    /// Open connections.
    pub connections: usize,
    /// Clients that are not read now because the broker is behind.
    pub halted_clients: usize,
    /// How often one began to wait. One that is let publish a message each second begins anew after each.
    pub halts: u64,
    /// None: nothing outlives the broker.
    pub store: Option<StoreStatus>,
    /// `enough`, `short`, `scarce` or `exhausted`.
    pub memory: &'static str,
    /// Bytes that the process uses.
    pub memory_used: u64,
    /// Bytes that it may use; 0: as many as there are.
    pub memory_limit: u64,
    /// The disk of the store has so little space that nothing more is kept.
    pub disk_is_short: bool,
    /// Bytes that it has left; 0 where there is no store.
    pub disk_free: u64,
    /// Messages that clients did not get, by the reason. As of half a second ago.
    pub dropped: Vec<(&'static str, u64)>,
}

/// How the store is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreStatus {
    /// `well`, `full` or `failed`.
    pub health: &'static str,
    /// What has failed.
    pub why: Option<String>,
    /// Bytes that wait to be written.
    pub unwritten_bytes: usize,
    /// How often something became durable.
    pub commits: u64,
}

const MEMORY: [&str; 4] = ["enough", "short", "scarce", "exhausted"];
const HEALTH: [&str; 3] = ["well", "full", "failed"];

impl Status {
    pub(crate) fn of(broker: &Broker) -> Status {
        let (halted_clients, halts) = broker.overload.halted();
        let store = broker.durable.as_ref().map(|durable| {
            let (health, why) = match durable.health() {
                Health::Well => ("well", None),
                Health::Full => ("full", None),
                Health::Failed(why) => ("failed", Some(why.to_string())),
            };
            let (unwritten_bytes, commits) = (durable.unwritten(), durable.commits());
            StoreStatus { health, why, unwritten_bytes, commits }
        });
        let (memory_used, memory_limit) = broker.overload.memory();
        Status {
            memory: broker.overload.level().name(),
            memory_used,
            memory_limit,
            disk_is_short: broker.overload.disk_is_short(),
            disk_free: broker.overload.disk_free(),
            clients: broker.clients.load(Ordering::Relaxed),
            connections: broker.connections.load(Ordering::Relaxed),
            halted_clients,
            halts,
            store,
            dropped: DropCause::ALL
                .map(|cause| (cause.name(), broker.overload.dropped(cause)))
                .to_vec(),
        }
    }

    /// Messages that were dropped for this reason.
    pub fn dropped(&self, cause: &str) -> u64 {
        self.dropped.iter().find(|(name, _)| *name == cause).map_or(0, |(_, count)| *count)
    }

    /// As it is told at the control socket.
    pub(crate) fn json(&self) -> Value {
        let dropped: serde_json::Map<_, _> =
            self.dropped.iter().map(|(cause, count)| ((*cause).to_owned(), json!(count))).collect();
        json!({
            "clients": self.clients,
            "connections": self.connections,
            "halted_clients": self.halted_clients,
            "halts": self.halts,
            "store": self.store.as_ref().map(|store| json!({
                "health": store.health,
                "why": store.why,
                "unwritten_bytes": store.unwritten_bytes,
                "commits": store.commits,
            })),
            "memory": self.memory,
            "memory_used": self.memory_used,
            "memory_limit": self.memory_limit,
            "disk_is_short": self.disk_is_short,
            "disk_free": self.disk_free,
            "dropped": dropped,
        })
    }

    /// As metrics, in the text format of OpenMetrics.
    pub(crate) fn metrics(&self) -> String {
        let mut text = Text::default();
        text.gauge("clients", "Clients that are connected", self.clients as u64);
        text.gauge("connections", "Open connections", self.connections as u64);
        let help = "Clients that are not read now because the broker is behind";
        text.gauge("halted_clients", help, self.halted_clients as u64);
        text.counter("halts", "How often a client began to wait for that", self.halts);
        if let Some(store) = &self.store {
            let health = HEALTH.map(|health| (health, u64::from(health == store.health)));
            text.family("store_health", "gauge", "How the store is", "health", &health);
            let waiting = store.unwritten_bytes as u64;
            text.gauge("store_unwritten_bytes", "Bytes that wait to be written", waiting);
            text.counter("store_commits", "How often something became durable", store.commits);
        }
        let memory = MEMORY.map(|level| (level, u64::from(level == self.memory)));
        text.family("memory_level", "gauge", "How short memory is", "level", &memory);
        text.gauge("memory_bytes", "Bytes of memory that the process uses", self.memory_used);
        text.gauge("memory_limit_bytes", "limits.max_memory, 0 if off", self.memory_limit);
        if self.store.is_some() {
            let help = "Whether the disk has less left than limits.min_disk_free";
            text.gauge("disk_short", help, u64::from(self.disk_is_short));
            text.gauge("disk_free_bytes", "Bytes that the disk has left", self.disk_free);
        }
        let help = "Messages that clients did not get";
        text.family("dropped_messages", "counter", help, "cause", &self.dropped);
        text.0.push_str("# EOF\n");
        text.0
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "gauge", help);
        let _ = writeln!(self.0, "hookmq_{name} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        let _ = writeln!(self.0, "hookmq_{name}_total {value}");
    }

    fn family(&mut self, name: &str, kind: &str, help: &str, label: &str, all: &[(&str, u64)]) {
        self.head(name, kind, help);
        let ending = if kind == "counter" { "_total" } else { "" };
        for (what, value) in all {
            let _ = writeln!(self.0, "hookmq_{name}{ending}{{{label}=\"{what}\"}} {value}");
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP hookmq_{name} {help}.\n# TYPE hookmq_{name} {kind}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_text_of_metrics() {
        let status = Status {
            clients: 3,
            connections: 4,
            halted_clients: 1,
            halts: 7,
            store: Some(StoreStatus { health: "full", why: None, unwritten_bytes: 5, commits: 9 }),
            memory: "short",
            memory_used: 8,
            memory_limit: 10,
            disk_is_short: false,
            disk_free: 11,
            dropped: vec![("queue_full", 2)],
        };
        let text = status.metrics();
        for line in [
            "# TYPE hookmq_halts counter",
            "hookmq_halts_total 7",
            "hookmq_store_health{health=\"well\"} 0",
            "hookmq_store_health{health=\"full\"} 1",
            "hookmq_dropped_messages_total{cause=\"queue_full\"} 2",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}: {text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
        assert_eq!(status.dropped("queue_full"), 2);
    }
}
