//! One thread's memory of who gets a topic, so that most publishes walk no tree and take no lock.
//!
//! A change of subscriptions makes those topics stale that its filter matches. Topics that were not asked for
//! lately go first when there are too many, so that ever new ones do not drive out those in use.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{Matched, Router};

/// Topics of one age at most.
const MAX_TOPICS: usize = 4096;
/// Subscribers remembered at most, over all topics of one age; one topic may have more.
const MAX_TARGETS: usize = 128 * 1024;

#[derive(Default)]
pub(crate) struct TopicCache {
    /// Those that were asked for since the others were set aside.
    recent: Topics,
    /// Those that were not, yet.
    older: Topics,
    /// Nodes of the router's tree looked at since [`TopicCache::forget_visited`].
    visited: usize,
    /// The router's generation that the last answer belongs to.
    generation: u64,
    /// The router's generation at the last [`TopicCache::refresh`].
    refreshed: u64,
    /// No topic here was last asked for at an older one.
    kept_since: u64,
}

#[derive(Default)]
struct Topics {
    by_name: HashMap<Box<str>, Known, RandomState>,
    /// Subscribers of all of them.
    targets: usize,
}

struct Known {
    matched: Arc<Matched>,
    /// The router's generation at which this was so.
    generation: u64,
}

impl TopicCache {
    /// The generation that [`TopicCache::matched`] has answered from.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The subscribers of `topic`, each once, and its shares.
    pub(crate) fn matched(&mut self, router: &Router, topic: &str) -> Arc<Matched> {
        let now = router.generation();
        self.generation = now;
        if let Some(known) = self.recent.by_name.get_mut(topic)
            && router.changes.spare(topic, known.generation, now)
        {
            known.generation = now;
            return known.matched.clone();
        }
        if self.recent.remove(topic).is_none()
            && let Some((topic, known)) = self.older.remove(topic)
            && router.changes.spare(&topic, known.generation, now)
        {
            return self.remember(topic, known.matched);
        }
        let matched = Arc::new(router.matched(topic));
        self.visited += matched.visited;
        self.remember(topic.into(), matched)
    }

    fn remember(&mut self, topic: Box<str>, matched: Arc<Matched>) -> Arc<Matched> {
        if self.recent.is_full() {
            self.older = std::mem::take(&mut self.recent);
        }
        let known = Known { matched: matched.clone(), generation: self.generation };
        self.recent.insert(topic, known);
        matched
    }

    /// How much looking up there was, in nodes of the tree.
    pub(crate) fn visited(&self) -> usize {
        self.visited
    }

    pub(crate) fn forget_visited(&mut self) {
        self.visited = 0;
    }

    /// Lets go of topics that were not asked for since the last call, if subscriptions had changed before
    /// that: the sessions in them may be gone. To be called now and then.
    pub(crate) fn refresh(&mut self, router: &Router) {
        let last = std::mem::replace(&mut self.refreshed, router.generation());
        if std::mem::replace(&mut self.kept_since, last) != last {
            self.recent.keep_since(last);
            self.older.keep_since(last);
        }
    }
}

impl Topics {
    fn is_full(&self) -> bool {
        self.by_name.len() >= MAX_TOPICS || self.targets > MAX_TARGETS
    }

    fn insert(&mut self, topic: Box<str>, known: Known) {
        self.targets += known.matched.len();
        self.by_name.insert(topic, known);
    }

    fn remove(&mut self, topic: &str) -> Option<(Box<str>, Known)> {
        let (topic, known) = self.by_name.remove_entry(topic)?;
        self.targets -= known.matched.len();
        Some((topic, known))
    }

    fn keep_since(&mut self, generation: u64) {
        self.by_name.retain(|_, known| known.generation >= generation);
        self.by_name.shrink_to(2 * self.by_name.len());
        self.targets = self.by_name.values().map(|known| known.matched.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use mqtt::{QoS, SubscriptionOptions};

    use super::*;
    use crate::session::Session;

    fn subscribe(router: &Router, filter: &str) -> Arc<Session> {
        let session = Arc::new(Session::new(filter.into(), 1));
        router.subscribe(filter, &session, SubscriptionOptions::new(QoS::AtMostOnce), None);
        session
    }

    /// How many get a topic, and whether the tree was looked at for it.
    fn look_up(cache: &mut TopicCache, router: &Router, topic: &str) -> (usize, bool) {
        cache.forget_visited();
        let receivers = cache.matched(router, topic).targets.len();
        (receivers, cache.visited() > 0)
    }

    #[test]
    fn only_topics_that_a_change_is_about_are_looked_up_again() {
        let (router, mut cache) = (Router::default(), TopicCache::default());
        let _first = subscribe(&router, "a/+");
        assert_eq!(look_up(&mut cache, &router, "a/1"), (1, true));
        let _other = subscribe(&router, "b/+");
        assert_eq!(look_up(&mut cache, &router, "a/1"), (1, false));
        let second = subscribe(&router, "#");
        assert_eq!(look_up(&mut cache, &router, "a/1"), (2, true));
        router.unsubscribe("#", &second);
        assert_eq!(look_up(&mut cache, &router, "a/1"), (1, true));
        assert_eq!(look_up(&mut cache, &router, "a/1"), (1, false));
    }

    #[test]
    fn topics_in_use_stay_while_ever_new_ones_come() {
        let (router, mut cache) = (Router::default(), TopicCache::default());
        let _session = subscribe(&router, "+");
        look_up(&mut cache, &router, "often");
        for number in 0..3 * MAX_TOPICS {
            look_up(&mut cache, &router, &number.to_string());
            if number % 1000 == 0 {
                assert_eq!(look_up(&mut cache, &router, "often"), (1, false));
            }
        }
        assert!(cache.recent.by_name.len() + cache.older.by_name.len() <= 2 * MAX_TOPICS);
        assert_eq!(look_up(&mut cache, &router, "0"), (1, true));
    }

    #[test]
    fn a_session_that_is_gone_is_let_go() {
        let (router, mut cache) = (Router::default(), TopicCache::default());
        let session = subscribe(&router, "a");
        look_up(&mut cache, &router, "a");
        cache.refresh(&router);
        router.unsubscribe_all(["a"].into_iter(), &session);
        cache.refresh(&router);
        cache.refresh(&router);
        assert_eq!(Arc::strong_count(&session), 1);
    }
}
