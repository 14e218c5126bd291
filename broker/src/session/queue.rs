//! Messages at QoS 1 and 2 on their way to one client: in flight, or waiting for the window or for
//! the client's return. Bounded in messages and bytes; by the config, the oldest that waits or the new one gives way.

use std::collections::{HashMap, VecDeque};

use mqtt::delivery::Outbound;

use super::{DropCause, Message};
use crate::config::QueueFull;

/// How much may lie in a session; shared by all sessions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct QueueLimits {
    /// Waiting messages.
    pub(crate) messages: usize,
    /// Waiting bytes: topics, properties and payloads.
    pub(crate) bytes: usize,
    /// Bytes for one socket above which publishers are held up.
    pub(crate) write_buffer: usize,
    /// Whether QoS 0 is kept for an absent client.
    pub(crate) queue_qos0: bool,
    /// What happens to what is more.
    pub(crate) full: QueueFull,
    /// Memory is so short that QoS 0 is dropped.
    pub(crate) drops_qos0: bool,
    /// The store takes nothing: a client that nothing is written to before it does is one that takes nothing.
    pub(crate) held_is_stalled: bool,
}

impl QueueLimits {
    /// Why a message at QoS 0 is not taken.
    pub(crate) fn cause_at_qos0(&self) -> DropCause {
        if self.drops_qos0 { DropCause::NoMemory } else { DropCause::NotTaken }
    }
}

/// What a queue can still take.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    pub(crate) messages: usize,
    /// As in [`QueueLimits::bytes`].
    pub(crate) bytes: usize,
}

/// Waiting messages that may share their bytes with others: what is for this receiver goes in the order of its
/// run, but a run may hold much that is not.
const SHARED_AT_MOST: usize = 512;
/// Bytes that no message may pin beyond its own.
const LARGE_CHUNK: usize = 128 * 1024;

pub(crate) struct Delivery {
    pub(super) outbound: Outbound<Message>,
    waiting_bytes: usize,
    /// Messages that gave way to newer ones.
    pub(super) dropped: Vec<Message>,
    /// What the client has received at QoS 2, and PUBCOMP is still to come; where plugins want to know.
    pub(super) received: Vec<(u16, Message)>,
}

impl Delivery {
    pub(super) fn new(window: u16) -> Delivery {
        let (dropped, received) = (Vec::new(), Vec::new());
        Delivery { outbound: Outbound::new(window), waiting_bytes: 0, dropped, received }
    }

    /// Takes a message on its way. `Some` is the packet id under which to send it now; `None`: it
    /// waits.
    pub(super) fn offer(&mut self, message: Message, limits: &QueueLimits) -> Option<u16> {
        let size = message.size();
        let message = if self.is_costly(&message) { message.alone() } else { message };
        let packet_id = self.outbound.offer(message);
        if packet_id.is_none() {
            self.waiting_bytes += size;
            self.make_room(limits);
        }
        packet_id
    }

    /// Queues a message for an absent client.
    pub(super) fn enqueue(&mut self, message: Message, limits: &QueueLimits) {
        self.waiting_bytes += message.size();
        self.outbound.enqueue(message);
        self.make_room(limits);
    }

    /// Takes a message that was queued before the broker was started; `packet_id`: it was sent.
    pub(super) fn restore(&mut self, message: Message, packet_id: Option<u16>) {
        match packet_id {
            Some(packet_id) => self.outbound.restore_published(packet_id, message),
            None => {
                self.waiting_bytes += message.size();
                self.outbound.enqueue(message);
            }
        }
    }

    /// The next waiting message that the window admits, now in flight.
    pub(super) fn next(&mut self) -> Option<(u16, &Message)> {
        let (packet_id, message) = self.outbound.next()?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(message.size());
        Some((packet_id, message))
    }

    /// How many messages came by each shared subscription, by its filter.
    pub(super) fn shares(&self) -> HashMap<Box<str>, usize> {
        let mut shares: HashMap<Box<str>, usize> = HashMap::new();
        for filter in self.outbound.iter().filter_map(Message::share) {
            match shares.get_mut(filter) {
                Some(count) => *count += 1,
                None => drop(shares.insert(filter.into(), 1)),
            }
        }
        shares
    }

    /// Takes out what came by a shared subscription and may still go to somebody else, no more than so
    /// many messages and than there is room for elsewhere.
    pub(super) fn take_back(&mut self, share: &str, most: usize, room: Room) -> Vec<Message> {
        let mut left = Room { messages: room.messages.min(most), ..room };
        let taken = self.outbound.take_back(|message| {
            if message.share() != Some(share) {
                return Some(false);
            }
            left = Room {
                messages: left.messages.checked_sub(1)?,
                bytes: left.bytes.checked_sub(message.size())?,
            };
            Some(true)
        });
        self.count_waiting();
        taken
    }

    /// Takes out all that came by shared subscriptions and may still go to somebody else.
    pub(super) fn take_shared(&mut self) -> Vec<Message> {
        let taken = self.outbound.take_back(|message| Some(message.share().is_some()));
        self.count_waiting();
        taken
    }

