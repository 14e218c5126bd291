//! The moment after the last packet: the client was told why the connection ends, and may still be
//! sending. What it sends is read and thrown away, for a socket that is closed with bytes unread
//! resets the connection, and the client might never see the reason.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use super::{Connection, End, Stage};
use crate::shard::{READ_SIZE, Shard};

/// Milliseconds that a client has to close its side.
const MAX_TIME: u64 = 1000;
/// Bytes that are thrown away.
const MAX_BYTES: u32 = 1024 * 1024;
/// Connections that linger at once; others are closed as they are.
const MAX_CONNECTIONS: usize = 1024;

impl Connection {
    /// Begins after [`Connection::close`], which has ended our side of the stream.
    pub(super) fn begin_linger(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
        end: &End,
    ) -> Poll<()> {
        let lingering = &self.broker.lingering;
        if !end.is_told() || lingering.load(Ordering::Relaxed) >= MAX_CONNECTIONS {
            return Poll::Ready(());
        }
        lingering.fetch_add(1, Ordering::Relaxed);
        let deadline = shard.now + MAX_TIME;
        self.tail = Vec::new();
        self.timer = Some(shard.timers.add(deadline, cx.waker()));
        *self.stage = Stage::Lingering { deadline, left: MAX_BYTES };
        self.linger(shard, cx)
    }

    /// Ready when the client has closed, or has had enough of everything.
    pub(super) fn linger(&mut self, shard: &mut Shard, cx: &mut Context<'_>) -> Poll<()> {
        while let Stage::Lingering { deadline, left } = &mut *self.stage {
            if shard.now >= *deadline {
                break;
            }
            let Some(room) = shard.read_buffer.get_mut(..READ_SIZE) else { break };
            let mut room = ReadBuf::new(room);
            match Pin::new(&mut self.read).poll_read(cx, &mut room) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => break,
                Poll::Ready(Ok(())) => {
                    let read = room.filled().len() as u32;
                    *left = left.saturating_sub(read);
                    if read == 0 || *left == 0 {
                        break;
                    }
                }
            }
        }
        self.end_linger(Some(shard));
        Poll::Ready(())
    }

    /// Closes the socket at last. No shard: it is gone.
    pub(super) fn end_linger(&mut self, shard: Option<&mut Shard>) {
        if let Stage::Lingering { .. } = std::mem::replace(&mut *self.stage, Stage::Closed) {
            self.broker.lingering.fetch_sub(1, Ordering::Release);
        }
        if let (Some(timer), Some(shard)) = (self.timer.take(), shard) {
            shard.timers.remove(timer);
        }
    }
}
