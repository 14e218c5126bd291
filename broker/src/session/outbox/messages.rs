//! Messages on their way into the outbox: sent, sent again, or kept for later; and the client's answers.

use std::collections::{HashMap, VecDeque};

use mqtt::delivery::{RecAnswer, Resend};
use mqtt::{Ack, Additions, PacketType, PropertyBuffer, Publish, QoS, ReasonCode, Version};

use super::Outbox;
use crate::session::queue::{Delivery, QueueLimits, Room};
use crate::session::write_queue::WriteQueue;
use crate::session::{DropCause, Link, Message};

/// Payloads above this many bytes are shared between receivers, below they are copied: measured,
/// copying costs no more up to 4 to 8 KiB.
pub(crate) const SHARE_ABOVE: usize = 8 * 1024;

/// A message at QoS 1 or 2 and its packet, which lacks the identifier.
pub(crate) struct Ready {
    pub(crate) message: Message,
    /// Where the identifier stands, among the bytes of all packets.
    pub(crate) packet_id_at: usize,
}

/// The client's answer to a PUBLISH or PUBREL.
#[derive(Clone, Copy)]
#[expect(clippy::enum_variant_names, reason = "the standard's names")]
pub(crate) enum Acknowledgement {
    PubAck(u16, ReasonCode),
    PubRec(u16, ReasonCode),
    PubComp(u16),
}

impl Outbox {
    /// Appends a PUBLISH at QoS 0.
    pub(crate) fn append_publish(
        &mut self,
        mut publish: Publish<'_>,
        mut additions: Additions<'_>,
    ) {
        if let Some(link) = &mut self.link {
            link.shorten(&mut publish, &mut additions);
            let version = link.version;
            self.queue.append_with(|out| publish.encode_with(additions, version, out));
        }
    }

    /// Sends or keeps a message by its QoS, unless it is larger than the client takes.
    pub(crate) fn send(&mut self, message: Message, now: u32, limits: &QueueLimits) {
        let Some(link) = &self.link else { return };
        if !link.takes(&message) {
            self.notes.drop(DropCause::TooLarge, || message);
            return;
        }
        if message.qos == QoS::AtMostOnce {
            self.send_qos0(&message, now, limits);
        } else {
            self.send_acknowledged(message, now, limits);
        }
    }

    /// Sends a message at QoS 0, or drops it if the client takes nothing any more.
    pub(crate) fn send_qos0(&mut self, message: &Message, now: u32, limits: &QueueLimits) {
        if !self.takes_qos0(limits) {
            self.notes.drop(limits.cause_at_qos0(), || message.clone());
        } else if let Some(link) = &mut self.link {
            append_message(&mut self.queue, link, message, 0, false, now);
            self.mark(|| message.clone());
        }
    }

    /// Whether a message at QoS 0 may still be appended: not when the client has stopped reading.
    pub(crate) fn takes_qos0(&self, limits: &QueueLimits) -> bool {
        self.link.as_ref().is_some_and(|link| {
            self.queue.pending() < limits.write_buffer || !self.is_stalled(link, limits)
        }) && !limits.drops_qos0
    }

    /// Sends a message at QoS 1 or 2, or lets it wait for the window. DUP is not passed on.
    /// [MQTT-3.3.1-3] [MQTT-4.3.2-2] [MQTT-4.3.3-2]
    pub(crate) fn send_acknowledged(&mut self, message: Message, now: u32, limits: &QueueLimits) {
        let Some(link) = &mut self.link else { return };
        let window = self.window;
        let delivery = self.delivery.get_or_insert_with(|| Box::new(Delivery::new(window)));
        let message = self.ledger.queued(message);
        if let Some(packet_id) = delivery.offer(message, limits)
            && let Some(message) = delivery.outbound.newest()
        {
            append_message(&mut self.queue, link, message, packet_id, false, now);
            self.ledger.sent(message.number(), message.qos, packet_id);
        }
        self.note_full();
    }

    /// Notes that what was appended last is a message at QoS 0, if it matters when it is written.
    #[inline]
    pub(crate) fn mark(&mut self, message: impl FnOnce() -> Message) {
        if self.notes.watched.any() {
            self.queue.mark(message());
        }
    }