    /// The client has gone, and may stay away for long. Messages of one run share their bytes, and mostly come
    /// and go together while there is a client; now those get their own of whose run most is gone.
    pub(super) fn part_with_gone(&mut self) {
        let mut used: HashMap<usize, usize> = HashMap::new();
        for message in self.outbound.iter() {
            *used.entry(message.place()).or_default() += message.size();
        }
        for message in self.outbound.iter_mut() {
            let used = used.get(&message.place()).copied().unwrap_or_default();
            if message.pinned() > 2 * used {
                *message = message.clone().alone();
            }
        }
        self.outbound.shrink();
    }

    /// The message of a PUBREC that is the client's no longer waited for.
    pub(super) fn take_received(&mut self, packet_id: u16) -> Option<Message> {
        let at = self.received.iter().position(|(received, _)| *received == packet_id)?;
        Some(self.received.remove(at).1)
    }

    /// Puts messages in front of all that wait.
    pub(super) fn put_back(&mut self, messages: VecDeque<Message>) {
        self.outbound.put_back(messages.into_iter());
        self.count_waiting();
    }

    fn count_waiting(&mut self) {
        self.waiting_bytes = self.outbound.waiting_iter().map(Message::size).sum();
    }

    /// Messages that wait, and their bytes.
    pub(super) fn waiting(&self) -> (usize, usize) {
        (self.outbound.waiting(), self.waiting_bytes)
    }

    /// What may be added before publishers should wait.
    pub(super) fn spare(&self, limits: &QueueLimits) -> Room {
        let waiting = (limits.messages / 4).saturating_sub(self.outbound.waiting());
        Room {
            messages: self.outbound.room(0) + waiting,
            bytes: (limits.bytes / 2).saturating_sub(self.waiting_bytes),
        }
    }

    /// Whether publishers should wait before they add more.
    pub(super) fn is_crowded(&self, limits: &QueueLimits) -> bool {
        self.outbound.waiting() > limits.messages / 4 || self.waiting_bytes > limits.bytes / 2
    }

    /// Whether publishers that wait may go on.
    pub(super) fn is_relaxed(&self, limits: &QueueLimits) -> bool {
        self.outbound.waiting() <= limits.messages / 8 && self.waiting_bytes <= limits.bytes / 4
    }

    /// Whether a message would pin too much of what it came with; copying each would cost more than it saves.
    fn is_costly(&self, message: &Message) -> bool {
        self.outbound.waiting() > SHARED_AT_MOST || message.pinned() > LARGE_CHUNK
    }

    fn make_room(&mut self, limits: &QueueLimits) {
        while self.outbound.waiting() > limits.messages || self.waiting_bytes > limits.bytes {
            let dropped = match limits.full {
                QueueFull::DropNewest => self.outbound.drop_newest_waiting(),
                QueueFull::DropOldest | QueueFull::Disconnect => {
                    self.outbound.drop_oldest_waiting()
                }
            };
            let Some(message) = dropped else { return };
            self.waiting_bytes = self.waiting_bytes.saturating_sub(message.size());
            self.dropped.push(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use mqtt::QoS;

    use super::*;
    use crate::session::{Chunk, Layout};

    const LIMITS: QueueLimits = QueueLimits {
        messages: 100,
        bytes: 100_000,
        write_buffer: 0,
        queue_qos0: false,
        full: QueueFull::DropOldest,
        drops_qos0: false,
        held_is_stalled: false,
    };

    /// Offers a message of so many bytes that stands at `start`.
    fn offer(delivery: &mut Delivery, chunk: &Chunk, start: u32, len: u32) {
        let (payload_start, end) = (start + 1, start + len);
        let (topic_start, properties_start) = (start, payload_start);
        let layout =
            Layout { start, topic_start, topic_len: 1, properties_start, payload_start, end };
        let mut message = Message::in_chunk(chunk.clone(), &layout, 0, None, 0);
        message.qos = QoS::AtLeastOnce;
        delivery.offer(message, &LIMITS);
    }

    fn pinned(delivery: &Delivery) -> Vec<usize> {
        delivery.outbound.iter().map(Message::pinned).collect()
    }

    /// What is large in a run may be dropped for a receiver, and the rest not be acknowledged.
    #[test]
    fn a_small_message_pins_no_large_run() {
        let chunk = Chunk::new(&[b'x'; LARGE_CHUNK + 1]);
        let mut delivery = Delivery::new(1);
        for start in [0, 10] {
            offer(&mut delivery, &chunk, start, 10);
        }
        assert_eq!(pinned(&delivery), [10, 10]);
    }

    #[test]
    fn what_is_left_of_a_run_gets_its_own_bytes_when_most_is_gone() {
        let chunk = Chunk::new(&[b'x'; 10_000]);
        let mut delivery = Delivery::new(5);
        for start in (0..10_000).step_by(1000) {
            offer(&mut delivery, &chunk, start, 1000);
        }
        delivery.outbound.puback(1);
        delivery.part_with_gone();
        assert_eq!(pinned(&delivery), [10_000; 9]);
        for packet_id in 2..=5 {
            delivery.outbound.puback(packet_id);
        }
        delivery.next();
        delivery.outbound.puback(6);
        delivery.part_with_gone();
        assert_eq!(pinned(&delivery), [1000; 4]);
        assert!(delivery.outbound.iter().all(|message| message.payload() == [b'x'; 999]));
    }
}
