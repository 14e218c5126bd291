//! The shard's clock: moves the time that connections read, and does what has come due.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::broker::Broker;
use crate::overload::Level;

/// How far time stamps lag behind at most.
pub(crate) const TICK_MILLISECONDS: u64 = 500;

/// Never completes. The first shard also looks after absent sessions.
pub(super) async fn tick(broker: Arc<Broker>, first_shard: bool) {
    let mut interval = tokio::time::interval(Duration::from_millis(TICK_MILLISECONDS));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        super::with(|shard| {
            shard.now = broker.clock.milliseconds();
            shard.renew_hooks(&broker.hooks);
            shard.timers.fire(shard.now);
            shard.outgoing.pool.trim();
            shard.cache.refresh(&broker.router);
            shard.outgoing.limits.drops_qos0 = broker.overload.level() == Level::Exhausted;
            shard.outgoing.limits.held_is_stalled = !shard.outgoing.journal.is_well();
            shard.outgoing.report_dropped(&broker);
            if first_shard {
                broker.attend_absent(shard);
                broker.tally.report();
            }
        });
    }
}