    /// Notes which messages gave way.
    #[inline]
    fn note_full(&mut self) {
        let Some(delivery) = &mut self.delivery else { return };
        if !delivery.dropped.is_empty() {
            for message in std::mem::take(&mut delivery.dropped) {
                if message.qos > QoS::AtMostOnce {
                    self.ledger.done(message.number());
                }
                self.notes.drop(DropCause::QueueFull, || message);
            }
        }
    }

    /// How many messages at QoS 1 or 2 the client can be sent at once, of no more than `bytes` together.
    pub(crate) fn room(&self, bytes: usize) -> usize {
        let all = usize::from(self.window);
        self.delivery.as_ref().map_or(all, |delivery| delivery.outbound.room(bytes))
    }

    /// Sends messages whose packets are `packets`, but for their identifiers; no more than there is
    /// room for.
    pub(crate) fn send_ready(&mut self, packets: &[u8], messages: impl Iterator<Item = Ready>) {
        let window = self.window;
        let delivery = self.delivery.get_or_insert_with(|| Box::new(Delivery::new(window)));
        self.queue.append_with(|out| {
            let start = out.len();
            out.extend_from_slice(packets);
            for Ready { message, packet_id_at } in messages {
                let message = self.ledger.queued(message);
                let (number, qos) = (message.number(), message.qos);
                // There is room for it, so that it does not wait.
                let Some(packet_id) = delivery.outbound.offer(message) else { return };
                self.ledger.sent(number, qos, packet_id);
                put_packet_id(out, start + packet_id_at, packet_id);
            }
        });
    }

    /// Keeps a message for an absent client.
    pub(crate) fn keep(&mut self, message: Message, limits: &QueueLimits) {
        if message.qos == QoS::AtMostOnce && !limits.queue_qos0 {
            return self.pass_over(|| message);
        }
        let window = self.window;
        let delivery = self.delivery.get_or_insert_with(|| Box::new(Delivery::new(window)));
        let message = self.ledger.queued(message.alone());
        delivery.enqueue(message, limits);
        self.note_full();
    }

    /// Sends again what the client has not acknowledged, expired or not, then what waited.
    /// [MQTT-4.3.3-7] [MQTT-4.4.0-1]
    pub(crate) fn resume(&mut self, now: u32) {
        let (Some(link), Some(delivery)) = (&mut self.link, &mut self.delivery) else { return };
        let mut too_large = Vec::new();
        for resend in delivery.outbound.resend() {
            match resend {
                Resend::Publish { packet_id, message, .. } if !link.takes(message) => {
                    too_large.push(packet_id);
                }
                // [MQTT-3.3.1-1]
                Resend::Publish { packet_id, message, .. } => {
                    append_message(&mut self.queue, link, message, packet_id, true, now);
                }
                Resend::PubRel { packet_id } => {
                    append_release(&mut self.queue, link.version, packet_id, ReasonCode::Success);
                }
            }
        }
        for packet_id in too_large {
            let cancelled = delivery.outbound.cancel(packet_id);
            if let Some(message) = cancelled {
                self.ledger.done(message.number());
                self.notes.drop(DropCause::TooLarge, || message);
            }
        }
        self.refill(now);
    }

    /// From now on the session is in the store, with all that it owes.
    pub(crate) fn enter_store(&mut self, number: u64) {
        self.ledger.begin(number);
        let Some(delivery) = &self.delivery else { return };
        for owed in delivery.outbound.resend() {
            match owed {
                Resend::Publish { packet_id, message } => {
                    self.ledger.entered(message, Some(packet_id));
                }
                Resend::PubRel { packet_id } => {
                    // What it was about is not needed any more.
                    let message = Message::empty(QoS::ExactlyOnce);
                    self.ledger.entered(&message, Some(packet_id));
                    self.ledger.received(message.number(), packet_id);
                }
            }
        }
        for message in delivery.outbound.iter().skip(delivery.outbound.published()) {
            self.ledger.entered(message, None);
        }
    }

