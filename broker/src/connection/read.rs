//! Reading: from the socket to whole packets.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use super::{Connection, End, Stage};
use crate::shard::{READ_SIZE, Shard};

/// How a read went.
enum Read {
    Pending,
    /// There may be more.
    Full,
    /// All there was.
    Short,
}

impl Connection {
    /// Reads and acts until there is nothing to read, or it is another connection's turn.
    pub(super) fn read(&mut self, shard: &mut Shard, cx: &mut Context<'_>) -> Result<(), End> {
        if self.is_claiming() {
            return self.claim_again(shard, cx);
        }
        if self.waiting.is_some() && !self.wait_on(shard, cx)? {
            return Ok(());
        }
        let mut reads = 0;
        while self.may_read(shard, cx) {
            if self.halted {
                self.go_on(shard, cx)?;
                if self.waiting.is_some() {
                    break;
                }
            }
            if self.halted {
                if !self.is_halted_at_packet() {
                    cx.waker().wake_by_ref();
                }
                break;
            }
            let mut buffer = std::mem::take(&mut shard.read_buffer);
            let read = self.read_once(shard, cx, &mut buffer);
            shard.read_buffer = buffer;
            match read? {
                Read::Pending => break,
                Read::Short => reads += 1,
                Read::Full => {
                    reads += 1;
                    if shard.activity.should_yield(self.id, reads) {
                        cx.waker().wake_by_ref();
                        break;
                    }
                }
            }
        }
        if self.waiting.is_some() { self.look_for_departure(cx) } else { Ok(()) }
    }

    /// Acts on the packets that the tail holds.
    pub(super) fn go_on(&mut self, shard: &mut Shard, cx: &mut Context<'_>) -> Result<(), End> {
        self.halted = false;
        let was_halted = self.is_halted_at_packet();
        let mut tail = std::mem::take(&mut self.tail);
        let used = self.packets(shard, cx, &tail)?;
        tail.drain(..used);
        self.tail = if tail.is_empty() { Vec::new() } else { tail };
        match (was_halted, self.is_halted_at_packet()) {
            // One that is let publish something now and then is not read for all that.
            (true, true) => {}
            (true, false) => self.excuse_silence(shard.now),
            (false, _) => {
                if let Stage::Connected(client) = &mut *self.stage {
                    client.last_packet = shard.now;
                }
            }
        }
        Ok(())
    }

    fn may_read(&mut self, shard: &Shard, cx: &Context<'_>) -> bool {
        if self.throttle.holds(shard.now) || self.waiting.is_some() || self.is_unsaved(shard, cx) {
            return false;
        }
        match &mut *self.stage {
            Stage::Connected(client) => {
                let limits = &self.broker.queue_limits;
                !client.is_held_up(shard, limits, cx) && !client.is_behind(limits, cx)
            }
            Stage::Connecting(connecting) => connecting.claiming.is_none(),
            Stage::Opened(_) | Stage::Attaching(_) | Stage::Lingering { .. } | Stage::Closed => {
                false
            }
        }
    }

    fn read_once(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Result<Read, End> {
        // A packet that is larger than the shard's buffer is collected in the tail.
        let kept = if self.tail.len() <= READ_SIZE { self.tail.len() } else { 0 };
        let Some(room) = buffer.get_mut(kept..kept + READ_SIZE) else { return Ok(Read::Pending) };
        let mut room = ReadBuf::new(room);
        let read = match Pin::new(&mut self.read).poll_read(cx, &mut room) {
            Poll::Pending => return Ok(Read::Pending),
            Poll::Ready(Ok(())) => room.filled().len(),
            Poll::Ready(Err(error)) => return Err(End::Failed(error)),
        };
        if read == 0 {
            return Err(End::ClosedByClient);
        }
        self.take_in(shard, cx, buffer, kept, read)?;
        Ok(if read == READ_SIZE { Read::Full } else { Read::Short })
    }

    /// Acts on the whole packets among `read` new bytes that stand in `buffer` after `kept` bytes'
    /// room for the tail; keeps the rest.
    fn take_in(
        &mut self,
        shard: &mut Shard,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        kept: usize,
        read: usize,
    ) -> Result<(), End> {
        let mut tail = std::mem::take(&mut self.tail);
        if tail.len() > kept {
            tail.extend_from_slice(buffer.get(..read).unwrap_or_default());
            let used = self.packets(shard, cx, &tail)?;
            self.note_packets(shard, used);
            tail.drain(..used);
            // One that is empty gives its memory back.
            self.tail = if tail.is_empty() { Vec::new() } else { tail };
            return Ok(());
        }
        if let Some(front) = buffer.get_mut(..kept) {
            front.copy_from_slice(&tail);
        }
        tail.clear();
        let data = buffer.get(..kept + read).unwrap_or_default();
        let used = self.packets(shard, cx, data)?;
        self.note_packets(shard, used);
        if used < data.len() {
            tail.extend_from_slice(data.get(used..).unwrap_or_default());
            self.tail = tail;
        }
        Ok(())
    }
    /// Whole packets are what keeps a client alive. [MQTT-3.1.2-22]
    fn note_packets(&mut self, shard: &Shard, used: usize) {
        if used > 0
            && let Stage::Connected(client) = &mut *self.stage
        {
            client.last_packet = shard.now;
        }
    }
}
