//! What the micro-benchmarks reach of the inside, and nobody else may rely on: it changes with what is
//! behind it.

use std::sync::Arc;

use mqtt::{QoS, SubscriptionOptions};

use crate::hooks::{Client, Hooks, Offer, Publication, Receiver, Rulings, Sender, slot};
use crate::router::{Router, TopicCache};
use crate::session::Session;

/// What sessions are subscribed to.
pub struct Subscriptions {
    router: Router,
    cache: TopicCache,
}

impl Subscriptions {
    /// Each filter has a subscriber of its own.
    pub fn new(filters: impl Iterator<Item = String>) -> Subscriptions {
        let router = Router::default();
        let options = SubscriptionOptions::new(QoS::AtLeastOnce);
        for filter in filters {
            let session = Arc::new(Session::new(filter.as_str().into(), 1));
            router.subscribe(&filter, &session, options, None);
        }
        Subscriptions { router, cache: TopicCache::default() }
    }

    /// How many subscribers the tree has for a topic.
    pub fn look_up(&self, topic: &str) -> usize {
        self.router.receivers(topic).len()
    }

    /// The same, looked up where a shard looks first.
    pub fn cached(&mut self, topic: &str) -> usize {
        self.cache.matched(&self.router, topic).targets.len()
    }
}

/// As long as the result lives, this thread counts calls of plugins as that of a shard does.
pub fn as_shard() -> impl Sized + 'static {
    slot::claim()
}

/// Asks in on_before_deliver about a message for so many receivers; returns how many of them get it as it
/// is.
pub fn deliver(
    hooks: &Hooks,
    client: &Client<'_>,
    message: &Publication<'_>,
    receivers: usize,
) -> usize {
    let sender = Sender { client_id: client.client_id, origin: message.origin };
    let Some(deliveries) = hooks.on_before_deliver(sender, message.topic) else { return receivers };
    let receiver = Receiver { client: *client, share: None, retained: false, max_packet: u32::MAX };
    let Publication { payload, properties, retain, .. } = *message;
    let offer = Offer { payload, properties, qos: QoS::AtLeastOnce, retain };
    let mut rulings = Rulings::default();
    let is_allowed = |_: &usize| {
        deliveries.ask(&receiver, &std::iter::once(offer), &mut rulings);
        rulings.is_empty()
    };
    (0..receivers).filter(is_allowed).count()
}
