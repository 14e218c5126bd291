//! TCP listeners: one acceptor, which hands the sockets to the shards in turn. [MQTT-4.2.0-1]

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use super::Counted;
use super::local_ends::LocalEnds;
use crate::broker::Broker;
use crate::connection::{Connection, Endpoint};
use crate::tally::Kind;

/// Connections that the kernel holds for us before we accept them.
const BACKLOG: i32 = 4096;
/// Wait after an accept that failed for lack of something, such as file descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);
/// Wait for handshakes to end.
const A_MOMENT: Duration = Duration::from_millis(1);

/// Opens a listening socket; port 0 lets the system choose.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Accepted sockets inherit it.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts the connections of one listener.
pub(crate) struct TcpAcceptor {
    broker: Arc<Broker>,
    shards: Arc<[Handle]>,
    next_shard: usize,
    local: SocketAddr,
    ends: LocalEnds,
    name: Arc<str>,
}

impl TcpAcceptor {
    /// `keeps`: whether the store is told of what comes there.
    pub(crate) fn new(
        broker: Arc<Broker>,
        shards: Arc<[Handle]>,
        local: SocketAddr,
        keeps: bool,
    ) -> Self {
        let name: Arc<str> = format!("tcp://{local}").into();
        let ends = LocalEnds::new(name.clone(), local, keeps);
        TcpAcceptor { broker, shards, next_shard: 0, local, ends, name }
    }

    /// Accepts until the task is dropped.
    pub(crate) async fn run(mut self, listener: TcpListener) {
        #[expect(deprecated, reason = "its successor is unsafe for types with a changing fd")]
        let listener = AsyncFd::with_interest(listener, Interest::READABLE);
        let listener = match listener {
            Ok(listener) => listener,
            Err(error) => {
                log::error!("{}: cannot watch the listening socket: {error}", self.name);
                return;
            }
        };
        loop {
            let Ok(mut ready) = listener.readable().await else { return };
            self.wait_for_room().await;
            match ready.try_io(|listener| listener.get_ref().accept()) {
                Ok(Ok((stream, peer))) => {
                    self.keep_to_rate(peer).await;
                    self.hand_over(stream, peer);
                }
                Ok(Err(error)) if is_of_one_connection(&error) => {}
                Ok(Err(error)) => {
                    let tally = &self.broker.tally;
                    tally.count(Kind::CannotAccept, || format!("{}: {error}", self.name));
                    tokio::time::sleep(BACK_OFF).await;
                }
                // Nothing more to accept for now.
                Err(_would_block) => {}
            }
        }
    }

    /// While more connections begin than the shards get through, the others wait in the kernel.
    async fn wait_for_room(&self) {
        let Broker { handshakes, limits, clock, .. } = &*self.broker;
        while !handshakes.has_room(limits.max_handshakes, clock.milliseconds()) {
            tokio::time::sleep(A_MOMENT).await;
        }
    }

    /// Accepts no faster than allowed; this machine as fast as it likes.
    async fn keep_to_rate(&self, peer: SocketAddr) {
        if peer.ip().to_canonical().is_loopback() {
            return;
        }
        let Broker { connection_rate, clock, tally, .. } = &*self.broker;
        while let Err(wait) = connection_rate.take(clock.microseconds()) {
            tally.count(Kind::ConnectionRate, || format!("{peer} had to wait"));
            tokio::time::sleep(wait).await;
        }
    }

    fn hand_over(&mut self, stream: std::net::TcpStream, peer: SocketAddr) {
        if self.broker.stopping.load(Ordering::Relaxed) {
            return;
        }
        let open = self.broker.connections.load(Ordering::Relaxed);
        if open >= self.broker.limits.max_connections {
            log::debug!("{peer}: closed at once, {open} connections are open");
            self.broker.tally.count(Kind::TooManyConnections, || peer.to_string());
            return;
        }
        let limit = self.broker.limits.max_connections_per_address;
        let Some(counted) = self.broker.addresses.count(peer.ip(), limit) else {
            log::debug!("{peer}: closed at once, {limit} connections from there are open");
            self.broker.tally.count(Kind::TooManyFromAddress, || peer.to_string());
            return;
        };
        if let Err(error) = self.start(stream, peer, counted) {
            log::debug!("{peer}: {error}");
        }
    }

    fn start(
        &mut self,
        stream: std::net::TcpStream,
        peer: SocketAddr,
        counted: Counted,
    ) -> io::Result<()> {
        SockRef::from(&stream).set_nonblocking(true)?;
        self.next_shard = (self.next_shard + 1) % self.shards.len();
        let Some(shard) = self.shards.get(self.next_shard) else { return Ok(()) };
        let local =
            if self.local.ip().is_unspecified() { stream.local_addr()? } else { self.local };
        let _context = shard.enter();
        let stream = TcpStream::from_std(stream)?;
        let endpoint = Endpoint::new(peer, self.ends.at(local));
        shard.spawn(Connection::new(self.broker.clone(), stream, endpoint, counted));
        Ok(())
    }
}

/// Errors that concern the connection about to be accepted, not the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
