//! What plugins want of a connected client.

use super::{Connection, End, Stage};
use crate::session::{Orders, What};
use crate::shard::Shard;

impl Connection {
    /// Carries orders out, in their order. What an end leaves is for whoever has the session then.
    pub(super) fn obey(&mut self, shard: &mut Shard, mut orders: Box<Orders>) -> Result<(), End> {
        while let Some(order) = orders.0.pop_front() {
            let Stage::Connected(client) = &mut *self.stage else { return Ok(()) };
            if let What::Close(kick) = order.what {
                client.session.put_back(orders);
                return Err(End::Kicked(order.by, kick));
            }
            if self.broker.change(&client.session, &mut client.kept, &order) {
                let facts = client.facts(&self.endpoint);
                self.broker.tell(shard, &client.session, &facts, &order);
            }
        }
        Ok(())
    }
}
