//! What became of messages for one client, until the log and the plugins are told. Noted under the lock
//! of the outbox; told without it.

use mqtt::ReasonCode;

use super::{DropCause, Dropped, Message};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The client has acknowledged it; at QoS 0, its socket has taken it.
    Delivered,
    /// The client does not get it.
    Dropped(DropCause),
}

/// What plugins want to hear of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched {
    pub(crate) delivered: bool,
    pub(crate) dropped: bool,
}

/// What is to be told.
#[derive(Default)]
pub(crate) struct Outcomes {
    pub(crate) dropped: Dropped,
    /// For plugins, as far as they watch.
    pub(crate) messages: Vec<(Message, Outcome)>,
}

/// Collects outcomes. Takes little memory while there are none.
#[derive(Default)]
pub(super) struct Notes {
    outcomes: Option<Box<Outcomes>>,
    pub(super) watched: Watched,
}

impl Watched {
    /// Whether it matters when a message at QoS 0 is written.
    #[inline]
    pub(crate) fn any(self) -> bool {
        self.delivered || self.dropped
    }
}

impl Notes {
    /// Counts a message that the client does not get; `message` makes it for the plugins.
    pub(super) fn drop(&mut self, cause: DropCause, message: impl FnOnce() -> Message) {
        self.outcomes.get_or_insert_default().dropped.add(cause, 1);
        self.drop_uncounted(cause, message);
    }

    /// The same where it is as things should be, and nothing for the log.
    pub(super) fn drop_uncounted(&mut self, cause: DropCause, message: impl FnOnce() -> Message) {
        if self.watched.dropped {
            self.add(message(), Outcome::Dropped(cause));
        }
    }

    pub(super) fn deliver(&mut self, message: Message) {
        if self.watched.delivered {
            self.add(message, Outcome::Delivered);
        }
    }

    /// The client has answered, with success or with an error.
    pub(super) fn acknowledged(&mut self, message: Message, reason: ReasonCode) {
        if reason.is_error() {
            self.drop_uncounted(DropCause::Refused, || message);
        } else {
            self.deliver(message);
        }
    }

    /// On the path of every delivery.
    #[inline]
    pub(super) fn take(&mut self) -> Option<Box<Outcomes>> {
        self.outcomes.take()
    }

    fn add(&mut self, message: Message, outcome: Outcome) {
        self.outcomes.get_or_insert_default().messages.push((message, outcome));
    }
}
