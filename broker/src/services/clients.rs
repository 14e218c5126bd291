//! Clients, sessions and subscriptions, as plugins are shown them; and how a client is sent away.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use mqtt::{PacketType, Publish, ReasonCode, SubscriptionOptions};

use super::{Account, Declined, Errand};
use crate::hooks::Client;
use crate::router::Whom;
use crate::session::{Kick, MatchedBy, Order, Seen, Session, Subscribed, What};

/// A client or session.
pub(crate) struct Shown<'a> {
    pub(crate) client: Client<'a>,
    pub(crate) is_connected: bool,
    /// How long it has been so.
    pub(crate) since: Duration,
    /// Messages that wait for it.
    pub(crate) queued: usize,
    /// Their bytes.
    pub(crate) queued_bytes: usize,
}

/// A subscription.
pub(crate) struct ShownSubscription<'a> {
    pub(crate) client_id: &'a str,
    /// Empty where several count together.
    pub(crate) filter: &'a str,
    /// The byte of a SUBSCRIBE packet.
    pub(crate) options: u8,
    /// 0: it has none.
    pub(crate) identifier: u32,
}

impl Account {
    /// Sends a client away, or ends a session.
    pub(crate) fn disconnect(
        self: &Arc<Self>,
        client_id: &str,
        code: u32,
        words: &str,
        (without_will, ends_session): (bool, bool),
    ) -> Result<(), Declined> {
        let code = u8::try_from(code).ok().and_then(ReasonCode::from_u8);
        let reason = code.filter(|code| code.is_error()).ok_or(Declined::Unfit)?;
        if words.len() > usize::from(u16::MAX) {
            return Err(Declined::Unfit);
        }
        if !self.look_up(client_id)?.is_owned && !ends_session {
            return Err(Declined::NotThere);
        }
        let reason = reason.nearest_in(PacketType::Disconnect);
        let kick = Kick { reason, words: words.into(), without_will, ends_session };
        let (client_id, order) = self.order_for(client_id, What::Close(kick));
        self.post(Errand::Order(client_id, order))
    }

    pub(super) fn order_for(&self, client_id: &str, what: What) -> (Box<str>, Order) {
        (client_id.into(), Order { by: self.name.clone(), depth: 0, what })
    }

    /// Shows all clients and sessions, or that of a client id, until `show` wants no more. Returns how
    /// many.
    pub(crate) fn each_client(
        &self,
        client_id: &str,
        mut show: impl FnMut(&Shown<'_>) -> bool,
    ) -> Result<u64, Declined> {
        self.each_session(client_id, |seen| {
            let outbox = seen.session.outbox.lock();
            let (whom, (queued, queued_bytes)) = (Whom::of(&outbox), outbox.waiting());
            drop(outbox);
            let goes_on = show(&Shown {
                client: whom.client(&seen.session),
                is_connected: seen.is_owned,
                since: seen.since,
                queued,
                queued_bytes,
            });
            (1, goes_on)
        })
    }

    /// Shows all subscriptions, or those of a client id.
    pub(crate) fn each_subscription(
        &self,
        client_id: &str,
        mut show: impl FnMut(&ShownSubscription<'_>) -> bool,
    ) -> Result<u64, Declined> {
        self.each_session(client_id, |seen| {
            let all = seen.session.subscriptions.lock().all();
            for (index, subscribed) in all.iter().enumerate() {
                if !show(&shown(&seen.session, subscribed)) {
                    return (index as u64 + 1, false);
                }
            }
            (all.len() as u64, true)
        })
    }

    /// Looks at all sessions, or at one. `look` returns how much it has shown, and whether it goes on.
    fn each_session(
        &self,
        client_id: &str,
        mut look: impl FnMut(&Seen) -> (u64, bool),
    ) -> Result<u64, Declined> {
        let engine = self.services()?.engine()?;
        if !client_id.is_empty() {
            let seen = engine.broker.sessions.look_up(client_id).ok_or(Declined::NotThere)?;
            return Ok(look(&seen).0);
        }
        let (mut count, mut last) = (0, None::<Arc<str>>);
        loop {
            let step = engine.broker.sessions.walk(last.as_deref());
            let Some(end) = step.last() else { return Ok(count) };
            last = Some(end.session.client_id.clone());
            for seen in &step {
                let (shown, goes_on) = look(seen);
                count += shown;
                if !goes_on {
                    return Ok(count);
                }
            }
        }
    }

    /// Shows by which subscriptions a message to a topic would go out now.
    pub(crate) fn receivers(
        &self,
        topic: &str,
        mut show: impl FnMut(&ShownSubscription<'_>) -> bool,
    ) -> Result<u64, Declined> {
        mqtt::topic::check_topic_name(topic).map_err(|_| Declined::Unfit)?;
        let receivers = self.services()?.engine()?.broker.router.receivers(topic);
        let mut count = 0;
        for target in &receivers {
            let share = target.matched_by.as_deref().and_then(MatchedBy::share);
            let options = SubscriptionOptions {
                no_local: target.no_local,
                retain_as_published: target.retain_as_published,
                ..SubscriptionOptions::new(target.qos)
            };
            let by = matching(&target.session, topic, share);
            count += 1;
            let goes_on = show(&match by.as_slice() {
                [only] => shown(&target.session, only),
                _ => ShownSubscription {
                    client_id: &target.session.client_id,
                    filter: "",
                    options: options.bits(),
                    identifier: 0,
                },
            });
            if !goes_on {
                break;
            }
        }
        Ok(count)
    }

    /// Shows the retained messages whose topics match a filter.
    pub(crate) fn each_retained(
        &self,
        filter: &str,
        mut show: impl FnMut(&Publish<'_>) -> bool,
    ) -> Result<u64, Declined> {
        let fits = mqtt::topic::check_topic_filter(filter).is_ok();
        if !fits || mqtt::topic::is_shared(filter) {
            return Err(Declined::Unfit);
        }
        let engine = self.services()?.engine()?;
        let (retained, now) = (&engine.broker.retained, engine.broker.clock.milliseconds() / 1000);
        let (mut walk, mut found) = (retained.walk(filter, None), VecDeque::new());
        let mut count = 0;
        while !walk.is_over() {
            walk.step(retained, now as u32, &mut found);
            for found in found.drain(..) {
                count += 1;
                if !show(&found.message.publish(0, false)) {
                    return Ok(count);
                }
            }
        }
        Ok(count)
    }
}

/// The subscriptions of a session by which it gets a message to a topic: that to the share, or those that
/// are not shared.
fn matching(session: &Session, topic: &str, share: Option<&str>) -> Vec<Subscribed> {
    let mut all = session.subscriptions.lock().all();
    all.retain(|it| match share {
        Some(share) => *it.filter == *share,
        None => !mqtt::topic::is_shared(&it.filter) && mqtt::topic::matches(&it.filter, topic),
    });
    all
}

fn shown<'a>(session: &'a Session, subscribed: &'a Subscribed) -> ShownSubscription<'a> {
    ShownSubscription {
        client_id: &session.client_id,
        filter: &subscribed.filter,
        options: subscribed.options.bits(),
        identifier: subscribed.identifier.map_or(0, NonZeroU32::get),
    }
}
