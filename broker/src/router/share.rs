//! A shared subscription: its members, and whose turn it is. [MQTT-4.8.2-1] [MQTT-4.8.2-2]
//!
//! A message goes to one member: in turn to those who can take it at once, or else to one who is
//! connected, or else to one who is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::Target;
use crate::session::{QueueLimits, Session};

#[derive(Default)]
pub(crate) struct Share {
    members: RwLock<Arc<[Target]>>,
    turn: AtomicUsize,
}

impl Share {
    /// Adds a member, or replaces its options.
    pub(super) fn put(&self, member: &Target) {
        let mut members = self.members.write();
        let others = members.iter().filter(|known| !Arc::ptr_eq(&known.session, &member.session));
        *members = others.cloned().chain([member.clone()]).collect();
    }

    /// Removes a member; returns whether nobody is left.
    pub(super) fn take(&self, session: &Session) -> bool {
        let mut members = self.members.write();
        let others = members.iter().filter(|known| !std::ptr::eq(&*known.session, session));
        *members = others.cloned().collect();
        members.is_empty()
    }

    pub(super) fn members(&self) -> Arc<[Target]> {
        self.members.read().clone()
    }

    pub(super) fn member(&self, session: &Session) -> Option<Target> {
        let members = self.members.read();
        members.iter().find(|member| std::ptr::eq(&*member.session, session)).cloned()
    }

    /// Whose turn it is among `members`. Takes the outbox of one after the other.
    pub(super) fn next<'a>(
        &self,
        members: &'a [Target],
        limits: &QueueLimits,
    ) -> Option<&'a Target> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % members.len().max(1);
        let (mut connected, mut away) = (None, None);
        for member in members.iter().cycle().skip(first).take(members.len()) {
            let outbox = member.session.outbox.lock();
            if outbox.link().is_none() {
                away = away.or(Some(member));
            } else if outbox.is_at_leisure(limits) {
                return Some(member);
            } else {
                connected = connected.or(Some(member));
            }
        }
        connected.or(away)
    }
}
