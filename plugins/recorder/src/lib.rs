//! Writes what hooks are told into a file, which `hookmq plugin replay` plays to a plugin. It lets everything
//! happen. README.md has the settings.

mod events;
mod settings;
mod writer;

use std::time::Instant;

use plugin_abi::{
    Auth, AuthVerdict, BeforeConnect, Config, Connect, Deliver, Disconnect, Dropped, Host, Plugin,
    Publish, Result, Session, SocketOpen, Subscribe, Unsubscribe, plugin,
};
use recording::Record;

use events::Recorded;
use settings::Settings;
use writer::Writer;

struct Recorder {
    settings: Settings,
    began: Instant,
    writer: Writer,
}

impl Recorder {
    fn record(&self, hook: &str, event: &impl Recorded) {
        if !self.settings.wants(hook, event.client_id()) {
            return;
        }
        let mut record = Record::new(hook, self.began.elapsed());
        event.record(&mut record, self.settings.with_passwords);
        self.writer.write(&record);
    }
}

#[plugin]
impl Plugin for Recorder {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        let settings: Settings = config.get()?;
        settings.check()?;
        // An earlier broker does not say where its config is: then the working directory has to do.
        let file = host.config_folder().unwrap_or_default().join(&settings.file);
        let writer = Writer::create(&file, settings.max_bytes)?;
        Ok(Recorder { settings, began: Instant::now(), writer })
    }

    fn shutdown(&self) {
        self.writer.close();
    }

    fn on_socket_open(&self, event: &SocketOpen<'_>) -> bool {
        self.record("on_socket_open", event);
        true
    }

    fn on_auth(&self, event: &Auth<'_>) -> AuthVerdict {
        self.record("on_auth", event);
        AuthVerdict::not_mine()
    }

    fn on_before_connect(&self, event: &BeforeConnect<'_>) -> bool {
        self.record("on_before_connect", event);
        true
    }

    fn on_connect(&self, event: &Connect<'_>) -> bool {
        self.record("on_connect", event);
        true
    }

    fn on_before_subscribe(&self, event: &Subscribe<'_>) -> bool {
        self.record("on_before_subscribe", event);
        true
    }

    fn on_subscribe(&self, event: &Subscribe<'_>) {
        self.record("on_subscribe", event);
    }

    fn on_before_unsubscribe(&self, event: &Unsubscribe<'_>) -> bool {
        self.record("on_before_unsubscribe", event);
        true
    }

    fn on_unsubscribe(&self, event: &Unsubscribe<'_>) {
        self.record("on_unsubscribe", event);
    }

    fn on_message(&self, event: &Publish<'_>) {
        self.record("on_message", event);
    }

    fn on_before_publish(&self, event: &Publish<'_>) -> bool {
        self.record("on_before_publish", event);
        true
    }

    fn on_publish(&self, event: &Publish<'_>) {
        self.record("on_publish", event);
    }

    fn on_will(&self, event: &Publish<'_>) -> bool {
        self.record("on_will", event);
        true
    }

    fn on_before_deliver(&self, event: &Deliver<'_>) -> bool {
        self.record("on_before_deliver", event);
        true
    }

    fn on_delivered(&self, event: &Deliver<'_>) {
        self.record("on_delivered", event);
    }

    fn on_dropped(&self, event: &Dropped<'_>) {
        self.record("on_dropped", event);
    }

    fn on_session(&self, event: &Session<'_>) {
        self.record("on_session", event);
    }

    fn on_disconnect(&self, event: &Disconnect<'_>) {
        self.record("on_disconnect", event);
    }
}

#[cfg(test)]
mod tests;
