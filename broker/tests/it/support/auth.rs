//! A client that is authenticated by the plugin `challenge`.

use hookmq::plugins::PluginEntry;
use mqtt::{Auth, Packet, Property, PropertyBuffer, ReasonCode, Version};
use serde_json::{Value, json};

use super::{Broker, Client, Login};
use crate::common::plugins::{self, PluginDir};

/// AUTH from the broker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) reason: ReasonCode,
    pub(crate) method: String,
    pub(crate) data: Option<String>,
    pub(crate) text: Option<String>,
}

/// A broker whose plugin knows alice, whose secret is `a`, and bob, whose secret is `b`.
pub(crate) fn broker() -> Broker {
    let directory = PluginDir::new();
    Broker::with_plugins(&directory, vec![challenge(&directory, "challenge")])
}

/// The plugin under a name of the test's own.
pub(crate) fn challenge(directory: &PluginDir, name: &str) -> PluginEntry {
    directory.put(plugins::rust("challenge"), name);
    entry(name, json!({ "secrets": { "alice": "a", "bob": "b" } }))
}

pub(crate) fn entry(name: &str, config: Value) -> PluginEntry {
    PluginEntry { name: name.into(), config, ..PluginEntry::default() }
}

/// A CONNECT with a method and data.
pub(crate) fn login<'a>(client_id: &'a str, method: &str, data: &str) -> Login<'a> {
    Login::new(Version::V5, client_id)
        .with(Property::AuthenticationMethod(method))
        .with(Property::AuthenticationData(data.as_bytes()))
}

/// A client that alice or bob has connected, in one round.
pub(crate) fn connect(broker: &Broker, client_id: &str, token: &str) -> Client {
    login(client_id, "TOKEN", token).connect(broker.address())
}

impl Client {
    /// Opens a socket and sends the CONNECT; the answer is still to come.
    pub(crate) fn start(broker: &Broker, login: &Login<'_>) -> Client {
        let mut client = Client::open(broker.address(), Version::V5);
        client.send_bytes(&login.bytes());
        client
    }

    pub(crate) fn send_auth(&mut self, reason: ReasonCode, method: &str, data: &str) {
        let mut properties = PropertyBuffer::new();
        properties.push(Property::AuthenticationMethod(method));
        properties.push(Property::AuthenticationData(data.as_bytes()));
        self.send(&Packet::Auth(Auth { reason, properties: properties.as_properties() }));
    }

    /// The next packet, which is AUTH.
    pub(crate) fn asked(&mut self) -> Asked {
        self.receive(|packet| match packet {
            Packet::Auth(auth) => Asked {
                reason: auth.reason,
                method: auth.properties.authentication_method().unwrap().to_owned(),
                data: auth
                    .properties
                    .authentication_data()
                    .map(|data| String::from_utf8(data.to_vec()).unwrap()),
                text: auth.properties.reason_string().map(str::to_owned),
            },
            other => panic!("AUTH expected: {other:?}"),
        })
    }

    /// Answers the challenge of the method `CHALLENGE` with a secret.
    pub(crate) fn answer_challenge(&mut self, secret: &str) {
        let asked = self.asked();
        assert_eq!(asked.reason, ReasonCode::ContinueAuthentication); // [MQTT-4.12.0-2]
        assert_eq!(asked.method, "CHALLENGE"); // [MQTT-4.12.0-5]
        let answer = format!("{}:{secret}", asked.data.unwrap());
        self.send_auth(ReasonCode::ContinueAuthentication, "CHALLENGE", &answer);
    }

    /// Ends its direction of the stream and waits for the end of the other.
    pub(crate) fn say_no_more(&mut self) {
        // The broker may have closed before.
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
        self.drain_until_closed();
    }

    /// CONNACK refuses the client, and the connection ends.
    pub(crate) fn expect_refused(&mut self, reason: ReasonCode) {
        assert_eq!(self.connack(), (reason, false));
        self.expect_closed();
    }
}
