//! Who is subscribed to what, and what is retained.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mqtt::SubscriptionOptions;
use parking_lot::RwLock;

use crate::session::Session;

mod cache;
mod fanout;
mod retained;
mod run;
mod trie;

pub(crate) use cache::TopicCache;
pub(crate) use fanout::{Targets, deliver};
pub(crate) use retained::{Retained, RetainedLimits, Retention, Walk};
pub(crate) use run::{Item, Run};
pub(crate) use trie::Target;

/// The subscriptions of all sessions. Its lock is held for a walk of the tree and no longer.
#[derive(Default)]
pub(crate) struct Router {
    tree: RwLock<trie::Node>,
    /// Moves with every change, after it; caches of an older one are stale.
    generation: AtomicU64,
}

impl Router {
    pub(crate) fn subscribe(
        &self,
        filter: &str,
        session: &Arc<Session>,
        options: SubscriptionOptions,
    ) {
        let target = Target {
            session: session.clone(),
            qos: options.qos,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
        };
        self.tree.write().insert(filter, target);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Returns the generation from which on the subscription is not seen any more.
    pub(crate) fn unsubscribe(&self, filter: &str, session: &Session) -> u64 {
        self.tree.write().remove(filter, session); // [MQTT-3.10.4-2]
        self.generation.fetch_add(1, Ordering::Release) + 1
    }

    /// What one session is subscribed to `topic` with.
    fn target(&self, topic: &str, session: &Session) -> Option<Target> {
        self.targets(topic).into_iter().find(|target| std::ptr::eq(&*target.session, session))
    }

    pub(crate) fn unsubscribe_all<'a>(
        &self,
        filters: impl Iterator<Item = &'a str>,
        session: &Session,
    ) {
        let mut filters = filters.peekable();
        if filters.peek().is_none() {
            return;
        }
        let mut tree = self.tree.write();
        for filter in filters {
            tree.remove(filter, session);
        }
        drop(tree);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// The subscribers of `topic`, each once: one that matches by several filters gets the message
    /// at the highest of their QoS. [MQTT-3.3.4-2]
    fn targets(&self, topic: &str) -> Vec<Target> {
        let mut found = Vec::new();
        self.tree.read().collect(topic, &mut found);
        found.sort_unstable_by_key(|target| Arc::as_ptr(&target.session));
        found.dedup_by(|next, first| {
            let same = Arc::ptr_eq(&next.session, &first.session);
            if same {
                first.qos = first.qos.max(next.qos);
                first.no_local &= next.no_local;
                first.retain_as_published |= next.retain_as_published;
            }
            same
        });
        found
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
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
        router.subscribe("a/#", &session, options(QoS::AtMostOnce));
        router.subscribe("a/b", &session, options(QoS::ExactlyOnce));
        router.subscribe("+/b", &session, options(QoS::AtLeastOnce));
        let targets = router.targets("a/b");
        assert_eq!(targets.iter().map(|t| t.qos).collect::<Vec<_>>(), [QoS::ExactlyOnce]);
    }

    #[test]
    fn a_cache_follows_every_change() {
        let (router, mut cache) = (Router::default(), TopicCache::default());
        let session = Arc::new(Session::new("s".into(), 1));
        assert_eq!(cache.targets(&router, "a").len(), 0);
        router.subscribe("a", &session, options(QoS::AtMostOnce));
        assert_eq!(cache.targets(&router, "a").len(), 1);
        router.unsubscribe_all(["a"].into_iter(), &session);
        assert_eq!(cache.targets(&router, "a").len(), 0);
        assert_eq!(Arc::strong_count(&session), 1);
    }
}
