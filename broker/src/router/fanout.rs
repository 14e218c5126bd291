//! Delivery of a run to its receivers, receiver by receiver.

use std::borrow::Cow;
use std::sync::Arc;

use mqtt::QoS;
use smallvec::SmallVec;

use super::run::{Item, Messages, Run, Verbatim};
use super::whom::Whom;
use super::{Matched, Router, Share, Target};
use crate::hooks::{Deliveries, Offer, Ruling, Rulings};
use crate::session::{DropCause, Layout, Outbox, QueueLimits, RetainFlag, SHARE_ABOVE, Session};
use crate::shard::Outgoing;

/// The subscribers of a topic, as they were at some generation of the router.
pub(crate) struct Receivers<'a> {
    pub(crate) matched: &'a Matched,
    pub(crate) generation: u64,
    pub(crate) router: &'a Router,
}

/// Hands a run to all receivers. Returns one that has more than it can take, if there is one: the
/// publisher should wait for it.
pub(crate) fn deliver(
    run: &Run<'_>,
    receivers: &Receivers<'_>,
    deliveries: Option<&Deliveries<'_>>,
    outgoing: &mut Outgoing,
) -> Option<Arc<Session>> {
    let mut fanout = Fanout::new(run, receivers.generation, deliveries, outgoing);
    for target in &receivers.matched.targets {
        fanout.reach(target, || receivers.router.target(run.topic, &target.session));
    }
    let mut crowded = fanout.crowded.take();
    drop(fanout);
    for share in &receivers.matched.shares {
        crowded =
            deliver_shared(run, share, receivers.generation, deliveries, outgoing).or(crowded);
    }
    crowded
}

/// Hands a run to one session, whatever it is subscribed to.
pub(crate) fn deliver_to(
    run: &Run<'_>,
    target: &Target,
    deliveries: Option<&Deliveries<'_>>,
    outgoing: &mut Outgoing,
) -> Option<Arc<Session>> {
    // Later than all of its unsubscriptions, which do not matter.
    let mut fanout = Fanout::new(run, u64::MAX, deliveries, outgoing);
    fanout.reach(target, || Some(target.clone()));
    fanout.crowded
}

/// Hands each message of a run to one member, and neighbours to the same one, so that a long run
/// costs a lock per member.
fn deliver_shared(
    run: &Run<'_>,
    share: &Share,
    generation: u64,
    deliveries: Option<&Deliveries<'_>>,
    outgoing: &mut Outgoing,
) -> Option<Arc<Session>> {
    let members = share.members();
    let each = run.items.len().div_ceil(members.len().max(1));
    let mut crowded = None;
    for items in run.items.chunks(each.max(1)) {
        let part = Run { items, ..*run };
        let mut fanout = Fanout::new(&part, generation, deliveries, outgoing);
        fanout.reach_one(share, &members);
        crowded = fanout.crowded.or(crowded);
    }
    crowded
}

/// A run on its way to one receiver after the other.
struct Fanout<'a> {
    run: &'a Run<'a>,
    /// What the subscriptions were looked up at.
    generation: u64,
    /// Where plugins are asked.
    deliveries: Option<&'a Deliveries<'a>>,
    /// What they are asked about, as it was published. Without them there is none.
    offers: SmallVec<[Offer<'a>; 4]>,
    /// About the receiver whose turn it is.
    rulings: Rulings,
    outgoing: &'a mut Outgoing,
    limits: QueueLimits,
    verbatim: Option<Verbatim<'a>>,
    largest: usize,
    messages: Messages<'a>,
    crowded: Option<Arc<Session>>,
}

