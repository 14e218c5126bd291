//! SUBSCRIBE and UNSUBSCRIBE: filter by filter, each with the plugins' say.

use std::num::NonZeroU32;

use mqtt::{Packet, PacketType, Properties, PropertyBuffer, ReasonCode, RetainHandling};
use mqtt::{SubAck, Subscribe, Subscription, UnsubAck, Unsubscribe};

use super::{Connection, End, Stage, why};
use crate::config::Limits;
use crate::hooks::{self, Origin, Refusal, Verdict};
use crate::session::MatchedBy;
use crate::shard::Shard;

/// What SUBACK or UNSUBACK says.
#[derive(Default)]
struct Answers {
    reasons: Vec<ReasonCode>,
    /// Of the first filter that is refused.
    refusal: Option<Refusal>,
}

impl Answers {
    fn push(&mut self, answer: Result<ReasonCode, Refusal>) {
        match answer {
            Ok(reason) => self.reasons.push(reason),
            Err(refusal) => {
                self.reasons.push(refusal.reason);
                self.refusal.get_or_insert(refusal);
            }
        }
    }

    fn why(&self) -> PropertyBuffer {
        why::reason_string(self.refusal.as_ref().and_then(|refusal| refusal.why.as_deref()))
    }
}

impl Connection {
    pub(super) fn on_subscribe(
        &mut self,
        shard: &mut Shard,
        subscribe: &Subscribe<'_>,
    ) -> Result<(), End> {
        self.check_properties(subscribe.properties)?;
        let mut answers = Answers::default();
        // [MQTT-3.8.4-5]
        for (index, subscription) in subscribe.filters().enumerate() {
            let is_one_too_many = index >= self.broker.limits.max_filters_per_subscribe;
            answers.push(match is_one_too_many {
                true => Err(why::subscribe_refused(ReasonCode::QuotaExceeded)),
                false => self.subscribe(shard, &subscription, subscribe.properties),
            });
        }
        let Stage::Connected(client) = &self.stage else { return Ok(()) };
        let why = answers.why();
        let suback = Packet::SubAck(SubAck {
            packet_id: subscribe.packet_id, // [MQTT-3.8.4-2]
            properties: why.as_properties(),
            reasons: answers.reasons.into(),
        });
        // [MQTT-3.8.4-1] [MQTT-3.8.4-6]
        Ok(client.recipient.write(suback, &mut shard.batch.replies)?)
    }

    /// Makes one subscription; returns its reason code for SUBACK. [MQTT-3.8.4-7]
    fn subscribe(
        &mut self,
        shard: &Shard,
        subscription: &Subscription<'_>,
        properties: Properties<'_>,
    ) -> Result<ReasonCode, Refusal> {
        let Stage::Connected(client) = &mut self.stage else {
            return Err(Refusal::without_words(ReasonCode::UnspecifiedError));
        };
        let broker = &self.broker;
        let Subscription { filter, options } = *subscription;
        let identifier = properties.subscription_identifier().and_then(NonZeroU32::new);
        if !broker.accepts_filter(filter) {
            return Err(why::subscribe_refused(ReasonCode::TopicFilterInvalid));
        }
        let Limits { max_subscriptions, max_subscription_bytes, .. } = broker.limits;
        let has_room = client.session.subscriptions.lock().have_room(
            filter,
            max_subscriptions,
            max_subscription_bytes,
        );
        if !has_room {
            return Err(why::subscribe_refused(ReasonCode::QuotaExceeded));
        }
        let facts = client.facts(&self.endpoint);
        let event = hooks::Subscription {
            filter,
            qos: options.qos as u8,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            retain_handling: options.retain_handling as u8,
            properties: properties.as_bytes(),
            origin: Origin::Client,
        };
        let granted = ReasonCode::granted(options.qos);
        let decision = shard.hooks.on_before_subscribe(&facts, &event);
        self.throttle.ask(decision.throttle);
        match decision.verdict {
            Verdict::Continue => {}
            // The plugin's `false` is silent: the client gets the normal acknowledgement.
            Verdict::Veto => return Ok(granted),
            Verdict::Refuse(refusal) => return Err(refusal.told_in(PacketType::SubAck)),
        }
        let is_shared = mqtt::topic::is_shared(filter);
        let matched_by = MatchedBy::new(identifier, is_shared.then_some(filter));
        broker.router.subscribe(filter, &client.session, options, matched_by.clone());
        let is_new = client.session.subscriptions.lock().insert(filter, options, identifier);
        if client.session_expiry > 0 {
            let client_id = &client.session.client_id;
            broker.store.subscribed(client_id, filter, options, identifier);
        }
        shard.hooks.on_subscribe(&client.facts(&self.endpoint), &event);
        // [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [MQTT-3.8.4-4]
        let wanted = match options.retain_handling {
            _ if is_shared => false,
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => is_new,
            RetainHandling::DoNotSend => false,
        };
        if wanted {
            // [MQTT-3.8.3-3]
            let not_by = options.no_local.then(|| client.session.client_id.clone());
            let walk = broker.retained.walk(filter, not_by);
            client.kept.replay.get_or_insert_default().add(walk, options.qos, matched_by);
        }
        Ok(granted)
    }

