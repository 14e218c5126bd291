//! Everything on its way to one client: bytes for its socket, and messages that it has not
//! acknowledged.
//!
//! Publishers of any thread append under the session's lock. Nobody holds that lock while writing:
//! a writer takes socket and bytes out ([`Outbox::begin_write`]), writes, and brings them back
//! ([`Outbox::finish_write`]). Who finds the socket gone leaves its bytes; the writer finds them on
//! its return.

use std::collections::HashSet;
use std::io;
use std::task::Waker;

use mqtt::delivery::{Outbound, RecAnswer, Resend};
use mqtt::{Ack, Additions, Packet, PropertyBuffer, Publish, QoS, ReasonCode, Version};
use tokio::net::tcp::OwnedWriteHalf;

use super::parked::Parked;
use super::queue::{Delivery, QueueLimits};
use super::write_queue::{WriteQueue, Written};
use super::{BufferPool, DropCause, Dropped, Link, Message};

/// Payloads above this many bytes are shared between receivers, below they are copied: measured,
/// copying costs no more up to 4 to 8 KiB.
const SHARE_ABOVE: usize = 8 * 1024;

pub(crate) struct Outbox {
    link: Option<Link>,
    queue: WriteQueue,
    /// Made with the first message above QoS 0.
    delivery: Option<Box<Delivery>>,
    /// What a connection left behind that ended while somebody was writing to its socket.
    last_words: Option<Box<LastWords>>,
    /// Publishers that wait for this client to catch up.
    parked: Parked,
    generation: u32,
    window: u16,
    /// Older knowledge of the router about this session's subscriptions is not to be used.
    router_generation: u64,
    /// What the client did not get and nobody has been told of yet.
    dropped: Dropped,
    /// Whether some shard's flusher has this session on its list.
    pub(crate) dirty: bool,
}

/// Socket and bytes, out of the outbox while they are written.
pub(crate) struct Write {
    socket: OwnedWriteHalf,
    queue: WriteQueue,
    generation: u32,
}

impl Write {
    /// Writes as much as the socket takes. Call it without any lock.
    pub(crate) fn run(&mut self) -> io::Result<Written> {
        self.queue.write_to(&self.socket)
    }
}

/// What there is to do when a write has ended.
pub(crate) enum AfterWrite {
    Nothing,
    /// The owner must wait for the socket, or close.
    CallOwner(Waker),
    /// The connection has ended meanwhile: this is to be written once, and then dropped.
    LastWords(Write),
}

/// Bytes for the socket of a link that is gone.
struct LastWords {
    generation: u32,
    queue: WriteQueue,
}

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
    PubAck(u16),
    PubRec(u16, ReasonCode),
    PubComp(u16),
}

impl Outbox {
    pub(super) fn new(window: u16) -> Outbox {
        Outbox {
            link: None,
            queue: WriteQueue::default(),
            delivery: None,
            last_words: None,
            parked: Parked::default(),
            generation: 0,
            window,
            router_generation: 0,
            dropped: Dropped::default(),
            dirty: false,
        }
    }

    /// The attached client, if there is one.
    pub(crate) fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    pub(crate) fn owner_waker(&self) -> Option<Waker> {
        self.link.as_ref().map(|link| link.owner.clone())
    }

    /// Connects a client; `window` is how many messages may be in flight.
    pub(crate) fn attach(&mut self, mut link: Link, window: u16) {
        self.generation = self.generation.wrapping_add(1);
        link.generation = self.generation;
        self.link = Some(link);
        self.window = window;
        if let Some(delivery) = &mut self.delivery {
            delivery.outbound.set_window(window);
        }
    }

    /// Cuts the client off, after `last_packet` and what was to be sent before it: nothing can come
    /// behind that. The caller runs the write returned and drops it, which ends the stream in our
    /// direction; then it wakes the publishers returned.
    pub(crate) fn detach(&mut self, last_packet: &[u8]) -> (Option<Write>, Vec<Waker>) {
        let publishers = self.parked.take();
        if let Some(delivery) = &mut self.delivery {
            delivery.outbound.shrink();
        }
        let mut queue = std::mem::take(&mut self.queue);
        self.dirty = false;
        let Some(link) = self.link.take().filter(|link| !link.blocked && !link.broken) else {
            return (None, publishers);
        };
        queue.append(last_packet);
        let generation = link.generation;
        let Some(socket) = link.socket else {
            // Who is writing takes it along.
            self.last_words = Some(Box::new(LastWords { generation, queue }));
            return (None, publishers);
        };
        (Some(Write { socket, queue, generation }), publishers)
    }

