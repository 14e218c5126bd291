//! One thread's memory of who gets a topic, so that most publishes walk no tree and take no lock.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{Matched, Router};

/// Topics remembered at most; beyond that the cache starts anew.
const MAX_TOPICS: usize = 4096;
/// Subscribers remembered at most, over all topics.
const MAX_TARGETS: usize = 256 * 1024;

#[derive(Default)]
pub(crate) struct TopicCache {
    topics: HashMap<Box<str>, Arc<Matched>, RandomState>,
    /// Subscribers of all of them.
    held: usize,
    /// Nodes of the router's tree looked at since [`TopicCache::forget_visited`].
    visited: usize,
    /// The router's generation that `topics` belongs to.
    generation: u64,
}

impl TopicCache {
    /// The generation that [`TopicCache::matched`] has answered from.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The subscribers of `topic`, each once, and its shares.
    pub(crate) fn matched(&mut self, router: &Router, topic: &str) -> Arc<Matched> {
        self.refresh(router);
        if let Some(matched) = self.topics.get(topic) {
            return matched.clone();
        }
        let matched = Arc::new(router.matched(topic));
        self.held += matched.targets.len() + matched.shares.len();
        self.visited += matched.visited;
        if self.topics.len() >= MAX_TOPICS || self.held > MAX_TARGETS {
            self.clear();
        }
        self.topics.insert(topic.into(), matched.clone());
        matched
    }

    /// How much looking up there was, in nodes of the tree.
    pub(crate) fn visited(&self) -> usize {
        self.visited
    }

    pub(crate) fn forget_visited(&mut self) {
        self.visited = 0;
    }

    /// Lets go of what a change of subscriptions has made stale, and of the sessions in it.
    pub(crate) fn refresh(&mut self, router: &Router) {
        let generation = router.generation();
        if generation != self.generation {
            self.clear();
            self.generation = generation;
        }
    }

    fn clear(&mut self) {
        self.topics.clear();
        self.held = 0;
    }
}
