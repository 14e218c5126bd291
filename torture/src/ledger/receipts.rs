//! What has come to one client, or to a group that shares a subscription.

use mqtt::QoS;

use super::verdict::Verdict;
use super::{Label, Ledger, Moment, NEVER, Sent, Stream};
use crate::connection::Message;

pub(crate) struct Receipts {
    name: String,
    qos: QoS,
    /// Its members take turns, so that nothing is said about the order.
    is_group: bool,
    /// Of each stream: whether its messages are to come.
    wanted: Vec<bool>,
    subscribed: Vec<Interval>,
    /// Of each stream, of each message: how it has come.
    came: Vec<Vec<Came>>,
    strange: Vec<String>,
    out_of_order: Vec<String>,
    twice: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Came {
    times: u8,
    /// The identifier that it had for the first time.
    packet_id: u16,
    first: Moment,
}

/// A time in which a subscription held: surely between the answer to SUBSCRIBE and UNSUBSCRIBE, surely not
/// before SUBSCRIBE and after the answer to UNSUBSCRIBE.
#[derive(Clone, Copy, Debug)]
struct Interval {
    asked: Moment,
    begun: Moment,
    ending: Moment,
    ended: Moment,
}

impl Receipts {
    pub(super) fn new(name: &str, qos: QoS, is_group: bool, wanted: Vec<bool>) -> Receipts {
        Receipts {
            name: name.to_owned(),
            qos,
            is_group,
            came: vec![Vec::new(); wanted.len()],
            wanted,
            subscribed: Vec::new(),
            strange: Vec::new(),
            out_of_order: Vec::new(),
            twice: Vec::new(),
        }
    }

    /// SUBSCRIBE is about to be sent, perhaps again.
    pub(crate) fn asks(&mut self, now: Moment) {
        let is_new = self.subscribed.last().is_none_or(|last| last.ended < NEVER);
        if is_new {
            let interval = Interval { asked: now, begun: NEVER, ending: NEVER, ended: NEVER };
            self.subscribed.push(interval);
        }
    }

    /// SUBACK has come.
    pub(crate) fn begins(&mut self, now: Moment) {
        self.last().begun = self.last().begun.min(now);
    }

    /// UNSUBSCRIBE is about to be sent, perhaps again.
    pub(crate) fn asks_to_end(&mut self, now: Moment) {
        self.last().ending = self.last().ending.min(now);
    }

    /// UNSUBACK has come.
    pub(crate) fn ends(&mut self, now: Moment) {
        self.last().ended = now;
    }

    fn last(&mut self) -> &mut Interval {
        self.subscribed.last_mut().expect("it has been asked for")
    }

    /// A message has come, and not again under an identifier that is still in use.
    pub(crate) fn take(&mut self, message: &Message, ledger: &Ledger) {
        let label = Label::of(&message.payload)
            .filter(|label| label.is_of(message, self.qos, ledger) && self.wanted[label.stream])
            // It was subscribed before.
            .filter(|_| !message.retain);
        let Some(label) = label else {
            self.strange.push(format!("{}: {message:?}", self.name));
            return;
        };
        let Label { stream, number } = label;
        let came = &mut self.came[stream];
        if came.len() <= number {
            came.resize(number + 1, Came::default());
        } else if came[number].times == 0 && !self.is_group {
            self.note_late(label, ledger);
        }
        let came = &mut self.came[stream][number];
        if came.times == 0 {
            let first = ledger.now();
            *came = Came { times: 1, packet_id: message.packet_id, first };
            return;
        }
        came.times = came.times.saturating_add(1);
        if self.qos.min(ledger.stream(stream).qos) == QoS::ExactlyOnce {
            let came = *came;
            self.note_twice(came, message, ledger);
        }
    }

    fn note_twice(&mut self, came: Came, message: &Message, ledger: &Ledger) {
        let Came { packet_id, first, .. } = came;
        let label = Label::of(&message.payload);
        let sent = label.and_then(|label| ledger.stream(label.stream).get(label.number));
        self.twice.push(format!(
            "{}: {label:?} {sent:?} came as {packet_id} at {first} and as {} at {}, dup: {}",
            self.name,
            message.packet_id,
            ledger.now(),
            message.dup
        ));
    }

    /// A later one has come before. What was sent before the subscription may come so if it is sent again.
    fn note_late(&mut self, label: Label, ledger: &Ledger) {
        let Label { stream, number } = label;
        let sent = ledger.stream(stream);
        let first = sent.get(number).map_or(0, |sent| sent.first);
        let begun = self.subscribed.last().map_or(NEVER, |last| last.begun);
        if sent.ordered && first > begun {
            let after = self.came[stream].len() - 1;
            let (now, name, topic) = (ledger.now(), &self.name, &sent.topic);
            self.out_of_order.push(format!("{name}: {topic} {number} at {now} after {after}"));
        }
    }

