//! Everything on its way to one client: bytes for its socket, and messages that it has not
//! acknowledged.
//!
//! Publishers of any thread append under the session's lock. Nobody holds that lock while writing:
//! a writer takes socket and bytes out ([`Outbox::begin_write`]), writes, and brings them back
//! ([`Outbox::finish_write`]). Who finds the socket gone leaves its bytes; the writer finds them on
//! its return.

use std::sync::Arc;
use std::task::Waker;

use mqtt::QoS;

use super::outcome::{Notes, Outcomes};
use super::parked::Parked;
use super::queue::{Delivery, QueueLimits};
use super::write_queue::WriteQueue;
use super::{BufferPool, DropCause, Ledger, Link, Message, Watched};
use crate::connection::Endpoint;

mod messages;
mod write;

pub(crate) use messages::{Acknowledgement, Ready, SHARE_ABOVE};
use write::LastWords;
pub(crate) use write::{AfterWrite, Write};

pub(crate) struct Outbox {
    /// The client's, or that of the last time that it was here; for plugins.
    endpoint: Option<Arc<Endpoint>>,
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
    /// What became of messages, and nobody has been told of yet.
    notes: Notes,
    /// Of a session that is in the store.
    pub(crate) ledger: Ledger,
    ended: bool,
    /// Whether some shard's flusher has this session on its list.
    pub(crate) dirty: bool,
}

impl Outbox {
    pub(super) fn new(window: u16) -> Outbox {
        Outbox {
            endpoint: None,
            link: None,
            queue: WriteQueue::default(),
            delivery: None,
            last_words: None,
            parked: Parked::default(),
            generation: 0,
            window,
            router_generation: 0,
            notes: Notes::default(),
            ledger: Ledger::default(),
            ended: false,
            dirty: false,
        }
    }

    /// Notes whose the session is.
    pub(crate) fn introduce(&mut self, endpoint: Arc<Endpoint>) {
        self.endpoint = Some(endpoint);
    }

    /// Whose the session is; nobody's, if it was never used.
    pub(crate) fn endpoint(&self) -> Option<&Arc<Endpoint>> {
        self.endpoint.as_ref()
    }

    /// The attached client, if there is one.
    pub(crate) fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// Tells the attached connection from those before and after it.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Wakes the connection that the client has.
    pub(crate) fn wake_owner(&self) {
        if let Some(link) = &self.link {
            link.owner.wake_by_ref();
        }
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
        // Answers that are still to come were for this connection, and nothing may stand before the next CONNACK.
        self.generation = self.generation.wrapping_add(1);
        if let Some(delivery) = &mut self.delivery {
            delivery.part_with_gone();
        }
        let mut queue = std::mem::take(&mut self.queue);
        self.dirty = false;
        let Some(link) = self.link.take().filter(|link| !link.blocked && !link.broken) else {
            self.settle(queue);
            return (None, publishers);
        };
        queue.append(last_packet);
        let generation = link.generation;
        if self.ledger.holds() {
            self.settle(queue);
            return (None, publishers);
        }
        let Some(socket) = link.socket else {
            // Who is writing takes it along.
            self.last_words = Some(Box::new(LastWords { generation, queue }));
            return (None, publishers);
        };
        (Some(Write { socket, queue, generation }), publishers)
    }

    /// The session has ended. Returns the messages that came by shared subscriptions and may still go
    /// to somebody else; the others are forgotten.
    pub(crate) fn end(&mut self) -> Vec<Message> {
        self.ended = true;
        let Some(mut delivery) = self.delivery.take() else { return Vec::new() };
        let shared = delivery.take_shared();
        for message in delivery.outbound.iter() {
            self.notes.drop_uncounted(DropCause::SessionEnded, || message.clone());
        }
        // The client has them.
        for (_, message) in delivery.received {
            self.notes.deliver(message);
        }
        shared
    }

    /// Whether nothing can be sent or kept here any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
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

    /// What is to be noted for plugins from now on.
    #[inline]
    pub(crate) fn watch(&mut self, watched: Watched) {
        self.notes.watched = watched;
    }

    /// What is noted for plugins.
    #[inline]
    pub(crate) fn watched(&self) -> Watched {
        self.notes.watched
    }

    /// Notes that a message does not get to the client.
    pub(crate) fn drop_message(&mut self, cause: DropCause, message: impl FnOnce() -> Message) {
        self.notes.drop(cause, message);
    }

    /// Notes that a message at QoS 0 does not wait for a client that is away.
    pub(crate) fn pass_over(&mut self, message: impl FnOnce() -> Message) {
        self.notes.drop_uncounted(DropCause::NotTaken, message);
    }

    /// What became of messages since the last call.
    #[inline]
    pub(crate) fn take_outcomes(&mut self) -> Option<Box<Outcomes>> {
        self.notes.take()
    }

    /// Messages that wait for the client, and their bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        self.delivery.as_ref().map_or((0, 0), |delivery| delivery.waiting())
    }

    /// Whether the client can be sent more at once.
    pub(crate) fn is_at_leisure(&self, limits: &QueueLimits) -> bool {
        self.queue.pending() <= limits.write_buffer
            && self.delivery.as_ref().is_none_or(|delivery| delivery.outbound.is_free())
    }

    /// Whether the client can be sent this message at once: it would neither wait nor be dropped,
    /// whoever is held up or not.
    pub(crate) fn takes_at_once(&self, message: &Message, limits: &QueueLimits) -> bool {
        let is_free = || self.delivery.as_ref().is_none_or(|delivery| delivery.outbound.is_free());
        !self.has_enough_to_write(limits) && (message.qos == QoS::AtMostOnce || is_free())
    }

    /// Whether the socket has to take something before there may be more for it.
    pub(crate) fn has_enough_to_write(&self, limits: &QueueLimits) -> bool {
        self.queue.pending() >= limits.write_buffer
    }

    /// Whether publishers should wait before they send this client more.
    pub(crate) fn is_crowded(&self, limits: &QueueLimits) -> bool {
        let Some(link) = &self.link else { return false };
        (self.queue.pending() > limits.write_buffer && !self.is_stalled(link, limits))
            || (!link.mute && self.delivery.as_ref().is_some_and(|d| d.is_crowded(limits)))
    }

    /// Whether the client has taken nothing for so long that nobody waits for it.
    fn is_stalled(&self, link: &Link, limits: &QueueLimits) -> bool {
        link.stalled || (limits.held_is_stalled && self.ledger.holds())
    }

    /// Whether nothing is written to the client before the store has more.
    pub(crate) fn is_held(&self) -> bool {
        self.ledger.holds()
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
}
