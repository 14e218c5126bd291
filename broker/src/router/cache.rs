//! One thread's memory of who gets a topic, so that most publishes walk no tree and take no lock.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{Router, Target};

/// Topics remembered at most; beyond that the cache starts anew.
const MAX_TOPICS: usize = 4096;
/// Subscribers remembered at most, over all topics.
const MAX_TARGETS: usize = 256 * 1024;

#[derive(Default)]
pub(crate) struct TopicCache {
    topics: HashMap<Box<str>, Arc<[Target]>, RandomState>,
    /// Subscribers of all of them.
    held: usize,
    /// The router's generation that `topics` belongs to.
    generation: u64,
}

impl TopicCache {
    /// The generation that [`TopicCache::targets`] has answered from.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The subscribers of `topic`, each once.
    pub(crate) fn targets(&mut self, router: &Router, topic: &str) -> Arc<[Target]> {
        self.refresh(router);
        if let Some(targets) = self.topics.get(topic) {
            return targets.clone();
        }
        let targets: Arc<[Target]> = router.targets(topic).into();
        self.held += targets.len();
        if self.topics.len() >= MAX_TOPICS || self.held > MAX_TARGETS {
            self.clear();
        }
        self.topics.insert(topic.into(), targets.clone());
        targets
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
