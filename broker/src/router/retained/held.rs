//! A message as it is retained, and what a walk has found. Not a place for where it stands.

use std::sync::Arc;

use mqtt::{Properties, Publish, QoS};

use crate::session::Message;

/// A message in a page.
pub(super) struct Held<'a> {
    pub(super) key: &'a [u8],
    pub(super) body: Body<'a>,
    pub(super) qos: QoS,
    /// Second of the broker's clock at which it came in.
    pub(super) received: u32,
    /// Ascends with time.
    pub(super) number: u64,
    /// The client id of who published it, for No Local.
    pub(super) publisher: &'a Arc<str>,
}

pub(super) enum Body<'a> {
    Packed { properties: Properties<'a>, payload: &'a [u8] },
    Alone(&'a Message),
}

/// A message that a walk has found.
pub(crate) struct Found {
    pub(crate) message: Message,
    /// Its successor has another.
    pub(super) number: u64,
}

impl Held<'_> {
    /// The second in which it expires: `None` if it never does.
    pub(super) fn expires(&self) -> Option<u32> {
        match self.body {
            Body::Packed { properties, .. } if properties.is_empty() => None,
            Body::Packed { properties, .. } => {
                Some(self.received.saturating_add(properties.message_expiry()?))
            }
            Body::Alone(message) => message.expires(),
        }
    }

    /// Bytes of topic, properties and payload.
    pub(super) fn size(&self) -> usize {
        match self.body {
            Body::Packed { properties, payload } => {
                self.key.len() + properties.as_bytes().len() + payload.len()
            }
            Body::Alone(message) => message.size(),
        }
    }

    /// The message for one that looks for it. `topic`: room for its topic.
    pub(super) fn found(&self, topic: &mut Vec<u8>) -> Found {
        let message = match self.body {
            Body::Packed { properties, payload } => {
                topic.clear();
                topic.extend(self.key.iter().map(|byte| if *byte == 0 { b'/' } else { *byte }));
                let publish = Publish {
                    dup: false,
                    qos: self.qos,
                    retain: true,
                    packet_id: 0,
                    // Checked when the packet was decoded.
                    topic: std::str::from_utf8(topic).unwrap_or_default(),
                    properties,
                    payload,
                };
                Message::new(&publish, self.received)
            }
            Body::Alone(message) => message.clone(),
        };
        Found { message, number: self.number }
    }
}
