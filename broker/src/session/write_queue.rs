//! Bytes on their way to one socket: small packets copied into one buffer, large payloads shared.
//!
//! It knows sockets only as something that takes bytes, and nothing of packets.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use super::Message;
use super::marks::Marks;

/// Slices handed to the kernel in one call; the limit of Linux is 1024.
const MAX_SLICES: usize = 64;

/// What takes the bytes; a socket, or a test.
pub(crate) trait Sink {
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl Sink for tokio::net::tcp::OwnedWriteHalf {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_write(bytes)
    }

    fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write_vectored(slices)
    }
}

#[derive(Default)]
pub(crate) struct WriteQueue {
    /// Lent from the shard's pool while there is something to send.
    buffer: Vec<u8>,
    /// How much of `buffer` the socket has taken.
    sent: usize,
    /// In their order, the parts of `buffer` and the shared payloads between them. `None` as long
    /// as all of it stands in `buffer`.
    #[expect(clippy::box_collection, reason = "rare, and one of these is in every session")]
    segments: Option<Box<VecDeque<Segment>>>,
    /// All that is not yet taken, in bytes.
    pending: usize,
    /// Where somebody wants to know when a message is written.
    marks: Option<Box<Marks>>,
}

enum Segment {
    /// So many bytes of the buffer.
    Copied(usize),
    /// A message's payload, and how much of it was taken.
    Payload(Message, usize),
}

/// How far a write came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    All,
    /// The socket takes no more for now.
    Blocked,
}

impl WriteQueue {
    /// Bytes not yet taken by the socket.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    pub(crate) fn needs_buffer(&self) -> bool {
        self.buffer.capacity() == 0
    }

    /// Gives it a buffer to use; only when [`WriteQueue::needs_buffer`].
    pub(crate) fn lend(&mut self, buffer: Vec<u8>) {
        self.buffer = buffer;
    }

    /// The buffer, if all of it is sent.
    pub(crate) fn reclaim(&mut self) -> Option<Vec<u8>> {
        (self.pending == 0 && self.buffer.capacity() > 0).then(|| {
            self.sent = 0;
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.clear();
            buffer
        })
    }

    /// Appends what `fill` writes.
    pub(crate) fn append_with(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        let before = self.buffer.len();
        fill(&mut self.buffer);
        self.copied(self.buffer.len() - before);
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.copied(bytes.len());
    }

    /// Appends a message's payload without copying it.
    pub(crate) fn append_payload(&mut self, message: Message) {
        let copied = self.pending;
        let segments = self.segments.get_or_insert_with(|| {
            let mut segments = VecDeque::new();
            if copied > 0 {
                segments.push_back(Segment::Copied(copied));
            }
            Box::new(segments)
        });
        self.pending += message.payload().len();
        segments.push_back(Segment::Payload(message, 0));
    }

    /// Notes that what was appended last is a message; see [`WriteQueue::take_written`].
    pub(crate) fn mark(&mut self, message: Message) {
        self.marks.get_or_insert_default().add(message, self.pending);
    }

    /// The marked messages that were written since the last call.
    pub(crate) fn take_written(&mut self) -> Vec<Message> {
        let Some(marks) = &mut self.marks else { return Vec::new() };
        let written = marks.take_written();
        if marks.is_empty() {
            self.marks = None;
        }
        written
    }

    /// The marked messages that were not written, now that nothing more is.
    pub(crate) fn into_unwritten(self) -> impl Iterator<Item = Message> {
        self.marks.into_iter().flat_map(|marks| marks.into_unwritten())
    }

    /// Appends all of `newer`, which was collected while this one was being written.
    pub(crate) fn append_queue(&mut self, mut newer: WriteQueue) {
        if let Some(newer) = newer.marks.take() {
            self.marks.get_or_insert_default().append(*newer, self.pending);
        }
        let Some(segments) = newer.segments else {
            self.append(newer.buffer.get(newer.sent..).unwrap_or_default());
            return;
        };
        let mut at = newer.sent;
        for segment in *segments {
            match segment {
                Segment::Copied(len) => {
                    self.append(newer.buffer.get(at..at + len).unwrap_or_default());
                    at += len;
                }
                Segment::Payload(message, taken) => {
                    self.append_payload(message);
                    self.pending -= taken;
                    if let Some(Segment::Payload(_, skip)) =
                        self.segments.as_mut().and_then(|s| s.back_mut())
                    {
                        *skip = taken;
                    }
                }
            }
        }
    }

    /// Writes until all is taken or the socket takes no more. Never blocks.
    pub(crate) fn write_to(&mut self, sink: &impl Sink) -> io::Result<Written> {
        while self.pending > 0 {
            let taken = match &self.segments {
                None => sink.write(self.buffer.get(self.sent..).unwrap_or_default()),
                Some(segments) => write_segments(segments, &self.buffer, self.sent, sink),
            };
            match taken {
                Ok(taken) => self.advance(taken),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.drop_sent();
                    return Ok(Written::Blocked);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Written::All)
    }

    fn copied(&mut self, len: usize) {
        self.pending += len;
        let Some(segments) = &mut self.segments else { return };
        if let Some(Segment::Copied(last)) = segments.back_mut() {
            *last += len;
        } else {
            segments.push_back(Segment::Copied(len));
        }
    }

    fn advance(&mut self, taken: usize) {
        self.pending -= taken;
        if let Some(marks) = &mut self.marks {
            marks.advance(taken);
        }
        let Some(segments) = &mut self.segments else {
            self.sent += taken;
            return;
        };
        let mut left = taken;
        while let Some(front) = segments.front_mut() {
            let rest = match front {
                Segment::Copied(len) => {
                    let part = left.min(*len);
                    *len -= part;
                    self.sent += part;
                    left -= part;
                    *len
                }
                Segment::Payload(message, skip) => {
                    let part = left.min(message.payload_from(*skip).len());
                    *skip += part;
                    left -= part;
                    message.payload_from(*skip).len()
                }
            };
            if rest > 0 {
                break;
            }
            segments.pop_front();
        }
        if segments.is_empty() {
            self.segments = None;
        }
    }

    /// Gives room back in a buffer that a slow receiver keeps non-empty.
    fn drop_sent(&mut self) {
        if self.sent > self.buffer.len() / 2 {
            self.buffer.drain(..self.sent);
            self.sent = 0;
        }
    }
}

