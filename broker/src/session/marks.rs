//! Where among the bytes for a socket messages at QoS 0 end, so that it is known when they are written.
//! Only where plugins want to know.

use std::collections::VecDeque;

use super::Message;

#[derive(Default)]
pub(super) struct Marks {
    /// Bytes that the socket has taken since there are marks.
    taken: u64,
    /// Each with the count of bytes after which it is written.
    waiting: VecDeque<(u64, Message)>,
    written: Vec<Message>,
}

impl Marks {
    /// The message ends with the last of `pending` bytes.
    pub(super) fn add(&mut self, message: Message, pending: usize) {
        self.waiting.push_back((self.taken + pending as u64, message));
    }

    /// The socket has taken so many bytes.
    pub(super) fn advance(&mut self, taken: usize) {
        self.taken += taken as u64;
        while let Some((_, message)) = self.waiting.pop_front_if(|(end, _)| *end <= self.taken) {
            self.written.push(message);
        }
    }

    /// Takes over the marks of bytes that are appended to `pending` others.
    pub(super) fn append(&mut self, newer: Marks, pending: usize) {
        let start = self.taken + pending as u64;
        let moved =
            newer.waiting.into_iter().map(|(end, message)| (start + (end - newer.taken), message));
        self.waiting.extend(moved);
        self.written.extend(newer.written);
    }

    /// The messages that were written since the last call.
    pub(super) fn take_written(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.written)
    }

    /// The messages that were not.
    pub(super) fn into_unwritten(self) -> impl Iterator<Item = Message> {
        self.waiting.into_iter().map(|(_, message)| message)
    }

    /// Whether nothing is marked, or written and not told.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.written.is_empty()
    }
}
