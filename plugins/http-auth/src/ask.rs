//! What the service is asked: the fields of an event, as JSON. What is in it is all that the answer may
//! depend on, and so the key of the cache.

use base64::{Engine, prelude::BASE64_STANDARD};
use plugin_abi::{BeforeConnect, Client, Origin, Protocol, Publish, Subscribe};
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    fields: Value,
    /// Not among the fields, so that it cannot get into the cache or a log by mistake.
    password: Option<Vec<u8>>,
}

impl Ask {
    pub(crate) fn connect(event: &BeforeConnect<'_>) -> Ask {
        let mut ask = Ask::new("connect", event.client());
        ask.password = event.password().map(<[u8]>::to_vec);
        ask.set("clean_start", event.clean_start());
        ask.set("keep_alive", event.keep_alive());
        ask.set("authentication_method", event.authentication_method());
        ask.set("will_topic", event.will_topic());
        ask
    }

    pub(crate) fn publish(event: &Publish<'_>) -> Ask {
        let mut ask = Ask::new("publish", event.client());
        ask.set("topic", event.topic());
        ask.set("qos", event.qos());
        ask.set("retain", event.retain());
        ask.set("is_will", event.origin() == Origin::Will);
        ask.set("origin", event.origin().as_str());
        ask
    }

    pub(crate) fn subscribe(event: &Subscribe<'_>) -> Ask {
        let mut ask = Ask::new("subscribe", event.client());
        // Of a shared subscription the filter behind its name: it is what decides who may read.
        ask.set("topic", event.filter());
        ask.set("whole_filter", event.whole_filter());
        ask.set("qos", event.qos());
        ask.set("origin", event.origin().as_str());
        ask
    }

    fn new(action: &str, client: Client<'_>) -> Ask {
        let mut ask = Ask { fields: json!({}), password: None };
        ask.set("action", action);
        ask.set("client_id", client.client_id());
        ask.set("username", client.username());
        // Without the port, which is another one in each connection.
        ask.set("address", client.peer().map(|peer| peer.ip().to_string()));
        ask.set("listener", client.listener());
        ask.set("protocol", protocol(client.protocol()));
        ask
    }

    fn set(&mut self, key: &str, value: impl Into<Value>) {
        if let Value::Object(fields) = &mut self.fields {
            fields.insert(key.to_owned(), value.into());
        }
    }

    /// The fields without the password: equal if all that was asked is.
    pub(crate) fn fields(&self) -> &Value {
        &self.fields
    }

    pub(crate) fn password(&self) -> Option<&[u8]> {
        self.password.as_deref()
    }

    /// The body of the request, password and all.
    pub(crate) fn into_body(mut self) -> Vec<u8> {
        if let Some(password) = self.password.take() {
            match String::from_utf8(password) {
                Ok(text) => self.set("password", text),
                Err(error) => {
                    self.set("password_base64", BASE64_STANDARD.encode(error.as_bytes()));
                }
            }
        }
        self.fields.to_string().into_bytes()
    }
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::V3_1 => "3.1",
        Protocol::V3_1_1 => "3.1.1",
        _ => "5.0",
    }
}
