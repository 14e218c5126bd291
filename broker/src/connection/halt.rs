//! A client that is not read because the broker is behind: with its store, or with its memory. What it has
//! sent waits in its socket. Its Keep Alive goes on all the same, at a fraction of its pace: nobody would see
//! otherwise that the client is gone.

use std::task::Context;

use mqtt::{Frame, PacketType};

use super::client::ConnectedClient;
use super::{Connection, Stage};
use crate::shard::Shard;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Halt {
    #[default]
    No,
    /// What it has brought is not durable, and the store is behind.
    Unsaved,
    /// The packet that the tail begins with is not taken yet.
    AtPacket,
}

impl Connection {
    /// Whether the store has to catch up with what the client has brought before that is read.
    #[inline]
    pub(super) fn is_unsaved(&mut self, shard: &Shard, cx: &Context<'_>) -> bool {
        let was = self.halt == Halt::Unsaved;
        let is = shard.outgoing.journal.holds_up(self.unsaved, was, cx.waker());
        if is != was {
            self.set_halt(if is { Halt::Unsaved } else { Halt::No });
            if !is {
                self.excuse_silence(shard.now);
            }
        }
        is
    }

    pub(super) fn set_halt(&mut self, halt: Halt) {
        let was = std::mem::replace(&mut self.halt, halt);
        if (was == Halt::No) == (halt == Halt::No) {
            return;
        }
        if halt == Halt::No {
            self.broker.overload.note_end_of_halt();
        } else {
            self.broker.overload.note_halt();
        }
    }

    /// The client is read again from `now` on, which is a millisecond of the broker's clock.
    pub(super) fn excuse_silence(&mut self, now: u64) {
        let Stage::Connected(client) = &mut *self.stage else { return };
        // The time was not the client's.
        if let Some(exchange) = &mut client.exchange {
            exchange.prolong(now.saturating_sub(client.last_packet));
        }
        client.last_packet = now;
    }

    /// Whether there may be packets now that are not taken.
    #[inline]
    pub(super) fn is_short(&self, shard: &Shard) -> bool {
        self.halt != Halt::No
            || self.broker.overload.holds_publishers()
            || shard.outgoing.journal.is_full()
    }

    /// Whether this packet is not taken for now. The connection is woken when it may be.
    #[cold]
    pub(super) fn halts_at(&mut self, shard: &Shard, cx: &Context<'_>, frame: Frame<'_>) -> bool {
        let Stage::Connected(client) = &*self.stage else { return false };
        // Plugins are asked about it already.
        let halts = self.waiting.is_none()
            && ((frame.packet_type() == PacketType::Publish
                && self.broker.overload.holds_publisher(self.halt == Halt::AtPacket, cx.waker()))
                || (brings_changes(client, self.keeps, frame)
                    && shard.outgoing.journal.shuts_out(cx.waker())));
        self.set_halt(if halts { Halt::AtPacket } else { Halt::No });
        self.halted |= halts;
        halts
    }

    /// The packet that is looked at is not taken yet.
    pub(super) fn halt_at_packet(&mut self) {
        self.set_halt(Halt::AtPacket);
        self.halted = true;
    }

    /// Whether it waits for something else than its turn to go on with its tail.
    pub(super) fn is_halted_at_packet(&self) -> bool {
        self.halt == Halt::AtPacket
    }
}

/// Whether the store may have to be told of what this packet does.
fn brings_changes(client: &ConnectedClient, keeps: bool, frame: Frame<'_>) -> bool {
    const QOS_AND_RETAIN: u8 = 0b0111;
    const QOS_2_AND_RETAIN: u8 = 0b0101;
    let bits = if keeps { QOS_AND_RETAIN } else { QOS_2_AND_RETAIN };
    match frame.packet_type() {
        PacketType::Publish => frame.bytes().first().is_some_and(|first| first & bits != 0),
        PacketType::Subscribe | PacketType::Unsubscribe => client.session.kept_number().is_some(),
        packet_type => packet_type.is_ack() && client.session.kept_number().is_some(),
    }
}
