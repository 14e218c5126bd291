//! The subscriptions of one session, as its own connection sees them. The router holds them too,
//! from the topic's side.

use mqtt::SubscriptionOptions;

#[derive(Default)]
pub(crate) struct Subscriptions {
    filters: Vec<(Box<str>, SubscriptionOptions)>,
}

impl Subscriptions {
    /// Adds or replaces; returns whether the filter is new. [MQTT-3.8.4-3]
    pub(crate) fn insert(&mut self, filter: &str, options: SubscriptionOptions) -> bool {
        if let Some((_, old)) = self.filters.iter_mut().find(|(known, _)| **known == *filter) {
            *old = options;
            return false;
        }
        if self.filters.len() == self.filters.capacity() {
            self.filters.reserve_exact(1.max(self.filters.len() / 2));
        }
        self.filters.push((filter.into(), options));
        true
    }

    /// Returns whether there was one.
    pub(crate) fn remove(&mut self, filter: &str) -> bool {
        let position = self.filters.iter().position(|(known, _)| **known == *filter);
        position.map(|at| self.filters.swap_remove(at)).is_some()
    }

    pub(crate) fn contains(&self, filter: &str) -> bool {
        self.filters.iter().any(|(known, _)| **known == *filter)
    }

    pub(crate) fn len(&self) -> usize {
        self.filters.len()
    }

    pub(crate) fn filters(&self) -> impl Iterator<Item = &str> {
        self.filters.iter().map(|(filter, _)| &**filter)
    }
}
