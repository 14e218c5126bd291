//! Subscriptions that a plugin makes and ends for clients. The plugins are asked here; what they let pass is
//! an order for the session.

use std::num::NonZeroU32;
use std::sync::Arc;

use mqtt::{Property, PropertyBuffer, SubscriptionOptions};

use super::{Account, Declined, Errand};
use crate::broker::Broker;
use crate::hooks::{self, Origin, Verdict};
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
pub(super) fn ask(broker: &Broker, shard: &mut Shard, client_id: &str, order: Order) {
    let verdict = match &order.what {
        What::Subscribe { filter, options, identifier } => {
            ask_to_subscribe(broker, shard, client_id, &order, (filter, *options, *identifier))
        }
        What::Unsubscribe { filter } => ask_to_unsubscribe(broker, shard, client_id, filter),
        What::Close(_) => Some(Verdict::Continue),
    };
    match verdict {
        Some(Verdict::Continue) => broker.order(shard, client_id, order),
        Some(_) => log::debug!("another plugin keeps {} from an order for {client_id:?}", order.by),
        None => {}
    }
}

/// `None`: the session has gone, or has no room.
fn ask_to_subscribe(
    broker: &Broker,
    shard: &Shard,
    client_id: &str,
    order: &Order,
    (filter, options, identifier): (&str, SubscriptionOptions, Option<NonZeroU32>),
) -> Option<Verdict> {
    let session = broker.sessions.look_up(client_id)?.session;
    let limits = &broker.limits;
    let (most, bytes) = (limits.max_subscriptions, limits.max_subscription_bytes);
    if !session.subscriptions.lock().have_room(filter, most, bytes) {
        log::warn!("plugin {}: {client_id:?} has no room for another subscription", order.by);
        return None;
    }
    let whom = Whom::of(&session.outbox.lock());
    let properties = properties(identifier);
    let event = event(&order.by, filter, options, &properties);
    Some(shard.hooks.on_before_subscribe(&whom.client(&session), &event).verdict)
}

fn ask_to_unsubscribe(
    broker: &Broker,
    shard: &Shard,
    client_id: &str,
    filter: &str,
) -> Option<Verdict> {
    let session = broker.sessions.look_up(client_id)?.session;
    let whom = Whom::of(&session.outbox.lock());
    Some(shard.hooks.on_before_unsubscribe(&whom.client(&session), filter).verdict)
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
        qos: options.qos as u8,
        no_local: options.no_local,
        retain_as_published: options.retain_as_published,
        retain_handling: options.retain_handling as u8,
        properties: properties.as_properties().as_bytes(),
        origin: Origin::Plugin(by),
    }
}