    pub(super) fn judge(&self, streams: &[Stream], verdict: &mut Verdict) {
        verdict.faults.extend(self.strange.iter().cloned());
        verdict.out_of_order.extend(self.out_of_order.iter().cloned());
        verdict.twice.extend(self.twice.iter().cloned());
        for (index, stream) in streams.iter().enumerate().filter(|(index, _)| self.wanted[*index]) {
            let once = stream.qos.min(self.qos) == QoS::ExactlyOnce;
            for (number, sent) in stream.all().into_iter().enumerate() {
                let times = self.came[index].get(number).map_or(0, |came| came.times);
                let what = || format!("{}: {} {number} {sent:?}", self.name, stream.topic);
                self.judge_one(stream, sent, times, what, verdict);
                verdict.again += if once { 0 } else { usize::from(times.saturating_sub(1)) };
            }
        }
    }

    fn judge_one(
        &self,
        stream: &Stream,
        sent: Sent,
        times: u8,
        what: impl Fn() -> String,
        verdict: &mut Verdict,
    ) {
        if times == 0 {
            if self.subscribed.iter().any(|interval| interval.must(sent)) {
                verdict.lost.push(what());
            }
            return;
        }
        verdict.delivered += 1;
        // What is not in order is not on time either: a will has a delay.
        let last = if stream.ordered { sent.acknowledged } else { NEVER };
        if !self.subscribed.iter().any(|interval| interval.may(sent.first, last)) {
            verdict.faults.push(format!("came without a subscription: {}", what()));
        }
    }
}

impl Interval {
    fn must(self, sent: Sent) -> bool {
        self.begun < sent.first && sent.acknowledged < NEVER && sent.acknowledged < self.ending
    }

    /// Of a message that was published between these moments.
    fn may(self, first: Moment, last: Moment) -> bool {
        first < self.ended && self.asked < last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> (Ledger, Receipts) {
        let ledger = Ledger::new(vec![Stream::new("t/a".into(), QoS::ExactlyOnce)]);
        let mut receipts = Receipts::new("client", QoS::ExactlyOnce, false, vec![true]);
        receipts.asks(10);
        receipts.begins(20);
        (ledger, receipts)
    }

    fn judged(ledger: &Ledger, receipts: &Receipts) -> [usize; 4] {
        let mut verdict = Verdict::default();
        receipts.judge(ledger.streams(), &mut verdict);
        let Verdict { lost, out_of_order, twice, faults, .. } = verdict;
        [lost, out_of_order, twice, faults].map(|list| list.len())
    }

    fn come(receipts: &mut Receipts, ledger: &Ledger, number: usize) {
        let (topic, payload) = ("t/a".into(), Label { stream: 0, number }.payload(0));
        let (qos, dup, retain, packet_id) = (QoS::ExactlyOnce, false, false, 1);
        receipts.take(&Message { topic, payload, qos, dup, retain, packet_id }, ledger);
    }

    #[test]
    fn what_was_acknowledged_in_the_time_of_a_subscription_must_come() {
        let (ledger, mut receipts) = scene();
        let stream = ledger.stream(0);
        for first in [15, 30, 31, 60] {
            stream.send(first, 0);
        }
        // Before, within, at the end, never.
        stream.acknowledge(0, 25);
        stream.acknowledge(1, 35);
        receipts.asks_to_end(40);
        stream.acknowledge(2, 45);
        receipts.ends(50);
        assert_eq!(judged(&ledger, &receipts), [1, 0, 0, 0]);
        come(&mut receipts, &ledger, 1);
        assert_eq!(judged(&ledger, &receipts), [0, 0, 0, 0]);
        come(&mut receipts, &ledger, 3);
        assert_eq!(judged(&ledger, &receipts), [0, 0, 0, 1], "after UNSUBACK");
    }

    #[test]
    fn what_comes_twice_or_late_or_from_nowhere_is_told() {
        let (ledger, mut receipts) = scene();
        (30..33).for_each(|first| _ = ledger.stream(0).send(first, 0));
        come(&mut receipts, &ledger, 0);
        come(&mut receipts, &ledger, 2);
        assert_eq!(judged(&ledger, &receipts), [0, 0, 0, 0]);
        come(&mut receipts, &ledger, 1);
        come(&mut receipts, &ledger, 2);
        come(&mut receipts, &ledger, 3);
        assert_eq!(judged(&ledger, &receipts), [0, 1, 1, 1]);
    }
}
