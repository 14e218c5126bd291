//! A session in the registry: whose it is now, and what rests with it while it is nobody's.

use std::num::NonZero;
use std::sync::Arc;
use std::task::Waker;

use super::ConnectionId;
use crate::session::grant::Lent;
use crate::session::{DueKey, Ended, Kept, Session, Will};

/// Small: the tree that holds entries has room for nearly twice as many.
pub(super) struct Entry {
    pub(super) session: Arc<Session>,
    owner: Option<NonZero<ConnectionId>>,
    /// When the owner came or went, in milliseconds of the registry's clock.
    since: u64,
    /// Boxed: a session with an owner seldom has any of it.
    rest: Option<Box<Rest>>,
}

#[derive(Default)]
struct Rest {
    /// Whose session it is, where plugins decide who may connect.
    user: Option<Box<str>>,
    /// Waits for the owner to go. A newer one takes its place.
    successor: Option<(ConnectionId, Waker)>,
    /// Here while nobody owns the session, and else empty.
    kept: Kept,
    /// Waits for its delay while nobody owns the session.
    will: Option<Box<Will>>,
    /// What the schedule holds for it while nobody owns the session.
    timers: Vec<DueKey>,
    /// Tells a timer whether it still applies.
    departure: u32,
}

impl Entry {
    pub(super) fn new(
        session: Arc<Session>,
        user: Option<&str>,
        owner: ConnectionId,
        now: u64,
    ) -> Entry {
        let rest = user.map(|user| Box::new(Rest { user: Some(user.into()), ..Rest::default() }));
        Entry { session, owner: NonZero::new(owner), since: now, rest }
    }

    pub(super) fn is_owned(&self) -> bool {
        self.owner.is_some()
    }

    /// When the owner came or went, in milliseconds of the registry's clock.
    pub(super) fn since(&self) -> u64 {
        self.since
    }

    pub(super) fn user(&self) -> Option<&str> {
        self.rest.as_ref()?.user.as_deref()
    }

    /// The connection that waits for the owner to go.
    pub(super) fn successor(&self) -> Option<(ConnectionId, &Waker)> {
        let (id, waker) = self.rest.as_ref()?.successor.as_ref()?;
        Some((*id, waker))
    }

    /// Whether a later connection waits for the session, or has it already.
    pub(super) fn went_to_a_newer_than(&self, connection: ConnectionId) -> bool {
        self.successor().is_some_and(|(id, _)| id != connection)
            || self.owner.is_some_and(|owner| owner.get() > connection)
    }

    /// Queues a connection; returns the one that has waited before it.
    pub(super) fn queue(
        &mut self,
        connection: ConnectionId,
        waker: &Waker,
    ) -> Option<(ConnectionId, Waker)> {
        self.rest.get_or_insert_default().successor.replace((connection, waker.clone()))
    }

    pub(super) fn end_queue(&mut self) {
        if let Some(rest) = &mut self.rest {
            rest.successor = None;
        }
    }

    /// Lends what is kept to a new owner. Nobody waits for the session.
    pub(super) fn lend(&mut self, connection: ConnectionId, now: u64) -> Lent {
        (self.owner, self.since) = (NonZero::new(connection), now);
        self.session.clear_orders();
        let Some(rest) = self.rest.take() else { return Lent::default() };
        let Rest { user, kept, will, timers, departure, .. } = *rest;
        if user.is_some() {
            self.rest = Some(Box::new(Rest { user, ..Rest::default() }));
        }
        Lent { kept, will, timers, departure }
    }

    /// The owner goes, or has not come after all.
    pub(super) fn leave(&mut self, left: Lent, now: u64) {
        (self.owner, self.since) = (None, now);
        let rest = self.rest.get_or_insert_default();
        (rest.kept, rest.will, rest.timers) = (left.kept, left.will, left.timers);
        rest.departure = left.departure;
    }

    /// Whether nobody has come back since `departure`.
    pub(super) fn is_away_since(&self, departure: u32) -> bool {
        self.owner.is_none() && self.rest.as_ref().is_some_and(|rest| rest.departure == departure)
    }

    pub(super) fn note_timers(&mut self, timers: &[DueKey]) {
        self.rest.get_or_insert_default().timers = timers.to_vec();
    }

    /// What is kept of a session that nobody owns.
    pub(super) fn kept(&mut self) -> Option<&mut Kept> {
        self.rest.as_deref_mut().map(|rest| &mut rest.kept)
    }

    pub(super) fn take_will(&mut self) -> Option<Box<Will>> {
        self.rest.as_mut()?.will.take()
    }

    pub(super) fn end(self) -> Ended {
        let Rest { will, timers, .. } = self.rest.map(|rest| *rest).unwrap_or_default();
        Ended { session: self.session, will, timers }
    }
}
