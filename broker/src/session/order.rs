//! What a plugin wants done to a session. The connection that owns it does it; where there is none, whoever
//! brings the order.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use mqtt::{ReasonCode, SubscriptionOptions};

/// Those that have not been carried out.
#[derive(Default)]
pub(crate) struct Orders(pub(crate) VecDeque<Order>);

pub(crate) struct Order {
    /// The plugin, by its name.
    pub(crate) by: Arc<str>,
    /// How many hooks have led to it.
    pub(crate) depth: u32,
    pub(crate) what: What,
}

pub(crate) enum What {
    Close(Kick),
    Subscribe { filter: Box<str>, options: SubscriptionOptions, identifier: Option<NonZeroU32> },
    Unsubscribe { filter: Box<str> },
}

/// How a client is sent away.
#[derive(Clone, Debug)]
pub(crate) struct Kick {
    /// As a DISCONNECT can have it.
    pub(crate) reason: ReasonCode,
    /// For the client; empty for none.
    pub(crate) words: Box<str>,
    pub(crate) without_will: bool,
    /// The session ends too.
    pub(crate) ends_session: bool,
}

impl Order {
    /// Bytes that it holds.
    pub(crate) fn size(&self) -> usize {
        match &self.what {
            What::Close(kick) => kick.words.len(),
            What::Subscribe { filter, .. } | What::Unsubscribe { filter } => filter.len(),
        }
    }
}
