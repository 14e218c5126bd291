//! on_delivered and on_dropped: what became of a message for one receiver.

use plugin_abi::raw;

use super::client::{flag, size};
use super::{CLOSED, Client, Hooks, Origin};
use crate::session::{DropCause, Message, Watched};

impl Hooks {
    /// What plugins want to hear of.
    pub(crate) fn watched(&self) -> Watched {
        let (delivered, dropped) = (!self.on_delivered.is_empty(), !self.on_dropped.is_empty());
        Watched { delivered, dropped }
    }

    /// The receiver has acknowledged it, or its socket has taken it. Who has published it is not known
    /// any more.
    pub(crate) fn on_delivered(&self, client: &Client<'_>, message: &Message) {
        if self.on_delivered.is_empty() {
            return;
        }
        let (client, publish) = (client.to_raw(), message.publish(0, false));
        self.on_delivered.tell(&raw::Deliver {
            size: size::<raw::Deliver<'_>>(),
            qos: publish.qos as u8,
            retain: flag(publish.retain),
            retained: 0,
            origin: Origin::Client.to_raw(),
            client: (&client).into(),
            publisher: raw::Text::new(""),
            topic: raw::Text::new(publish.topic),
            payload: raw::View::new(publish.payload),
            properties: raw::View::new(publish.properties.as_bytes()),
            share: raw::Text::new(message.share().unwrap_or_default()),
            source: raw::Text::new(""),
            payload_len: publish.payload.len() as u64,
            answer_ctx: CLOSED.context,
            answer: CLOSED.function,
        });
    }

    /// The receiver does not get it.
    pub(crate) fn on_dropped(&self, client: &Client<'_>, message: &Message, cause: DropCause) {
        if self.on_dropped.is_empty() {
            return;
        }
        let (client, publish) = (client.to_raw(), message.publish(0, false));
        self.on_dropped.tell(&raw::Dropped {
            size: size::<raw::Dropped<'_>>(),
            qos: publish.qos as u8,
            retain: flag(publish.retain),
            reason: reason(cause),
            reserved: 0,
            client: (&client).into(),
            topic: raw::Text::new(publish.topic),
            payload: raw::View::new(publish.payload),
            properties: raw::View::new(publish.properties.as_bytes()),
            payload_len: publish.payload.len() as u64,
        });
    }
}

fn reason(cause: DropCause) -> u8 {
    match cause {
        DropCause::QueueFull => raw::DROPPED_QUEUE_FULL,
        DropCause::Expired => raw::DROPPED_EXPIRED,
        DropCause::TooLarge => raw::DROPPED_TOO_LARGE,
        DropCause::Vetoed => raw::DROPPED_VETOED,
        // The nearest that plugins know.
        DropCause::NotTaken | DropCause::NoMemory => raw::DROPPED_NOT_TAKEN,
        DropCause::SessionEnded => raw::DROPPED_SESSION_ENDED,
        DropCause::Refused => raw::DROPPED_REFUSED,
    }
}
