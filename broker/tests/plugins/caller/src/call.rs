//! One call of the broker, and what it has answered, as text.

use std::{fmt::Debug, time::Duration};

use plugin_abi::{
    Host, HostError, Kick, Message, Property, Scope, SubscriptionOptions, log, serde::Deserialize,
};

#[derive(Default, Deserialize)]
#[serde(crate = "plugin_abi::serde", default)]
pub(crate) struct Call {
    r#do: String,
    pub(crate) thread: bool,
    /// Who has asked for it, if not said otherwise.
    client: String,
    topic: String,
    payload: String,
    qos: u8,
    retain: bool,
    property: String,
    code: u8,
    flags: u8,
    key: String,
    value: String,
    id: u64,
    milliseconds: u64,
    /// Where the answer goes.
    asker: String,
}

impl Call {
    pub(crate) fn read(payload: &[u8], asker: &str) -> Call {
        let call = serde_json::from_slice(payload).unwrap_or_default();
        Call { asker: asker.into(), ..call }
    }

    pub(crate) fn answer(&self, host: &Host) {
        let answer = Message::to(format!("answer/{}", self.asker)).payload(self.make(host)).qos(1);
        if let Err(error) = host.publish(&answer) {
            log::info!("no answer: {error:?}");
        }
    }

    pub(crate) fn make(&self, host: &Host) -> String {
        let (client, key, value) = (&*self.client, &*self.key, &*self.value);
        let scope = if self.flags == 0 { Scope::Connection } else { Scope::Session };
        let after = Duration::from_millis(self.milliseconds);
        let options = SubscriptionOptions { qos: self.qos, ..SubscriptionOptions::default() };
        match self.r#do.as_str() {
            "publish" => told(host.publish(&self.message())),
            "publish_to" => told(host.publish_to(client, &self.message())),
            "retain" => told(host.retain(&self.message())),
            "retained" => self.retained(host),
            "disconnect" => told(host.disconnect(client, &self.kick())),
            "subscribe" => told(host.subscribe(client, &self.topic, options)),
            "unsubscribe" => told(host.unsubscribe(client, &self.topic)),
            "clients" => clients(host),
            "client" => told(host.client(client, |it| it.is_connected())),
            "subscriptions" => subscriptions(|show| host.subscriptions(client, show)),
            "all_subscriptions" => subscriptions(|show| host.each_subscription(show)),
            "receivers" => subscriptions(|show| host.receivers(&self.topic, show)),
            "note" => told(host.set_attribute(client, scope, key, value)),
            "noted" => value_of(host.attribute(client, scope, key)),
            "kv_set" => told(host.kv_set_for(key, value, self.milliseconds as u32 / 1000)),
            "kv" => value_of(host.kv(key)),
            "kv_remove" => told(host.kv_remove(key)),
            "kv_each" => pairs(host, key),
            "timer" => told(host.timer(self.id, after)),
            "timer_every" => told(host.timer_every(self.id, after)),
            "cancel_timer" => told(host.cancel_timer(self.id)),
            "count" => told(host.counter(key, &[("to", value)], "Calls").map(|it| it.add(1.0))),
            "gauge" => told(host.gauge(key, &[], "Level").map(|it| it.set(self.id as f64))),
            "observe" => {
                told(host.histogram(key, &[], "Seconds").map(|it| it.observe(self.id as f64)))
            }
            "config" => told(host.config().map(|it| it.as_json().to_owned())),
            "config_folder" => told(host.config_folder()),
            "data_folder" => told(host.data_folder()),
            other => format!("cannot {other}"),
        }
    }

    fn message(&self) -> Message {
        let message =
            Message::to(&*self.topic).payload(&*self.payload).qos(self.qos).retain(self.retain);
        match self.property.as_str() {
            "" => message,
            value => message.property(Property::User("by", value)),
        }
    }

    fn kick(&self) -> Kick {
        let kick = Kick::because(self.code).words(&*self.value);
        let kick = if self.flags & 1 == 0 { kick } else { kick.without_will() };
        if self.flags & 2 == 0 { kick } else { kick.and_its_session() }
    }

    fn retained(&self, host: &Host) -> String {
        let mut shown = Vec::new();
        let count = host.each_retained(&self.topic, |message| {
            let payload = String::from_utf8_lossy(message.payload());
            shown.push(format!("{}={payload}", message.topic()));
            shown.len() < 1000
        });
        list(count, shown)
    }
}

fn clients(host: &Host) -> String {
    let mut shown = Vec::new();
    let count = host.each_client(|it| {
        let state = if it.is_connected() { "here" } else { "away" };
        shown.push(format!("{} {state} {}", it.client().client_id(), it.queued()));
        true
    });
    list(count, shown)
}

fn subscriptions(
    each: impl FnOnce(
        &mut dyn FnMut(plugin_abi::SubscriptionInfo<'_>) -> bool,
    ) -> Result<u64, HostError>,
) -> String {
    let mut shown = Vec::new();
    let count = each(&mut |it| {
        shown.push(format!("{} {} {}", it.client_id(), it.filter(), it.options().qos));
        true
    });
    list(count, shown)
}

fn pairs(host: &Host, prefix: &str) -> String {
    let mut shown = Vec::new();
    let count = host.kv_each(prefix, |key, value| {
        let [key, value] = [key, value].map(String::from_utf8_lossy);
        shown.push(format!("{key}={value}"));
        true
    });
    list(count, shown)
}

/// How many there are, and what, in an order of its own.
fn list(count: Result<u64, HostError>, mut shown: Vec<String>) -> String {
    shown.sort();
    match count {
        Ok(count) => format!("{count}: {}", shown.join(", ")),
        Err(error) => format!("{error:?}"),
    }
}

fn value_of(value: Result<Vec<u8>, HostError>) -> String {
    value.map_or_else(|error| format!("{error:?}"), |it| String::from_utf8_lossy(&it).into_owned())
}

fn told<T: Debug>(result: Result<T, HostError>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{error:?}"),
    }
}
