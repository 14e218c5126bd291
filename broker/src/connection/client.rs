//! A connected client, as its own connection knows it.

use std::num::NonZero;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use hookmq_store::Change;
use mqtt::{Recipient, Version};
use tokio::net::tcp::OwnedReadHalf;

use super::alias::Aliases;
use super::{End, Endpoint, Exchange};
use crate::broker::Broker;
use crate::hooks;
use crate::session::{Kept, QueueLimits, Session, Will};
use crate::shard::{Shard, TICK_MILLISECONDS};

/// A publisher waits so many milliseconds for a receiver to catch up; then it goes on, and the
/// receiver's limits decide. Two clients that wait for each other so come free.
const MAX_HOLD: u64 = 1000;

/// So many times slower the Keep Alive of a client goes that is not read because the broker is behind.
const HALTED_PACE: u64 = 4;

pub(super) struct ConnectedClient {
    pub(super) session: Arc<Session>,
    /// Lent by the session.
    pub(super) kept: Kept,
    pub(super) version: Version,
    /// What it can be sent.
    pub(super) recipient: Recipient,
    /// In seconds; 0: none.
    pub(super) keep_alive: u16,
    pub(super) last_packet: u64,
    /// Seconds that the session outlives the connection; `u32::MAX`: for ever.
    pub(super) session_expiry: u32,
    /// What it may become: what a plugin has set, or what the broker allows.
    pub(super) max_session_expiry: u32,
    /// Whether CONNECT asked for the session to end with the connection.
    pub(super) connected_without_expiry: bool,
    pub(super) will: Option<Box<Will>>,
    /// QoS 2 messages that the client may leave unreleased. Those at QoS 1 do not count.
    pub(super) receive_quota: u16,
    /// What its topic aliases stand for, once it has one.
    pub(super) aliases: Option<Box<Aliases>>,
    /// The receiver that this client, as a publisher, waits for, and since when.
    pub(super) waits_for: Option<(Arc<Session>, u64)>,
    /// Since when the socket takes no more, in milliseconds of the broker's clock.
    pub(super) blocked_since: Option<NonZero<u64>>,
    /// Where CONNECT had an Authentication Method.
    pub(super) exchange: Option<Box<Exchange>>,
}

impl ConnectedClient {
    /// Notes that a QoS 2 message has begun.
    pub(super) fn note_begun(&self, shard: &mut Shard, packet_id: u16) {
        if let Some(session) = self.session.kept_number() {
            shard.outgoing.journal.push(|_| Change::Begun { session, packet_id });
        }
    }

    /// Notes that a QoS 2 message is released.
    pub(super) fn note_released(&self, shard: &mut Shard, packet_id: u16) {
        if let Some(session) = self.session.kept_number() {
            shard.outgoing.journal.push(|_| Change::Released { session, packet_id });
        }
    }

    /// What plugins are told of the client.
    pub(super) fn facts<'a>(&'a self, endpoint: &'a Endpoint) -> hooks::Client<'a> {
        endpoint.facts(&self.session.client_id)
    }

    /// Whether the client must not be read because a receiver has more than it can take.
    pub(super) fn is_held_up(
        &mut self,
        shard: &Shard,
        limits: &QueueLimits,
        cx: &Context<'_>,
    ) -> bool {
        let Some((receiver, since)) = &self.waits_for else { return false };
        let mut outbox = receiver.outbox.lock();
        if outbox.is_crowded(limits) {
            if shard.now < since + MAX_HOLD {
                outbox.park(cx.waker());
                return true;
            }
            outbox.mute();
        }
        drop(outbox);
        self.waits_for = None;
        false
    }

    /// Whether the client has more to take itself than it may: what it sends makes that grow.
    pub(super) fn is_behind(&self, limits: &QueueLimits, cx: &Context<'_>) -> bool {
        if !self.session.is_behind() {
            return false;
        }
        let mut outbox = self.session.outbox.lock();
        if !outbox.has_too_much_to_write(limits) {
            return false;
        }
        if outbox.is_held() {
            // It is written when the store has what it waits for, and whoever is parked is woken then.
            outbox.park(cx.waker());
        } else if !outbox.is_blocked() {
            // The flusher's turn comes first; then it is written, or blocked and waited for.
            cx.waker().wake_by_ref();
        }
        true
    }

