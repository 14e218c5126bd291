//! What plugins want of clients that are away, or have just gone.

use crate::broker::Broker;
use crate::hooks::SessionChange;
use crate::session::{Given, Kick, Order, Session, What};
use crate::shard::Shard;

impl Broker {
    /// Carries an order out, or has the client's connection do it.
    pub(crate) fn order(&self, shard: &mut Shard, client_id: &str, order: Order) {
        let Given::Away(order) = self.sessions.give(client_id, order) else { return };
        match &order.what {
            What::Close(kick) => self.close_absent(shard, client_id, kick),
            What::Subscribe { .. } | What::Unsubscribe { .. } => {}
        }
    }

    /// A connection has left a session behind: what it has not got to is done now.
    pub(crate) fn carry_out_left(&self, shard: &mut Shard, session: &Session) {
        let Some(orders) = session.take_orders() else { return };
        for order in orders.0 {
            self.order(shard, &session.client_id, order);
        }
    }

    fn close_absent(&self, shard: &mut Shard, client_id: &str, kick: &Kick) {
        if !kick.ends_session {
            return;
        }
        let Some(mut ended) = self.sessions.end_absent(client_id) else { return };
        self.schedule.remove(&ended.timers);
        if kick.without_will {
            ended.will = None;
        }
        log::debug!("session of {client_id:?} is ended by a plugin");
        self.end_session(shard, &ended, SessionChange::Deleted);
    }
}
