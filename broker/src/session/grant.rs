//! A session that was granted to a connection, until that connection uses it.

use std::sync::Arc;

use super::{DueKey, Ended, Kept, Registry, Session, Will};

/// A session for a new owner. Dropped without [`Granted::take`], when the connection failed in
/// between, it goes back to where it was: nobody would give it back otherwise, and its client could
/// never connect again.
pub(crate) struct Granted {
    registry: Arc<Registry>,
    pub(crate) session: Arc<Session>,
    /// There was one, and it goes on.
    pub(crate) resumed: bool,
    /// The one that a clean start has put an end to.
    pub(crate) ended: Option<Box<Ended>>,
    lent: Option<Lent>,
}

/// What the registry keeps for a session that nobody owns.
#[derive(Default)]
pub(crate) struct Lent {
    pub(super) kept: Kept,
    /// Waits for its delay.
    pub(super) will: Option<Box<Will>>,
    /// What the schedule holds for the session.
    pub(super) timers: Vec<DueKey>,
    /// When it was left: a number that tells a timer whether it still applies.
    pub(super) departure: u32,
}

/// What the new owner of a session takes over.
pub(crate) struct Taken {
    pub(crate) session: Arc<Session>,
    pub(crate) kept: Kept,
    /// Events of the schedule that do not apply any more.
    pub(crate) timers: Vec<DueKey>,
}

impl Granted {
    /// One that there was, with what was kept for it.
    pub(super) fn resumed(registry: Arc<Registry>, session: Arc<Session>, lent: Lent) -> Granted {
        Granted { registry, session, resumed: true, ended: None, lent: Some(lent) }
    }

    /// A new one, and the one before it.
    pub(super) fn begun(
        registry: Arc<Registry>,
        session: Arc<Session>,
        ended: Option<Box<Ended>>,
    ) -> Granted {
        Granted { registry, session, resumed: false, ended, lent: Some(Lent::default()) }
    }

    /// Begins to use the session: from now on it is for its owner to give it back. A will that was
    /// waiting is not published: the client is back before it was due. [MQTT-3.1.3-9]
    pub(crate) fn take(mut self) -> Taken {
        let Lent { kept, timers, .. } = self.lent.take().unwrap_or_default();
        Taken { session: self.session.clone(), kept, timers }
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        match self.lent.take() {
            Some(lent) if self.resumed => self.registry.give_back(&self.session, lent),
            Some(_) => self.registry.remove(&self.session),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::task::Waker;

    use crate::session::{Claim, Claimant, ConnectionId};

    fn claim(registry: &Arc<Registry>, connection: ConnectionId, clean_start: bool) -> Claim {
        let (user, waited, waker) = (None, false, Waker::noop());
        let claimant = Claimant { client_id: "c", user, connection, clean_start, waited, waker };
        registry.claim(&claimant, |client_id| Session::new(client_id, 10))
    }

    fn granted(claim: Claim) -> Granted {
        match claim {
            Claim::Granted(granted) => granted,
            _ => panic!("not granted"),
        }
    }

    #[test]
    fn a_session_whose_new_owner_fails_is_as_it_was() {
        let registry = Arc::new(Registry::new(usize::MAX));
        let Taken { session, mut kept, .. } = granted(claim(&registry, 1, false)).take();
        kept.inbound().publish(1);
        let departure = registry.leave(&session, kept, None);
        assert!(registry.note_timers(&session, departure, &[(5, 0)]));
        drop(granted(claim(&registry, 2, false)));
        let again = granted(claim(&registry, 3, false));
        assert!(again.resumed);
        let mut taken = again.take();
        assert!(Arc::ptr_eq(&taken.session, &session));
        assert!(taken.kept.inbound().contains(1));
        assert_eq!(taken.timers, [(5, 0)]);
    }

    #[test]
    fn a_new_session_whose_owner_fails_is_gone() {
        let registry = Arc::new(Registry::new(usize::MAX));
        drop(granted(claim(&registry, 1, true)));
        assert!(registry.sessions().is_empty());
        assert!(!granted(claim(&registry, 2, false)).resumed);
    }

    #[test]
    fn one_that_is_owned_is_not_given_to_another() {
        let registry = Arc::new(Registry::new(usize::MAX));
        let _taken = granted(claim(&registry, 1, true)).take();
        assert!(matches!(claim(&registry, 2, true), Claim::Wait));
    }
}