impl<'a> Fanout<'a> {
    fn new(
        run: &'a Run<'a>,
        generation: u64,
        deliveries: Option<&'a Deliveries<'a>>,
        outgoing: &'a mut Outgoing,
    ) -> Fanout<'a> {
        let offered = if deliveries.is_some() { run.items } else { &[] };
        Fanout {
            run,
            generation,
            deliveries,
            offers: offered.iter().map(|item| run.offer(item)).collect(),
            rulings: Rulings::default(),
            limits: outgoing.limits,
            outgoing,
            verbatim: run.verbatim(),
            largest: run.largest(),
            messages: Messages::new(run),
            crowded: None,
        }
    }

    /// Reaches one of the members; if it goes meanwhile, another.
    fn reach_one(&mut self, share: &Share, members: &[Target]) {
        let Some(member) = share.next(members, &self.limits) else { return };
        if !self.reach(member, || share.member(&member.session)) {
            let others =
                members.iter().filter(|other| !Arc::ptr_eq(&other.session, &member.session));
            self.reach_one(share, &others.cloned().collect::<Vec<_>>());
        }
    }

    /// In the order of the run, under the lock of the receiver. `look_up` finds out whether it is
    /// still subscribed. `false`: it is not, or its session has ended. [MQTT-4.5.0-1] [MQTT-4.6.0-5]
    /// [MQTT-4.6.0-6]
    fn reach(&mut self, target: &Target, look_up: impl Fn() -> Option<Target>) -> bool {
        let run = self.run;
        let is_publisher = run.publisher.is_some_and(|own| Arc::ptr_eq(own, &target.session));
        // [MQTT-3.8.3-3]
        if target.no_local && is_publisher {
            return true;
        }
        if let Some(deliveries) = self.deliveries
            && !self.ask(deliveries, target, &look_up)
        {
            return false;
        }
        let mut outbox = target.session.outbox.lock();
        let Some(target) = still_subscribed(&outbox, target, self.generation, look_up) else {
            return false;
        };
        let target = &*target;
        outbox.watch(self.outgoing.watched);
        let Some(link) = outbox.link() else {
            let rulings = &self.rulings;
            keep(&mut outbox, target, &mut self.messages, run, rulings, &self.limits);
            self.outgoing.collect(&target.session, &mut outbox);
            return true;
        };
        let takes_verbatim = link.version == run.version
            && self.largest <= SHARE_ABOVE
            && self.largest <= link.max_packet as usize
            && link.takes_topics_as_they_are()
            && target.matched_by.as_ref().is_none_or(|by| by.identifiers().is_empty());
        outbox.lend_buffer(&mut self.outgoing.pool);
        let takes_verbatim = takes_verbatim && self.rulings.is_empty();
        match self.verbatim.filter(|verbatim| takes_verbatim && verbatim.qos <= target.qos) {
            Some(Verbatim { qos: QoS::AtMostOnce, bytes }) if outbox.takes_qos0(&self.limits) => {
                if outbox.watched().any() {
                    append_each(&mut outbox, target, &mut self.messages, run);
                } else {
                    outbox.append(bytes);
                }
            }
            Some(Verbatim { qos, .. }) if qos > QoS::AtMostOnce => {
                self.send_in_flight(&mut outbox, target, qos);
            }
            _ => {
                let rulings = &self.rulings;
                send_each(&mut outbox, target, &mut self.messages, run, rulings, &self.limits);
            }
        }
        // Who publishes to itself is stopped by what it has to take, see `ConnectedClient::is_behind`.
        if !is_publisher && outbox.is_crowded(&self.limits) {
            self.crowded = Some(target.session.clone());
        }
        self.outgoing.mark(&target.session, outbox);
        true
    }

    /// Asks the plugins about the run for one receiver, whose lock is not held meanwhile. `false`: it
    /// has gone, and there is nothing to ask.
    fn ask(
        &mut self,
        deliveries: &Deliveries<'_>,
        target: &Target,
        look_up: &impl Fn() -> Option<Target>,
    ) -> bool {
        let outbox = target.session.outbox.lock();
        let Some(target) = still_subscribed(&outbox, target, self.generation, look_up) else {
            return false;
        };
        let whom = Whom::of(&outbox);
        drop(outbox);
        let offers = self.offers.iter().map(|offer| Offer {
            qos: offer.qos.min(target.qos),
            retain: offer.retain && target.retain_as_published,
            ..*offer
        });
        deliveries.ask(&whom.receiver(&target), &offers, &mut self.rulings);
        true
    }

    /// At QoS 1 or 2: the packets as they stand, as far as the window is free; the other messages
    /// wait.
    fn send_in_flight(&mut self, outbox: &mut Outbox, target: &Target, qos: QoS) {
        let bytes = self.run.bytes().map_or(0, <[u8]>::len);
        let count = outbox.room(bytes).min(self.run.items.len());
        if let Some(packets) = self.run.first_packets(count) {
            outbox.send_ready(packets, self.messages.ready(count, target, qos));
        }
        let rest = self.run.items.get(count..).unwrap_or_default();
        if !rest.is_empty() {
            let run = &Run { items: rest, ..*self.run };
            let rulings = &self.rulings;
            send_each(outbox, target, &mut self.messages, run, rulings, &self.limits);
        }
    }
}

