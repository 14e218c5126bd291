//! The message that is published when a client goes without saying so.

use std::sync::Arc;

use mqtt::{Properties, Property, PropertyBuffer, Publish};

use super::{Message, Session};
use crate::connection::Endpoint;
use crate::hooks;

pub(crate) struct Will {
    pub(crate) message: Message,
    /// Seconds to wait for the client's return.
    pub(crate) delay: u32,
    pub(crate) author: Author,
}

/// Who left a will, for the plugins that decide about it when the client is long gone.
pub(crate) struct Author {
    pub(crate) session: Arc<Session>,
    pub(crate) endpoint: Arc<Endpoint>,
}

impl Author {
    /// What plugins are told of the client.
    pub(crate) fn facts(&self) -> hooks::Client<'_> {
        self.endpoint.facts(&self.session.client_id)
    }
}

impl Will {
    /// Keeps the will of a CONNECT as the PUBLISH that it becomes. `now` is the second of the
    /// broker's clock.
    pub(crate) fn new(will: &mqtt::Will<'_>, author: Author, now: u32) -> Will {
        let mut properties = PropertyBuffer::new();
        // Will Delay Interval stands in the CONNECT only; the rest keeps its order. [MQTT-3.1.3-10]
        let keep = |property: &Property<'_>| !matches!(property, Property::WillDelayInterval(_));
        Properties::filtered(will.properties, keep, &mut properties);
        let publish = Publish {
            dup: false,
            qos: will.qos,
            retain: will.retain, // [MQTT-3.1.2-14] [MQTT-3.1.2-15]
            packet_id: 0,
            topic: will.topic,
            properties: properties.as_properties(),
            payload: will.payload,
        };
        Will { message: Message::new(&publish, now), delay: will.delay, author }
    }
}
