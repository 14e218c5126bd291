//! What must survive: a journal of the changes to sessions and retained messages.
//!
//! Sessions and the router hold the state in memory; a store writes down how it changes before any
//! acknowledgement leaves. It does not route and knows no sockets.

use std::num::NonZeroU32;

use mqtt::{Publish, SubscriptionOptions};

mod memory;

pub(crate) use memory::MemoryStore;

/// A tier of durability.
///
/// Each call takes one change down; when it returns, the change is as durable as the tier promises.
/// Called from every shard, for one client in the order of its packets; must not block.
pub(crate) trait Store: Send + Sync {
    /// A session has begun, or goes on, that outlives its connection by `expiry` seconds.
    fn session_begun(&self, client_id: &str, expiry: u32);

    /// A session and all that belongs to it is gone.
    fn session_ended(&self, client_id: &str);

    /// A subscription was made or replaced.
    fn subscribed(
        &self,
        client_id: &str,
        filter: &str,
        options: SubscriptionOptions,
        identifier: Option<NonZeroU32>,
    );

    /// A subscription is gone.
    fn unsubscribed(&self, client_id: &str, filter: &str);

    /// A QoS 2 message has come in; its identifier is not new again until it is released.
    fn received(&self, client_id: &str, packet_id: u16);

    /// The client has released a QoS 2 message.
    fn released(&self, client_id: &str, packet_id: u16);

    /// The message replaces the one retained for its topic; an empty payload removes it.
    fn retained(&self, publish: &Publish<'_>);
}
