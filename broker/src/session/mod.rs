//! One client's session: what the broker keeps for it, connected or away.
//!
//! A session outlives its connections. Publishers of any thread reach it through its [`Outbox`];
//! everything that only its own connection changes is in [`Kept`], which is lent to the connection
//! while one is attached. Who may attach is decided in `registry`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use mqtt::ReasonCode;
use mqtt::delivery::Inbound;
use parking_lot::Mutex;

use crate::router::Replay;

mod attributes;
mod buffer_pool;
mod chunk;
mod dropped;
mod grant;
mod ledger;
mod link;
mod marks;
mod matched_by;
mod message;
mod order;
mod outbox;
mod outcome;
mod parked;
mod queue;
mod registry;
mod schedule;
mod subscriptions;
mod takeovers;
mod topic_aliases;
mod will;
mod write_queue;

pub(crate) use attributes::{Attributes, Scope};
pub(crate) use buffer_pool::BufferPool;
pub(crate) use chunk::Chunk;
pub(crate) use dropped::{DropCause, Dropped};
pub(crate) use grant::{Granted, Taken};
pub(crate) use ledger::{Ledger, Noted, Step};
pub(crate) use link::Link;
pub(crate) use matched_by::MatchedBy;
pub(crate) use message::{Layout, Message, RetainFlag, age};
pub(crate) use order::{Kick, Order, Orders, What};
pub(crate) use outbox::{Acknowledgement, AfterWrite, Outbox, Ready, SHARE_ABOVE};
pub(crate) use outcome::{Outcome, Outcomes, Watched};
pub(crate) use parked::Parked;
pub(crate) use queue::QueueLimits;
pub(crate) use registry::{Claim, Claimant, ConnectionId, Ended, Given, Registry, Seen};
pub(crate) use schedule::{Due, DueKey, Schedule};
pub(crate) use subscriptions::{Subscribed, Subscriptions};
pub(crate) use takeovers::{TakeoverLimit, Takeovers};
use topic_aliases::TopicAliases;
pub(crate) use will::{Author, Will};

/// The part of a session that any thread may reach.
pub(crate) struct Session {
    pub(crate) client_id: Arc<str>,
    /// Set when the owner must look into the outbox or at `order` before it does anything else.
    attention: AtomicBool,
    /// Whether there is more for the client's socket than may be; as of the last append or write.
    behind: AtomicBool,
    /// The reason code with which the owner shall close, or 0.
    order: AtomicU8,
    /// What plugins want of the owner.
    pub(crate) orders: Mutex<Option<Box<Orders>>>,
    /// What plugins have noted.
    pub(crate) attributes: Mutex<Option<Box<Attributes>>>,
    /// Its number in the store, or 0; with [`WILL_ALONE`].
    number: AtomicU64,
    /// The owner alone changes them.
    pub(crate) subscriptions: Mutex<Subscriptions>,
    /// Held for appends and bookkeeping only, never during a system call.
    pub(crate) outbox: Mutex<Outbox>,
}

/// Of a session that ends with its connection no more is in the store than its will.
const WILL_ALONE: u64 = 1 << 63;

/// What only the session's own connection changes; rests in the registry while the client is away.
#[derive(Default)]
pub(crate) struct Kept {
    /// QoS 2 messages that the client has begun and not released. Made with the first.
    inbound: Option<Box<Inbound>>,
    /// Retained messages that the client has still to be sent.
    pub(crate) replay: Option<Box<Replay>>,
}

impl Kept {
    /// The QoS 2 messages that the client has begun and not released.
    pub(crate) fn inbound(&mut self) -> &mut Inbound {
        self.inbound.get_or_insert_default()
    }

    /// The identifiers of these messages.
    pub(crate) fn begun(&self) -> impl Iterator<Item = u16> {
        self.inbound.iter().flat_map(|inbound| inbound.iter())
    }

    /// The client has released a QoS 2 message; `false`: it had not begun it.
    pub(crate) fn release(&mut self, packet_id: u16) -> bool {
        self.inbound.as_mut().is_some_and(|inbound| inbound.release(packet_id))
    }

    /// The client goes: gives back the memory that is not needed meanwhile.
    pub(crate) fn rest(&mut self) {
        self.inbound.take_if(|inbound| inbound.open() == 0);
        if let Some(inbound) = &mut self.inbound {
            inbound.shrink();
        }
        if let Some(replay) = &mut self.replay {
            replay.rest();
        }
    }
}

