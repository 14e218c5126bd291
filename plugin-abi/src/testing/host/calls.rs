//! What plugins have asked of the broker.

use std::time::Duration;

use super::Host;
use crate::{Kick, Message, SubscriptionOptions};

#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) published: Vec<Message>,
    pub(super) sent: Vec<(String, Message)>,
    pub(super) retained: Vec<Message>,
    pub(super) disconnected: Vec<(String, Kick)>,
    pub(super) subscribed: Vec<(String, String, SubscriptionOptions)>,
    pub(super) unsubscribed: Vec<(String, String)>,
    pub(super) interests: Vec<(String, String)>,
    pub(super) blocking: Vec<(String, Duration)>,
}

impl Host {
    /// What plugins have published so far, in their order.
    pub fn published(&self) -> Vec<Message> {
        self.recorder.lock().calls.published.clone()
    }

    /// As [`published`](Self::published), and forgets it.
    pub fn take_published(&self) -> Vec<Message> {
        std::mem::take(&mut self.recorder.lock().calls.published)
    }

    /// What plugins have sent to single clients: client id and message.
    pub fn sent(&self) -> Vec<(String, Message)> {
        self.recorder.lock().calls.sent.clone()
    }

    /// What plugins have had retained without publishing it; a message without payload clears its topic.
    pub fn retained(&self) -> Vec<Message> {
        self.recorder.lock().calls.retained.clone()
    }

    /// Whom plugins have sent away, and how.
    pub fn disconnected(&self) -> Vec<(String, Kick)> {
        self.recorder.lock().calls.disconnected.clone()
    }

    /// What plugins have subscribed clients to: client id, filter and options.
    pub fn subscribed(&self) -> Vec<(String, String, SubscriptionOptions)> {
        self.recorder.lock().calls.subscribed.clone()
    }

    /// What plugins have unsubscribed clients from: client id and filter.
    pub fn unsubscribed(&self) -> Vec<(String, String)> {
        self.recorder.lock().calls.unsubscribed.clone()
    }

    /// What plugins have said that they want to be called for: the hook, or nothing for all, and what, as
    /// `topic a/#`, `listener tcp://127.0.0.1:1883` or `no payload`. Hooks are called whatever was said.
    pub fn interests(&self) -> Vec<(String, String)> {
        self.recorder.lock().calls.interests.clone()
    }

    /// The hooks that plugins have said to block, and until when they are to answer; zero is what the config
    /// says. They are called like any other.
    pub fn blocking(&self) -> Vec<(String, Duration)> {
        self.recorder.lock().calls.blocking.clone()
    }
}
