//! What has become of the messages for a session that is in the store, until the store is told. Noted under
//! the lock of the outbox, where no disk is waited for.

use std::collections::VecDeque;

use mqtt::QoS;

use super::{Chunk, Message};

/// Of a session that is not in the store it notes nothing, and takes no more than a word.
#[derive(Default)]
pub(crate) struct Ledger(Option<Box<Book>>);

#[derive(Default)]
struct Book {
    /// The session's number in the store; 0 as long as it is not there.
    session: u64,
    steps: Vec<Step>,
    /// How many were queued so far, by which their turns are numbered.
    queued: u64,
    /// QoS 2 messages that the client has received and PUBCOMP is still to come, with their numbers.
    received: VecDeque<(u16, u64)>,
    /// Among the steps is one that must be durable before the client sees what it is about: a message
    /// at QoS 2 that was sent under one identifier must not be sent under another, nor be forgotten.
    holds: bool,
    /// Groups of steps with such a one that are not durable yet.
    held: u32,
}

/// What has become of a message; by its number, once it is queued.
pub(crate) enum Step {
    /// It is to be sent when it is its turn, and kept until it is acknowledged.
    Queued(Message, u64),
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
        self.0.get_or_insert_default().session = session;
    }

    /// Nothing is written to the client before [`Ledger::release`] was called as often as this was.
    pub(crate) fn hold(&mut self) {
        self.0.get_or_insert_default().held += 1;
    }

    #[inline]
    fn book(&mut self) -> Option<&mut Book> {
        self.0.as_deref_mut().filter(|book| book.session > 0)
    }

    /// The same, for what is about the message of this number; the store is not told of each.
    #[inline]
    fn book_of(&mut self, message: u64) -> Option<&mut Book> {
        self.book().filter(|_| Chunk::keeps(message))
    }

    /// A retained message as it is to be queued: in a session that is in the store no two have the same
    /// number, and two subscriptions may bring the same message.
    pub(crate) fn own(&self, message: Message) -> Message {
        let is_kept =
            self.0.as_ref().is_some_and(|book| book.session > 0) && message.qos > QoS::AtMostOnce;
        if is_kept { message.renumbered() } else { message }
    }

    /// Notes that a message is queued; it goes on as it is returned.
    #[inline]
    pub(super) fn queued(&mut self, message: Message) -> Message {
        match self.book_of(message.number()) {
            Some(book) if message.qos > QoS::AtMostOnce => book.queued(message),
            _ => message,
        }
    }

    /// Notes a message that was queued before the session was in the store, and under which identifier it
    /// was sent.
    pub(super) fn entered(&mut self, message: &Message, packet_id: Option<u16>) {
        let book = self.book_of(message.number());
        let Some(book) = book.filter(|_| message.qos > QoS::AtMostOnce) else { return };
        book.note_queued(message);
        if let Some(packet_id) = packet_id {
            book.steps.push(Step::Sent(message.number(), packet_id));
        }
    }

    #[inline]
    pub(super) fn sent(&mut self, message: u64, qos: QoS, packet_id: u16) {
        if let Some(book) = self.book_of(message) {
            book.steps.push(Step::Sent(message, packet_id));
            book.holds |= qos == QoS::ExactlyOnce;
        }
    }

    #[inline]
    pub(super) fn received(&mut self, message: u64, packet_id: u16) {
        if let Some(book) = self.book() {
            book.received.push_back((packet_id, message));
            book.steps.push(Step::Received(message));
            // After PUBREL the client would take the message for a new one.
            book.holds = true;
        }
    }

    /// PUBCOMP, or a PUBREC that comes again with an error.
    #[inline]
    pub(super) fn completed(&mut self, packet_id: u16) {
        if let Some(book) = self.book()
            && let Some(at) = book.received.iter().position(|(received, _)| *received == packet_id)
            && let Some((_, message)) = book.received.remove(at)
        {
            book.steps.push(Step::Done(message));
        }
    }

    #[inline]
    pub(crate) fn done(&mut self, message: u64) {
        if let Some(book) = self.book_of(message) {
            book.steps.push(Step::Done(message));
        }
    }

    /// Turns up to this one were given before.
    pub(super) fn restore_turn(&mut self, turn: u64) {
        if let Some(book) = self.book() {
            book.queued = book.queued.max(turn);
        }
    }

    /// As [`Ledger::received`], of what the store knows.
    pub(super) fn restore_received(&mut self, message: u64, packet_id: u16) {
        if let Some(book) = self.book() {
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

    /// What was taken with [`Noted::holds`], or waited for with [`Ledger::hold`], is durable.
    pub(crate) fn release(&mut self) {
        if let Some(book) = &mut self.0 {
            book.held = book.held.saturating_sub(1);
        }
    }
}

impl Book {
    fn queued(&mut self, message: Message) -> Message {
        // The same may come by another subscription of the session.
        let message = if message.share().is_some() { message.renumbered() } else { message };
        self.note_queued(&message);
        message
    }

    fn note_queued(&mut self, message: &Message) {
        self.queued += 1;
        self.holds |= message.qos == QoS::ExactlyOnce;
        self.steps.push(Step::Queued(message.clone(), self.queued));
    }
}
