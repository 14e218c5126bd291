//! The way from a session to the socket of the client that is attached to it.

use std::task::Waker;

use mqtt::Version;
use tokio::net::tcp::OwnedWriteHalf;

use super::Message;

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
    ) -> Link {
        Link {
            socket: Some(socket),
            owner,
            generation: 0,
            version,
            max_packet,
            blocked: false,
            stalled: false,
            mute: false,
            broken: false,
        }
    }

    /// Whether a message is not larger than the client takes. [MQTT-3.1.2-24] [MQTT-3.1.2-25]
    pub(super) fn takes(&self, message: &Message) -> bool {
        message.encoded_len(self.version) <= self.max_packet as usize
    }
}