    /// Waits for a receiver before reading on. A client never waits for itself: its own reading is
    /// what makes room.
    pub(super) fn wait_for(&mut self, receiver: Arc<Session>, now: u64) -> Option<u64> {
        if Arc::ptr_eq(&receiver, &self.session) {
            return None;
        }
        self.waits_for = Some((receiver, now));
        Some(now + MAX_HOLD)
    }

    /// The socket takes no more, since `now` if it did before.
    pub(super) fn note_blocked(&mut self, now: u64) {
        // The first millisecond is as good as the one before it.
        self.blocked_since = self.blocked_since.or(NonZero::new(now.max(1)));
    }

    /// Writes on once the socket takes more.
    pub(super) fn write_when_ready(
        &mut self,
        read: &OwnedReadHalf,
        shard: &mut Shard,
        cx: &mut Context<'_>,
    ) {
        while self.blocked_since.is_some() {
            if read.as_ref().poll_write_ready(cx).is_pending() {
                return;
            }
            self.session.outbox.lock().unblock();
            shard.outgoing.flush(&self.session);
            // It has taken something: what counts is the time since then.
            let blocked = self.session.outbox.lock().is_blocked();
            self.blocked_since = None;
            if blocked {
                self.note_blocked(shard.now);
            }
        }
    }

    /// When the blocked socket needs a look.
    pub(super) fn blocked_deadline(&self, broker: &Broker) -> Option<u64> {
        let since = self.blocked_since?;
        Some(since.get() + stall_after(broker))
    }

    /// When the client is taken to be gone if nothing came from it since `heard_from`, which is a
    /// millisecond of the broker's clock.
    pub(super) fn keep_alive_deadline(&self, heard_from: u64) -> u64 {
        if self.keep_alive > 0 { heard_from + patience(self.keep_alive) } else { u64::MAX }
    }

    /// Milliseconds that it may be silent for in addition while the broker does not read it.
    pub(super) fn patience_while_halted(&self) -> u64 {
        patience(self.keep_alive) * (HALTED_PACE - 1)
    }

    /// Acts on what is due and returns when to look again.
    /// `heard_from`: when it sent its last packet, or could not yet have been heard. `unfinished`: bytes
    /// of a packet of which the rest has not come yet. `waits`: a plugin or the broker takes its time, not
    /// the client.
    pub(super) fn check_deadlines(
        &mut self,
        broker: &Broker,
        shard: &Shard,
        heard_from: u64,
        unfinished: usize,
        waits: bool,
    ) -> Result<u64, End> {
        let now = shard.now;
        // [MQTT-3.1.2-22]
        let mut next = self.keep_alive_deadline(heard_from).saturating_add(time_for(unfinished));
        if now >= next {
            return Err(End::KeepAliveTimeout);
        }
        if let Some(since) = self.blocked_since.map(NonZero::get) {
            let due = since + milliseconds(broker.limits.send_timeout);
            if now >= due {
                return Err(End::SendTimeout);
            }
            let stalled = since + stall_after(broker);
            if now >= stalled {
                let publishers = self.session.outbox.lock().stall();
                publishers.into_iter().for_each(std::task::Waker::wake);
            }
            next = next.min(if now >= stalled { due } else { stalled });
        }
        if let Some(exchange) = self.exchange.as_deref().filter(|_| !waits) {
            if now >= exchange.due() {
                return Err(End::ReauthenticationTimeout);
            }
            next = next.min(exchange.due());
        }
        if let Some((_, since)) = &self.waits_for {
            next = next.min(since + MAX_HOLD);
        }
        Ok(next)
    }
}

/// One and a half times the keep alive, in milliseconds, and what time stamps may lag behind.
/// [MQTT-3.1.2-22] [MQTT-3.2.2-22]
fn patience(keep_alive: u16) -> u64 {
    u64::from(keep_alive) * 1500 + TICK_MILLISECONDS
}

/// A large packet takes its time on a slow link, and nothing can come in the middle of it: each byte of
/// it is worth a thousandth of a second of life. A client that sends slower than that, to seem alive,
/// does not live longer.
fn time_for(unfinished: usize) -> u64 {
    unfinished as u64
}

/// A client that has taken nothing for so many milliseconds holds no publisher up any more: until it
/// does, what is at QoS 0 is dropped.
fn stall_after(broker: &Broker) -> u64 {
    milliseconds(broker.limits.send_timeout) / 3
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis() as u64
}
