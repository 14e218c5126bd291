//! Which session belongs to which client id, and which connection may use it. [MQTT-3.1.3-2]
//!
//! A session has one owner. A connection that comes with the client id of another asks it to close
//! and waits until it has: so the hooks, the will and the last messages of the old connection all
//! come before the first of the new one. [MQTT-3.1.4-3]

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use mqtt::ReasonCode;
use parking_lot::Mutex;

use super::grant::Lent;
use super::{DueKey, Granted, Kept, Order, Session, Will};

mod entry;

use entry::Entry;

/// Tells connections apart; never 0, and never used twice.
pub(crate) type ConnectionId = u64;

pub(crate) struct Registry {
    entries: Mutex<Entries>,
    /// Sessions that there may be, connected or left behind.
    limit: usize,
    /// When it was made: its clock counts from here.
    start: Instant,
    /// How often a session was left.
    departures: AtomicU32,
}

/// In the order of client ids, so that a walk can stop anywhere and go on later.
type Entries = BTreeMap<Arc<str>, Entry>;

/// Sessions that are looked at under the lock, for a walk.
const PER_STEP: usize = 256;

/// A connection that wants a session.
#[derive(Clone, Copy)]
pub(crate) struct Claimant<'a> {
    pub(crate) client_id: &'a str,
    /// The user name, where plugins have checked it.
    pub(crate) user: Option<&'a str>,
    pub(crate) connection: ConnectionId,
    pub(crate) clean_start: bool,
    /// It has been told to wait before.
    pub(crate) waited: bool,
    pub(crate) waker: &'a Waker,
}

/// The answer to a connection that wants a session.
pub(crate) enum Claim {
    /// It is yours.
    Granted(Granted),
    /// The owner was asked to close; the waker given is woken when it has.
    Wait,
    /// It belongs to another user.
    Denied,
    /// A newer connection with the same client id has taken the place in the queue.
    Superseded,
    /// There is none yet, and there are as many sessions as there may be.
    Full,
}

/// A session that is over: what remains to be done is to unsubscribe it and to publish its will.
pub(crate) struct Ended {
    pub(crate) session: Arc<Session>,
    pub(crate) will: Option<Box<Will>>,
    /// Events of the schedule that do not apply any more.
    pub(crate) timers: Vec<DueKey>,
}

/// A session, as a walk sees it.
pub(crate) struct Seen {
    pub(crate) session: Arc<Session>,
    /// Some connection owns it.
    pub(crate) is_owned: bool,
    /// How long that has been so.
    pub(crate) since: Duration,
}

/// What becomes of an order for a session.
pub(crate) enum Given {
    /// The owner carries it out.
    ToOwner,
    /// Nobody owns the session.
    Away(Order),
    /// There is none.
    NotThere,
}

impl Registry {
    /// With room for `limit` sessions.
    pub(crate) fn new(limit: usize) -> Registry {
        let (start, departures) = (Instant::now(), AtomicU32::new(0));
        Registry { entries: Mutex::default(), limit, start, departures }
    }

    /// Claims a session. `create` makes one where there is none.
    pub(crate) fn claim(
        self: &Arc<Self>,
        claimant: &Claimant<'_>,
        create: impl FnOnce(Arc<str>) -> Session,
    ) -> Claim {
        let Claimant { client_id, user, connection, clean_start, waited, waker } = *claimant;
        let mut entries = self.entries.lock();
        let mut ended = None;
        if let Some(entry) = entries.get_mut(client_id) {
            if waited && entry.went_to_a_newer_than(connection) {
                return Claim::Superseded;
            }
            if entry.user() != user {
                return Claim::Denied;
            }
            if entry.is_owned() {
                return wait(entries, client_id, connection, waker);
            }
            entry.end_queue();
            // [MQTT-3.1.2-5]
            if !clean_start {
                let lent = entry.lend(connection, self.now());
                return Claim::Granted(Granted::resumed(self.clone(), entry.session.clone(), lent));
            }
            // [MQTT-3.1.2-4] [MQTT-3.1.4-4]
            ended = entries.remove(client_id).map(|entry| Box::new(entry.end()));
        }
        if entries.len() >= self.limit {
            return Claim::Full;
        }
        // [MQTT-3.1.2-6]
        let client_id: Arc<str> = client_id.into();
        let session = Arc::new(create(client_id.clone()));
        entries.insert(client_id, Entry::new(session.clone(), user, connection, self.now()));
        Claim::Granted(Granted::begun(self.clone(), session, ended))
    }

    /// Whether a claim would drive out another connection.
    pub(crate) fn would_take_over(&self, claimant: &Claimant<'_>) -> bool {
        let entries = self.entries.lock();
        !claimant.waited
            && entries
                .get(claimant.client_id)
                .is_some_and(|entry| entry.is_owned() && entry.user() == claimant.user)
    }

