//! SUBSCRIBE and UNSUBSCRIBE: filter by filter, each with the plugins' say.

use std::num::NonZeroU32;
use std::task::Context;

use mqtt::{Packet, PacketType, Properties, PropertyBuffer, ReasonCode};
use mqtt::{SubAck, Subscribe, Subscription, UnsubAck, Unsubscribe};

use super::client::ConnectedClient;
use super::{Connection, End, Stage, why};
use crate::config::Limits;
use crate::hooks::{self, Asking, Origin, Progress, Refusal, Unsubscription, Verdict};
use crate::shard::Shard;

/// What SUBACK or UNSUBACK says.
#[derive(Default)]
pub(super) struct Answers {
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
        cx: &Context<'_>,
        subscribe: &Subscribe<'_>,
    ) -> Result<(), End> {
        self.check_properties(subscribe.properties)?;
        let (mut answers, mut progress) = self.resume();
        let broker = self.broker.clone();
        // [MQTT-3.8.4-5]
        for (index, subscription) in subscribe.filters().enumerate().skip(answers.reasons.len()) {
            let is_one_too_many = index >= self.broker.limits.max_filters_per_subscribe;
            let mut asking = Asking::waiting(&broker.limits, cx.waker(), progress.take());
            let answer = match is_one_too_many {
                true => Some(Err(why::subscribe_refused(ReasonCode::QuotaExceeded))),
                false => self.subscribe(shard, &subscription, subscribe.properties, &mut asking),
            };
            let Some(answer) = answer else {
                self.wait_with(shard, asking.progress, answers);
                return Ok(());
            };
            answers.push(answer);
        }
        let Stage::Connected(client) = &*self.stage else { return Ok(()) };
        let why = answers.why();
        let suback = Packet::SubAck(SubAck {
            packet_id: subscribe.packet_id, // [MQTT-3.8.4-2]
            properties: why.as_properties(),
            reasons: answers.reasons.into(),
        });
        // [MQTT-3.8.4-1] [MQTT-3.8.4-6]
        Ok(client.recipient.write(suback, &mut shard.batch.replies)?)
    }

    /// Makes one subscription; returns its reason code for SUBACK. `None`: a plugin is waited for.
    /// [MQTT-3.8.4-7]
    fn subscribe(
        &mut self,
        shard: &mut Shard,
        subscription: &Subscription<'_>,
        properties: Properties<'_>,
        asking: &mut Asking<'_>,
    ) -> Option<Result<ReasonCode, Refusal>> {
        let Stage::Connected(client) = &mut *self.stage else {
            return Some(Err(Refusal::without_words(ReasonCode::UnspecifiedError)));
        };
        let Subscription { filter, options } = *subscription;
        if !self.broker.accepts_filter(filter) {
            return Some(Err(why::subscribe_refused(ReasonCode::TopicFilterInvalid)));
        }
        if !client.has_room_for(filter, &self.broker.limits) {
            return Some(Err(why::subscribe_refused(ReasonCode::QuotaExceeded)));
        }
        let facts = client.facts(&self.endpoint);
        let asked = hooks::Subscription {
            filter,
            original_filter: filter,
            options,
            properties: properties.as_bytes(),
            origin: Origin::Client,
        };
        let decision = shard.hooks.on_before_subscribe(&facts, &asked, asking);
        self.throttle.ask(decision.throttle);
        match decision.verdict {
            Verdict::Continue => {}
            // The plugin's `false` is silent: the client gets the normal acknowledgement.
            Verdict::Veto => return Some(Ok(ReasonCode::granted(options.qos))),
            Verdict::Refuse(refusal) => return Some(Err(refusal.told_in(PacketType::SubAck))),
            Verdict::Pending => return None,
        }
        let Some(edits) = decision.edits else { return Some(Ok(self.register(shard, &asked))) };
        let filter = edits.filter.as_deref().unwrap_or(filter);
        let mut options = edits.options.unwrap_or(options);
        // [MQTT-3.8.3-4]
        options.no_local &= !mqtt::topic::is_shared(filter);
        let Stage::Connected(client) = &mut *self.stage else { return None };
        if !client.has_room_for(filter, &self.broker.limits) {
            return Some(Err(why::subscribe_refused(ReasonCode::QuotaExceeded)));
        }
        Some(Ok(self.register(shard, &hooks::Subscription { filter, options, ..asked })))
    }

    /// Registers a subscription that the plugins have let pass.
    fn register(&mut self, shard: &mut Shard, event: &hooks::Subscription<'_>) -> ReasonCode {
        let Stage::Connected(client) = &mut *self.stage else {
            return ReasonCode::UnspecifiedError;
        };
        let broker = &self.broker;
        let hooks::Subscription { filter, options, .. } = *event;
        let properties = Properties::from_validated(event.properties);
        let identifier = properties.subscription_identifier().and_then(NonZeroU32::new);
        let (session, kept) = (&client.session, &mut client.kept);
        broker.add_subscription(session, kept, filter, options, identifier);
        shard.outgoing.journal.subscribed(session, filter, options, identifier);
        shard.hooks.on_subscribe(&client.facts(&self.endpoint), event);
        ReasonCode::granted(options.qos)
    }

    pub(super) fn on_unsubscribe(
        &mut self,
        shard: &mut Shard,
        cx: &Context<'_>,
        unsubscribe: &Unsubscribe<'_>,
    ) -> Result<(), End> {
        self.check_properties(unsubscribe.properties)?;
        // UNSUBACK has no word for it, and none at all in every version.
        if unsubscribe.filters().nth(self.broker.limits.max_filters_per_subscribe).is_some() {
            return Err(End::TooManyFilters);
        }
        // [MQTT-3.10.4-6]
        let (mut answers, mut progress) = self.resume();
        let broker = self.broker.clone();
        for filter in unsubscribe.filters().skip(answers.reasons.len()) {
            let mut asking = Asking::waiting(&broker.limits, cx.waker(), progress.take());
            let Some(answer) = self.unsubscribe(shard, filter, &mut asking) else {
                self.wait_with(shard, asking.progress, answers);
                return Ok(());
            };
            answers.push(answer);
        }
        let why = answers.why();
        let Stage::Connected(client) = &*self.stage else { return Ok(()) };
        let unsuback = Packet::UnsubAck(UnsubAck {
            packet_id: unsubscribe.packet_id,
            properties: why.as_properties(),
            reasons: answers.reasons.into(),
        });
        // [MQTT-3.10.4-4] [MQTT-3.10.4-5]
        Ok(client.recipient.write(unsuback, &mut shard.batch.replies)?)
    }

    /// Ends one subscription; returns its reason code for UNSUBACK. `None`: a plugin is waited for.
    fn unsubscribe(
        &mut self,
        shard: &mut Shard,
        filter: &str,
        asking: &mut Asking<'_>,
    ) -> Option<Result<ReasonCode, Refusal>> {
        let Stage::Connected(client) = &mut *self.stage else {
            return Some(Err(Refusal::without_words(ReasonCode::UnspecifiedError)));
        };
        let broker = &self.broker;
        let facts = client.facts(&self.endpoint);
        let asked = Unsubscription::by_client(filter);
        let decision = shard.hooks.on_before_unsubscribe(&facts, &asked, asking);
        self.throttle.ask(decision.throttle);
        match decision.verdict {
            Verdict::Continue => {}
            Verdict::Veto => return Some(Ok(ReasonCode::Success)),
            Verdict::Refuse(refusal) => return Some(Err(refusal.told_in(PacketType::UnsubAck))),
            Verdict::Pending => return None,
        }
        let filter =
            decision.edits.as_ref().and_then(|edits| edits.filter.as_deref()).unwrap_or(filter);
        if !broker.remove_subscription(&client.session, &mut client.kept, filter) {
            return Some(Ok(ReasonCode::NoSubscriptionExisted));
        }
        shard.outgoing.journal.unsubscribed(&client.session, filter);
        let gone = Unsubscription { filter, ..asked };
        shard.hooks.on_unsubscribe(&client.facts(&self.endpoint), &gone);
        Some(Ok(ReasonCode::Success))
    }

    /// Where a packet that was waited with is gone on with.
    fn resume(&mut self) -> (Answers, Option<Box<Progress>>) {
        match self.waiting.take() {
            Some(waiting) => (waiting.answers, Some(waiting.progress)),
            None => (Answers::default(), None),
        }
    }

    fn wait_with(&mut self, shard: &mut Shard, progress: Option<Box<Progress>>, answers: Answers) {
        self.wait(shard, progress);
        if let Some(waiting) = &mut self.waiting {
            waiting.answers = answers;
        }
    }
}

impl ConnectedClient {
    fn has_room_for(&self, filter: &str, limits: &Limits) -> bool {
        let Limits { max_subscriptions, max_subscription_bytes, .. } = *limits;
        let subscriptions = self.session.subscriptions.lock();
        subscriptions.have_room(filter, max_subscriptions, max_subscription_bytes)
    }
}
