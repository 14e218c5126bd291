//! What the broker sends: each packet is answered as the standard asks, and counted.

use std::sync::atomic::Ordering::Relaxed;

use mqtt::{
    Ack, ConnAck, Disconnect, Frame, Packet, PacketType, Properties, Publish, QoS, ReasonCode,
    SubAck, Subscribe, Subscription, SubscriptionList, SubscriptionOptions, decode,
};

use crate::client::{Client, State};
use crate::clock::SECOND;
use crate::context::Context;
use crate::likeness::Likeness;
use crate::stamp::Stamp;
use crate::tracker::Verdict;
use crate::trouble::Trouble;

impl Context<'_> {
    /// Takes all whole packets of `bytes`; returns how much that was.
    pub(crate) fn feed(&mut self, client: &mut Client, bytes: &[u8]) -> Result<usize, Trouble> {
        let (mut left, mut like) = (bytes, None::<Likeness<'_>>);
        let version = self.settings.version;
        loop {
            if let Some((publish, rest)) = like.and_then(|like| like.read(left)) {
                self.message(client, &publish);
                left = rest;
                continue;
            }
            let frame = version.split_frame(left, u32::MAX).map_err(Trouble::Malformed)?;
            let Some(frame) = frame else { return Ok(bytes.len() - left.len()) };
            if frame.packet_type() == PacketType::Publish {
                let publish = Publish::decode(frame, version).map_err(Trouble::Malformed)?;
                like = Likeness::of(frame, publish);
                self.message(client, &publish);
            } else {
                self.control(client, frame)?;
                if client.state == State::Closed {
                    return Ok(bytes.len());
                }
            }
            left = left.get(frame.bytes().len()..).unwrap_or_default();
        }
    }

    #[inline]
    fn message(&mut self, client: &mut Client, publish: &Publish<'_>) {
        self.packets += 1;
        let answer = match publish.qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce => Some(PacketType::PubAck),
            QoS::ExactlyOnce => Some(PacketType::PubRec),
        };
        if let Some(packet_type) = answer {
            self.answer(client, packet_type, publish.packet_id);
        }
        self.has_progress = true;
        match Stamp::read(publish.payload) {
            Some(stamp) if stamp.run == self.run => self.count(client, stamp),
            _ => self.figures.foreign += 1,
        }
    }

    fn answer(&self, client: &mut Client, packet_type: PacketType, packet_id: u16) {
        let ack = Ack::new(packet_id, ReasonCode::Success);
        ack.encode(packet_type, self.settings.version, &mut client.out);
    }

    #[inline]
    fn count(&mut self, client: &mut Client, stamp: Stamp) {
        let Some(mut verdict) = client.tracker.see(stamp.publisher, stamp.sequence) else {
            self.figures.foreign += 1;
            return;
        };
        if self.is_share && !self.figures.share.insert(stamp.publisher, stamp.sequence) {
            verdict = Verdict::Duplicate;
        }
        match verdict {
            Verdict::Duplicate => {
                self.figures.duplicated += 1;
                return;
            }
            Verdict::Late => self.figures.out_of_order += 1,
            Verdict::New => {}
        }
        self.fresh += 1;
        let since = self.since.unwrap_or(stamp.at);
        self.figures.latency.record(since, self.now);
    }

    fn control(&mut self, client: &mut Client, frame: Frame<'_>) -> Result<(), Trouble> {
        let (packet_type, version) = (frame.packet_type(), self.settings.version);
        self.packets += 1;
        // It answers what is sent however the run goes.
        self.has_progress |= packet_type != PacketType::PingResp;
        if packet_type.is_ack() {
            let ack = Ack::decode(frame, version).map_err(Trouble::Malformed)?;
            return self.step(client, packet_type, ack);
        }
        match decode(frame, version).map_err(Trouble::Malformed)? {
            Packet::ConnAck(connack) => self.connected(client, connack),
            Packet::SubAck(suback) => self.subscribed(client, &suback),
            Packet::PingResp => {
                if let Some(pinged_at) = client.pinged_at.take() {
                    self.figures.ping.record(pinged_at, self.now);
                }
                Ok(())
            }
            Packet::Disconnect(disconnect) => Err(Trouble::Ended(disconnect.reason)),
            other => Err(Trouble::Unexpected(other.kind())),
        }
    }

    /// One of those that a message at QoS 1 or 2 takes.
    fn step(
        &mut self,
        client: &mut Client,
        packet_type: PacketType,
        ack: Ack<'_>,
    ) -> Result<(), Trouble> {
        let answer = match packet_type {
            PacketType::PubRec if !ack.reason.is_error() => PacketType::PubRel,
            PacketType::PubRel => PacketType::PubComp,
            _ => return self.acknowledged(client, packet_type.name(), ack),
        };
        self.answer(client, answer, ack.packet_id);
        Ok(())
    }

    fn connected(&mut self, client: &mut Client, connack: ConnAck<'_>) -> Result<(), Trouble> {
        if client.state != State::Opening {
            return Err(Trouble::Unexpected("CONNACK again"));
        }
        if connack.reason.is_error() {
            return Err(Trouble::Refused(connack.reason));
        }
        self.figures.connect.record(client.opened_at, self.now);
        self.figures.last = self.figures.last.max(self.now);
        client.session_present = connack.session_present;
        let properties = connack.properties;
        if let Some(seconds) = properties.server_keep_alive() {
            self.keep_alive = u64::from(seconds) * SECOND;
        }
        if let Some(publisher) = client.publisher.as_mut()
            && publisher.messages.qos != QoS::AtMostOnce
        {
            let window = properties.receive_maximum().unwrap_or(u16::MAX);
            publisher.set_window(self.settings.window.min(window));
        }
        client.state = State::Subscribing;
        match &client.subscription {
            None => self.is_ready(client),
            Some((filter, qos)) => {
                let options = SubscriptionOptions::new(*qos);
                let list = SubscriptionList::new(Subscription { filter, options });
                Packet::Subscribe(Subscribe::new(1, Properties::EMPTY, &list))
                    .encode(self.settings.version, &mut client.out);
            }
        }
        Ok(())
    }

    fn subscribed(&mut self, client: &mut Client, suback: &SubAck<'_>) -> Result<(), Trouble> {
        let asked = client.subscription.as_ref().map(|(_, qos)| *qos);
        let (State::Subscribing, Some(asked)) = (client.state, asked) else {
            return Err(Trouble::Unexpected("SUBACK"));
        };
        for &reason in &*suback.reasons {
            match QoS::from_bits(reason as u8) {
                None => return Err(Trouble::SubscriptionRefused(reason)),
                Some(granted) if granted < asked => {
                    return Err(Trouble::LessGranted { asked, granted });
                }
                Some(_) => {}
            }
        }
        self.is_ready(client);
        Ok(())
    }

    fn is_ready(&mut self, client: &mut Client) {
        client.state = State::Ready;
        self.opening -= 1;
        self.course.ready.fetch_add(1, Relaxed);
        if client.only_visits {
            self.leave(client);
        }
    }

    /// DISCONNECT, as far as the socket takes it, and the end.
    pub(crate) fn leave(&self, client: &mut Client) {
        if client.state == State::Ready {
            let disconnect = Disconnect::new(ReasonCode::Success);
            Packet::Disconnect(disconnect).encode(self.settings.version, &mut client.out);
            // A connection that is broken now has done what it was for.
            let _ = client.flush();
        }
        client.close();
    }

    fn acknowledged(
        &mut self,
        client: &mut Client,
        packet: &'static str,
        ack: Ack<'_>,
    ) -> Result<(), Trouble> {
        let publisher = client.publisher.as_mut();
        let Some((publisher, sent)) = publisher
            .and_then(|publisher| publisher.acknowledged(ack.packet_id).map(|at| (publisher, at)))
        else {
            return Err(Trouble::UnknownPacketId(packet, ack.packet_id));
        };
        self.figures.last = self.figures.last.max(self.now);
        if ack.reason.is_error() {
            // Nobody is to get it.
            self.figures.refused += 1;
            self.course.expected.fetch_sub(publisher.messages.deliveries, Relaxed);
            self.figures.trouble(Trouble::MessageRefused(ack.reason));
        } else {
            self.figures.acknowledged += 1;
            self.figures.acknowledgement.record(sent, self.now);
        }
        self.notice_end(client);
        Ok(())
    }
}
