//! One client's connection, from the accepted socket to its close: a future that lives on one
//! shard.
//!
//! It reads, acts on all packets of a read, and answers at once. It holds no buffer while it waits.
//! Writing is the flusher's work; the connection steps in only when the socket takes no more.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use hookmq_store::Sequence;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::broker::Broker;
use crate::hooks::{Asking, Edits, Verdict};
use crate::session::ConnectionId;
use crate::shard::{self, Shard, TimerKey};
use crate::transport::{Counted, Handshake};

mod alias;
mod attach;
mod authenticate;
mod backoff;
mod client;
mod close;
mod edited;
mod end;
mod endpoint;
mod exchange;
mod halt;
mod handshake;
mod linger;
mod obey;
mod packets;
mod publish;
mod read;
mod replay;
mod subscribe;
mod throttle;
mod wait;
mod why;

use attach::Attaching;
pub(crate) use backoff::Backoff;
use backoff::Who;
use client::ConnectedClient;
use end::End;
pub(crate) use endpoint::{Endpoint, LocalEnd};
use exchange::Exchange;
use halt::Halt;
use throttle::Throttle;
use wait::Waiting;

pub(crate) struct Connection {
    broker: Arc<Broker>,
    id: ConnectionId,
    /// Shared with the session, once there is one.
    endpoint: Arc<Endpoint>,
    /// Among the connections of its address.
    _counted: Counted,
    read: OwnedReadHalf,
    /// What was read and not acted on: the beginning of a packet of which the rest has not come yet.
    tail: Vec<u8>,
    /// There are whole packets in the tail, left for the next turn.
    halted: bool,
    halt: Halt,
    /// Whether the store is told of what it publishes at QoS 1.
    keeps: bool,
    /// What the store must have of what the client has brought before the next answer leaves. Until then it is
    /// not read while the store is behind.
    unsaved: Sequence,
    throttle: Throttle,
    /// For a plugin's answer about the packet that the tail begins with.
    waiting: Option<Box<Waiting>>,
    timer: Option<TimerKey>,
    /// When to look at the deadlines next, in milliseconds of the broker's clock.
    next_check: u64,
    /// Boxed once, for a task and its allocation are multiples of 128 bytes.
    stage: Box<Stage>,
}

/// Every connection has room for the largest.
enum Stage {
    /// Accepted; no plugin has let it pass yet.
    Opened(Connecting),
    Connecting(Connecting),
    /// The session is there, and CONNACK waits for a plugin's answer.
    Attaching(Box<Attaching>),
    Connected(ConnectedClient),
    /// All is said and done, but the client may not have read it.
    Lingering {
        /// Milliseconds of the broker's clock.
        deadline: u64,
        /// Bytes that may still come.
        left: u32,
    },
    Closed,
}

/// Waits for CONNECT, for AUTH, or for the session that CONNECT asks for.
struct Connecting {
    write: OwnedWriteHalf,
    /// `None`: a plugin is waited for, or CONNECT has come to its end.
    handshake: Option<Handshake>,
    /// Milliseconds of the broker's clock; counts once the socket is let pass.
    deadline: u64,
    /// The plugins have let it pass; they are not asked again.
    authorised: bool,
    /// What they have changed.
    edits: Option<Arc<Edits>>,
    /// The client id of a session that its owner has still to leave.
    claiming: Option<Box<str>>,
    /// Where CONNECT has an Authentication Method.
    exchange: Option<Box<Exchange>>,
}

