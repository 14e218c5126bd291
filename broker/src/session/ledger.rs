//! What has become of the messages for a session that is in the store, until the store is told. Noted under
//! the lock of the outbox, where no disk is waited for.

use std::collections::VecDeque;

use mqtt::QoS;

use super::Message;

/// Of a session that is not in the store it notes nothing, and takes no more than a word.
#[derive(Default)]
pub(crate) struct Ledger(Option<Box<Book>>);

struct Book {
    /// The session's number in the store.
    session: u64,
    steps: Vec<Step>,
    /// QoS 2 messages that the client has received and PUBCOMP is still to come, with their numbers.
    received: VecDeque<(u16, u64)>,
    /// Among the steps is one that must be durable before the client sees what it is about: a message
    /// at QoS 2 that was sent under one identifier must not be sent under another.
    holds: bool,
    /// Groups of steps with such a one that are not durable yet.
    held: u32,
}

/// What has become of a message; by its number, once it is queued.
pub(crate) enum Step {
    /// It is to be sent, and kept until it is acknowledged.
    Queued(Message),
    /// It is sent under this Packet Identifier.
    Sent(u64, u16),
    /// The client has it, and is owed PUBREL.
    Received(u64),
    /// It is owed no more.
    Done(u64),
}

/// What was noted since the last time.
pub(crate) struct Noted {
    /// The session's number in the store.
    pub(crate) session: u64,
    pub(crate) steps: Vec<Step>,
    /// Nothing may be written to the client before they are durable.
    pub(crate) holds: bool,
}

impl Ledger {
    /// The session is in the store from now on.
    pub(crate) fn begin(&mut self, session: u64) {
        self.0.get_or_insert_with(|| {
            let (steps, received) = (Vec::new(), VecDeque::new());
            Box::new(Book { session, steps, received, holds: false, held: 0 })
        });
    }

    /// A retained message as it is to be queued: in a session that is in the store no two have the same
    /// number, and two subscriptions may bring the same message.
    pub(crate) fn own(&self, message: Message) -> Message {
        let is_kept = self.0.is_some() && message.qos > QoS::AtMostOnce;
        if is_kept { message.renumbered() } else { message }
    }

    #[inline]
    pub(super) fn queued(&mut self, message: &Message) {
        if let Some(book) = self.0.as_mut().filter(|_| message.qos > QoS::AtMostOnce) {
            book.steps.push(Step::Queued(message.clone()));
        }
    }

    #[inline]
    pub(super) fn sent(&mut self, message: u64, qos: QoS, packet_id: u16) {
        if let Some(book) = &mut self.0 {
            book.steps.push(Step::Sent(message, packet_id));
            book.holds |= qos == QoS::ExactlyOnce;
        }
    }

    #[inline]
    pub(super) fn received(&mut self, message: u64, packet_id: u16) {
        if let Some(book) = &mut self.0 {
            book.received.push_back((packet_id, message));
            book.steps.push(Step::Received(message));
        }
    }

    /// PUBCOMP, or a PUBREC that comes again with an error.
    #[inline]
    pub(super) fn completed(&mut self, packet_id: u16) {
        if let Some(book) = &mut self.0
            && let Some(at) = book.received.iter().position(|(received, _)| *received == packet_id)
            && let Some((_, message)) = book.received.remove(at)
        {
            book.steps.push(Step::Done(message));
        }
    }

    #[inline]
    pub(crate) fn done(&mut self, message: u64) {
        if let Some(book) = &mut self.0 {
            book.steps.push(Step::Done(message));
        }
    }

    /// As [`Ledger::received`], of what the store knows.
    pub(super) fn restore_received(&mut self, message: u64, packet_id: u16) {
        if let Some(book) = &mut self.0 {
            book.received.push_back((packet_id, message));
        }
    }

    /// Whether nothing may be written to the client now.
    #[inline]
    pub(super) fn holds(&self) -> bool {
        self.0.as_ref().is_some_and(|book| book.holds || book.held > 0)
    }

    /// Takes out what was noted, to be handed to the store.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Noted> {
        let book = self.0.as_mut().filter(|book| !book.steps.is_empty())?;
        let holds = std::mem::take(&mut book.holds);
        book.held += u32::from(holds);
        Some(Noted { session: book.session, steps: std::mem::take(&mut book.steps), holds })
    }

    /// What was taken with [`Noted::holds`] is durable.
    pub(crate) fn release(&mut self) {
        if let Some(book) = &mut self.0 {
            book.held = book.held.saturating_sub(1);
        }
    }
}