    /// Takes a message from the store, in the order in which they were queued; `packet_id`: it was sent.
    /// `turn`: of the order in which they were queued.
    pub(crate) fn restore(&mut self, message: Message, packet_id: Option<u16>, turn: u64) {
        self.ledger.restore_turn(turn);
        let window = self.window;
        let delivery = self.delivery.get_or_insert_with(|| Box::new(Delivery::new(window)));
        delivery.restore(message, packet_id);
    }

    /// PUBREL is owed for a message of this number.
    pub(crate) fn restore_received(&mut self, number: u64, packet_id: u16) {
        let window = self.window;
        let delivery = self.delivery.get_or_insert_with(|| Box::new(Delivery::new(window)));
        delivery.outbound.restore_released(packet_id);
        self.ledger.restore_received(number, packet_id);
    }

    /// Takes the client's answer. Call [`Outbox::refill`] after the last of a batch.
    pub(crate) fn acknowledge(&mut self, acknowledgement: Acknowledgement) {
        let Some(link) = &mut self.link else { return };
        link.mute = false;
        let Some(delivery) = &mut self.delivery else {
            return self.release_unknown(acknowledgement);
        };
        match acknowledgement {
            Acknowledgement::PubAck(packet_id, reason) => {
                if let Some(message) = delivery.outbound.puback(packet_id) {
                    self.ledger.done(message.number());
                    self.notes.acknowledged(message, reason);
                }
            }
            Acknowledgement::PubComp(packet_id) => {
                if delivery.outbound.pubcomp(packet_id) {
                    self.ledger.completed(packet_id);
                    if let Some(message) = delivery.take_received(packet_id) {
                        self.notes.deliver(message);
                    }
                }
            }
            Acknowledgement::PubRec(packet_id, reason) => {
                let watched = self.notes.watched.any();
                let message = delivery.outbound.get(packet_id).filter(|_| watched).cloned();
                let number = delivery.outbound.get(packet_id).map(Message::number);
                let answer = delivery.outbound.pubrec(packet_id, reason);
                match number {
                    Some(number) if reason.is_error() => self.ledger.done(number),
                    Some(number) if answer == RecAnswer::SendPubRel => {
                        self.ledger.received(number, packet_id);
                    }
                    _ if reason.is_error() => self.ledger.completed(packet_id),
                    _ => {}
                }
                if reason.is_error() {
                    let message = message.or_else(|| delivery.take_received(packet_id));
                    if let Some(message) = message {
                        self.notes.acknowledged(message, reason);
                    }
                    return;
                }
                delivery.received.extend(message.map(|message| (packet_id, message)));
                let answer = match answer {
                    RecAnswer::SendPubRel => ReasonCode::Success,
                    RecAnswer::Unknown => ReasonCode::PacketIdentifierNotFound,
                    RecAnswer::Done => return,
                };
                self.release(packet_id, answer);
            }
        }
    }

    /// An answer of a client that was never owed anything is answered too. [MQTT-4.3.3-4]
    fn release_unknown(&mut self, acknowledgement: Acknowledgement) {
        if let Acknowledgement::PubRec(packet_id, reason) = acknowledgement
            && !reason.is_error()
        {
            self.release(packet_id, ReasonCode::PacketIdentifierNotFound);
        }
    }

    /// [MQTT-2.2.1-5]
    fn release(&mut self, packet_id: u16, reason: ReasonCode) {
        let Some(link) = &self.link else { return };
        append_release(&mut self.queue, link.version, packet_id, reason);
    }

