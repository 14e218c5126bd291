//! The messages that one publisher sends to one topic, numbered from 0.

use std::sync::atomic::{AtomicUsize, Ordering};

use mqtt::QoS;
use parking_lot::Mutex;

use super::{Ledger, Moment, NEVER};
use crate::connection::Message;

pub(crate) struct Stream {
    pub(crate) topic: String,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// Whether they come in the order in which they are sent.
    pub(crate) ordered: bool,
    sent: Mutex<Vec<Sent>>,
    acknowledged: AtomicUsize,
}

/// A message that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// Just before it was sent for the first time.
    pub(crate) first: Moment,
    /// When PUBACK or PUBREC was seen.
    pub(crate) acknowledged: Moment,
    /// Of its payload, at least.
    pub(crate) len: usize,
}

/// Which message of which stream a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) stream: usize,
    pub(crate) number: usize,
}

impl Stream {
    pub(crate) fn new(topic: String, qos: QoS) -> Stream {
        Stream {
            topic,
            qos,
            retain: false,
            ordered: true,
            sent: Mutex::default(),
            acknowledged: AtomicUsize::new(0),
        }
    }

    /// The number of the next message, which is sent after this, with a payload of `len` bytes at least.
    pub(crate) fn send(&self, first: Moment, len: usize) -> usize {
        let mut sent = self.sent.lock();
        sent.push(Sent { first, acknowledged: NEVER, len });
        sent.len() - 1
    }

    pub(crate) fn acknowledge(&self, number: usize, now: Moment) {
        let mut sent = self.sent.lock();
        let message = &mut sent[number];
        if message.acknowledged == NEVER {
            message.acknowledged = now;
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A message must not come any more, to nobody.
    pub(crate) fn forbid(&self, number: usize) {
        let sent = &mut self.sent.lock()[number];
        (sent.first, sent.acknowledged) = (NEVER, NEVER);
    }

    /// How many were sent.
    pub(crate) fn len(&self) -> usize {
        self.sent.lock().len()
    }

    /// What a message that was sent says; one in seven removes what is retained.
    pub(crate) fn payload(&self, label: Label) -> Vec<u8> {
        let len = self.get(label.number).map_or(0, |sent| sent.len);
        if self.removes(label.number) { Vec::new() } else { label.payload(len) }
    }

    pub(crate) fn removes(&self, number: usize) -> bool {
        self.retain && number % 7 == 6
    }

    /// A message, if it was sent.
    pub(crate) fn get(&self, number: usize) -> Option<Sent> {
        self.sent.lock().get(number).copied()
    }

    pub(crate) fn all(&self) -> Vec<Sent> {
        self.sent.lock().clone()
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }
}

impl Label {
    /// A payload with this label, of `len` bytes at least.
    pub(crate) fn payload(self, len: usize) -> Vec<u8> {
        let mut payload = format!("{} {} ", self.stream, self.number).into_bytes();
        payload.resize(payload.len().max(len), b'.');
        payload
    }

    /// Whether a message is this one as it was sent, as a subscription at `granted` has it.
    pub(crate) fn is_of(self, message: &Message, granted: QoS, ledger: &Ledger) -> bool {
        let stream = ledger.streams().get(self.stream);
        stream.is_some_and(|stream| {
            stream.topic == message.topic
                && stream.qos.min(granted) == message.qos
                && stream.get(self.number).is_some()
                && stream.payload(self) == message.payload
        })
    }

    /// The label of a payload; `None`: it is none that was made here.
    pub(crate) fn of(payload: &[u8]) -> Option<Label> {
        let mut words = str::from_utf8(payload).ok()?.split(' ');
        let (stream, number) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        words.next()?.bytes().all(|byte| byte == b'.').then_some(Label { stream, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_back() {
        let label = Label { stream: 3, number: 70_000 };
        for len in [0, 100] {
            assert_eq!(Label::of(&label.payload(len)), Some(label));
        }
        assert_eq!(Label::of(b"3 x ..."), None);
        assert_eq!(Label::of(b"3 4 .!"), None);
    }

    #[test]
    fn a_message_is_one_as_it_was_sent() {
        let ledger = Ledger::new(vec![Stream::new("t/a".into(), QoS::ExactlyOnce)]);
        ledger.stream(0).send(1, 100);
        let is_of = |topic: &str, number, len, qos| {
            let label = Label { stream: 0, number };
            let (topic, payload) = (topic.into(), label.payload(len));
            let message = Message { topic, payload, qos, dup: false, retain: false, packet_id: 1 };
            label.is_of(&message, QoS::AtLeastOnce, &ledger)
        };
        assert!(is_of("t/a", 0, 100, QoS::AtLeastOnce));
        assert!(!is_of("t/b", 0, 100, QoS::AtLeastOnce));
        assert!(!is_of("t/a", 1, 100, QoS::AtLeastOnce), "it was not sent");
        assert!(!is_of("t/a", 0, 99, QoS::AtLeastOnce), "cut off");
        assert!(!is_of("t/a", 0, 100, QoS::ExactlyOnce), "more than the subscription");
        assert!(!is_of("t/a", 0, 100, QoS::AtMostOnce), "less than the subscription");
    }
}
