//! After the broker's last word: what the client still sends is read and thrown away until it closes
//! too. If the socket were closed at once, the system would answer what comes with a reset, and a
//! client that is writing would fail before it reads why it was disconnected.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use super::{Connection, End};
use crate::shard::Shard;

/// In milliseconds. A client far away hears in less, and one that is gone is not waited for.
const LONGEST: u64 = 5000;

/// Bytes that are taken in all.
const MOST: usize = 1024 * 1024;

/// Reads between which others have their turn.
const READS: usize = 4;

/// A connection whose end in our direction is sent.
pub(super) struct Lingering {
    /// Milliseconds of the broker's clock.
    until: u64,
    /// Bytes that are still taken.
    left: usize,
}

impl Connection {
    /// To be called after the close, with the reason for it.
    pub(super) fn begin_to_linger(&mut self, shard: &mut Shard, end: &End, cx: &Context<'_>) {
        if end.has_last_word() {
            let until = shard.now + LONGEST;
            self.timer = Some(shard.timers.add(until, cx.waker()));
            self.tail = Vec::new();
            self.lingering = Some(Lingering { until, left: MOST });
        }
    }

    /// Ready when the socket can be closed.
    pub(super) fn linger(&mut self, shard: &mut Shard, cx: &mut Context<'_>) -> Poll<()> {
        let Some(Lingering { until, left }) = &mut self.lingering else { return Poll::Ready(()) };
        for _ in 0..READS {
            let mut buffer = ReadBuf::new(&mut shard.read_buffer);
            let read = match Pin::new(&mut self.read).poll_read(cx, &mut buffer) {
                Poll::Pending if shard.now < *until => return Poll::Pending,
                Poll::Ready(Ok(())) => buffer.filled().len(),
                Poll::Pending | Poll::Ready(Err(_)) => 0,
            };
            if read == 0 || read > *left {
                return Poll::Ready(());
            }
            *left -= read;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
