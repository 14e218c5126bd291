//! What plugins want of a connected client.

use super::{Connection, End};
use crate::session::{Orders, What};
use crate::shard::Shard;

impl Connection {
    /// Carries orders out, in their order.
    pub(super) fn obey(&mut self, _shard: &mut Shard, orders: Orders) -> Result<(), End> {
        for order in orders.0 {
            match order.what {
                What::Close(kick) => return Err(End::Kicked(order.by, kick)),
                What::Subscribe { .. } | What::Unsubscribe { .. } => {}
            }
        }
        Ok(())
    }
}