impl Connection {
    /// To be called in the context of the runtime it is to live on.
    pub(crate) fn new(
        broker: Arc<Broker>,
        stream: TcpStream,
        endpoint: Endpoint,
        counted: Counted,
    ) -> Connection {
        let (read, write) = stream.into_split();
        broker.connections.fetch_add(1, Ordering::Relaxed);
        let id = broker.next_connection();
        let connecting = Connecting {
            write,
            handshake: Some(begin_handshake(&broker, id)),
            deadline: u64::MAX,
            authorised: false,
            edits: None,
            claiming: None,
            exchange: None,
        };
        Connection {
            id,
            broker,
            keeps: endpoint.local.keeps,
            endpoint: Arc::new(endpoint),
            _counted: counted,
            read,
            tail: Vec::new(),
            halted: false,
            halt: Halt::No,
            unsaved: 0,
            throttle: Throttle::default(),
            waiting: None,
            timer: None,
            next_check: 0,
            stage: Box::new(Stage::Opened(connecting)),
        }
    }

    /// Does all that can be done now.
    fn turn(&mut self, shard: &mut Shard, cx: &mut Context<'_>) -> Result<(), End> {
        if matches!(*self.stage, Stage::Opened(_)) && self.waiting.is_none() {
            self.open(shard, cx)?;
        }
        self.attend(shard, cx)?;
        if shard.now >= self.next_check {
            self.check_deadlines(shard)?;
        }
        self.read(shard, cx)?;
        self.replay(shard, cx);
        Ok(())
    }

    /// Lets the plugins look at a new socket.
    fn open(&mut self, shard: &mut Shard, cx: &Context<'_>) -> Result<(), End> {
        let Endpoint { peer, local, .. } = &*self.endpoint;
        let progress = self.waiting.take().map(|waiting| waiting.progress);
        let mut asking = Asking::waiting(&self.broker.limits, cx.waker(), progress);
        let decision =
            shard.hooks.on_socket_open(*peer, local.address, &local.listener, &mut asking);
        let progress = asking.progress;
        if decision.verdict == Verdict::Pending {
            self.timer.get_or_insert_with(|| shard.timers.add(u64::MAX, cx.waker()));
            self.next_check = u64::MAX;
            self.wait(shard, progress);
            // Until the answer is there it is not the client that takes its time.
            if let Stage::Opened(connecting) = &mut *self.stage {
                connecting.handshake = None;
            }
            return Ok(());
        }
        if decision.is_veto() {
            // There is no packet yet that could say why.
            return Err(End::SocketVetoed);
        }
        let timeout = self.broker.limits.connect_timeout.as_millis() as u64;
        // Time stamps lag behind by a tick.
        let deadline = shard.now + timeout + shard::TICK_MILLISECONDS;
        self.timer.get_or_insert_with(|| shard.timers.add(deadline, cx.waker()));
        self.set_check(shard, deadline);
        self.throttle.ask(decision.throttle);
        if self.throttle.is_asked() {
            self.begin_throttle(shard);
        }
        if let Stage::Opened(mut connecting) = std::mem::replace(&mut *self.stage, Stage::Closed) {
            // Who has waited comes behind all that are there.
            connecting.handshake.get_or_insert_with(|| {
                begin_handshake(&self.broker, self.broker.next_connection())
            });
            connecting.deadline = deadline;
            *self.stage = Stage::Connecting(connecting);
        }
        Ok(())
    }

    /// Moves the deadline that the shard's timer watches; it never fires later than `due`.
    fn check_by(&mut self, shard: &mut Shard, due: u64) {
        if due < self.next_check {
            self.set_check(shard, due);
        }
    }

    fn set_check(&mut self, shard: &mut Shard, due: u64) {
        self.next_check = due;
        if let Some(timer) = self.timer {
            shard.timers.set(timer, due);
        }
    }

