//! The way from a session to the socket of the client that is attached to it.

use std::task::Waker;

use mqtt::{Additions, Publish, QoS, Version};
use tokio::net::tcp::OwnedWriteHalf;

use super::{Message, TopicAliases};

/// No packet is longer: a header, and the largest remaining length.
const MAX_PACKET: u32 = 5 + 268_435_455;

/// An attached client, as seen by whoever has something to send to it.
pub(crate) struct Link {
    /// `None` while some thread is writing to it: who holds the socket is the one who writes.
    pub(super) socket: Option<OwnedWriteHalf>,
    /// Wakes the connection that owns the session.
    pub(super) owner: Waker,
    /// Tells this link from the ones before and after it.
    pub(super) generation: u32,
    pub(crate) version: Version,
    /// The client's Maximum Packet Size in bytes. [MQTT-3.1.2-24]
    pub(crate) max_packet: u32,
    /// `None`: the client wants none.
    aliases: Option<Box<TopicAliases>>,
    /// The socket took no more; the owner waits until it does.
    pub(super) blocked: bool,
    /// The client has read nothing for so long that QoS 0 is dropped rather than publishers held up.
    pub(super) stalled: bool,
    /// The client has acknowledged nothing for as long as a publisher waits: publishers go on, and
    /// the limits of the queue decide.
    pub(super) mute: bool,
    /// A write failed; the owner closes.
    pub(super) broken: bool,
}

impl Link {
    pub(crate) fn new(
        socket: OwnedWriteHalf,
        owner: Waker,
        version: Version,
        max_packet: u32,
        topic_alias_maximum: u16,
    ) -> Link {
        Link {
            socket: Some(socket),
            owner,
            generation: 0,
            version,
            max_packet,
            aliases: TopicAliases::new(topic_alias_maximum),
            blocked: false,
            stalled: false,
            mute: false,
            broken: false,
        }
    }

    /// Whether the client may be sent bytes that were made for another.
    pub(crate) fn takes_topics_as_they_are(&self) -> bool {
        self.aliases.is_none()
    }

    /// Puts an alias in the place of the topic, where the client wants that. The packet must then be
    /// sent. At QoS 2 a topic is always sent: mqtt.js keeps such a message until PUBREL as it came, and
    /// shows it without its topic.
    pub(super) fn shorten(&mut self, publish: &mut Publish<'_>, additions: &mut Additions<'_>) {
        if let Some(aliases) = &mut self.aliases
            && publish.qos < QoS::ExactlyOnce
        {
            aliases.shorten(publish, additions, self.version, self.max_packet);
        }
    }

    /// Whether a message is not larger than the client takes. [MQTT-3.1.2-24] [MQTT-3.1.2-25]
    pub(super) fn takes(&self, message: &Message) -> bool {
        // Most clients take what any packet can be.
        self.max_packet > MAX_PACKET
            || message.encoded_len(self.version) <= self.max_packet as usize
    }
}
