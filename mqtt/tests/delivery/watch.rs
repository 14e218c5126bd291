//! Watches what one endpoint sends and hears, and knows from the standard what it may not do.

use std::collections::{BTreeMap, BTreeSet};

use mqtt::Packet;

#[derive(Default)]
pub(crate) struct Watch {
    window: u16,
    /// Identifiers of PUBLISHes of this connection that are not acknowledged to the end.
    unanswered: BTreeSet<u16>,
    /// The message that each identifier means, until it is acknowledged to the end.
    meaning: BTreeMap<u16, u32>,
    /// Identifiers whose PUBREL has been sent.
    released: BTreeSet<u16>,
    /// Messages that have been sent at least once.
    sent: BTreeSet<u32>,
}

impl Watch {
    pub(crate) fn connects(&mut self, window: u16) {
        self.window = window;
        self.unanswered.clear();
    }

    pub(crate) fn sends(&mut self, packet: &Packet<'_>) {
        match packet {
            Packet::Publish(publish) => {
                let id = publish.packet_id;
                let message = u32::from_be_bytes(publish.payload.try_into().unwrap());
                let first = self.sent.insert(message);
                assert_eq!(publish.dup, !first, "DUP says that it was sent before"); // [MQTT-3.3.1-1]
                // [MQTT-4.3.2-2] [MQTT-4.3.3-2] as well, and here [MQTT-4.3.2-1] [MQTT-4.3.3-1].
                let meant = *self.meaning.entry(id).or_insert(message);
                assert_eq!(meant, message, "identifier {id} is in use"); // [MQTT-2.2.1-4]
                assert!(!self.released.contains(&id), "PUBLISH after PUBREL"); // [MQTT-4.3.3-6]
                assert!(self.unanswered.insert(id), "sent again without a reconnect"); // [MQTT-4.4.0-1]
                let window = usize::from(self.window);
                assert!(self.unanswered.len() <= window, "above the window"); // [MQTT-4.9.0-2]
            }
            Packet::PubRel(ack) => {
                assert!(self.meaning.contains_key(&ack.packet_id), "PUBREL for no message");
                self.released.insert(ack.packet_id);
            }
            _ => {}
        }
    }

    pub(crate) fn hears(&mut self, packet: &Packet<'_>) {
        let over = match packet {
            Packet::PubAck(ack) | Packet::PubComp(ack) => ack.packet_id,
            Packet::PubRec(ack) if ack.reason.is_error() => ack.packet_id,
            _ => return,
        };
        self.unanswered.remove(&over);
        self.meaning.remove(&over);
        self.released.remove(&over);
    }
}
