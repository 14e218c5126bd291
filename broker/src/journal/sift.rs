//! What waits in a shard while the store takes nothing, without end as clients come and go: let go of, once a
//! second, where nobody is there any more to get it.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::{Hold, Journal, Waiting};

impl Journal {
    /// To be called now and then; most of the time there is nothing to do.
    pub(crate) fn sift(&mut self) {
        if !self.waiter.sifts.swap(false, Ordering::Relaxed) {
            return;
        }
        if self.has_failed() {
            // It would wait for ever.
            self.waiting = VecDeque::new();
        } else {
            self.waiting.retain(Waiting::is_awaited);
        }
        self.note_waiting();
    }

    pub(super) fn has_failed(&self) -> bool {
        self.durable.as_ref().is_some_and(|durable| durable.has_failed())
    }
}

impl Waiting {
    /// Whether the client is there for which it waits. One that comes back waits anew, for all that came before.
    fn is_awaited(&self) -> bool {
        let mut outbox = self.session.outbox.lock();
        match &self.what {
            Hold::Answers { generation, .. } => outbox.generation() == *generation,
            Hold::Writes if outbox.link().is_some() => true,
            Hold::Writes => {
                outbox.ledger.release();
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hookmq_store::{Durability, Health};

    use super::*;
    use crate::journal::Durable;
    use crate::session::Session;

    const NEVER: u64 = u64::MAX;

    fn answers(session: &Session, ahead: u32) -> Hold {
        let generation = session.outbox.lock().generation() + ahead;
        Hold::Answers { generation, answers: vec![0], wakes: false }
    }

    fn journal(folder: &std::path::Path) -> (Arc<Durable>, Journal, Arc<Session>) {
        let (durable, _) = Durable::open(folder, Durability::Os, 1024).unwrap();
        let durable = Arc::new(durable);
        let journal = Journal::of(Some(&durable));
        (durable, journal, Arc::new(Session::new("client".into(), 10)))
    }

    #[test]
    fn what_waits_for_clients_that_are_gone_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let (durable, mut journal, session) = journal(folder.path());
        journal.hold(NEVER, &session, answers(&session, 0));
        for _ in 0..100 {
            journal.hold(NEVER, &session, answers(&session, 1));
            session.outbox.lock().ledger.hold();
            journal.hold(NEVER, &session, Hold::Writes);
        }
        journal.sift();
        assert_eq!(journal.waiting.len(), 201, "the store is well");
        durable.reports.wake_all(true);
        journal.sift();
        assert_eq!(journal.waiting.len(), 1);
        assert!(journal.waiter.waits.load(Ordering::Relaxed));
    }

    #[test]
    fn when_the_store_has_failed_nothing_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let (durable, mut journal, session) = journal(folder.path());
        journal.hold(NEVER, &session, answers(&session, 0));
        durable.reports.backlog.report(&Health::Failed("".into()));
        durable.reports.wake_all(true);
        journal.sift();
        journal.hold(NEVER, &session, answers(&session, 0));
        assert!(journal.waiting.is_empty() && !journal.has_let_go(NEVER));
    }
}
