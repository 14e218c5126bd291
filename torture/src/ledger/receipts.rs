//! What has come to one client, or to a group that shares a subscription.

use mqtt::QoS;

use super::verdict::Verdict;
use super::{Label, Moment, NEVER, Sent, Stream};

pub(crate) struct Receipts {
    name: String,
    qos: QoS,
    /// Its members take turns, so that nothing is said about the order.
    is_group: bool,
    /// Of each stream: whether its messages are to come.
    wanted: Vec<bool>,
    subscribed: Vec<Interval>,
    /// Of each stream, of each message: how often it has come.
    times: Vec<Vec<u8>>,
    strange: Vec<String>,
    out_of_order: Vec<String>,
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
        let times = vec![Vec::new(); wanted.len()];
        let (subscribed, strange, out_of_order) = Default::default();
        let name = name.to_owned();
        Receipts { name, qos, is_group, wanted, subscribed, times, strange, out_of_order }
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
    pub(crate) fn take(&mut self, topic: &str, payload: &[u8], streams: &[Stream]) {
        let label = Label::of(payload).filter(|label| {
            let stream = streams.get(label.stream);
            stream.is_some_and(|stream| {
                stream.topic == topic && stream.get(label.number).is_some()
            })
        });
        let Some(label) = label.filter(|label| self.wanted[label.stream]) else {
            let payload = String::from_utf8_lossy(&payload[..payload.len().min(40)]);
            self.strange.push(format!("{}: {payload:?} on {topic}", self.name));
            return;
        };
        let times = &mut self.times[label.stream];
        if times.len() <= label.number {
            times.resize(label.number + 1, 0);
        } else if times[label.number] == 0 && !self.is_group {
            self.note_late(label, &streams[label.stream]);
        }
        let times = &mut self.times[label.stream][label.number];
        *times = times.saturating_add(1);
    }

    /// A later one has come before. What was sent before the subscription may come so if it is sent again.
    fn note_late(&mut self, label: Label, stream: &Stream) {
        let first = stream.get(label.number).map_or(0, |sent| sent.first);
        let begun = self.subscribed.last().map_or(NEVER, |last| last.begun);
        if first > begun {
            let after = self.times[label.stream].len() - 1;
            let Label { number, .. } = label;
            self.out_of_order.push(format!("{}: {} {number} after {after}", self.name, stream.topic));
        }
    }

    pub(super) fn judge(&self, streams: &[Stream], verdict: &mut Verdict) {
        verdict.faults.extend(self.strange.iter().cloned());
        verdict.out_of_order.extend(self.out_of_order.iter().cloned());
        for (index, stream) in streams.iter().enumerate().filter(|(index, _)| self.wanted[*index]) {
            for (number, sent) in stream.all().into_iter().enumerate() {
                let times = self.times[index].get(number).copied().unwrap_or(0);
                let what = || format!("{}: {} {number} {sent:?}", self.name, stream.topic);
                self.judge_one(sent, times, stream.qos, what, verdict);
            }
        }
    }

    fn judge_one(
        &self,
        sent: Sent,
        times: u8,
        qos: QoS,
        what: impl Fn() -> String,
        verdict: &mut Verdict,
    ) {
        verdict.delivered += usize::from(times > 0);
        if times == 0 {
            if self.subscribed.iter().any(|interval| interval.must(sent)) {
                verdict.lost.push(what());
            }
            return;
        }
        if !self.subscribed.iter().any(|interval| interval.may(sent)) {
            verdict.faults.push(format!("came without a subscription: {}", what()));
        }
        if qos.min(self.qos) == QoS::ExactlyOnce && times > 1 {
            verdict.twice.push(what());
        } else {
            verdict.again += usize::from(times - 1);
        }
    }
}

impl Interval {
    fn must(self, sent: Sent) -> bool {
        self.begun < sent.first && sent.acknowledged < NEVER && sent.acknowledged < self.ending
    }

    fn may(self, sent: Sent) -> bool {
        sent.first < self.ended && self.asked < sent.acknowledged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> (Vec<Stream>, Receipts) {
        let streams = vec![Stream::new("t/a".into(), QoS::ExactlyOnce, false)];
        let mut receipts = Receipts::new("client", QoS::ExactlyOnce, false, vec![true]);
        receipts.asks(10);
        receipts.begins(20);
        (streams, receipts)
    }

    fn judged(streams: &[Stream], receipts: &Receipts) -> [usize; 4] {
        let mut verdict = Verdict::default();
        receipts.judge(streams, &mut verdict);
        let Verdict { lost, out_of_order, twice, faults, .. } = verdict;
        [lost, out_of_order, twice, faults].map(|list| list.len())
    }

    fn come(receipts: &mut Receipts, streams: &[Stream], number: usize) {
        receipts.take("t/a", &Label { stream: 0, number }.payload(0), streams);
    }

    #[test]
    fn what_was_acknowledged_in_the_time_of_a_subscription_must_come() {
        let (streams, mut receipts) = scene();
        for first in [15, 30, 31, 60] {
            streams[0].send(first);
        }
        // Before, within, at the end, never.
        streams[0].acknowledge(0, 25);
        streams[0].acknowledge(1, 35);
        receipts.asks_to_end(40);
        streams[0].acknowledge(2, 45);
        receipts.ends(50);
        assert_eq!(judged(&streams, &receipts), [1, 0, 0, 0]);
        come(&mut receipts, &streams, 1);
        assert_eq!(judged(&streams, &receipts), [0, 0, 0, 0]);
        come(&mut receipts, &streams, 3);
        assert_eq!(judged(&streams, &receipts), [0, 0, 0, 1], "after UNSUBACK");
    }

    #[test]
    fn what_comes_twice_or_late_or_from_nowhere_is_told() {
        let (streams, mut receipts) = scene();
        (30..33).for_each(|first| _ = streams[0].send(first));
        come(&mut receipts, &streams, 0);
        come(&mut receipts, &streams, 2);
        assert_eq!(judged(&streams, &receipts), [0, 0, 0, 0]);
        come(&mut receipts, &streams, 1);
        come(&mut receipts, &streams, 2);
        come(&mut receipts, &streams, 3);
        assert_eq!(judged(&streams, &receipts), [0, 1, 1, 1]);
    }
}
