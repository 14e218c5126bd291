//! A plugin with every hook of plugin-abi 1.0, for tests that build it against several versions.
//!
//! Topics, filters and client ids that begin with its `prefix` are vetoed; the topic `panic` is a bug of it.

use plugin_abi::{
    BeforeConnect, Client, Config, Connect, Disconnect, Host, Origin, Plugin, Publish, Result,
    SocketOpen, Subscribe, Unsubscribe, Verdict, log, plugin, serde::Deserialize,
};

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
struct Doorman {
    prefix: String,
}

#[plugin]
impl Plugin for Doorman {
    fn bootstrap(_host: Host, config: Config) -> Result<Self> {
        let doorman: Doorman = config.get()?;
        log::info!("keeps out {}", doorman.prefix);
        Ok(doorman)
    }

    fn shutdown(&self) {
        log::info!("goes");
    }

    fn on_socket_open(&self, event: &SocketOpen<'_>) -> bool {
        event.peer().is_some_and(|peer| peer.ip().is_loopback())
            && event.listener().starts_with("tcp://")
    }

    fn on_before_connect(&self, event: &BeforeConnect<'_>) -> bool {
        event.keep_alive() == 0 && event.clean_start() && self.lets_in(event.client().client_id())
    }

    fn on_connect(&self, event: &Connect<'_>) -> bool {
        log::info!("{} came, {}", name(event.client()), event.session_present());
        true
    }

    fn on_before_subscribe(&self, event: &Subscribe<'_>) -> Verdict {
        self.lets_in(event.filter()).into()
    }

    fn on_subscribe(&self, event: &Subscribe<'_>) {
        log::info!("{} subscribed to {} at {}", name(event.client()), event.filter(), event.qos());
    }

    fn on_before_unsubscribe(&self, event: &Unsubscribe<'_>) -> bool {
        event.filter() != "kept"
    }

    fn on_unsubscribe(&self, event: &Unsubscribe<'_>) {
        log::info!("{} unsubscribed from {}", name(event.client()), event.filter());
    }

    fn on_message(&self, event: &Publish<'_>) {
        log::info!("{} sent {}", name(event.client()), text(event));
    }

    fn on_before_publish(&self, event: &Publish<'_>) -> bool {
        assert!(event.topic() != "panic", "a bug");
        self.lets_in(event.topic())
    }

    fn on_publish(&self, event: &Publish<'_>) {
        let what = if event.origin() == Origin::Will { "will" } else { "message" };
        log::info!("{what} {} is routed", text(event));
    }

    fn on_disconnect(&self, event: &Disconnect<'_>) {
        log::info!("{} went, graceful: {}", name(event.client()), event.graceful());
    }
}

impl Doorman {
    fn lets_in(&self, name: &str) -> bool {
        !name.starts_with(&self.prefix)
    }
}

fn name<'a>(client: Client<'a>) -> &'a str {
    client.client_id()
}

fn text(event: &Publish<'_>) -> String {
    format!("{} to {}", String::from_utf8_lossy(event.payload()), event.topic())
}
