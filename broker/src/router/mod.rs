//! Who is subscribed to what, and what is retained.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use mqtt::SubscriptionOptions;
use parking_lot::RwLock;

use crate::session::{MatchedBy, Session};

mod cache;
mod changes;
mod fanout;
mod handover;
mod retained;
mod run;
mod share;
mod trie;
mod whom;

pub(crate) use cache::TopicCache;
use changes::Changes;
pub(crate) use fanout::{Receivers, deliver, deliver_to};
pub(crate) use retained::{Found, Next, Replay, Retained, RetainedLimits, Retention};
pub(crate) use run::{Item, Provenance, Run};
pub(crate) use share::Share;
use trie::Leaving;
pub(crate) use trie::{Matched, Target};
pub(crate) use whom::Whom;

/// The subscriptions of all sessions. Its lock is held for a walk of the tree and no longer.
#[derive(Default)]
pub(crate) struct Router {
    tree: RwLock<Tree>,
    /// What was changed there, noted afterwards.
    changes: Changes,
}

#[derive(Default)]
struct Tree {
    root: trie::Node,
    /// By the whole filter.
    shares: HashMap<Box<str>, Arc<Share>, RandomState>,
}

impl Router {
    pub(crate) fn subscribe(
        &self,
        filter: &str,
        session: &Arc<Session>,
        options: SubscriptionOptions,
        matched_by: Option<Arc<MatchedBy>>,
    ) {
        let target = Target {
            session: session.clone(),
            qos: options.qos,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            matched_by,
        };
        self.tree.write().insert(filter, target);
        self.changes.add([filter].into_iter());
    }

    /// Returns the generation from which on the subscription is not seen any more.
    pub(crate) fn unsubscribe(&self, filter: &str, session: &Session) -> u64 {
        self.tree.write().remove(filter, session); // [MQTT-3.10.4-2]
        self.changes.add([filter].into_iter())
    }

    pub(crate) fn unsubscribe_all<'a>(
        &self,
        filters: impl Iterator<Item = &'a str> + Clone,
        session: &Session,
    ) {
        let mut tree = self.tree.write();
        for filter in filters.clone() {
            tree.remove(filter, session);
        }
        drop(tree);
        self.changes.add(filters);
    }

    /// What one session is subscribed to `topic` with, shared subscriptions aside.
    fn target(&self, topic: &str, session: &Session) -> Option<Target> {
        let mut targets = self.matched(topic).targets.into_iter();
        targets.find(|target| std::ptr::eq(&*target.session, session))
    }

    /// The subscribers of `topic`, each once: one that matches by several filters gets the message
    /// at the highest of their QoS. Members of shared subscriptions get a message of their own.
    /// [MQTT-3.3.4-2]
    fn matched(&self, topic: &str) -> Matched {
        let mut found = Matched::default();
        self.tree.read().root.collect(topic, &mut found);
        found.targets.sort_unstable_by_key(|target| Arc::as_ptr(&target.session));
        found.targets.dedup_by(|next, first| {
            let same = Arc::ptr_eq(&next.session, &first.session);
            if same {
                first.qos = first.qos.max(next.qos);
                first.no_local &= next.no_local;
                first.retain_as_published |= next.retain_as_published;
                first.matched_by = both(first.matched_by.take(), next.matched_by.take());
            }
            same
        });
        found
    }

    /// Whom a message to `topic` would go to now: the subscribers, and all members of shared subscriptions.
    pub(crate) fn receivers(&self, topic: &str) -> Vec<Target> {
        let Matched { mut targets, shares, .. } = self.matched(topic);
        targets.extend(shares.iter().flat_map(|share| share.members().to_vec()));
        targets
    }

    fn share(&self, filter: &str) -> Option<Arc<Share>> {
        self.tree.read().shares.get(filter).cloned()
    }

    fn generation(&self) -> u64 {
        self.changes.generation()
    }
}

impl Tree {
    fn insert(&mut self, filter: &str, target: Target) {
        let Some((_, inner)) = mqtt::topic::shared(filter) else {
            self.root.insert(filter, target);
            return;
        };
        let share = self.shares.entry(filter.into()).or_insert_with(|| {
            let share = Arc::<Share>::default();
            self.root.insert_share(inner, share.clone());
            share
        });
        share.put(&target);
    }

    fn remove(&mut self, filter: &str, session: &Session) {
        let Some((_, inner)) = mqtt::topic::shared(filter) else {
            self.root.remove(filter, Leaving::Session(session));
            return;
        };
        let Some(share) = self.shares.get(filter) else { return };
        if share.take(session) {
            self.root.remove(inner, Leaving::Share(share));
            self.shares.remove(filter);
        }
    }
}

fn both(one: Option<Arc<MatchedBy>>, other: Option<Arc<MatchedBy>>) -> Option<Arc<MatchedBy>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.both(&other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt::{QoS, RetainHandling};

    fn options(qos: QoS) -> SubscriptionOptions {
        SubscriptionOptions {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
        }
    }

    #[test]
    fn overlapping_filters_deliver_once_at_the_highest_qos() {
        let router = Router::default();
        let session = Arc::new(Session::new("s".into(), 1));
        router.subscribe("a/#", &session, options(QoS::AtMostOnce), None);
        router.subscribe("a/b", &session, options(QoS::ExactlyOnce), None);
        router.subscribe("+/b", &session, options(QoS::AtLeastOnce), None);
        let targets = router.matched("a/b").targets;
        assert_eq!(targets.iter().map(|t| t.qos).collect::<Vec<_>>(), [QoS::ExactlyOnce]);
    }

    #[test]
    fn a_cache_follows_every_change() {
        let (router, mut cache) = (Router::default(), TopicCache::default());
        let session = Arc::new(Session::new("s".into(), 1));
        assert_eq!(cache.matched(&router, "a").targets.len(), 0);
        router.subscribe("a", &session, options(QoS::AtMostOnce), None);
        assert_eq!(cache.matched(&router, "a").targets.len(), 1);
        router.unsubscribe_all(["a"].into_iter(), &session);
        assert_eq!(cache.matched(&router, "a").targets.len(), 0);
        assert_eq!(Arc::strong_count(&session), 1);
    }
}
