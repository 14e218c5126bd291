//! The packets of one read, in their order; then the answers to all of them.

use std::task::Context;

use mqtt::{Ack, Disconnect, Frame, Packet, PacketType, Properties, ReasonCode, Violation};

use super::alias::WRITTEN_OUT_AT_ONCE;
use super::{Connection, End, Stage};
use crate::journal::Hold;
use crate::session::Acknowledgement;
use crate::shard::Shard;

/// Nodes of the tree of subscriptions that are looked at for a client before others have their turn: a
/// fraction of a millisecond. Subscriptions can be such that one publish to a new topic takes thousands.
const VISITED_AT_ONCE: usize = 8192;

/// Changes that are noted for the store before others have their turn, and the store has its say whether
/// there may be more.
const NOTED_AT_ONCE: usize = 64 * 1024;

impl Connection {
    /// Acts on the whole packets in `data` and returns how many bytes they are.
    pub(super) fn packets(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Result<usize, End> {
        let mut used = 0;
        shard.batch.written_out = 0;
        shard.batch.noted_before = shard.outgoing.journal.noted();
        shard.cache.forget_visited();
        let result = self.each_packet(shard, cx, data, &mut used);
        // What came before a bad packet counts.
        self.end_run(shard, data);
        self.answer(shard);
        result.map(|()| used)
    }

    fn each_packet(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
        data: &[u8],
        used: &mut usize,
    ) -> Result<(), End> {
        let mut topic = "";
        let is_short = self.is_short(shard);
        loop {
            let rest = data.get(*used..).unwrap_or_default();
            self.check_first_packet(rest)?;
            let Some(frame) = self.split_frame(rest)? else {
                return Ok(());
            };
            let len = frame.bytes().len();
            if is_short && self.halts_at(shard, cx, frame) {
                return Ok(());
            }
            match &mut *self.stage {
                Stage::Connected(_) if frame.packet_type() == PacketType::Publish => {
                    self.on_publish(shard, cx, data, *used, frame, &mut topic)?;
                    if self.waiting.is_some() || self.is_halted_at_packet() {
                        return Ok(());
                    }
                    self.end_wide_run(shard, data);
                    if shard.batch.written_out > WRITTEN_OUT_AT_ONCE
                        || shard.cache.visited() > VISITED_AT_ONCE
                        || shard.outgoing.journal.not_handed_over() > NOTED_AT_ONCE
                    {
                        *used += len;
                        self.halted = true;
                        return Ok(());
                    }
                }
                Stage::Connected(_) if frame.packet_type().is_ack() => {
                    self.end_run(shard, data);
                    self.on_ack(shard, frame)?;
                }
                Stage::Connected(_) => {
                    self.end_run(shard, data);
                    self.on_packet(shard, cx, frame)?;
                    if self.waiting.is_some() {
                        return Ok(());
                    }
                }
                Stage::Connecting(_) => {
                    self.on_connect(shard, cx, frame)?;
                    if self.is_claiming() || self.waiting.is_some() {
                        return Ok(());
                    }
                }
                Stage::Attaching(_) => {
                    self.attach_on(shard, cx)?;
                    if self.waiting.is_some() {
                        return Ok(());
                    }
                }
                Stage::Opened(_) | Stage::Lingering { .. } | Stage::Closed => return Ok(()),
            }
            *used += len;
            if self.throttle.is_asked() {
                self.begin_throttle(shard);
                self.halted = true;
                return Ok(());
            }
        }
    }

    /// What does not begin as a CONNECT is not waited for. [MQTT-3.1.0-1]
    fn check_first_packet(&self, data: &[u8]) -> Result<(), End> {
        match (&*self.stage, data.first()) {
            (Stage::Connecting(_), Some(first)) if self.awaits_auth() => {
                self.check_awaited(first >> 4)
            }
            (Stage::Connecting(_), Some(first)) if first >> 4 != PacketType::Connect as u8 => {
                Err(End::Unconnected(Violation::NotConnect))
            }
            _ => Ok(()),
        }
    }

    fn split_frame<'a>(&self, data: &'a [u8]) -> Result<Option<Frame<'a>>, End> {
        let max = self.broker.limits.max_packet_size;
        match &*self.stage {
            // [MQTT-3.2.2-15]
            Stage::Connected(client) => Ok(client.version.split_frame(data, max)?),
            // Little is granted to who has not said who it is.
            _ => mqtt::split_frame(data, max.min(64 * 1024))
                .map_err(|violation| self.refuse_malformed(data, violation)),
        }
    }

    /// A step in the delivery of a message, to the client or from it.
    #[inline]
    fn on_ack(&mut self, shard: &mut Shard, frame: Frame<'_>) -> Result<(), End> {
        let Stage::Connected(client) = &mut *self.stage else { return Ok(()) };
        let Ack { packet_id, reason, .. } = Ack::decode(frame, client.version)?;
        let acknowledgement = match frame.packet_type() {
            PacketType::PubAck => Acknowledgement::PubAck(packet_id, reason),
            PacketType::PubRec => Acknowledgement::PubRec(packet_id, reason),
            PacketType::PubComp => Acknowledgement::PubComp(packet_id),
            _ => {
                self.on_release(shard, packet_id);
                return Ok(());
            }
        };
        shard.batch.acknowledgements.push(acknowledgement);
        Ok(())
    }

    /// PUBREL. [MQTT-4.3.3-11]
    fn on_release(&mut self, shard: &mut Shard, packet_id: u16) {
        let Stage::Connected(client) = &mut *self.stage else { return };
        let reason = if client.kept.release(packet_id) {
            client.note_released(shard, packet_id);
            ReasonCode::Success
        } else {
            ReasonCode::PacketIdentifierNotFound
        };
        let complete = Ack::new(packet_id, reason);
        complete.encode(PacketType::PubComp, client.version, &mut shard.batch.replies);
    }

    /// All packets but PUBLISH and its acknowledgements.
    fn on_packet(
        &mut self,
        shard: &mut Shard,
        cx: &Context<'_>,
        frame: Frame<'_>,
    ) -> Result<(), End> {
        let Stage::Connected(client) = &mut *self.stage else { return Ok(()) };
        match mqtt::decode(frame, client.version)? {
            // [MQTT-3.12.4-1]
            Packet::PingReq => {
                // It keeps its place among the answers, unless these wait for the store.
                let journal = &shard.outgoing.journal;
                let waits =
                    journal.noted() > shard.batch.noted_before || !journal.has_let_go(self.unsaved);
                let batch = &mut shard.batch;
                let out = if waits { &mut batch.prompt } else { &mut batch.replies };
                Packet::PingResp.encode(client.version, out);
            }
            Packet::Subscribe(subscribe) => self.on_subscribe(shard, cx, &subscribe)?,
            Packet::Unsubscribe(unsubscribe) => self.on_unsubscribe(shard, cx, &unsubscribe)?,
            Packet::Disconnect(disconnect) => return Err(self.on_disconnect(&disconnect)),
            Packet::Auth(auth) => self.on_auth(shard, cx, &auth)?,
            // [MQTT-3.1.0-2] [MQTT-3.2.0-2]
            Packet::Connect(_) => return Err(Violation::SecondConnect.into()),
            other => return Err(Violation::UnexpectedPacket(other.kind()).into()),
        }
        Ok(())
    }

    /// Checks the limits of what plugins and other clients may be shown.
    #[inline]
    pub(super) fn check_properties(&self, properties: Properties<'_>) -> Result<(), End> {
        if self.broker.accepts_properties(properties) { Ok(()) } else { Err(End::UserProperties) }
    }

    fn on_disconnect(&mut self, disconnect: &Disconnect<'_>) -> End {
        let Stage::Connected(client) = &mut *self.stage else { return End::ClosedByClient };
        if let Some(expiry) = disconnect.properties.session_expiry() {
            // A session that was to end with the connection cannot be prolonged.
            if expiry > 0 && client.connected_without_expiry {
                return Violation::SessionExpiryRaised.into();
            }
            client.session_expiry = expiry.min(client.max_session_expiry);
        }
        if disconnect.reason == ReasonCode::Success {
            // [MQTT-3.1.2-10] [MQTT-3.14.4-3]
            client.will = None;
        }
        End::Disconnected(disconnect.reason)
    }

    /// Sends the answers to a read's packets in the order of these, and what the client's
    /// acknowledgements made room for. [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT-4.6.0-4]
    pub(super) fn answer(&mut self, shard: &mut Shard) {
        let Stage::Connected(client) = &mut *self.stage else { return };
        let second = shard.second();
        let batch = &mut shard.batch;
        if let Some(receiver) = batch.crowded.take()
            && let Some(due) = client.wait_for(receiver, shard.now)
            && due < self.next_check
        {
            self.next_check = due;
            if let Some(timer) = self.timer {
                shard.timers.set(timer, due);
            }
        }
        let journal = &mut shard.outgoing.journal;
        if journal.noted() > batch.noted_before {
            self.unsaved = journal.submit();
        }
        let wakes = client.kept.replay.is_some();
        let waits = (wakes || !batch.replies.is_empty()) && !journal.has_let_go(self.unsaved);
        if !waits
            && batch.replies.is_empty()
            && batch.prompt.is_empty()
            && batch.acknowledgements.is_empty()
        {
            return;
        }
        let mut outbox = client.session.outbox.lock();
        let generation = outbox.generation();
        if waits {
            let answers = std::mem::take(&mut batch.replies);
            let answers = Hold::Answers { generation, answers, wakes };
            self.unsaved = journal.hold(self.unsaved, &client.session, answers);
            // It may be durable by now, and then nobody else looks at it again.
            shard.outgoing.schedule();
        }
        outbox.lend_buffer(&mut shard.outgoing.pool);
        outbox.append(&batch.prompt);
        outbox.append(&batch.replies);
        batch.prompt.clear();
        batch.replies.clear();
        let mut wake = Vec::new();
        let acknowledges = !batch.acknowledgements.is_empty();
        if acknowledges {
            outbox.watch(shard.outgoing.watched);
            for acknowledgement in batch.acknowledgements.drain(..) {
                outbox.acknowledge(acknowledgement);
            }
            outbox.refill(second);
            wake = outbox.unpark(&shard.outgoing.limits);
        }
        shard.outgoing.mark(&client.session, outbox);
        let journal = &mut shard.outgoing.journal;
        if acknowledges && journal.is_behind() {
            self.unsaved = self.unsaved.max(journal.submit());
            if wakes {
                let nothing = Hold::Answers { generation, answers: Vec::new(), wakes };
                self.unsaved = journal.hold(self.unsaved, &client.session, nothing);
                shard.outgoing.schedule();
            }
        }
        wake.into_iter().for_each(std::task::Waker::wake);
    }
}
