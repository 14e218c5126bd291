//! Counts messages and their bytes: as metrics, and every so often in a message of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plugin_abi::serde::Deserialize;
use plugin_abi::{
    Config, Counter, Host, Message, Origin, Plugin, Publish, Result, Tick, log, plugin,
};

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields, default)]
struct Settings {
    topic: String,
    seconds: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { topic: "stats/messages".into(), seconds: 10 }
    }
}

struct MessageCounter {
    host: Host,
    topic: String,
    total: AtomicU64,
    messages: Counter,
    bytes: Counter,
}

#[plugin(wants = "publish write-retained")]
impl Plugin for MessageCounter {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        let Settings { topic, seconds } = config.get()?;
        // What it is called for: no payloads, of which the length is enough.
        host.interest("on_publish").without_payload()?;
        host.timer_every(0, Duration::from_secs(seconds.max(1)))?;
        Ok(MessageCounter {
            host,
            topic,
            total: AtomicU64::new(0),
            messages: host.counter("messages_total", &[], "Messages that were published")?,
            bytes: host.counter("payload_bytes_total", &[], "Bytes of their payloads")?,
        })
    }

    fn on_publish(&self, event: &Publish<'_>) {
        if event.origin() == Origin::Plugin {
            return; // its own among them
        }
        self.total.fetch_add(1, Ordering::Relaxed);
        self.messages.add(1.0);
        self.bytes.add(event.payload_len() as f64);
    }

    fn on_tick(&self, _event: &Tick<'_>) {
        let total = self.total.load(Ordering::Relaxed).to_string();
        let message = Message::to(self.topic.as_str()).payload(total).retain(true);
        if let Err(error) = self.host.publish(&message) {
            log::warn!("the count is not published: {error}");
        }
    }
}