    fn check_deadlines(&mut self, shard: &mut Shard) -> Result<(), End> {
        let waits_until = self.waiting.as_ref().map(|waiting| waiting.due());
        let next = match &mut *self.stage {
            Stage::Connecting(_) if waits_until.is_some() => u64::MAX,
            Stage::Connecting(connecting) if shard.now >= connecting.deadline => {
                return Err(End::ConnectTimeout);
            }
            Stage::Connecting(connecting) => connecting.deadline,
            Stage::Connected(client) => {
                let mut heard_from = client.last_packet.max(self.throttle.until());
                let is_halted = self.halt != Halt::No;
                let waits = waits_until.is_some() || is_halted;
                let unfinished = self.tail.len();
                if waits_until.is_some() {
                    heard_from = heard_from.max(shard.now);
                } else if is_halted {
                    heard_from += client.patience_while_halted();
                }
                let next =
                    client.check_deadlines(&self.broker, shard, heard_from, unfinished, waits)?;
                // From the end of the halt on it goes at its pace again.
                if is_halted { next.min(client.keep_alive_deadline(shard.now)) } else { next }
            }
            // Nobody can wake it when it is to close.
            Stage::Attaching(_) => shard.now + shard::TICK_MILLISECONDS,
            Stage::Opened(_) | Stage::Lingering { .. } | Stage::Closed => u64::MAX,
        };
        let next = waits_until.map_or(next, |until| next.min(until));
        let throttled = Some(self.throttle.until()).filter(|until| shard.now < *until);
        self.set_check(shard, throttled.map_or(next, |until| next.min(until)));
        Ok(())
    }

    /// Looks at orders from elsewhere and at a socket that took no more.
    fn attend(&mut self, shard: &mut Shard, cx: &mut Context<'_>) -> Result<(), End> {
        let client = match &mut *self.stage {
            Stage::Connected(client) => client,
            Stage::Connecting(connecting) if connecting.gave_way(cx) => {
                return Err(End::GaveWay);
            }
            Stage::Attaching(attaching) => return attaching.attend(),
            _ => return self.write_auth(cx),
        };
        let mut orders = None;
        if client.session.take_attention() {
            if let Some(reason) = client.session.ordered_close() {
                return Err(End::Ordered(reason));
            }
            let outbox = client.session.outbox.lock();
            if outbox.is_broken() {
                return Err(End::WriteFailed);
            }
            let is_blocked = outbox.is_blocked();
            drop(outbox);
            if is_blocked {
                client.note_blocked(shard.now);
            }
            orders = client.session.take_orders();
        }
        if client.blocked_since.is_some() {
            client.write_when_ready(&self.read, shard, cx);
            if let Some(due) = client.blocked_deadline(&self.broker) {
                self.check_by(shard, due);
            }
        }
        orders.map_or(Ok(()), |orders| self.obey(shard, orders))
    }
}

impl Connecting {
    /// Whether a newer connection has its place among the handshakes.
    fn gave_way(&self, cx: &Context<'_>) -> bool {
        self.handshake.as_ref().is_some_and(|handshake| !handshake.is_kept(cx.waker()))
    }
}

fn begin_handshake(broker: &Broker, place: ConnectionId) -> Handshake {
    broker.handshakes.begin(place, broker.limits.max_handshakes, broker.clock.milliseconds())
}

impl Future for Connection {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        shard::with(|shard| {
            shard.renew_hooks(&this.broker.hooks);
            if let Stage::Lingering { .. } = *this.stage {
                return this.linger(shard, cx);
            }
            match this.turn(shard, cx) {
                Ok(()) => Poll::Pending,
                Err(end) => {
                    this.close(shard, &end);
                    this.begin_linger(shard, cx, &end)
                }
            }
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if matches!(*self.stage, Stage::Lingering { .. }) {
            if shard::try_with(|shard| self.end_linger(Some(shard))).is_none() {
                self.end_linger(None);
            }
        } else if !matches!(*self.stage, Stage::Closed) {
            shard::try_with(|shard| {
                shard.forget_turn();
                self.close(shard, &End::Abandoned);
            });
        }
        self.broker.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    /// What tokio needs for a task goes with it, and the whole is made a multiple of 128.
    #[test]
    fn a_connection_and_its_task_take_256_bytes() {
        assert!(size_of::<Connection>() + 104 <= 256);
        assert!(size_of::<Stage>() <= 104);
    }
}
