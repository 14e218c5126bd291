//! The task that writes. Woken when the first session of a turn has something to send; since tasks
//! run in the order they are woken, it runs after all connections that were runnable then.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Never completes.
pub(super) struct Flusher;

impl Future for Flusher {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        super::with(|shard| {
            shard.outgoing.set_flusher(cx.waker());
            shard.activity.end_turn();
            shard.outgoing.attend_journal();
            shard.outgoing.flush_all();
            shard.tell_outcomes();
            shard.outgoing.depth = 0;
        });
        Poll::Pending
    }
}
