//! Subscriptions that a plugin makes and ends for clients. The plugins are asked here; what they let pass is
//! an order for the session.

use std::num::NonZeroU32;
use std::sync::Arc;

use mqtt::{Property, PropertyBuffer, SubscriptionOptions};

use super::{Account, Declined, Errand};
use crate::broker::Broker;
use crate::hooks::{self, Asking, Decision, Edits, Origin, Unsubscription, Verdict};
use crate::router::Whom;
use crate::session::{Order, What};
use crate::shard::Shard;

/// The largest Subscription Identifier.
const LARGEST: u32 = 268_435_455;

impl Account {
    /// Subscribes for a client, connected or away. `options` is the byte of a SUBSCRIBE packet, `identifier`
    /// 0 for none.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        client_id: &str,
        filter: &str,
        options: u32,
        identifier: u32,
    ) -> Result<(), Declined> {
        let byte = u8::try_from(options).map_err(|_| Declined::Unfit)?;
        let options = SubscriptionOptions::from_bits(byte).map_err(|_| Declined::Unfit)?;
        // [MQTT-3.8.3-4]
        let is_own_share = options.no_local && mqtt::topic::is_shared(filter);
        if is_own_share || identifier > LARGEST {
            return Err(Declined::Unfit);
        }
        let identifier = NonZeroU32::new(identifier);
        let filter = self.accepted(client_id, filter)?;
        let what = What::Subscribe { filter, options, identifier };
        self.post(Errand::Subscribe(self.order_for(client_id, what)))
    }

    /// Unsubscribes for a client, connected or away.
    pub(crate) fn unsubscribe(
        self: &Arc<Self>,
        client_id: &str,
        filter: &str,
    ) -> Result<(), Declined> {
        let what = What::Unsubscribe { filter: self.accepted(client_id, filter)? };
        self.post(Errand::Subscribe(self.order_for(client_id, what)))
    }

    /// A filter, if it is one, for a session that there is.
    fn accepted(&self, client_id: &str, filter: &str) -> Result<Box<str>, Declined> {
        let engine = self.services()?.engine()?;
        if !engine.broker.accepts_filter(filter) {
            return Err(Declined::Unfit);
        }
        self.find(client_id)?;
        Ok(filter.into())
    }
}

/// Asks the plugins about an order to subscribe or to unsubscribe, and gives it to the session.
pub(super) fn ask(broker: &Arc<Broker>, shard: &mut Shard, client_id: &str, order: Order) {
    let Some((decision, mut order)) = decide(broker, shard, client_id, order) else { return };
    if decision.verdict != Verdict::Continue {
        log::debug!("another plugin keeps {} from an order for {client_id:?}", order.by);
        return;
    }
    if let Some(edits) = decision.edits {
        edit(&mut order.what, &edits);
    }
    broker.order(shard, client_id, order);
}

/// `None`: the session has gone, or has no room.
fn decide(
    broker: &Broker,
    shard: &Shard,
    client_id: &str,
    order: Order,
) -> Option<(Decision, Order)> {
    let session = broker.sessions.look_up(client_id)?.session;
    let whom = Whom::of(&session.outbox.lock());
    let (client, mut asking) = (whom.client(&session), Asking::at_once(&broker.limits));
    let decision = match &order.what {
        What::Subscribe { filter, options, identifier } => {
            let limits = &broker.limits;
            let (most, bytes) = (limits.max_subscriptions, limits.max_subscription_bytes);
            if !session.subscriptions.lock().have_room(filter, most, bytes) {
                log::warn!("plugin {}: {client_id:?} has no room for a subscription", order.by);
                return None;
            }
            let properties = properties(*identifier);
            let event = event(&order.by, filter, *options, &properties);
            shard.hooks.on_before_subscribe(&client, &event, &mut asking)
        }
        What::Unsubscribe { filter } => {
            let event = end_event(&order.by, filter);
            shard.hooks.on_before_unsubscribe(&client, &event, &mut asking)
        }
        What::Close(_) => return None,
    };
    Some((decision, order))
}

/// What other plugins have made of it.
fn edit(what: &mut What, edits: &Edits) {
    match what {
        What::Subscribe { filter, options, .. } => {
            if let Some(edited) = edits.filter.as_deref() {
                *filter = edited.into();
            }
            *options = edits.options.unwrap_or(*options);
            // [MQTT-3.8.3-4]
            options.no_local &= !mqtt::topic::is_shared(filter);
        }
        What::Unsubscribe { filter } => {
            if let Some(edited) = edits.filter.as_deref() {
                *filter = edited.into();
            }
        }
        What::Close(_) => {}
    }
}

/// As a SUBSCRIBE would have them.
pub(crate) fn properties(identifier: Option<NonZeroU32>) -> PropertyBuffer {
    let mut properties = PropertyBuffer::new();
    if let Some(identifier) = identifier {
        properties.push(Property::SubscriptionIdentifier(identifier.get()));
    }
    properties
}

/// What plugins are told of a subscription that another makes.
pub(crate) fn event<'a>(
    by: &'a str,
    filter: &'a str,
    options: SubscriptionOptions,
    properties: &'a PropertyBuffer,
) -> hooks::Subscription<'a> {
    hooks::Subscription {
        filter,
        original_filter: filter,
        options,
        properties: properties.as_properties().as_bytes(),
        origin: Origin::Plugin(by),
    }
}

/// What plugins are told of a subscription that another ends.
pub(crate) fn end_event<'a>(by: &'a str, filter: &'a str) -> Unsubscription<'a> {
    Unsubscription { filter, original_filter: filter, origin: Origin::Plugin(by) }
}
