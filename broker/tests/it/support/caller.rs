//! The plugin `caller`, which calls the broker as a test says.

use std::net::SocketAddr;

use hookmq::plugins::PluginEntry;
use mqtt::{Packet, QoS, Version};
use serde_json::{Value, json};

use super::{Broker, Client, Login, message};
use crate::common::log;
use crate::common::plugins::{self, PluginDir};

/// The plugin under a name of the test's own.
pub(crate) fn caller(directory: &PluginDir, name: &str, config: Value) -> PluginEntry {
    directory.put(plugins::rust("caller"), name);
    super::auth::entry(name, config)
}

/// A broker with it.
pub(crate) fn broker(name: &str) -> Broker {
    let directory = PluginDir::new();
    let entry = caller(&directory, name, json!({}));
    Broker::with_plugins(&directory, vec![entry])
}

/// Waits until the plugin has said this.
pub(crate) fn wait_until_said(plugin: &str, line: &str) {
    log::until(|| {
        let said = log::messages(&format!("plugin::{plugin}"));
        said.iter().any(|said| said == line).then_some(())
    });
}

/// Publishes at QoS 0, and waits for nothing.
pub(crate) fn tell(client: &mut Client, topic: &str, payload: &str) {
    client.send(&Packet::Publish(message(topic, payload, QoS::AtMostOnce)));
}

/// Has it call, and hears what it is told.
pub(crate) struct Asker {
    client: Client,
    answers: String,
}

impl Asker {
    pub(crate) fn connect(broker: &Broker, version: Version) -> Asker {
        Asker::connect_to(broker.address(), version)
    }

    pub(crate) fn connect_to(address: SocketAddr, version: Version) -> Asker {
        let mut client = Login::new(version, "asker").connect(address);
        client.subscribe("answer/asker", QoS::AtMostOnce);
        Asker { client, answers: "answer/asker".into() }
    }

    /// What the broker has answered, as text; `()` where it says no more than that it is done.
    pub(crate) fn ask(&mut self, call: &Value) -> String {
        tell(&mut self.client, "call", &call.to_string());
        let answer = self.client.receive_publish();
        assert_eq!(answer.topic, self.answers);
        String::from_utf8(answer.payload).unwrap()
    }

    /// The same, from a hook and from a thread of the plugin's own; both times it answers `expected`.
    #[track_caller]
    pub(crate) fn expect(&mut self, call: &Value, expected: &str) {
        self.expect_then(call, expected, || {});
    }

    /// The same; each time something follows.
    #[track_caller]
    pub(crate) fn expect_then(&mut self, call: &Value, expected: &str, mut then: impl FnMut()) {
        for thread in [false, true] {
            let mut call = call.clone();
            call["thread"] = thread.into();
            assert_eq!(self.ask(&call), expected, "{call}");
            then();
        }
    }
}