/// The subscription as it is now; `None`: it is gone, or its session has ended.
fn still_subscribed<'t>(
    outbox: &Outbox,
    target: &'t Target,
    generation: u64,
    look_up: impl Fn() -> Option<Target>,
) -> Option<Cow<'t, Target>> {
    if outbox.has_ended() {
        return None;
    }
    if outbox.expects_after(generation) {
        // It has unsubscribed from something since. [MQTT-3.10.4-2]
        return look_up().map(Cow::Owned);
    }
    Some(Cow::Borrowed(target))
}

/// The packets as they stand, each with a mark where it ends.
fn append_each(outbox: &mut Outbox, target: &Target, messages: &mut Messages<'_>, run: &Run<'_>) {
    for item in run.items {
        let Layout { start, end, .. } = item.layout;
        outbox.append(run.data.get(start as usize..end as usize).unwrap_or_default());
        outbox.mark(|| messages.shared(item, target, QoS::AtMostOnce, RetainFlag::Clear));
    }
}

fn send_each(
    outbox: &mut Outbox,
    target: &Target,
    messages: &mut Messages<'_>,
    run: &Run<'_>,
    rulings: &Rulings,
    limits: &QueueLimits,
) {
    for (index, item) in run.items.iter().enumerate() {
        let qos = item.qos.min(target.qos); // [MQTT-3.8.4-8] [MQTT-4.8.2-3]
        // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
        let retain = RetainFlag::new(item.retain, target.retain_as_published);
        match rulings.of(index) {
            Ruling::Allowed => {}
            Ruling::Vetoed => {
                outbox
                    .drop_message(DropCause::Vetoed, || messages.shared(item, target, qos, retain));
                continue;
            }
            Ruling::Edited(edited) => {
                let message = edited.apply(&messages.shared(item, target, qos, retain));
                outbox.send(message, run.now, limits);
                continue;
            }
        }
        if !fits(outbox, target, run, item, qos) {
            outbox.drop_message(DropCause::TooLarge, || messages.shared(item, target, qos, retain));
            continue;
        }
        if qos > QoS::AtMostOnce {
            outbox.send_acknowledged(messages.shared(item, target, qos, retain), run.now, limits);
        } else if item.payload_len() > SHARE_ABOVE {
            outbox.send_qos0(&messages.shared(item, target, qos, retain), run.now, limits);
        } else if outbox.takes_qos0(limits) {
            let mut publish = run.publish(item);
            publish.retain = retain == RetainFlag::Shown;
            outbox.append_publish(publish, target.additions());
            outbox.mark(|| messages.shared(item, target, qos, retain));
        } else {
            outbox.drop_message(limits.cause_at_qos0(), || {
                messages.shared(item, target, qos, retain)
            });
        }
    }
}

/// Whether the packet is not larger than the client takes. [MQTT-3.1.2-24] [MQTT-3.1.2-25]
fn fits(outbox: &Outbox, target: &Target, run: &Run<'_>, item: &Item, qos: QoS) -> bool {
    let Some(link) = outbox.link() else { return false };
    let additions = target.additions();
    let added = additions.subscription_identifiers.as_bytes().len();
    // A lowered or raised packet differs by less than this.
    if item.packet_len() + added + 16 <= link.max_packet as usize {
        return true;
    }
    let mut publish = run.publish(item);
    publish.qos = qos;
    publish.encoded_len_with(additions, link.version) <= link.max_packet as usize
}