fn write_segments(
    segments: &VecDeque<Segment>,
    buffer: &[u8],
    mut at: usize,
    sink: &impl Sink,
) -> io::Result<usize> {
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    let mut used = 0;
    for (slice, segment) in slices.iter_mut().zip(segments) {
        let bytes = match segment {
            Segment::Copied(len) => {
                at += len;
                buffer.get(at - len..at).unwrap_or_default()
            }
            Segment::Payload(message, skip) => message.payload_from(*skip),
        };
        *slice = IoSlice::new(bytes);
        used += 1;
    }
    sink.write_vectored(slices.get(..used).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::cell::{Cell, RefCell};

    use mqtt::{Properties, Publish, QoS};

    /// A socket that takes so many bytes, then no more.
    struct Narrow {
        room: Cell<usize>,
        taken: RefCell<Vec<u8>>,
    }

    impl Narrow {
        fn new(room: usize) -> Narrow {
            Narrow { room: Cell::new(room), taken: RefCell::default() }
        }
    }

    impl Sink for Narrow {
        fn write(&self, bytes: &[u8]) -> io::Result<usize> {
            let take = bytes.len().min(self.room.get());
            if take == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.room.set(self.room.get() - take);
            self.taken.borrow_mut().extend_from_slice(&bytes[..take]);
            Ok(take)
        }

        fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            self.write(&all)
        }
    }

    fn message(payload: &[u8]) -> Message {
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            packet_id: 0,
            topic: "t",
            properties: Properties::EMPTY,
            payload,
        };
        Message::new(&publish, 0)
    }

    /// Appends the parts, payloads in capitals, and returns the bytes they are.
    fn fill(queue: &mut WriteQueue, parts: &[&str]) -> Vec<u8> {
        for part in parts {
            if part.starts_with(char::is_uppercase) {
                queue.append_payload(message(part.as_bytes()));
            } else {
                queue.append(part.as_bytes());
            }
        }
        parts.concat().into_bytes()
    }

    /// Whatever the socket takes at a time, the bytes come out once and in order.
    fn check(parts: &[&str]) {
        for step in 1..9 {
            let mut queue = WriteQueue::default();
            let expected = fill(&mut queue, parts);
            let sink = Narrow::new(0);
            while queue.write_to(&sink).unwrap() == Written::Blocked {
                assert!(queue.pending() > 0);
                sink.room.set(step);
            }
            assert_eq!(*sink.taken.borrow(), expected, "{parts:?} by {step}");
            assert_eq!(queue.pending(), 0);
            assert!(queue.segments.is_none());
        }
    }

    #[test]
    fn bytes_come_out_once_and_in_order() {
        check(&[]);
        check(&["copied"]);
        check(&["SHARED"]);
        check(&["a", "b", "SHARED", "c", "d", "ALSO", "SHARED", "e"]);
    }

    #[test]
    fn what_came_during_a_write_follows_what_was_left_of_it() {
        let (mut rest, mut newer) = (WriteQueue::default(), WriteQueue::default());
        let mut expected = fill(&mut rest, &["head", "PAYLOAD", "tail"]);
        let sink = Narrow::new(6);
        assert_eq!(rest.write_to(&sink).unwrap(), Written::Blocked);
        expected.append(&mut fill(&mut newer, &["x", "NEWER", "y"]));
        assert_eq!(newer.write_to(&Narrow::new(2)).unwrap(), Written::Blocked);
        rest.append_queue(newer);
        sink.room.set(usize::MAX);
        assert_eq!(rest.write_to(&sink).unwrap(), Written::All);
        // The two bytes of the newer queue that another socket took are not sent again.
        let mut left = expected.clone();
        left.drain(15..17);
        assert_eq!(String::from_utf8_lossy(&sink.taken.borrow()), String::from_utf8_lossy(&left));
    }

    #[test]
    fn marked_messages_are_told_when_their_last_byte_is_written() {
        let mut queue = WriteQueue::default();
        queue.append(b"head");
        for payload in [&b"one"[..], b"two"] {
            queue.append(payload);
            queue.mark(message(payload));
        }
        let texts = |messages: Vec<Message>| -> Vec<Vec<u8>> {
            messages.iter().map(|message| message.payload().to_vec()).collect()
        };
        assert_eq!(queue.write_to(&Narrow::new(6)).unwrap(), Written::Blocked);
        assert!(queue.take_written().is_empty());
        assert_eq!(queue.write_to(&Narrow::new(2)).unwrap(), Written::Blocked);
        assert_eq!(texts(queue.take_written()), [b"one"]);
        let mut newer = WriteQueue::default();
        for payload in [&b"three"[..], b"four"] {
            newer.append_payload(message(payload));
            newer.mark(message(payload));
        }
        queue.append_queue(newer);
        assert_eq!(queue.write_to(&Narrow::new(8)).unwrap(), Written::Blocked);
        assert_eq!(texts(queue.take_written()), [&b"two"[..], b"three"]);
        assert_eq!(texts(queue.into_unwritten().collect()), [b"four"]);
    }

    #[test]
    fn a_buffer_is_returned_only_when_all_is_sent() {
        let mut queue = WriteQueue::default();
        assert!(queue.needs_buffer());
        queue.lend(Vec::with_capacity(64));
        queue.append(b"abc");
        assert!(queue.reclaim().is_none());
        assert_eq!(queue.write_to(&Narrow::new(10)).unwrap(), Written::All);
        assert!(queue.reclaim().is_some_and(|buffer| buffer.is_empty()));
        assert!(queue.needs_buffer());
    }

    #[test]
    fn a_slow_receiver_does_not_keep_what_it_has_taken() {
        let mut queue = WriteQueue::default();
        queue.append(&[1; 100]);
        assert_eq!(queue.write_to(&Narrow::new(60)).unwrap(), Written::Blocked);
        assert_eq!(queue.buffer.len(), 40);
        assert_eq!(queue.pending(), 40);
    }
}
