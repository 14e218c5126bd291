//! What plugins want of sessions: carried out for a connected client by its connection, and here for one
//! that is away, or has just gone.

use std::num::NonZeroU32;
use std::sync::Arc;

use mqtt::{RetainHandling, SubscriptionOptions};

use crate::broker::Broker;
use crate::hooks::{Client, SessionChange, running};
use crate::router::Whom;
use crate::services::subscribe;
use crate::session::{Given, Kept, Kick, MatchedBy, Order, Session, What};
use crate::shard::Shard;

impl Broker {
    /// Carries an order out, or has the client's connection do it.
    pub(crate) fn order(self: &Arc<Self>, shard: &mut Shard, client_id: &str, order: Order) {
        let Given::Away(order) = self.sessions.give(client_id, order) else { return };
        if let What::Close(kick) = &order.what {
            // Somebody has come for the session meanwhile, or it has ended.
            if !self.close_absent(shard, client_id, kick) {
                self.order(shard, client_id, order);
            }
            return;
        }
        let changed = self.sessions.change_absent(client_id, |session, kept| {
            (session.clone(), self.change(session, kept, &order))
        });
        match changed {
            Some((session, true)) => {
                let whom = Whom::of(&session.outbox.lock());
                self.tell(shard, &session, &whom.client(&session), &order);
            }
            Some((_, false)) => {}
            // Somebody has come for the session meanwhile, or it has ended.
            None => self.order(shard, client_id, order),
        }
    }

    /// A connection has left a session behind: what it has not got to is done now.
    pub(crate) fn carry_out_left(self: &Arc<Self>, shard: &mut Shard, session: &Session) {
        let Some(orders) = session.take_orders() else { return };
        for order in orders.0 {
            self.order(shard, &session.client_id, order);
        }
    }

    /// Subscribes or unsubscribes, for whoever may change the session. Returns whether something is
    /// different now.
    pub(crate) fn change(&self, session: &Arc<Session>, kept: &mut Kept, order: &Order) -> bool {
        match &order.what {
            What::Subscribe { filter, options, identifier } => {
                self.add_subscription(session, kept, filter, *options, *identifier);
                true
            }
            What::Unsubscribe { filter } => self.remove_subscription(session, kept, filter),
            What::Close(_) => false,
        }
    }

    /// What was changed is written down, if the session outlives its connection, and plugins are told.
    pub(crate) fn tell(
        &self,
        shard: &mut Shard,
        session: &Session,
        client: &Client<'_>,
        order: &Order,
    ) {
        let _depth = running::at_depth(order.depth);
        match &order.what {
            What::Subscribe { filter, options, identifier } => {
                shard.outgoing.journal.subscribed(session, filter, *options, *identifier);
                let properties = subscribe::properties(*identifier);
                let event = subscribe::event(&order.by, filter, *options, &properties);
                shard.hooks.on_subscribe(client, &event);
            }
            What::Unsubscribe { filter } => {
                shard.outgoing.journal.unsubscribed(session, filter);
                let event = subscribe::end_event(&order.by, filter);
                shard.hooks.on_unsubscribe(client, &event);
            }
            What::Close(_) => {}
        }
    }

    /// Registers a subscription that the plugins have let pass, with what is retained for it.
    pub(crate) fn add_subscription(
        &self,
        session: &Arc<Session>,
        kept: &mut Kept,
        filter: &str,
        options: SubscriptionOptions,
        identifier: Option<NonZeroU32>,
    ) {
        let is_shared = mqtt::topic::is_shared(filter);
        let matched_by = MatchedBy::new(identifier, is_shared.then_some(filter));
        self.router.subscribe(filter, session, options, matched_by.clone());
        let is_new = session.subscriptions.lock().insert(filter, options, identifier);
        // [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.8.4-4]
        let wanted = match options.retain_handling {
            _ if is_shared => false,
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => is_new,
            RetainHandling::DoNotSend => false,
        };
        if wanted {
            // [MQTT-3.8.3-3]
            let not_by = options.no_local.then(|| session.client_id.clone());
            let walk = self.retained.walk(filter, not_by);
            kept.replay.get_or_insert_default().add(walk, options.qos, matched_by);
        }
    }

    /// Ends a subscription; returns whether there was one.
    pub(crate) fn remove_subscription(
        &self,
        session: &Session,
        kept: &mut Kept,
        filter: &str,
    ) -> bool {
        // What is on its way already stays in the outbox. [MQTT-3.10.4-1] [MQTT-3.10.4-3]
        if !session.subscriptions.lock().remove(filter) {
            return false;
        }
        if let Some(replay) = &mut kept.replay {
            replay.unsubscribe(filter);
        }
        let generation = self.router.unsubscribe(filter, session);
        // [MQTT-3.10.4-2]
        session.outbox.lock().expect_generation(generation);
        true
    }

    /// Returns whether there is nothing left to be done.
    fn close_absent(self: &Arc<Self>, shard: &mut Shard, client_id: &str, kick: &Kick) -> bool {
        if !kick.ends_session {
            return true;
        }
        let Some(mut ended) = self.sessions.end_absent(client_id) else { return false };
        self.schedule.remove(&ended.timers);
        if kick.without_will {
            ended.will = None;
        }
        log::debug!("session of {client_id:?} is ended by a plugin");
        self.end_session(shard, ended, SessionChange::Deleted);
        true
    }
}