/// For a client that is away. [MQTT3-3.1.2-5]
fn keep(
    outbox: &mut Outbox,
    target: &Target,
    messages: &mut Messages<'_>,
    run: &Run<'_>,
    rulings: &Rulings,
    limits: &QueueLimits,
) {
    for (index, item) in run.items.iter().enumerate() {
        let qos = item.qos.min(target.qos);
        let retain = RetainFlag::new(item.retain, target.retain_as_published);
        let mut make = || messages.compact(index, item, target, qos, retain);
        match rulings.of(index) {
            Ruling::Vetoed => outbox.drop_message(DropCause::Vetoed, make),
            Ruling::Allowed if qos == QoS::AtMostOnce && !limits.queue_qos0 => {
                outbox.pass_over(make);
            }
            Ruling::Allowed => outbox.keep(make(), limits),
            Ruling::Edited(edited) => outbox.keep(edited.apply(&make()), limits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::Provenance;

    use mqtt::{Properties, Publish, SubscriptionOptions, Version};

    use crate::session::MatchedBy;

    const FILTER: &str = "$share/g/t";

    fn member(router: &Router, client_id: &str) -> Arc<Session> {
        let session = Arc::new(Session::new(client_id.into(), 10));
        let options = SubscriptionOptions::new(QoS::AtLeastOnce);
        router.subscribe(FILTER, &session, options, MatchedBy::new(None, Some(FILTER)));
        session
    }

    /// Four messages for the members of a share as they were before `go` was called with one of them.
    fn check_all_go_to_the_other(go: impl Fn(&Router, &Session)) {
        let router = Router::default();
        let [goes, stays] = ["goes", "stays"].map(|client_id| member(&router, client_id));
        let matched = router.matched("t");
        let (generation, members) = (router.generation(), matched.shares[0].members());
        go(&router, &goes);
        let mut data = Vec::new();
        let publish = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            packet_id: 1,
            topic: "t",
            properties: Properties::EMPTY,
            payload: b"x",
        };
        publish.encode(Version::INSIDE, &mut data);
        let items = [Item::new(&publish, 0, data.len(), 2)];
        let version = Version::INSIDE;
        let run = Run {
            data: &data,
            topic: "t",
            items: &items,
            version,
            publisher: None,
            provenance: Provenance::CLIENT,
            now: 0,
        };
        let limits = QueueLimits { messages: 100, bytes: 10_000, ..QueueLimits::default() };
        let mut outgoing = Outgoing::default();
        outgoing.limits = limits;
        for _ in 0..4 {
            let mut fanout = Fanout::new(&run, generation, None, &mut outgoing);
            fanout.reach_one(&matched.shares[0], &members);
        }
        assert_eq!(stays.outbox.lock().end().len(), 4);
    }

    #[test]
    fn a_member_that_has_just_ended_is_passed_over() {
        check_all_go_to_the_other(|router, session| {
            router.unsubscribe_all([FILTER].into_iter(), session);
            session.outbox.lock().end();
        });
    }

    #[test]
    fn a_member_that_has_just_unsubscribed_is_passed_over() {
        check_all_go_to_the_other(|router, session| {
            let generation = router.unsubscribe(FILTER, session);
            session.outbox.lock().expect_generation(generation);
        });
    }

    #[test]
    fn what_an_absent_member_keeps_pins_nothing_else() {
        let router = Router::default();
        let away = member(&router, "away");
        let data: Vec<u8> = [&[0x32, 5, 0, 1, b't', 0, 1][..], &[0; 100_000]].concat();
        let publish = mqtt::split_frame(&data, u32::MAX).unwrap().unwrap();
        let publish = Publish::decode(publish, Version::V3_1_1).unwrap();
        let item = Item::new(&publish, 0, 7, 2);
        let run = Run {
            data: &data,
            topic: "t",
            items: &[item, Item { layout: Layout { end: 100_007, ..item.layout }, ..item }],
            version: Version::V3_1_1,
            publisher: None,
            provenance: Provenance::CLIENT,
            now: 0,
        };
        let target = router.matched("t").shares[0].members()[0].clone();
        let message =
            Messages::new(&run).shared(&item, &target, QoS::AtLeastOnce, RetainFlag::Clear);
        assert!(message.pinned() > 100_000);
        let limits = QueueLimits { messages: 100, bytes: 10_000, ..QueueLimits::default() };
        away.outbox.lock().keep(message, &limits);
        assert!(away.outbox.lock().end()[0].pinned() < 100);
    }
}