    /// Sends what waits, as far as the window is free. Invariant: a free window means that nothing
    /// waits, so that no message overtakes another.
    pub(crate) fn refill(&mut self, now: u32) {
        let (Some(link), Some(delivery)) = (&mut self.link, &mut self.delivery) else { return };
        while let Some((packet_id, message)) = delivery.outbound.next_resend() {
            if link.takes(message) {
                append_message(&mut self.queue, link, message, packet_id, true, now);
            } else {
                let cancelled = delivery.outbound.cancel(packet_id);
                if let Some(message) = cancelled {
                    self.ledger.done(message.number());
                    self.notes.drop(DropCause::TooLarge, || message);
                }
            }
        }
        while let Some((packet_id, message)) = delivery.next() {
            let obstacle = obstacle(link, message, now);
            if obstacle.is_none() {
                append_message(&mut self.queue, link, message, packet_id, false, now);
                if message.qos > QoS::AtMostOnce {
                    self.ledger.sent(message.number(), message.qos, packet_id);
                    continue;
                }
            }
            // Nobody acknowledges what is at QoS 0, or was not sent.
            let Some(message) = delivery.outbound.cancel(packet_id) else { continue };
            if message.qos > QoS::AtMostOnce {
                self.ledger.done(message.number());
            }
            match obstacle {
                Some(cause) => self.notes.drop(cause, || message),
                None if self.notes.watched.any() => self.queue.mark(message),
                None => {}
            }
        }
    }

    /// How many undelivered messages came by each shared subscription, by its filter.
    pub(crate) fn shares(&self) -> HashMap<Box<str>, usize> {
        self.delivery.as_ref().map(|delivery| delivery.shares()).unwrap_or_default()
    }

    /// Takes out what came by a shared subscription and may still go to somebody else, no more than so
    /// many messages and than there is room for elsewhere. To be called when the client has gone.
    pub(crate) fn take_back(&mut self, share: &str, most: usize, room: Room) -> VecDeque<Message> {
        let delivery = self.delivery.as_mut();
        delivery.map(|delivery| delivery.take_back(share, most, room).into()).unwrap_or_default()
    }

    /// Puts messages that were taken back in front of all that wait.
    pub(crate) fn put_back(&mut self, messages: VecDeque<Message>) {
        if let Some(delivery) = &mut self.delivery {
            delivery.put_back(messages);
        }
    }

    /// What may be added before publishers should wait.
    pub(crate) fn spare(&self, limits: &QueueLimits) -> Room {
        let all = Room {
            messages: usize::from(self.window) + limits.messages / 4,
            bytes: limits.bytes / 2,
        };
        if self.is_crowded(limits) {
            return Room { messages: 0, bytes: 0 };
        }
        self.delivery.as_ref().map_or(all, |delivery| delivery.spare(limits))
    }
}

/// What keeps a message that has waited from being sent.
fn obstacle(link: &Link, message: &Message, now: u32) -> Option<DropCause> {
    if message.is_expired(now) {
        Some(DropCause::Expired)
    } else if link.takes(message) {
        None
    } else {
        Some(DropCause::TooLarge)
    }
}

fn append_release(queue: &mut WriteQueue, version: Version, packet_id: u16, reason: ReasonCode) {
    let release = Ack::new(packet_id, reason);
    queue.append_with(|out| release.encode(PacketType::PubRel, version, out));
}

fn append_message(
    queue: &mut WriteQueue,
    link: &mut Link,
    message: &Message,
    packet_id: u16,
    dup: bool,
    now: u32,
) {
    if link.takes_topics_as_they_are()
        && !dup
        && let Some((packet, packet_id_at)) = message.packet(link.version, now)
        && packet.len() <= SHARE_ABOVE
    {
        queue.append_with(|out| {
            let start = out.len();
            out.extend_from_slice(packet);
            if message.qos > QoS::AtMostOnce {
                put_packet_id(out, start + packet_id_at, packet_id);
            }
        });
        return;
    }
    let mut aged = PropertyBuffer::new();
    let mut publish = message.aged(packet_id, dup, now, &mut aged);
    let mut additions = message.additions();
    link.shorten(&mut publish, &mut additions);
    if publish.payload.len() > SHARE_ABOVE {
        queue.append_with(|out| publish.encode_head(additions, link.version, out));
        queue.append_payload(message.clone());
    } else {
        queue.append_with(|out| publish.encode_with(additions, link.version, out));
    }
}

fn put_packet_id(out: &mut [u8], at: usize, packet_id: u16) {
    if let Some(place) = out.get_mut(at..at + 2) {
        place.copy_from_slice(&packet_id.to_be_bytes());
    }
}
