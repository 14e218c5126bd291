//! The tier `memory`: what sessions and router hold in RAM is all there is, and it ends with the
//! process. There is nothing to write down.

use std::num::NonZeroU32;

use mqtt::{Publish, SubscriptionOptions};

use super::Store;

pub(crate) struct MemoryStore;

impl Store for MemoryStore {
    fn session_begun(&self, _client_id: &str, _expiry: u32) {}

    fn session_ended(&self, _client_id: &str) {}

    fn subscribed(
        &self,
        _client_id: &str,
        _filter: &str,
        _options: SubscriptionOptions,
        _identifier: Option<NonZeroU32>,
    ) {
    }

    fn unsubscribed(&self, _client_id: &str, _filter: &str) {}

    fn received(&self, _client_id: &str, _packet_id: u16) {}

    fn released(&self, _client_id: &str, _packet_id: u16) {}

    fn retained(&self, _publish: &Publish<'_>) {}
}
