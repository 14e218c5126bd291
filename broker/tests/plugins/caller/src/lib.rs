//! A plugin for tests: calls the broker as a client's message to `call` says, and publishes what that has
//! answered to `answer/` and the client's id.
//!
//! `{"do": "publish", "topic": "t"}` is such a message. It calls from within the hook; with `"thread": true`
//! from a thread of its own.

mod call;

use std::sync::{Mutex, PoisonError, mpsc};

use call::Call;
use plugin_abi::{
    Config, Connect, Host, Message, Origin, Plugin, Publish, Result, Subscribe,
    SubscriptionOptions, Tick, log, plugin, serde::Deserialize,
};

struct Caller {
    host: Host,
    settings: Settings,
    /// To the thread. Nobody is there after shutdown.
    calls: Mutex<Option<mpsc::Sender<Call>>>,
}

#[derive(Default, Deserialize)]
#[serde(crate = "plugin_abi::serde", default)]
struct Settings {
    /// What is called for while it starts.
    first: Vec<Call>,
    /// Each message to this topic is published to it again.
    again: String,
    /// Nothing is published to this topic, and nobody subscribes to it.
    veto: String,
    /// Messages to this topic need not be kept.
    unkept: String,
    /// The client `newcomer` is subscribed to this as it connects.
    subscribe: String,
}

#[plugin(wants = "publish kick subscribe read-clients read-retained write-retained kv")]
impl Plugin for Caller {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        let settings: Settings = config.get()?;
        for call in &settings.first {
            log::info!("while starting: {}", call.make(&host));
        }
        let (calls, todo) = mpsc::channel::<Call>();
        std::thread::spawn(move || todo.iter().for_each(|call| call.answer(&host)));
        Ok(Caller { host, settings, calls: Mutex::new(Some(calls)) })
    }

    fn on_connect(&self, event: &Connect<'_>) -> bool {
        let (client_id, filter) = (event.client().client_id(), &*self.settings.subscribe);
        if client_id == "newcomer" && !filter.is_empty() {
            let subscribed = self.host.subscribe(client_id, filter, SubscriptionOptions::default());
            if let Err(error) = subscribed {
                log::info!("not subscribed: {error:?}");
            }
        }
        true
    }

    fn on_before_subscribe(&self, event: &Subscribe<'_>) -> bool {
        self.settings.veto.is_empty() || event.filter() != self.settings.veto
    }

    fn on_subscribe(&self, event: &Subscribe<'_>) {
        if event.origin() == Origin::Plugin {
            let (client_id, filter) = (event.client().client_id(), event.filter());
            log::info!("{client_id} is subscribed to {filter} by {:?}", event.source());
        }
    }

    fn on_before_publish(&self, event: &Publish<'_>) -> bool {
        if !self.settings.unkept.is_empty()
            && event.topic() == self.settings.unkept
            && let Err(error) = event.set_kept(false)
        {
            log::info!("kept: {error}");
        }
        self.settings.veto.is_empty() || event.topic() != self.settings.veto
    }

    fn on_publish(&self, event: &Publish<'_>) {
        if event.origin() == Origin::Plugin {
            log::info!(
                "{} of {} depth={} by {:?}",
                event.topic(),
                event.client().client_id(),
                event.depth(),
                event.source()
            );
        }
        if event.topic() == "call" {
            self.call(event);
        } else if !self.settings.again.is_empty() && event.topic() == self.settings.again {
            let message = Message::to(event.topic()).payload(event.payload());
            if let Err(error) = self.host.publish(&message) {
                log::info!("not again: {error:?}");
            }
        }
    }

    fn on_tick(&self, event: &Tick<'_>) {
        let message = Message::to(format!("tick/{}", event.id())).payload("tick");
        if let Err(error) = self.host.publish(&message) {
            log::info!("no tick: {error:?}");
        }
    }

    fn shutdown(&self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Caller {
    fn call(&self, event: &Publish<'_>) {
        let call = Call::read(event.payload(), event.client().client_id());
        match &*self.calls.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(thread) if call.thread => drop(thread.send(call)),
            _ => call.answer(&self.host),
        }
    }
}
