//! The retained messages that a session's new subscriptions have still to bring. Not a place for
//! sending them.

use std::collections::VecDeque;
use std::sync::Arc;

use mqtt::QoS;

use super::{Found, Retained, Walk};
use crate::session::{MatchedBy, RetainFlag};

/// Goes on with the session, when its client comes back.
#[derive(Default)]
pub(crate) struct Replay {
    wanted: VecDeque<Wanted>,
    /// What the first of them has found.
    found: VecDeque<Found>,
}

/// What a new subscription has still to find.
struct Wanted {
    walk: Walk,
    granted: QoS,
    matched_by: Option<Arc<MatchedBy>>,
}

pub(crate) enum Next {
    Message(Found),
    /// Nothing among the topics that were looked at.
    NotYet,
    End,
}

impl Replay {
    /// A subscription is there, perhaps in place of one to the same filter: then all begins anew.
    pub(crate) fn add(&mut self, walk: Walk, granted: QoS, matched_by: Option<Arc<MatchedBy>>) {
        self.remove(|other| other.has_filter_of(&walk));
        self.wanted.push_back(Wanted { walk, granted, matched_by });
    }

    /// A subscription is gone. [MQTT-3.10.4-2]
    pub(crate) fn unsubscribe(&mut self, filter: &str) {
        self.remove(|walk| walk.has_filter(filter));
    }

    /// The next message, marked as retained. One that was replaced since it was found is left out:
    /// its successor goes to all subscribers anyway. [MQTT3-3.3.1-8]
    pub(crate) fn next(&mut self, retained: &Retained, second: u32) -> Next {
        let Some(wanted) = self.wanted.front_mut() else { return Next::End };
        while let Some(mut found) = self.found.pop_front() {
            if retained.holds(&found) {
                let message = &mut found.message;
                message.retain = RetainFlag::Shown;
                message.qos = message.qos.min(wanted.granted);
                message.matched_by.clone_from(&wanted.matched_by);
                return Next::Message(found);
            }
        }
        if wanted.walk.is_over() {
            self.wanted.pop_front();
        } else {
            wanted.walk.step(retained, second, &mut self.found);
        }
        Next::NotYet
    }

    /// The client does not take the message of [`Replay::next`] yet.
    pub(crate) fn put_back(&mut self, found: Found) {
        self.found.push_front(found);
    }

    /// The client has gone: what was found and not sent is let go, to be found again.
    pub(crate) fn rest(&mut self) {
        if let (Some(first), Some(wanted)) = (self.found.front(), self.wanted.front_mut()) {
            wanted.walk.go_back_to(first);
        }
        self.found = VecDeque::new();
        self.wanted.shrink_to_fit();
    }

    /// There is one for each of the client's subscriptions at most.
    fn remove(&mut self, is_it: impl Fn(&Walk) -> bool) {
        let Some(at) = self.wanted.iter().position(|wanted| is_it(&wanted.walk)) else { return };
        self.wanted.remove(at);
        if at == 0 {
            self.found.clear();
        }
    }
}