    pub(super) fn on_unsubscribe(
        &mut self,
        shard: &mut Shard,
        unsubscribe: &Unsubscribe<'_>,
    ) -> Result<(), End> {
        self.check_properties(unsubscribe.properties)?;
        // UNSUBACK has no word for it, and none at all in every version.
        if unsubscribe.filters().nth(self.broker.limits.max_filters_per_subscribe).is_some() {
            return Err(End::TooManyFilters);
        }
        // [MQTT-3.10.4-6]
        let mut answers = Answers::default();
        unsubscribe.filters().for_each(|filter| answers.push(self.unsubscribe(shard, filter)));
        let why = answers.why();
        let Stage::Connected(client) = &self.stage else { return Ok(()) };
        let unsuback = Packet::UnsubAck(UnsubAck {
            packet_id: unsubscribe.packet_id,
            properties: why.as_properties(),
            reasons: answers.reasons.into(),
        });
        // [MQTT-3.10.4-4] [MQTT-3.10.4-5]
        Ok(client.recipient.write(unsuback, &mut shard.batch.replies)?)
    }

    /// Ends one subscription; returns its reason code for UNSUBACK.
    fn unsubscribe(&mut self, shard: &Shard, filter: &str) -> Result<ReasonCode, Refusal> {
        let Stage::Connected(client) = &mut self.stage else {
            return Err(Refusal::without_words(ReasonCode::UnspecifiedError));
        };
        let broker = &self.broker;
        let facts = client.facts(&self.endpoint);
        let decision = shard.hooks.on_before_unsubscribe(&facts, filter);
        self.throttle.ask(decision.throttle);
        match decision.verdict {
            Verdict::Continue => {}
            Verdict::Veto => return Ok(ReasonCode::Success),
            Verdict::Refuse(refusal) => return Err(refusal.told_in(PacketType::UnsubAck)),
        }
        // What is on its way already stays in the outbox. [MQTT-3.10.4-1] [MQTT-3.10.4-3]
        if !client.session.subscriptions.lock().remove(filter) {
            return Ok(ReasonCode::NoSubscriptionExisted);
        }
        if let Some(replay) = &mut client.kept.replay {
            replay.unsubscribe(filter);
        }
        let generation = broker.router.unsubscribe(filter, &client.session);
        // [MQTT-3.10.4-2]
        client.session.outbox.lock().expect_generation(generation);
        if client.session_expiry > 0 {
            let client_id = &client.session.client_id;
            broker.store.unsubscribed(client_id, filter);
        }
        shard.hooks.on_unsubscribe(&client.facts(&self.endpoint), filter);
        Ok(ReasonCode::Success)
    }
}
