//! The publishing side of a client: what it sends next, and whether it may.

use std::collections::VecDeque;

use mqtt::{Properties, Publish, QoS, Version};

use crate::stamp::Stamp;

pub(crate) struct Publisher {
    pub(crate) number: u32,
    pub(crate) messages: Messages,
    /// The sequence number of the next message.
    next: u32,
    /// When the next message is due, in nanoseconds; without a rate it always is.
    pub(crate) due: u64,
    /// When it stops if not all is sent by then; `None`: it has not begun.
    stop_at: Option<u64>,
    window: Window,
    payload: Vec<u8>,
    topic: String,
    /// All is sent, written and acknowledged.
    pub(crate) is_done: bool,
}

/// What a publisher sends.
#[derive(Clone)]
pub(crate) struct Messages {
    pub(crate) topic: String,
    /// Each message has a topic of its own: `topic` and its sequence number.
    pub(crate) numbered: bool,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// Of a payload, in bytes; 0: retained messages are removed.
    pub(crate) size: usize,
    /// How many there are.
    pub(crate) count: u32,
    /// How long to send at most, in nanoseconds.
    pub(crate) lasts: u64,
    /// Between two of them, in nanoseconds; 0: as fast as they are taken.
    pub(crate) interval: u64,
    /// How many subscribers get each.
    pub(crate) deliveries: u64,
}

/// What the publisher may do now.
pub(crate) enum Next {
    /// Send; with this packet identifier, 0 at QoS 0.
    Send(u16),
    /// Wait until then.
    At(u64),
    /// Wait for acknowledgements, or all is sent.
    Nothing,
}

impl Publisher {
    pub(crate) fn new(number: u32, messages: Messages) -> Publisher {
        // Not zeros: they would be easier to carry than what people send.
        let payload = (b'a'..=b'z').cycle().take(messages.size).collect();
        let topic = messages.topic.clone();
        let window = Window::default();
        Publisher {
            number,
            messages,
            next: 0,
            due: 0,
            stop_at: None,
            window,
            payload,
            topic,
            is_done: false,
        }
    }

    /// So many messages may be unacknowledged.
    pub(crate) fn set_window(&mut self, size: u16) {
        self.window = Window::new(size);
    }

    /// Publishers begin spread over one interval; this is one of `all`.
    pub(crate) fn begin(&mut self, now: u64, all: u32) {
        let offset = u128::from(self.messages.interval) * u128::from(self.number % all.max(1));
        self.due = now + (offset / u128::from(all.max(1))) as u64;
        self.stop_at = Some(now.saturating_add(self.messages.lasts));
    }

    pub(crate) fn is_paced(&self) -> bool {
        self.messages.interval > 0
    }

    /// Whether there is more to send, in time.
    pub(crate) fn has_more(&self) -> bool {
        self.next < self.messages.count
    }

    /// Whether it has begun and has more to send.
    pub(crate) fn is_sending(&self) -> bool {
        self.stop_at.is_some() && self.has_more()
    }

    /// Whether all that was sent is acknowledged.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.window.is_whole()
    }

    #[inline]
    pub(crate) fn next(&mut self, now: u64) -> Next {
        let Some(stop_at) = self.stop_at else { return Next::Nothing };
        if now >= stop_at {
            self.messages.count = self.next;
        }
        if !self.has_more() {
            return Next::Nothing;
        }
        if self.is_paced() && self.due > now {
            return Next::At(self.due.min(stop_at));
        }
        if self.messages.qos == QoS::AtMostOnce {
            return Next::Send(0);
        }
        self.window.take(self.sent_at(now)).map_or(Next::Nothing, Next::Send)
    }

    /// From when the next message counts: one that was held back, from when it was due.
    #[inline]
    fn sent_at(&self, now: u64) -> u64 {
        let is_late = self.is_paced() && now.saturating_sub(self.due) > LATE;
        if is_late { self.due } else { now }
    }

    /// Appends the next message to `out`.
    #[inline]
    pub(crate) fn write(
        &mut self,
        version: Version,
        run: u32,
        packet_id: u16,
        now: u64,
        out: &mut Vec<u8>,
    ) {
        let at = self.sent_at(now);
        let messages = &self.messages;
        Stamp { at, publisher: self.number, sequence: self.next, run }.write(&mut self.payload);
        if messages.numbered {
            self.topic.truncate(messages.topic.len());
            self.topic.push_str(&self.next.to_string());
        }
        Publish {
            dup: false,
            qos: messages.qos,
            retain: messages.retain,
            packet_id,
            topic: &self.topic,
            properties: Properties::EMPTY,
            payload: &self.payload,
        }
        .encode(version, out);
        self.next += 1;
        self.due += messages.interval;
    }

    /// When the message with this packet identifier was sent, which is acknowledged with this.
    #[inline]
    pub(crate) fn acknowledged(&mut self, packet_id: u16) -> Option<u64> {
        self.window.give_back(packet_id)
    }
}

/// In nanoseconds.
const LATE: u64 = crate::clock::MILLISECOND;

/// The packet identifiers of a publisher.
#[derive(Default)]
struct Window {
    /// Oldest first, so that one is not used again at once.
    free: VecDeque<u16>,
    /// By identifier less 1: when its message was sent.
    used: Vec<Option<u64>>,
}

impl Window {
    fn new(size: u16) -> Window {
        Window { free: (1..=size).collect(), used: vec![None; usize::from(size)] }
    }

    #[inline]
    fn take(&mut self, now: u64) -> Option<u16> {
        let packet_id = self.free.pop_front()?;
        *self.used.get_mut(usize::from(packet_id) - 1)? = Some(now);
        Some(packet_id)
    }

    #[inline]
    fn give_back(&mut self, packet_id: u16) -> Option<u64> {
        let sent = self.used.get_mut(usize::from(packet_id).checked_sub(1)?)?.take()?;
        self.free.push_back(packet_id);
        Some(sent)
    }

    fn is_whole(&self) -> bool {
        self.free.len() == self.used.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Messages, Next, Publisher, Window};
    use mqtt::QoS;

    #[test]
    fn an_identifier_is_used_once_at_a_time() {
        let mut window = Window::new(2);
        assert_eq!((window.take(5), window.take(6), window.take(7)), (Some(1), Some(2), None));
        assert_eq!((window.give_back(2), window.give_back(2)), (Some(6), None));
        assert_eq!(
            (window.give_back(0), window.give_back(3), window.is_whole()),
            (None, None, false)
        );
        assert_eq!((window.give_back(1), window.is_whole()), (Some(5), true));
    }

    #[test]
    fn sends_as_often_as_asked_and_stops_in_time() {
        let messages = Messages {
            topic: "t".into(),
            numbered: false,
            qos: QoS::AtMostOnce,
            retain: false,
            size: 20,
            count: 10,
            lasts: 250,
            interval: 100,
            deliveries: 1,
        };
        let mut publisher = Publisher::new(1, messages);
        publisher.begin(1000, 2);
        let mut sent = Vec::new();
        let mut now = 1000;
        loop {
            match publisher.next(now) {
                Next::At(then) => now = then,
                Next::Send(0) => {
                    publisher.write(mqtt::Version::INSIDE, 0, 0, now, &mut Vec::new());
                    sent.push(now);
                }
                Next::Send(_) => panic!("an identifier at QoS 0"),
                Next::Nothing => break,
            }
        }
        assert_eq!((sent, now), (vec![1050, 1150], 1250));
    }
}
