//! A PUBLISH from the client: the plugins' say, the QoS handshake, and its way into a run.

use std::task::Context;

use mqtt::delivery::Arrival;
use mqtt::{Ack, Frame, Packet, PacketType, Publish, QoS, ReasonCode, RefusedPublish};
use mqtt::{Untold, Version, Violation};

use super::{Connection, End, Stage, why};
use crate::config::Acknowledge;
use crate::hooks::{Asking, Edits, Incoming, Progress, Publication, Refusal, Verdict};
use crate::router::{Item, Provenance, Run};
use crate::shard::Shard;

/// What the plugins have made of a PUBLISH.
enum Asked {
    /// It is to be taken as it is.
    Take,
    /// It is to be taken as it has become.
    Edited(Box<Edits>),
    /// It is answered, or it waits.
    Done,
}

/// A run that is looked at no further.
const SHORT_RUN: usize = 8;
/// Messages of a run, times those that get it.
const DELIVERED_AT_ONCE: usize = 64 * 1024;

impl Connection {
    /// Takes the PUBLISH that stands in `data` at `start` into the run; one to another topic ends
    /// the run first. `topic`: that of the PUBLISH before, and afterwards of this one.
    pub(super) fn on_publish<'a>(
        &mut self,
        shard: &mut Shard,
        cx: &Context<'_>,
        data: &[u8],
        start: usize,
        frame: Frame<'a>,
        topic: &mut &'a str,
    ) -> Result<(), End> {
        let Stage::Connected(client) = &mut *self.stage else { return Ok(()) };
        let publish = Publish::decode_after(frame, client.version, topic)?;
        *topic = publish.topic;
        self.check_properties(publish.properties)?;
        // [MQTT-3.3.2-7]
        if let Some(alias) = publish.check_from_client(self.broker.limits.topic_alias_maximum)? {
            return self.on_aliased(shard, cx, data, &publish, alias);
        }
        if shard.batch.is_written_out() {
            self.end_run(shard, data);
        }
        let item = Item::new(&publish, start, start + frame.bytes().len(), frame.header_len());
        match self.collect(shard, cx, data, &publish, item)? {
            None => Ok(()),
            Some(edits) => self.collect_edited(shard, data, &publish, &edits),
        }
    }

    /// Takes a PUBLISH into the run; `data` is where its packet stands, and the run before it. If plugins
    /// have changed it, it is not taken, and what they have changed is returned.
    pub(super) fn collect(
        &mut self,
        shard: &mut Shard,
        cx: &Context<'_>,
        data: &[u8],
        publish: &Publish<'_>,
        item: Item,
    ) -> Result<Option<Box<Edits>>, End> {
        // What is acknowledged and waits for a plugin has begun, and is not answered again.
        let is_answered = self.acknowledges_early() && self.waiting.is_some();
        // What plugins are asked about already is gone on with.
        if self.broker.overload.disk_is_short()
            && self.waiting.is_none()
            && self.has_no_space(shard, cx, publish)?
        {
            return Ok(None);
        }
        if publish.qos == QoS::ExactlyOnce
            && !is_answered
            && !self.begin_exactly_once(shard, publish.packet_id)?
        {
            return Ok(None);
        }
        if !self.broker.accepts_payload(publish.properties, publish.payload) {
            let refusal = why::publish_refused(ReasonCode::PayloadFormatInvalid);
            self.refuse_publish(shard, publish, &refusal)?;
            return Ok(None);
        }
        if !continues_run(shard, data, publish.topic) {
            self.end_run(shard, data);
            if !self.broker.accepts_topic(publish.topic) {
                let refusal = why::publish_refused(ReasonCode::TopicNameInvalid);
                self.refuse_publish(shard, publish, &refusal)?;
                return Ok(None);
            }
        }
        if self.acknowledges_early() && !is_answered {
            self.acknowledge(shard, publish);
        }
        if shard.hooks.watches_messages() || self.waiting.is_some() {
            match self.ask_plugins(shard, cx, publish)? {
                Asked::Take => {}
                Asked::Edited(edits) => return Ok(Some(edits)),
                Asked::Done => return Ok(None),
            }
        }
        self.take(shard, publish, publish, item);
        Ok(None)
    }

    /// Takes a PUBLISH into the run that has passed the plugins, as `message`, and answers it.
    pub(super) fn take(
        &mut self,
        shard: &mut Shard,
        publish: &Publish<'_>,
        message: &Publish<'_>,
        item: Item,
    ) {
        // [MQTT-3.3.1-8]
        let is_kept = !message.retain || self.retain(shard, message);
        // How far a delivery at QoS 2 is must be known after a crash on both sides, or the identifier would be
        // used again for something that its receiver takes for the same.
        let is_exact = publish.qos.max(message.qos) == QoS::ExactlyOnce;
        shard.batch.run.push(Item { is_kept: is_exact || (item.is_kept && self.keeps), ..item });
        if self.acknowledges_early() {
            return;
        }
        if is_kept || publish.qos != QoS::AtLeastOnce {
            self.acknowledge(shard, publish);
        } else {
            // Subscribers get it all the same. At QoS 2 a refusal would say that they do not, and a
            // client that then sends it again would double it.
            let _ =
                self.say_refused(shard, publish, &why::NOT_RETAINED, RefusedPublish::Acknowledge);
        }
    }

    fn retain(&self, shard: &mut Shard, publish: &Publish<'_>) -> bool {
        let Stage::Connected(client) = &*self.stage else { return false };
        self.broker.retain(shard, publish, &client.session.client_id)
    }

    /// Delivers what has been collected if so many take it that more must not come at once.
    pub(super) fn end_wide_run(&mut self, shard: &mut Shard, data: &[u8]) {
        let len = shard.batch.run.len();
        if len < SHORT_RUN || !len.is_power_of_two() || !shard.outgoing.journal.is_on() {
            return;
        }
        let data_of_run = if shard.batch.plain.is_empty() { data } else { &*shard.batch.plain };
        let topic = run_topic(data_of_run, &shard.batch.run).unwrap_or_default();
        let Ok(topic) = std::str::from_utf8(topic) else { return };
        let matched = shard.cache.matched(&self.broker.router, topic);
        if matched.len() * len > DELIVERED_AT_ONCE {
            self.end_run(shard, data);
        }
    }

    /// Delivers what has been collected; `data` are the bytes that were read.
    pub(super) fn end_run(&mut self, shard: &mut Shard, data: &[u8]) {
        if shard.batch.run.is_empty() {
            return;
        }
        let Stage::Connected(client) = &*self.stage else { return };
        let items = std::mem::take(&mut shard.batch.run);
        let plain = std::mem::take(&mut shard.batch.plain);
        let original = std::mem::take(&mut shard.batch.original_topic);
        let (data, version) =
            if plain.is_empty() { (data, client.version) } else { (&*plain, Version::INSIDE) };
        // Checked when the packet was decoded.
        let topic = run_topic(data, &items).and_then(|topic| std::str::from_utf8(topic).ok());
        let run = Run {
            data,
            topic: topic.unwrap_or_default(),
            items: &items,
            version,
            publisher: Some(&client.session),
            provenance: Provenance {
                original_topic: (!original.is_empty()).then_some(&*original),
                ..Provenance::CLIENT
            },
            now: shard.second(),
        };
        let facts = client.facts(&self.endpoint);
        let crowded = self.broker.route(shard, &run, &facts);
        if crowded.is_some() {
            shard.batch.crowded = crowded;
        }
        shard.batch.run = items;
        shard.batch.plain = plain;
        shard.batch.original_topic = original;
        shard.batch.clear_run();
    }

    /// Whether a message that would have to be kept is not taken, for the disk has too little space. Who
    /// cannot be told waits: an acknowledgement would be a lie, and a client that is disconnected comes
    /// again with the same message.
    #[cold]
    fn has_no_space(
        &mut self,
        shard: &mut Shard,
        cx: &Context<'_>,
        publish: &Publish<'_>,
    ) -> Result<bool, End> {
        let Stage::Connected(client) = &mut *self.stage else { return Ok(false) };
        let is_known =
            publish.qos == QoS::ExactlyOnce && client.kept.inbound().contains(publish.packet_id);
        let is_unkept = publish.qos == QoS::AtLeastOnce && !self.keeps;
        if publish.qos == QoS::AtMostOnce
            || is_known
            || is_unkept
            || !shard.outgoing.journal.is_on()
        {
            return Ok(false);
        }
        let matched = shard.cache.matched(&self.broker.router, publish.topic);
        if !matched.has_one_to_keep_for() {
            return Ok(false);
        }
        match self.say_refused(shard, publish, &why::NO_SPACE, RefusedPublish::Close) {
            Err(Untold::Close) if self.broker.refused_publish == RefusedPublish::Close => {
                Err(End::PublishRefused(why::NO_SPACE.reason))
            }
            Err(Untold::Close) => {
                let waits = self.broker.overload.waits_for_disk(cx.waker());
                if waits {
                    self.halt_at_packet();
                }
                Ok(waits)
            }
            Ok(()) | Err(Untold::TooLarge) => Ok(true),
        }
    }

    /// Notes a QoS 2 message. Returns whether it is new; one sent again is only acknowledged again.
    /// [MQTT-4.3.3-10]
    fn begin_exactly_once(&mut self, shard: &mut Shard, packet_id: u16) -> Result<bool, End> {
        let Stage::Connected(client) = &mut *self.stage else { return Ok(false) };
        // At QoS 1 nothing is left unanswered when the next is looked at: what a read brings is
        // answered before there is another, and how TCP cuts the stream is not the client's doing.
        let inbound = client.kept.inbound();
        if !inbound.contains(packet_id) && inbound.open() >= usize::from(client.receive_quota) {
            return Err(Violation::ReceiveMaximumExceeded.into()); // [MQTT-3.3.4-7]
        }
        match inbound.publish(packet_id) {
            Arrival::New => {
                client.note_begun(shard, packet_id);
                Ok(true)
            }
            Arrival::Duplicate => {
                let received = Ack::new(packet_id, ReasonCode::Success);
                received.encode(PacketType::PubRec, client.version, &mut shard.batch.replies);
                Ok(false)
            }
        }
    }

    /// Shows the message to the plugins.
    #[inline]
    fn ask_plugins(
        &mut self,
        shard: &mut Shard,
        cx: &Context<'_>,
        publish: &Publish<'_>,
    ) -> Result<Asked, End> {
        let progress = match self.waiting.take() {
            Some(waiting) => Some(waiting.progress),
            None => {
                let Stage::Connected(client) = &*self.stage else { return Ok(Asked::Done) };
                let (client_id, endpoint) = (&*client.session.client_id, &*self.endpoint);
                let message = Incoming { client_id, endpoint, publish };
                shard.hooks.on_incoming(message, &self.broker.limits, cx.waker())
            }
        };
        match progress {
            None => Ok(Asked::Take),
            Some(progress) => self.settle(shard, cx, publish, progress),
        }
    }

    /// Acts on what plugins have said about the message, and asks those that are still to be asked.
    #[cold]
    fn settle(
        &mut self,
        shard: &mut Shard,
        cx: &Context<'_>,
        publish: &Publish<'_>,
        progress: Box<Progress>,
    ) -> Result<Asked, End> {
        let Stage::Connected(client) = &*self.stage else { return Ok(Asked::Done) };
        let facts = client.facts(&self.endpoint);
        let publication = Publication::by_client(publish);
        let mut asking = Asking::waiting(&self.broker.limits, cx.waker(), Some(progress));
        let decision = shard.hooks.on_before_publish(&facts, &publication, &mut asking);
        let progress = asking.progress;
        self.throttle.ask(decision.throttle);
        match decision.verdict {
            Verdict::Continue => return Ok(decision.edits.map_or(Asked::Take, Asked::Edited)),
            // The client gets the normal acknowledgement.
            Verdict::Veto if self.acknowledges_early() => {}
            Verdict::Veto => self.acknowledge(shard, publish),
            Verdict::Refuse(refusal) => {
                // PUBREC knows the same reason codes.
                let refusal = refusal.told_in(PacketType::PubAck);
                self.refuse_asked(shard, publish, &refusal)?;
            }
            Verdict::Pending => {
                // If the connection ends first, the client sends it again, and it is new.
                let is_begun = self.acknowledges_early() && publish.qos == QoS::ExactlyOnce;
                if !is_begun {
                    self.release(shard, publish);
                }
                self.wait(shard, progress);
                if let Some(waiting) = &mut self.waiting {
                    waiting.begun = is_begun.then_some(publish.packet_id);
                }
            }
        }
        Ok(Asked::Done)
    }

    /// Forgets a QoS 2 message that has been begun.
    fn release(&mut self, shard: &mut Shard, publish: &Publish<'_>) {
        if publish.qos == QoS::ExactlyOnce {
            self.release_begun(shard, publish.packet_id);
        }
    }

    /// The same, by its identifier.
    pub(super) fn release_begun(&mut self, shard: &mut Shard, packet_id: u16) {
        let Stage::Connected(client) = &mut *self.stage else { return };
        if client.kept.release(packet_id) {
            client.note_released(shard, packet_id);
        }
    }

    /// Answers a PUBLISH at QoS 1 or 2; leaves with the batch, after the routing of its run.
    /// [MQTT-2.2.1-5] [MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.2-5] [MQTT-4.3.3-8]
    #[inline]
    fn acknowledge(&self, shard: &mut Shard, publish: &Publish<'_>) {
        let Stage::Connected(client) = &*self.stage else { return };
        let packet_type = match publish.qos {
            QoS::AtMostOnce => return,
            QoS::AtLeastOnce => PacketType::PubAck,
            QoS::ExactlyOnce => PacketType::PubRec,
        };
        // No client takes packets so small that this one does not fit.
        let ack = Ack::new(publish.packet_id, ReasonCode::Success);
        ack.encode(packet_type, client.version, &mut shard.batch.replies);
    }

    /// Whether it says that it takes what plugins are still to be asked about.
    #[inline]
    fn acknowledges_early(&self) -> bool {
        self.broker.acknowledge == Acknowledge::BeforeHooks
    }

    /// Answers a PUBLISH that plugins have been asked about and that goes nowhere, unless it is answered.
    #[cold]
    pub(super) fn refuse_asked(
        &mut self,
        shard: &mut Shard,
        publish: &Publish<'_>,
        refusal: &Refusal,
    ) -> Result<(), End> {
        if self.acknowledges_early() {
            return Ok(());
        }
        self.refuse_publish(shard, publish, refusal)
    }

    /// Answers a PUBLISH that goes nowhere. [MQTT3-3.3.5-2]
    #[cold]
    pub(super) fn refuse_publish(
        &mut self,
        shard: &mut Shard,
        publish: &Publish<'_>,
        refusal: &Refusal,
    ) -> Result<(), End> {
        let choice = self.broker.refused_publish;
        match self.say_refused(shard, publish, refusal, choice) {
            Err(Untold::Close) => Err(End::PublishRefused(refusal.reason)),
            // Without a reason string none is larger than the smallest CONNACK.
            Ok(()) | Err(Untold::TooLarge) => Ok(()),
        }
    }

    /// PUBACK or PUBREC with an error. The latter ends the delivery. [MQTT-4.3.3-9]
    fn say_refused(
        &mut self,
        shard: &mut Shard,
        publish: &Publish<'_>,
        refusal: &Refusal,
        choice: RefusedPublish,
    ) -> Result<(), Untold> {
        self.release(shard, publish);
        let Stage::Connected(client) = &mut *self.stage else { return Ok(()) };
        let why = why::reason_string(refusal.why.as_deref());
        let properties = why.as_properties();
        let ack = Ack { packet_id: publish.packet_id, reason: refusal.reason, properties };
        let packet = match publish.qos {
            QoS::AtMostOnce => return Ok(()),
            QoS::AtLeastOnce => Packet::PubAck(ack),
            QoS::ExactlyOnce => Packet::PubRec(ack),
        };
        client.recipient.write_with(packet, choice, &mut shard.batch.replies)
    }
}

fn continues_run(shard: &Shard, data: &[u8], topic: &str) -> bool {
    run_topic(data, &shard.batch.run).is_some_and(|current| current == topic.as_bytes())
}

/// The topic of the first PUBLISH of a run, as it stands in the bytes read.
fn run_topic<'a>(data: &'a [u8], run: &[Item]) -> Option<&'a [u8]> {
    let layout = run.first()?.layout;
    let start = layout.topic_start as usize;
    data.get(start..start + usize::from(layout.topic_len))
}
