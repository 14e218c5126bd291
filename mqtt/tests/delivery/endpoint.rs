//! One end of a session: sends numbered messages, and keeps what it accepted and refused.

use std::collections::BTreeSet;

use mqtt::{
    Ack, Arrival, Inbound, Outbound, Owed, Packet, Properties, Publish, QoS, ReasonCode, RecAnswer,
    Resend, Version, decode, split_frame,
};

#[derive(Clone, Copy)]
struct Numbered(QoS, u32);

impl Owed for Numbered {
    fn qos(&self) -> QoS {
        self.0
    }

    fn size(&self) -> usize {
        4
    }
}

pub(crate) struct Endpoint {
    pub(crate) version: Version,
    outbound: Outbound<Numbered>,
    inbound: Inbound,
    /// What was sent, in order.
    pub(crate) sent: Vec<(QoS, u32)>,
    /// What was accepted, in order, duplicates too.
    pub(crate) accepted: Vec<(QoS, u32)>,
    /// QoS 2 messages whose PUBREC said an error.
    pub(crate) refused: BTreeSet<u32>,
}

impl Endpoint {
    pub(crate) fn new(version: Version, window: u16) -> Endpoint {
        Endpoint {
            version,
            outbound: Outbound::new(window),
            inbound: Inbound::new(),
            sent: Vec::new(),
            accepted: Vec::new(),
            refused: BTreeSet::new(),
        }
    }

    /// Sends the next message, or lets it wait; the frame to write.
    pub(crate) fn send(&mut self, qos: QoS, connected: bool) -> Option<Vec<u8>> {
        let message = self.sent.len() as u32;
        self.sent.push((qos, message));
        if !connected {
            self.outbound.enqueue(Numbered(qos, message));
            return None;
        }
        let id = self.outbound.offer(Numbered(qos, message))?;
        Some(self.publish(id, qos, message, false))
    }

    /// The connection is there again: what to write first.
    pub(crate) fn resume(&mut self, window: u16) -> Vec<Vec<u8>> {
        self.outbound.set_window(window);
        let mut frames: Vec<_> = self
            .outbound
            .resend()
            .map(|resend| match resend {
                Resend::Publish { packet_id, message: &Numbered(qos, message) } => {
                    self.publish(packet_id, qos, message, true)
                }
                Resend::PubRel { packet_id } => {
                    self.encode(&Packet::PubRel(Ack::new(packet_id, ReasonCode::Success)))
                }
            })
            .collect();
        self.refill(&mut frames);
        frames
    }

    /// A frame has arrived: what to write in answer.
    pub(crate) fn receive(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        let frame = split_frame(frame, u32::MAX).unwrap().unwrap();
        let mut frames = Vec::new();
        let answer = match decode(frame, self.version).unwrap() {
            Packet::Publish(publish) => Some(self.arrived(publish)),
            Packet::PubAck(ack) => {
                assert!(self.outbound.puback(ack.packet_id).is_some());
                None
            }
            Packet::PubRec(ack) => match self.outbound.pubrec(ack.packet_id, ack.reason) {
                RecAnswer::SendPubRel => {
                    Some(Packet::PubRel(Ack::new(ack.packet_id, ReasonCode::Success)))
                }
                RecAnswer::Done => None,
                RecAnswer::Unknown => panic!("PUBREC for no message"),
            },
            Packet::PubRel(ack) => {
                self.inbound.release(ack.packet_id);
                Some(Packet::PubComp(Ack::new(ack.packet_id, ReasonCode::Success)))
            }
            Packet::PubComp(ack) => {
                assert!(self.outbound.pubcomp(ack.packet_id));
                None
            }
            other => panic!("{} is no delivery", other.kind()),
        };
        frames.extend(answer.map(|packet| self.encode(&packet)));
        self.refill(&mut frames);
        frames
    }

    /// Whether every delivery in both directions has come to its end.
    pub(crate) fn is_idle(&self) -> bool {
        self.outbound.is_idle() && self.inbound.open() == 0
    }

    fn arrived(&mut self, publish: Publish<'_>) -> Packet<'static> {
        let message = u32::from_be_bytes(publish.payload.try_into().unwrap());
        let id = publish.packet_id;
        if publish.qos == QoS::AtLeastOnce {
            self.accepted.push((publish.qos, message));
            return Packet::PubAck(Ack::new(id, ReasonCode::Success));
        }
        // Only a reason code can refuse, so that only one version can.
        if self.version.has_properties() && message % 13 == 5 {
            self.refused.insert(message);
            return Packet::PubRec(Ack::new(id, ReasonCode::QuotaExceeded));
        }
        if self.inbound.publish(id) == Arrival::New {
            self.accepted.push((publish.qos, message));
        }
        Packet::PubRec(Ack::new(id, ReasonCode::Success))
    }

    /// Fills the window with what was held back, then with what waits.
    fn refill(&mut self, frames: &mut Vec<Vec<u8>>) {
        while let Some((id, &Numbered(qos, message))) = self.outbound.next_resend() {
            frames.push(self.publish(id, qos, message, true));
        }
        while let Some((id, &Numbered(qos, message))) = self.outbound.next() {
            frames.push(self.publish(id, qos, message, false));
        }
    }

    fn publish(&self, packet_id: u16, qos: QoS, message: u32, dup: bool) -> Vec<u8> {
        self.encode(&Packet::Publish(Publish {
            dup,
            qos,
            retain: false,
            packet_id,
            topic: "t",
            properties: Properties::EMPTY,
            payload: &message.to_be_bytes(),
        }))
    }

    fn encode(&self, packet: &Packet<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        packet.encode(self.version, &mut out);
        out
    }
}
