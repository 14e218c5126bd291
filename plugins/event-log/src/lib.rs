//! Writes what happens to a file, a line of JSON for each event. README.md beside this folder has every key
//! and what is in a line.
//!
//! A hook copies its line into a queue, and a thread writes it: no client waits for the disk.

mod file;
mod line;
mod queue;
mod settings;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;

use mqtt::topic::matches;
use plugin_abi::{
    Client, Config, Connect, Deliver, Disconnect, DropReason, Dropped, Host, Plugin, Publish,
    Result, Session, SessionChange, SocketOpen, Subscribe, Unsubscribe, log, plugin,
};
use plugin_config::{Facts, Size};

use file::LogFile;
use line::Line;
use queue::Queue;
use settings::{Filter, Kind, Payload, Settings};
use writer::Writer;

struct EventLog {
    settings: Settings,
    queue: Arc<Queue>,
    writer: Writer,
}

#[plugin]
impl Plugin for EventLog {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        let settings = Settings::read(&config)?;
        // Where a broker does not say so, its config is where it runs.
        let path = host.config_folder().unwrap_or_default().join(&settings.file);
        let name = path.display().to_string();
        let file = LogFile::open(path, settings.rotate)
            .map_err(|error| format!("{name}: cannot be opened: {error}"))?;
        declare_interest(host, &settings);
        let queue = Arc::new(Queue::new(usize::try_from(settings.queue.0)?));
        let writer = Writer::start(Arc::clone(&queue), file, settings.fsync)?;
        log::info!("events go to {name}");
        Ok(EventLog { settings, queue, writer })
    }

    fn shutdown(&self) {
        self.queue.close();
        self.writer.join();
    }

    fn on_socket_open(&self, event: &SocketOpen<'_>) -> bool {
        // Who it is, is not known yet.
        if self.settings.writes(Kind::Open) && self.settings.only.is_everybody() {
            let (address, listener) = (event.peer(), Some(event.listener()));
            self.put(&Line { address, listener, ..Line::new("open") });
        }
        true
    }

    fn on_connect(&self, event: &Connect<'_>) -> bool {
        if self.writes(Kind::Connect, event.client()) {
            let client = event.client();
            // V3_1_1 is 3.1.1.
            let protocol = format!("{:?}", client.protocol()).replace('V', "").replace('_', ".");
            self.put(&Line {
                listener: Some(client.listener()),
                protocol: Some(protocol),
                clean_start: Some(event.clean_start()),
                session_present: Some(event.session_present()),
                ..Line::of("connect", client)
            });
        }
        true
    }

    fn on_disconnect(&self, event: &Disconnect<'_>) {
        if self.writes(Kind::Disconnect, event.client()) {
            self.put(&Line {
                graceful: Some(event.graceful()),
                session_kept: Some(event.session_kept()),
                reason_code: Some(event.reason_code()),
                reason: Some(event.reason()),
                ..Line::of("disconnect", event.client())
            });
        }
    }

    fn on_session(&self, event: &Session<'_>) {
        if self.writes(Kind::Session, event.client()) {
            let change = match event.change() {
                SessionChange::Created => "created",
                SessionChange::Resumed => "resumed",
                SessionChange::TakenOver => "taken_over",
                SessionChange::Expired => "expired",
                SessionChange::Deleted => "deleted",
                _ => "other",
            };
            self.put(&Line { change: Some(change), ..Line::of("session", event.client()) });
        }
    }

    fn on_subscribe(&self, event: &Subscribe<'_>) {
        if self.writes(Kind::Subscribe, event.client()) {
            let (filter, qos) = (Some(event.whole_filter()), Some(event.qos()));
            self.put(&Line { filter, qos, ..Line::of("subscribe", event.client()) });
        }
    }

    fn on_unsubscribe(&self, event: &Unsubscribe<'_>) {
        if self.writes(Kind::Unsubscribe, event.client()) {
            let filter = Some(event.whole_filter());
            self.put(&Line { filter, ..Line::of("unsubscribe", event.client()) });
        }
    }

    fn on_publish(&self, event: &Publish<'_>) {
        if self.writes_message(Kind::Publish, event.client(), event.topic()) {
            let line = Line {
                topic: Some(event.topic()),
                qos: Some(event.qos()),
                retain: Some(event.retain()),
                origin: Some(event.origin().as_str()),
                source: event.source(),
                bytes: Some(event.payload_len()),
                ..Line::of("publish", event.client())
            };
            self.put(&self.with_payload(line, event.payload()));
        }
    }

    fn on_delivered(&self, event: &Deliver<'_>) {
        if self.writes_message(Kind::Delivered, event.client(), event.topic()) {
            let line = Line {
                topic: Some(event.topic()),
                qos: Some(event.qos()),
                retain: Some(event.retain()),
                publisher: event.publisher(),
                origin: Some(event.origin().as_str()),
                source: event.source(),
                bytes: Some(event.payload_len()),
                ..Line::of("delivered", event.client())
            };
            self.put(&self.with_payload(line, event.payload()));
        }
    }

    fn on_dropped(&self, event: &Dropped<'_>) {
        if self.writes_message(Kind::Dropped, event.client(), event.topic()) {
            let reason = match event.reason() {
                DropReason::QueueFull => "queue_full",
                DropReason::Expired => "expired",
                DropReason::TooLarge => "too_large",
                DropReason::Vetoed => "vetoed",
                DropReason::NotTaken => "not_taken",
                DropReason::SessionEnded => "session_ended",
                _ => "other",
            };
            let line = Line {
                reason: Some(reason),
                topic: Some(event.topic()),
                qos: Some(event.qos()),
                retain: Some(event.retain()),
                bytes: Some(event.payload_len()),
                ..Line::of("dropped", event.client())
            };
            self.put(&self.with_payload(line, event.payload()));
        }
    }
}

impl EventLog {
    fn writes(&self, kind: Kind, client: Client<'_>) -> bool {
        let Settings { only, .. } = &self.settings;
        self.settings.writes(kind) && (only.is_everybody() || only.matches(&Facts::from(client)))
    }

    fn writes_message(&self, kind: Kind, client: Client<'_>, topic: &str) -> bool {
        let is_one = |filters: &[Filter]| filters.iter().any(|Filter(it)| matches(it, topic));
        self.writes(kind, client) && self.settings.topics.as_ref().is_none_or(|it| is_one(it))
    }

    fn with_payload<'a>(&self, line: Line<'a>, payload: &'a [u8]) -> Line<'a> {
        let Settings { payload: how, max_payload: Size(max), .. } = self.settings;
        line.with_payload(payload, how, usize::try_from(max).unwrap_or(usize::MAX))
    }

    fn put(&self, line: &Line<'_>) {
        line.write(|line| self.queue.put(line));
    }
}

/// What is not written need not be shown. A broker that shows it all the same is none the worse, since it
/// is looked at here too.
fn declare_interest(host: Host, settings: &Settings) {
    for hook in ["on_publish", "on_delivered", "on_dropped"] {
        let filters = settings.topics.iter().flat_map(|topics| topics.iter());
        for Filter(filter) in filters {
            let _ = host.interest(hook).topic(filter);
        }
        if settings.payload == Payload::None {
            let _ = host.interest(hook).without_payload();
        }
    }
}