    /// Gives a session back that shall live on. The number returned is for [`Registry::expire`]
    /// and [`Registry::take_will`].
    pub(crate) fn leave(&self, session: &Session, kept: Kept, will: Option<Box<Will>>) -> u32 {
        let departure = self.departures.fetch_add(1, Ordering::Relaxed);
        self.give_back(session, Lent { kept, will, timers: Vec::new(), departure });
        departure
    }

    /// Takes a session back, also one that its new owner has not used.
    pub(super) fn give_back(&self, session: &Session, lent: Lent) {
        let mut entries = self.entries.lock();
        let Some(entry) = entries.get_mut(&session.client_id) else { return };
        entry.leave(lent, self.now());
        let successor = entry.successor().map(|(_, waker)| waker.clone());
        drop(entries);
        if let Some(successor) = successor {
            successor.wake();
        }
    }

    /// Notes what was scheduled for `departure`. Returns whether it still applies.
    pub(crate) fn note_timers(&self, session: &Session, departure: u32, timers: &[DueKey]) -> bool {
        let mut entries = self.entries.lock();
        match entries.get_mut(&session.client_id) {
            Some(entry) if entry.is_away_since(departure) => {
                entry.note_timers(timers);
                true
            }
            _ => false,
        }
    }

    /// A session from before the broker was started, which nobody owns. The number is that of
    /// [`Registry::leave`].
    pub(crate) fn restore(
        &self,
        session: &Arc<Session>,
        user: Option<&str>,
        kept: Kept,
        will: Option<Box<Will>>,
    ) -> u32 {
        let departure = self.departures.fetch_add(1, Ordering::Relaxed);
        let mut entry = Entry::new(session.clone(), user, 0, self.now());
        entry.leave(Lent { kept, will, timers: Vec::new(), departure }, self.now());
        self.entries.lock().insert(session.client_id.clone(), entry);
        departure
    }

    /// Takes a session out that ends with its connection.
    pub(crate) fn remove(&self, session: &Session) {
        let entry = self.entries.lock().remove(&session.client_id);
        if let Some((_, successor)) = entry.as_ref().and_then(Entry::successor) {
            successor.wake_by_ref();
        }
    }

    /// Forgets that a connection waits for a session.
    pub(crate) fn give_up(&self, client_id: &str, connection: ConnectionId) {
        if let Some(entry) = self.entries.lock().get_mut(client_id)
            && entry.successor().is_some_and(|(id, _)| id == connection)
        {
            entry.end_queue();
        }
    }

    /// Ends the session if nobody has come back since `departure`.
    pub(crate) fn expire(&self, client_id: &str, departure: u32) -> Option<Ended> {
        let mut entries = self.entries.lock();
        // [MQTT-4.1.0-1]
        entries.get(client_id).filter(|entry| entry.is_away_since(departure))?;
        entries.remove(client_id).map(Entry::end)
    }

    /// Takes the will whose delay has passed, if nobody has come back since `departure`.
    pub(crate) fn take_will(&self, client_id: &str, departure: u32) -> Option<Box<Will>> {
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(client_id).filter(|entry| entry.is_away_since(departure))?;
        entry.take_will()
    }

    /// Some sessions in the order of client ids, behind that of `last`; none: that was all.
    pub(crate) fn walk(&self, last: Option<&str>) -> Vec<Seen> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.entries.lock();
        let some = entries.range::<str, _>((from, Bound::Unbounded)).take(PER_STEP);
        some.map(|(_, entry)| self.seen(entry)).collect()
    }

    /// As [`Registry::walk`], of one client id.
    pub(crate) fn look_up(&self, client_id: &str) -> Option<Seen> {
        self.entries.lock().get(client_id).map(|entry| self.seen(entry))
    }

    /// Whether this client has a session.
    pub(crate) fn has(&self, client_id: &str) -> bool {
        self.entries.lock().contains_key(client_id)
    }

    /// Has the owner of a session carry out an order.
    pub(crate) fn give(&self, client_id: &str, order: Order) -> Given {
        let entries = self.entries.lock();
        let Some(entry) = entries.get(client_id) else { return Given::NotThere };
        if !entry.is_owned() {
            return Given::Away(order);
        }
        // Under the lock, so that it reaches this owner, or whoever it leaves the session to.
        entry.session.orders.lock().get_or_insert_default().0.push_back(order);
        entry.session.call_owner();
        Given::ToOwner
    }

    /// Lets a session that nobody owns be changed, unless somebody has come meanwhile.
    pub(crate) fn change_absent<R>(
        &self,
        client_id: &str,
        change: impl FnOnce(&Arc<Session>, &mut Kept) -> R,
    ) -> Option<R> {
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(client_id).filter(|entry| !entry.is_owned())?;
        let session = entry.session.clone();
        entry.kept().map(|kept| change(&session, kept))
    }

    /// Whose a session is, where user names are checked.
    pub(crate) fn user(&self, session: &Session) -> Option<Box<str>> {
        self.entries.lock().get(&session.client_id)?.user().map(Into::into)
    }

    /// Ends a session that nobody owns.
    pub(crate) fn end_absent(&self, client_id: &str) -> Option<Ended> {
        let mut entries = self.entries.lock();
        entries.get(client_id).filter(|entry| !entry.is_owned())?;
        entries.remove(client_id).map(Entry::end)
    }

    /// All sessions, for a walk without the lock.
    pub(crate) fn sessions(&self) -> Vec<Arc<Session>> {
        self.entries.lock().values().map(|entry| entry.session.clone()).collect()
    }

    fn seen(&self, entry: &Entry) -> Seen {
        Seen {
            session: entry.session.clone(),
            is_owned: entry.is_owned(),
            since: Duration::from_millis(self.now().saturating_sub(entry.since())),
        }
    }

    /// Milliseconds since the registry was made.
    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }
}

