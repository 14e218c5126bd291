//! Which subscriptions of its receiver a message answers, as far as that matters once it is on its
//! way. Not who is subscribed: that is the router's.

use std::num::NonZeroU32;
use std::sync::Arc;

use mqtt::{Properties, Property, PropertyBuffer};

/// Made with the subscription and shared by all of its messages.
pub(crate) struct MatchedBy {
    /// Subscription Identifiers, and nothing else.
    identifiers: PropertyBuffer,
    /// The filter of the shared subscription, `$share/` and name included.
    share: Option<Box<str>>,
}

impl MatchedBy {
    /// `None`: there is nothing to remember.
    pub(crate) fn new(
        identifier: Option<NonZeroU32>,
        share: Option<&str>,
    ) -> Option<Arc<MatchedBy>> {
        if identifier.is_none() && share.is_none() {
            return None;
        }
        let mut identifiers = PropertyBuffer::new();
        if let Some(identifier) = identifier {
            identifiers.push(Property::SubscriptionIdentifier(identifier.get()));
        }
        Some(Arc::new(MatchedBy { identifiers, share: share.map(Into::into) }))
    }

    /// As the store has it.
    pub(crate) fn of_many(identifiers: &[u32], share: Option<&str>) -> Option<Arc<MatchedBy>> {
        if identifiers.is_empty() && share.is_none() {
            return None;
        }
        let mut all = PropertyBuffer::new();
        for identifier in identifiers {
            all.push(Property::SubscriptionIdentifier(*identifier));
        }
        Some(Arc::new(MatchedBy { identifiers: all, share: share.map(Into::into) }))
    }

    /// For a message that answers the subscriptions of both. [MQTT-3.3.4-4]
    pub(crate) fn both(&self, other: &MatchedBy) -> Arc<MatchedBy> {
        let mut identifiers = self.identifiers.clone();
        for property in other.identifiers.as_properties().iter() {
            identifiers.push(property);
        }
        Arc::new(MatchedBy { identifiers, share: None })
    }

    pub(crate) fn identifiers(&self) -> Properties<'_> {
        self.identifiers.as_properties()
    }

    pub(crate) fn share(&self) -> Option<&str> {
        self.share.as_deref()
    }
}