impl Session {
    pub(crate) fn new(client_id: Arc<str>, window: u16) -> Session {
        Session {
            client_id,
            attention: AtomicBool::new(false),
            behind: AtomicBool::new(false),
            order: AtomicU8::new(0),
            orders: Mutex::default(),
            attributes: Mutex::default(),
            number: AtomicU64::new(0),
            subscriptions: Mutex::default(),
            outbox: Mutex::new(Outbox::new(window)),
        }
    }

    /// Its number in the store, if it is there, with its will alone or as a whole.
    pub(crate) fn number(&self) -> Option<u64> {
        Some(self.number.load(Ordering::Relaxed) & !WILL_ALONE).filter(|number| *number > 0)
    }

    /// The same, if all that belongs to it is there.
    #[inline]
    pub(crate) fn kept_number(&self) -> Option<u64> {
        let number = self.number.load(Ordering::Relaxed);
        Some(number).filter(|number| *number > 0 && number & WILL_ALONE == 0)
    }

    /// From now on it is in the store as a whole under this number.
    pub(crate) fn set_number(&self, number: u64) {
        self.number.store(number, Ordering::Relaxed);
        self.outbox.lock().enter_store(number);
    }

    /// The same for its will alone.
    pub(crate) fn set_number_of_will(&self, number: u64) {
        self.number.store(number | WILL_ALONE, Ordering::Relaxed);
    }

    /// Asks the connection that owns the session to close with `reason`. Any thread, never blocks
    /// for long: it takes the outbox lock to find whom to wake.
    pub(crate) fn order_close(&self, reason: ReasonCode) {
        self.order.store(reason as u8, Ordering::Release);
        self.call_owner();
    }

    /// The same for a caller that holds the outbox.
    pub(crate) fn order_close_of(&self, outbox: &Outbox, reason: ReasonCode) {
        self.order.store(reason as u8, Ordering::Release);
        self.mark_attention();
        outbox.wake_owner();
    }

    /// Makes the owner look at its outbox and its orders.
    pub(crate) fn call_owner(&self) {
        self.attention.store(true, Ordering::Release);
        let waker = self.outbox.lock().owner_waker();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// As [`Session::call_owner`] for a caller that holds the outbox and wakes by itself.
    pub(crate) fn mark_attention(&self) {
        self.attention.store(true, Ordering::Release);
    }

    /// To be called under the outbox lock, when its size has changed.
    #[inline]
    pub(crate) fn note_behind(&self, behind: bool) {
        // Most of the time nothing changes, and other threads' caches are left alone.
        if self.behind.load(Ordering::Relaxed) != behind {
            self.behind.store(behind, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    pub(crate) fn take_attention(&self) -> bool {
        self.attention.load(Ordering::Relaxed) && self.attention.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn ordered_close(&self) -> Option<ReasonCode> {
        match self.order.load(Ordering::Acquire) {
            0 => None,
            code => Some(ReasonCode::from_u8(code).unwrap_or(ReasonCode::UnspecifiedError)),
        }
    }

    pub(crate) fn has_orders(&self) -> bool {
        self.orders.lock().is_some()
    }

    /// What plugins want done, in their order.
    pub(crate) fn take_orders(&self) -> Option<Box<Orders>> {
        self.orders.lock().take()
    }

    /// Takes the first order to close, from among the others.
    pub(crate) fn take_close(&self) -> Option<(Arc<str>, Kick)> {
        let mut orders = self.orders.lock();
        let all = &mut orders.as_mut()?.0;
        let index = all.iter().position(|order| matches!(order.what, What::Close(_)))?;
        let order = all.remove(index)?;
        if all.is_empty() {
            *orders = None;
        }
        match order.what {
            What::Close(kick) => Some((order.by, kick)),
            _ => None,
        }
    }

    /// Orders that were not carried out, before those that have come since.
    pub(crate) fn put_back(&self, mut left: Box<Orders>) {
        let mut orders = self.orders.lock();
        if let Some(newer) = orders.take() {
            left.0.extend(newer.0);
        }
        *orders = (!left.0.is_empty()).then_some(left);
    }

    /// A connection has begun or ended: what was noted at it is forgotten.
    pub(crate) fn end_attributes_of_connection(&self) {
        let mut attributes = self.attributes.lock();
        if let Some(noted) = attributes.as_mut() {
            noted.end_connection();
            if noted.is_empty() {
                *attributes = None;
            }
        }
    }

    /// A new owner starts without the orders given to the one before.
    pub(crate) fn clear_orders(&self) {
        self.order.store(0, Ordering::Release);
    }
}
