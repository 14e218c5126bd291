//! What plugins have made of a message for one receiver.

use super::{Offer, PropertyBuffer, QoS};
use crate::session::Message;

/// What it has in place of what was published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edited {
    pub(super) payload: Option<Box<[u8]>>,
    /// All of them.
    pub(super) properties: Option<PropertyBuffer>,
    pub(super) qos: Option<QoS>,
}

impl Edited {
    /// The message as it is now.
    pub(super) fn offer<'a>(&'a self, published: Offer<'a>) -> Offer<'a> {
        let properties = self.properties.as_ref().map(|block| block.as_properties().as_bytes());
        Offer {
            payload: self.payload.as_deref().unwrap_or(published.payload),
            properties: properties.unwrap_or(published.properties),
            qos: self.qos.map_or(published.qos, |qos| qos.min(published.qos)),
            ..published
        }
    }

    /// The receiver's own copy of a message.
    pub(crate) fn apply(&self, message: &Message) -> Message {
        let mut publish = message.publish(0, false);
        if let Some(payload) = &self.payload {
            publish.payload = payload;
        }
        if let Some(properties) = &self.properties {
            publish.properties = properties.as_properties();
        }
        if let Some(qos) = self.qos {
            publish.qos = qos.min(message.qos);
        }
        message.with(&publish)
    }
}
