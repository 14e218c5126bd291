//! One client's connection, from the accepted socket to its close: a future that lives on one
//! shard.
//!
//! It reads, acts on all packets of a read, and answers at once. It holds no buffer while it waits.
//! Writing is the flusher's work; the connection steps in only when the socket takes no more.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::broker::Broker;
use crate::hooks;
use crate::session::ConnectionId;
use crate::shard::{self, Shard, TimerKey};
use crate::transport::Counted;

mod attach;
mod client;
mod close;
mod end;
mod handshake;
mod linger;
mod packets;
mod publish;
mod read;
mod replay;
mod subscribe;

use client::ConnectedClient;
use end::End;
use linger::Lingering;

/// Where a connection comes from.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    /// The listener as the config names it, for example `tcp://127.0.0.1:1883`.
    pub(crate) listener: Arc<str>,
}

pub(crate) struct Connection {
    broker: Arc<Broker>,
    id: ConnectionId,
    endpoint: Endpoint,
    /// Among the connections of its address.
    _counted: Counted,
    read: OwnedReadHalf,
    /// The beginning of a packet of which the rest has not come yet.
    tail: Vec<u8>,
    timer: Option<TimerKey>,
    /// When to look at the deadlines next, in milliseconds of the broker's clock.
    next_check: u64,
    stage: Stage,
    /// Closed by the broker, and not yet by the client.
    lingering: Option<Lingering>,
}

enum Stage {
    /// Accepted; no plugin has seen it yet.
    Opened(OwnedWriteHalf),
    Connecting(Connecting),
    Connected(Box<ConnectedClient>),
    Closed,
}

/// Waits for CONNECT, or for the session that it asks for.
struct Connecting {
    write: OwnedWriteHalf,
    /// Milliseconds of the broker's clock.
    deadline: u64,
    /// The plugins have let it pass; they are not asked again.
    authorised: bool,
    /// The client id of a session that its owner has still to leave.
    claiming: Option<Box<str>>,
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
        Connection {
            id: broker.next_connection(),
            broker,
            endpoint,
            _counted: counted,
            read,
            tail: Vec::new(),
            timer: None,
            next_check: 0,
            stage: Stage::Opened(write),
            lingering: None,
        }
    }

    /// Does all that can be done now.
    fn turn(&mut self, shard: &mut Shard, cx: &mut Context<'_>) -> Result<(), End> {
        if matches!(self.stage, Stage::Opened(_)) {
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
        let Endpoint { peer, local, listener } = &self.endpoint;
        let decision = self.broker.hooks.on_socket_open(*peer, *local, listener);
        if decision == hooks::Decision::Veto {
            return Err(End::SocketVetoed);
        }
        let timeout = self.broker.limits.connect_timeout.as_millis() as u64;
        // Time stamps lag behind by a tick.
        let deadline = shard.now + timeout + shard::TICK_MILLISECONDS;
        self.timer = Some(shard.timers.add(deadline, cx.waker()));
        self.next_check = deadline;
        if let Stage::Opened(write) = std::mem::replace(&mut self.stage, Stage::Closed) {
            self.stage = Stage::Connecting(Connecting {
                write,
                deadline,
                authorised: false,
                claiming: None,
            });
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
        let next = match &mut self.stage {
            Stage::Connecting(connecting) if shard.now >= connecting.deadline => {
                return Err(End::ConnectTimeout);
            }
            Stage::Connecting(connecting) => connecting.deadline,
            Stage::Connected(client) => client.check_deadlines(&self.broker, shard)?,
            Stage::Opened(_) | Stage::Closed => u64::MAX,
        };
        self.set_check(shard, next);
        Ok(())
    }

    /// Looks at orders from elsewhere and at a socket that took no more.
    fn attend(&mut self, shard: &mut Shard, cx: &mut Context<'_>) -> Result<(), End> {
        let Stage::Connected(client) = &mut self.stage else { return Ok(()) };
        if client.session.take_attention() {
            if let Some(reason) = client.session.ordered_close() {
                return Err(End::Ordered(reason));
            }
            let outbox = client.session.outbox.lock();
            if outbox.is_broken() {
                return Err(End::WriteFailed);
            }
            if outbox.is_blocked() && client.blocked_since.is_none() {
                client.blocked_since = Some(shard.now);
            }
        }
        if client.blocked_since.is_some() {
            client.write_when_ready(&self.read, shard, cx);
            if let Some(due) = client.blocked_deadline(&self.broker) {
                self.check_by(shard, due);
            }
        }
        Ok(())
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        shard::with(|shard| {
            if this.lingering.is_none() {
                let Err(end) = this.turn(shard, cx) else { return Poll::Pending };
                this.close(shard, &end);
                this.begin_to_linger(shard, &end, cx);
            }
            this.linger(shard, cx)
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Closed) {
            shard::try_with(|shard| {
                shard.forget_turn();
                self.close(shard, &End::Abandoned);
            });
        }
        if let Some(timer) = self.timer.take() {
            shard::try_with(|shard| shard.timers.remove(timer));
        }
        self.broker.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