/// Queues the connection and asks the owner to close.
fn wait(
    mut entries: parking_lot::MutexGuard<'_, Entries>,
    client_id: &str,
    connection: ConnectionId,
    waker: &Waker,
) -> Claim {
    let Some(entry) = entries.get_mut(client_id) else { return Claim::Wait };
    let before = entry.queue(connection, waker);
    // Under the lock, so that it reaches this owner and not one that comes after it.
    entry.session.order_close(ReasonCode::SessionTakenOver);
    drop(entries);
    if let Some((id, before)) = before
        && id != connection
    {
        before.wake();
    }
    Claim::Wait
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn claim(registry: &Arc<Registry>, connection: ConnectionId, clean_start: bool) -> Claim {
        claim_waking(registry, connection, clean_start, false, Waker::noop())
    }

    fn claim_waking(
        registry: &Arc<Registry>,
        connection: ConnectionId,
        clean_start: bool,
        waited: bool,
        waker: &Waker,
    ) -> Claim {
        let claimant =
            Claimant { client_id: "c", user: None, connection, clean_start, waited, waker };
        registry.claim(&claimant, |client_id| Session::new(client_id, 10))
    }

    fn granted(claim: Claim) -> (Arc<Session>, bool) {
        match claim {
            Claim::Granted(granted) => {
                let resumed = granted.resumed;
                (granted.take().session, resumed)
            }
            Claim::Wait => panic!("told to wait"),
            Claim::Denied => panic!("denied"),
            Claim::Superseded => panic!("superseded"),
            Claim::Full => panic!("full"),
        }
    }

    #[test]
    fn a_session_left_behind_is_resumed_and_a_clean_start_ends_it() {
        let registry = Arc::new(Registry::new(usize::MAX));
        let (first, resumed) = granted(claim(&registry, 1, false));
        assert!(!resumed);
        registry.leave(&first, Kept::default(), None);
        let (second, resumed) = granted(claim(&registry, 2, false));
        assert!(resumed && Arc::ptr_eq(&first, &second));
        registry.leave(&second, Kept::default(), None);
        let Claim::Granted(mut granted) = claim(&registry, 3, true) else { panic!("not granted") };
        let (resumed, ended) = (granted.resumed, granted.ended.take());
        let session = granted.take().session;
        assert!(!resumed && !Arc::ptr_eq(&second, &session));
        assert!(ended.is_some_and(|ended| Arc::ptr_eq(&ended.session, &second)));
    }

    #[test]
    fn a_newcomer_waits_until_the_owner_has_gone() {
        let registry = Arc::new(Registry::new(usize::MAX));
        let (session, _) = granted(claim(&registry, 1, true));
        let woken = Arc::new(Count::default());
        let waker = Waker::from(woken.clone());
        assert!(matches!(claim_waking(&registry, 2, false, false, &waker), Claim::Wait));
        assert_eq!(session.ordered_close(), Some(ReasonCode::SessionTakenOver));
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
        registry.leave(&session, Kept::default(), None);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        let (taken, resumed) = granted(claim_waking(&registry, 2, false, true, &waker));
        assert!(resumed && Arc::ptr_eq(&session, &taken));
        assert_eq!(taken.ordered_close(), None, "the order was for the owner before");
    }

    #[test]
    fn the_newest_of_those_who_wait_gets_the_session() {
        let registry = Arc::new(Registry::new(usize::MAX));
        let (session, _) = granted(claim(&registry, 1, true));
        let woken = Arc::new(Count::default());
        let waker = Waker::from(woken.clone());
        assert!(matches!(claim_waking(&registry, 2, false, false, &waker), Claim::Wait));
        assert!(matches!(claim(&registry, 3, false), Claim::Wait));
        assert_eq!(woken.0.load(Ordering::Relaxed), 1, "the one before must hear that it lost");
        assert!(matches!(claim_waking(&registry, 2, false, true, &waker), Claim::Superseded));
        registry.remove(&session);
        let (_, resumed) = granted(claim(&registry, 3, false));
        assert!(!resumed);
    }

    #[test]
    fn one_that_waited_does_not_drive_out_a_later_one() {
        let registry = Arc::new(Registry::new(usize::MAX));
        let (session, _) = granted(claim(&registry, 1, true));
        assert!(matches!(claim(&registry, 2, true), Claim::Wait));
        registry.remove(&session);
        granted(claim(&registry, 3, true));
        let late = claim_waking(&registry, 2, true, true, Waker::noop());
        assert!(matches!(late, Claim::Superseded));
    }

    #[test]
    fn full_it_knows_the_sessions_that_it_has() {
        let registry = Arc::new(Registry::new(2));
        let claim_as = |client_id, connection, clean_start| {
            let (user, waited, waker) = (None, false, Waker::noop());
            let claimant = Claimant { client_id, user, connection, clean_start, waited, waker };
            registry.claim(&claimant, |client_id| Session::new(client_id, 10))
        };
        let (first, _) = granted(claim_as("a", 1, true));
        granted(claim_as("b", 2, true));
        assert!(matches!(claim_as("c", 3, true), Claim::Full));
        registry.leave(&first, Kept::default(), None);
        assert!(matches!(claim_as("c", 4, false), Claim::Full));
        // Another in its place makes no more of them.
        let (another, resumed) = granted(claim_as("a", 5, true));
        assert!(!resumed);
        registry.remove(&another);
        granted(claim_as("c", 6, true));
    }

    #[test]
    fn a_walk_sees_all_sessions_in_their_order() {
        let registry = Arc::new(Registry::new(usize::MAX));
        let mut ids: Vec<String> = (0..2 * PER_STEP + 1).map(|number| number.to_string()).collect();
        for (number, client_id) in ids.iter().enumerate() {
            let claimant = Claimant {
                client_id,
                user: None,
                connection: 1 + number as ConnectionId,
                clean_start: true,
                waited: false,
                waker: Waker::noop(),
            };
            granted(registry.claim(&claimant, |client_id| Session::new(client_id, 10)));
        }
        ids.sort();
        let mut seen: Vec<Arc<str>> = Vec::new();
        loop {
            let step = registry.walk(seen.last().map(|last| &**last));
            if step.is_empty() {
                break;
            }
            assert!(step.len() <= PER_STEP && step.iter().all(|seen| seen.is_owned));
            seen.extend(step.iter().map(|seen| seen.session.client_id.clone()));
        }
        assert!(seen.iter().map(|client_id| &**client_id).eq(ids.iter().map(String::as_str)));
    }

    #[test]
    fn orders_go_to_the_owner_and_wait_for_it() {
        let registry = Arc::new(Registry::new(usize::MAX));
        let order = || Order {
            by: "p".into(),
            depth: 0,
            what: crate::session::What::Unsubscribe { filter: "a".into() },
        };
        assert!(matches!(registry.give("c", order()), Given::NotThere));
        let (session, _) = granted(claim(&registry, 1, false));
        assert!(matches!(registry.give("c", order()), Given::ToOwner));
        assert!(session.take_attention());
        assert_eq!(session.take_orders().map(|orders| orders.0.len()), Some(1));
        assert!(registry.change_absent("c", |_, _| ()).is_none(), "it has an owner");
        assert!(registry.end_absent("c").is_none());
        registry.leave(&session, Kept::default(), None);
        assert!(matches!(registry.give("c", order()), Given::Away(_)));
        assert!(session.take_orders().is_none());
        assert!(registry.change_absent("c", |_, _| ()).is_some());
        assert!(registry.end_absent("c").is_some() && registry.look_up("c").is_none());
    }

    #[test]
    fn timers_of_an_earlier_departure_do_nothing() {
        let registry = Arc::new(Registry::new(usize::MAX));
        let (session, _) = granted(claim(&registry, 1, false));
        let first = registry.leave(&session, Kept::default(), None);
        granted(claim(&registry, 2, false));
        assert!(registry.expire("c", first).is_none(), "the client is here");
        let second = registry.leave(&session, Kept::default(), None);
        assert!(registry.expire("c", first).is_none(), "the client was here since");
        assert!(registry.expire("c", second).is_some());
        assert!(registry.expire("c", second).is_none());
    }
}