    /// Forgets all messages: the session has ended.
    pub(crate) fn clear(&mut self) {
        self.delivery = None;
    }

    /// A subscription was removed at this generation of the router.
    pub(crate) fn expect_generation(&mut self, generation: u64) {
        self.router_generation = generation;
    }

    /// Whether a subscription was removed since this generation of the router.
    pub(crate) fn expects_after(&self, generation: u64) -> bool {
        generation < self.router_generation
    }

    /// Makes sure that there is a buffer to append to.
    pub(crate) fn lend_buffer(&mut self, pool: &mut BufferPool) {
        if self.queue.needs_buffer() {
            self.queue.lend(pool.take());
        }
    }

    /// Appends bytes that are a whole number of packets. They wait for no window. [MQTT-3.3.4-10]
    /// [MQTT-4.9.0-3]
    pub(crate) fn append(&mut self, packets: &[u8]) {
        self.queue.append(packets);
    }

    /// Whether [`Outbox::begin_write`] has something to take. A writer that is under way looks again
    /// when it returns.
    pub(crate) fn has_something_to_write(&self) -> bool {
        self.queue.pending() > 0
            && self
                .link
                .as_ref()
                .is_some_and(|link| link.socket.is_some() && !link.blocked && !link.broken)
    }

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
            self.dropped.add(DropCause::TooLarge, 1);
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
            self.dropped.add(DropCause::NotTaken, 1);
        } else if let Some(link) = &mut self.link {
            append_message(&mut self.queue, link, message, 0, false, now);
        }
    }

    /// Notes that a message does not get to the client.
    pub(crate) fn drop_message(&mut self, cause: DropCause) {
        self.dropped.add(cause, 1);
    }

    /// What the client did not get since the last call.
    #[inline]
    pub(crate) fn take_dropped(&mut self) -> Option<Dropped> {
        (!self.dropped.is_none()).then(|| std::mem::take(&mut self.dropped))
    }

    /// Whether a message at QoS 0 may still be appended: not when the client has stopped reading.
    pub(crate) fn takes_qos0(&self, limits: &QueueLimits) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| !link.stalled || self.queue.pending() < limits.write_buffer)
    }

    /// Sends a message at QoS 1 or 2, or lets it wait for the window. DUP is not passed on.
    /// [MQTT-3.3.1-3] [MQTT-4.3.2-2] [MQTT-4.3.3-2]
    pub(crate) fn send_acknowledged(&mut self, message: Message, now: u32, limits: &QueueLimits) {
        let Some(link) = &mut self.link else { return };
        let window = self.window;
        let delivery = self.delivery.get_or_insert_with(|| Box::new(Delivery::new(window)));
        let qos = message.qos;
        if let Some(packet_id) = delivery.offer(message, qos, limits)
            && let Some(message) = delivery.outbound.newest()
        {
            append_message(&mut self.queue, link, message, packet_id, false, now);
        }
        self.dropped.add(DropCause::QueueFull, std::mem::take(&mut delivery.dropped));
    }

    /// How many messages at QoS 1 or 2 the client can be sent at once.
    pub(crate) fn room(&self) -> usize {
        self.delivery.as_ref().map_or(usize::from(self.window), |delivery| delivery.outbound.room())
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
                let qos = message.qos;
                // There is room for it, so that it does not wait.
                let Some(packet_id) = delivery.outbound.offer(message, qos) else { return };
                put_packet_id(out, start + packet_id_at, packet_id);
            }
        });
    }

    /// Keeps a message for an absent client.
    pub(crate) fn keep(&mut self, message: Message, limits: &QueueLimits) {
        let qos = message.qos;
        if qos == QoS::AtMostOnce && !limits.queue_qos0 {
            return;
        }
        let window = self.window;
        let delivery = self.delivery.get_or_insert_with(|| Box::new(Delivery::new(window)));
        delivery.enqueue(message, qos, limits);
        self.dropped.add(DropCause::QueueFull, std::mem::take(&mut delivery.dropped));
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
                    let release = Packet::PubRel(Ack::new(packet_id, ReasonCode::Success));
                    append_packet(&mut self.queue, link.version, &release);
                }
            }
        }
        for packet_id in too_large {
            self.dropped.add(DropCause::TooLarge, 1);
            delivery.outbound.cancel(packet_id);
        }
        self.refill(now);
    }

    /// Takes the client's answer. Call [`Outbox::refill`] after the last of a batch.
    pub(crate) fn acknowledge(&mut self, acknowledgement: Acknowledgement) {
        let Some(link) = &mut self.link else { return };
        link.mute = false;
        let outbound = self.delivery.as_mut().map(|delivery| &mut delivery.outbound);
        match acknowledgement {
            Acknowledgement::PubAck(packet_id) => {
                outbound.map(|outbound| outbound.puback(packet_id));
            }
            Acknowledgement::PubComp(packet_id) => {
                outbound.map(|outbound| outbound.pubcomp(packet_id));
            }
            Acknowledgement::PubRec(packet_id, reason) => {
                if reason.is_error() {
                    outbound.map(|outbound| outbound.pubrec(packet_id, reason));
                    return;
                }
                // One that was never owed anything is answered too. [MQTT-4.3.3-4]
                let pubrec = |outbound: &mut Outbound<_>| outbound.pubrec(packet_id, reason);
                let answer = match outbound.map_or(RecAnswer::Unknown, pubrec) {
                    RecAnswer::SendPubRel => ReasonCode::Success,
                    RecAnswer::Unknown => ReasonCode::PacketIdentifierNotFound,
                    RecAnswer::Done => return,
                };
                // [MQTT-2.2.1-5]
                let release = Packet::PubRel(Ack::new(packet_id, answer));
                append_packet(&mut self.queue, link.version, &release);
            }
        }
    }

    /// Sends what waits, as far as the window is free. Invariant: a free window means that nothing
    /// waits, so that no message overtakes another.
    pub(crate) fn refill(&mut self, now: u32) {
        let (Some(link), Some(delivery)) = (&mut self.link, &mut self.delivery) else { return };
        while let Some((packet_id, _, message)) = delivery.outbound.next_resend() {
            if link.takes(message) {
                append_message(&mut self.queue, link, message, packet_id, true, now);
            } else {
                self.dropped.add(DropCause::TooLarge, 1);
                delivery.outbound.cancel(packet_id);
            }
        }
        while let Some((packet_id, message)) = delivery.next() {
            let obstacle = obstacle(link, message, now);
            match obstacle {
                Some(cause) => self.dropped.add(cause, 1),
                None => append_message(&mut self.queue, link, message, packet_id, false, now),
            }
            // Nobody acknowledges what is at QoS 0, or was not sent.
            if obstacle.is_some() || message.qos == QoS::AtMostOnce {
                delivery.outbound.cancel(packet_id);
            }
        }
    }

    /// The filters of the shared subscriptions by which undelivered messages came.
    pub(crate) fn shares(&self) -> HashSet<Box<str>> {
        self.delivery.as_ref().map(|delivery| delivery.shares()).unwrap_or_default()
    }

    /// Takes out what came by one of these shared subscriptions and may still go to somebody else.
    /// To be called when the client has gone.
    pub(crate) fn take_back(&mut self, shares: &HashSet<&str>) -> Vec<Message> {
        self.delivery.as_mut().map(|delivery| delivery.take_back(shares)).unwrap_or_default()
    }

    /// Whether the client can be sent more at once.
    pub(crate) fn is_at_leisure(&self, limits: &QueueLimits) -> bool {
        self.queue.pending() <= limits.write_buffer
            && self.delivery.as_ref().is_none_or(|delivery| delivery.outbound.is_free())
    }

    /// Whether publishers should wait before they send this client more.
    pub(crate) fn is_crowded(&self, limits: &QueueLimits) -> bool {
        let Some(link) = &self.link else { return false };
        (self.queue.pending() > limits.write_buffer && !link.stalled)
            || (!link.mute && self.delivery.as_ref().is_some_and(|d| d.is_crowded(limits)))
    }

    /// A publisher has waited long enough. No other waits until the client acknowledges something.
    pub(crate) fn mute(&mut self) {
        if let Some(link) = &mut self.link {
            link.mute = true;
        }
    }

    /// Puts a publisher on the list of those to wake when the client has caught up.
    pub(crate) fn park(&mut self, publisher: &Waker) {
        self.parked.add(publisher);
    }

    /// The publishers to wake now, if the client has caught up.
    pub(crate) fn unpark(&mut self, limits: &QueueLimits) -> Vec<Waker> {
        let relaxed = self.queue.pending() <= limits.write_buffer / 2
            && self.delivery.as_ref().is_none_or(|delivery| delivery.is_relaxed(limits));
        if relaxed { self.parked.take() } else { Vec::new() }
    }

    /// Whether there is more for the socket than may be.
    pub(crate) fn has_too_much_to_write(&self, limits: &QueueLimits) -> bool {
        self.queue.pending() > limits.write_buffer
    }

    /// Takes a lent buffer back to which nothing was appended.
    pub(crate) fn return_buffer(&mut self, pool: &mut BufferPool) {
        if let Some(buffer) = self.queue.reclaim() {
            pool.give(buffer);
        }
    }

    /// Whether the owner has to wait for the socket to take more.
    pub(crate) fn is_blocked(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.blocked)
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.broken)
    }

    /// The socket takes bytes again.
    pub(crate) fn unblock(&mut self) {
        if let Some(link) = &mut self.link {
            link.blocked = false;
            link.stalled = false;
        }
    }

    /// The client has taken nothing for a while: from now on QoS 0 is dropped instead of holding
    /// publishers up. Returns the publishers to wake.
    pub(crate) fn stall(&mut self) -> Vec<Waker> {
        if let Some(link) = &mut self.link {
            link.stalled = true;
        }
        self.parked.take()
    }

    /// Takes out what is to be written now. `None`: nothing, or somebody else writes, or the socket
    /// is not ready.
    pub(crate) fn begin_write(&mut self) -> Option<Write> {
        let link = self.link.as_mut()?;
        if self.queue.pending() == 0 || link.blocked || link.broken {
            return None;
        }
        let socket = link.socket.take()?;
        Some(Write { socket, queue: std::mem::take(&mut self.queue), generation: link.generation })
    }

    /// Brings back what [`Outbox::begin_write`] took out.
    pub(crate) fn finish_write(
        &mut self,
        mut write: Write,
        outcome: &io::Result<Written>,
        pool: &mut BufferPool,
    ) -> AfterWrite {
        if let Some(buffer) = write.queue.reclaim() {
            pool.give(buffer);
        }
        let Some(link) = self.link.as_mut().filter(|link| link.generation == write.generation)
        else {
            return self.end_write(write);
        };
        link.socket = Some(write.socket);
        if write.queue.pending() > 0 {
            let newer = std::mem::replace(&mut self.queue, write.queue);
            self.queue.append_queue(newer);
        }
        match outcome {
            Ok(Written::All) => return AfterWrite::Nothing,
            Ok(Written::Blocked) => link.blocked = true,
            Err(_) => link.broken = true,
        }
        AfterWrite::CallOwner(link.owner.clone())
    }

    /// A write to the socket of a link that is gone: if the socket has taken all of it, the bytes
    /// that were to follow go out with it.
    fn end_write(&mut self, write: Write) -> AfterWrite {
        match self.last_words.take_if(|last| last.generation == write.generation) {
            Some(last) if write.queue.pending() == 0 => {
                AfterWrite::LastWords(Write { queue: last.queue, ..write })
            }
            _ => AfterWrite::Nothing,
        }
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

fn append_packet(queue: &mut WriteQueue, version: Version, packet: &Packet<'_>) {
    queue.append_with(|out| packet.encode(version, out));
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
