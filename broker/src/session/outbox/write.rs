//! A write to the client's socket, during which nobody holds the outbox.

use std::io;
use std::task::Waker;

use tokio::net::tcp::OwnedWriteHalf;

use super::Outbox;
use crate::session::write_queue::{WriteQueue, Written};
use crate::session::{BufferPool, DropCause};

/// Socket and bytes, out of the outbox while they are written.
pub(crate) struct Write {
    pub(super) socket: OwnedWriteHalf,
    pub(super) queue: WriteQueue,
    pub(super) generation: u32,
}

impl Write {
    /// Writes as much as the socket takes. Call it without any lock.
    pub(crate) fn run(&mut self) -> io::Result<Written> {
        self.queue.write_to(&self.socket)
    }
}

/// What there is to do when a write has ended.
pub(crate) enum AfterWrite {
    Nothing,
    /// The owner must wait for the socket, or close.
    CallOwner(Waker),
    /// The connection has ended meanwhile: this is to be written once, and then dropped.
    LastWords(Write),
}

/// Bytes for the socket of a link that is gone.
pub(super) struct LastWords {
    pub(super) generation: u32,
    pub(super) queue: WriteQueue,
}

impl Outbox {
    /// Whether [`Outbox::begin_write`] has something to take. A writer that is under way looks again
    /// when it returns.
    pub(crate) fn has_something_to_write(&self) -> bool {
        self.queue.pending() > 0
            && !self.ledger.holds()
            && self
                .link
                .as_ref()
                .is_some_and(|link| link.socket.is_some() && !link.blocked && !link.broken)
    }

    /// Takes out what is to be written now. `None`: nothing, or somebody else writes, or the socket
    /// is not ready.
    pub(crate) fn begin_write(&mut self) -> Option<Write> {
        if self.ledger.holds() {
            return None;
        }
        let link = self.link.as_mut()?;
        if self.queue.pending() == 0 || link.blocked || link.broken {
            return None;
        }
        let socket = link.socket.take()?;
        Some(Write { socket, queue: std::mem::take(&mut self.queue), generation: link.generation })
    }

    /// Brings back what [`Outbox::begin_write`] took out.
    pub(crate) fn finish_write(
        &mut self,
        mut write: Write,
        outcome: &io::Result<Written>,
        pool: &mut BufferPool,
    ) -> AfterWrite {
        if let Some(buffer) = write.queue.reclaim() {
            pool.give(buffer);
        }
        for message in write.queue.take_written() {
            self.notes.deliver(message);
        }
        let Some(link) = self.link.as_mut().filter(|link| link.generation == write.generation)
        else {
            return self.end_write(write);
        };
        link.socket = Some(write.socket);
        if write.queue.pending() > 0 {
            let newer = std::mem::replace(&mut self.queue, write.queue);
            self.queue.append_queue(newer);
        }
        match outcome {
            Ok(Written::All) => return AfterWrite::Nothing,
            Ok(Written::Blocked) => link.blocked = true,
            Err(_) => link.broken = true,
        }
        AfterWrite::CallOwner(link.owner.clone())
    }

    /// A write to the socket of a link that is gone: if the socket has taken all of it, the bytes
    /// that were to follow go out with it.
    fn end_write(&mut self, write: Write) -> AfterWrite {
        match self.last_words.take_if(|last| last.generation == write.generation) {
            Some(last) if write.queue.pending() == 0 => {
                AfterWrite::LastWords(Write { queue: last.queue, ..write })
            }
            last => {
                self.settle(write.queue);
                if let Some(last) = last {
                    self.settle(last.queue);
                }
                AfterWrite::Nothing
            }
        }
    }

    /// Notes what became of the messages in bytes of which nothing more is written.
    pub(super) fn settle(&mut self, mut queue: WriteQueue) {
        for message in queue.take_written() {
            self.notes.deliver(message);
        }
        for message in queue.into_unwritten() {
            self.notes.drop_uncounted(DropCause::NotTaken, || message);
        }
    }

    /// Ends the stream in our direction, after a last write.
    pub(crate) fn finish_last(&mut self, write: Write) {
        self.settle(write.queue);
    }
}
