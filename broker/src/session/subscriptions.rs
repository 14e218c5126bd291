//! The subscriptions of one session, from its side. The router holds them too, from the topic's.

use std::num::NonZeroU32;

use mqtt::SubscriptionOptions;

use crate::few::Few;

#[derive(Default)]
pub(crate) struct Subscriptions {
    filters: Few<Subscribed>,
    /// What they count for.
    bytes: usize,
}

/// One of them.
#[derive(Clone)]
pub(crate) struct Subscribed {
    pub(crate) filter: Box<str>,
    pub(crate) options: SubscriptionOptions,
    pub(crate) identifier: Option<NonZeroU32>,
}

/// What a level of a filter counts for besides its bytes: its place in the router.
const PER_LEVEL: usize = 100;

impl Subscriptions {
    /// Adds or replaces; returns whether the filter is new. [MQTT-3.8.4-3]
    pub(crate) fn insert(
        &mut self,
        filter: &str,
        options: SubscriptionOptions,
        identifier: Option<NonZeroU32>,
    ) -> bool {
        if let Some(known) = self.filters.iter_mut().find(|known| *known.filter == *filter) {
            (known.options, known.identifier) = (options, identifier);
            return false;
        }
        self.filters.push(Subscribed { filter: filter.into(), options, identifier });
        self.bytes += cost(filter);
        true
    }

    /// Returns whether there was one.
    pub(crate) fn remove(&mut self, filter: &str) -> bool {
        let removed = self.filters.take(|known| *known.filter == *filter);
        self.bytes -= removed.as_ref().map_or(0, |known| cost(&known.filter));
        removed.is_some()
    }

    /// Whether a subscription can be made, or made anew, within so many, and so many bytes.
    pub(crate) fn have_room(&self, filter: &str, subscriptions: usize, bytes: usize) -> bool {
        let fits = self.filters.len() < subscriptions && self.bytes + cost(filter) <= bytes;
        fits || self.filters.iter().any(|known| *known.filter == *filter)
    }

    pub(crate) fn filters(&self) -> impl Iterator<Item = &str> + Clone {
        self.filters.iter().map(|known| &*known.filter)
    }

    /// All of them, to be looked at later.
    pub(crate) fn all(&self) -> Vec<Subscribed> {
        self.filters.to_vec()
    }
}

fn cost(filter: &str) -> usize {
    filter.len() + PER_LEVEL * mqtt::topic::levels(filter).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_filters_that_there_are() {
        let options = SubscriptionOptions::new(mqtt::QoS::AtMostOnce);
        let mut subscriptions = Subscriptions::default();
        assert!(subscriptions.have_room("a/b", 1, 203) && !subscriptions.have_room("a/b", 1, 202));
        for _ in 0..3 {
            subscriptions.insert("a/b", options, None);
        }
        assert!(subscriptions.have_room("c", 2, 304) && !subscriptions.have_room("c", 2, 303));
        assert!(!subscriptions.have_room("c", 1, 1000));
        assert!(subscriptions.have_room("a/b", 1, 203), "it is there already");
        assert!(!subscriptions.remove("c") && subscriptions.remove("a/b"));
        assert_eq!(subscriptions.bytes, 0);
    }
}
