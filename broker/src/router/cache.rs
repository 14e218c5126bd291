//! One thread's memory of who gets a topic, so that most publishes walk no tree and take no lock.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{Router, Target};

/// Topics remembered at most; beyond that the cache starts anew.
const MAX_TOPICS: usize = 4096;

#[derive(Default)]
pub(crate) struct TopicCache {
    topics: HashMap<Box<str>, Arc<[Target]>, RandomState>,
    /// The router's generation that `topics` belongs to.
    generation: u64,
}

impl TopicCache {
    /// The subscribers of `topic`, each once.
    pub(crate) fn targets(&mut self, router: &Router, topic: &str) -> Arc<[Target]> {
        self.refresh(router);
        if let Some(targets) = self.topics.get(topic) {
            return targets.clone();
        }
        let targets: Arc<[Target]> = router.targets(topic).into();
        if self.topics.len() >= MAX_TOPICS {
            self.topics.clear();
        }
        self.topics.insert(topic.into(), targets.clone());
        targets
    }

    /// Lets go of what a change of subscriptions has made stale, and of the sessions in it.
    pub(crate) fn refresh(&mut self, router: &Router) {
        let generation = router.generation();
        if generation != self.generation {
            self.topics.clear();
            self.generation = generation;
        }
    }
}
