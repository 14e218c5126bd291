//! The store of a broker, and what the broker has to know of it: the wall clock, numbers that are free,
//! and whom to wake when more is durable.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::task::Waker;
use std::time::{SystemTime, UNIX_EPOCH};

use hookmq_store::{
    Change, Durability, Health, OpenError, Options, Progress, Sequence, State, Store,
};
use mqtt::Publish;
use parking_lot::Mutex;

use super::backlog::Backlog;
use crate::session::{Message, RetainFlag, Will};

pub(crate) struct Durable {
    pub(super) store: Store,
    next_session: AtomicU64,
    /// The second of the wall clock at which the broker's clock began.
    start: AtomicU64,
    pub(super) reports: Arc<Reports>,
}

/// Who is told how the store is.
pub(super) struct Reports {
    waiters: Mutex<Vec<Arc<Waiter>>>,
    pub(super) backlog: Backlog,
    last: Mutex<Health>,
}

/// Where something may wait: a shard, or what plugins have put.
#[derive(Default)]
pub(crate) struct Waiter {
    pub(super) waits: AtomicBool,
    /// Much may wait for nobody any more: the store does not take anything.
    pub(super) sifts: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Durable {
    /// Opens the store in a folder. From `max_unwritten` bytes that
    /// wait on, clients are held up. Blocks until all that is in it was read.
    pub(crate) fn open(
        folder: &Path,
        durability: Durability,
        max_unwritten: usize,
    ) -> Result<(Durable, State), OpenError> {
        let reports = Arc::new(Reports {
            waiters: Mutex::default(),
            backlog: Backlog::new(max_unwritten),
            last: Mutex::new(Health::Well),
        });
        let told = reports.clone();
        let report = move |progress: Progress| told.report(progress.health);
        let max_pending = Backlog::max_pending(max_unwritten);
        let options = Options { max_pending, ..Options::new(durability) };
        let (store, state) = Store::open(folder, options, Box::new(report))?;
        let start = AtomicU64::new(wall_clock());
        let next_session = AtomicU64::new(state.next_session.max(1));
        Ok((Durable { store, next_session, start, reports }, state))
    }

    /// The broker's clock begins now.
    pub(crate) fn clock_begins(&self) {
        self.start.store(wall_clock(), Ordering::Relaxed);
    }

    /// A number for a session that no other has or had.
    pub(crate) fn next_session(&self) -> u64 {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }

    /// The second of the wall clock for one of the broker's clock.
    pub(crate) fn wall(&self, second: u32) -> u64 {
        self.start.load(Ordering::Relaxed) + u64::from(second)
    }

    /// The second of the broker's clock that it is.
    pub(crate) fn now(&self) -> u32 {
        let start = self.start.load(Ordering::Relaxed);
        u32::try_from(wall_clock().saturating_sub(start)).unwrap_or(0)
    }

    /// A message as the store has it.
    pub(crate) fn message(&self, message: &Message, publisher: &str) -> hookmq_store::Message {
        let publish = message.publish(0, false);
        let mut kept = self.publication(&publish, publisher, message.received());
        kept.retain = message.retain != RetainFlag::Clear;
        kept
    }

    /// A PUBLISH as the store has it, that came at this second of the broker's clock.
    pub(super) fn publication(
        &self,
        publish: &Publish<'_>,
        publisher: &str,
        second: u32,
    ) -> hookmq_store::Message {
        let (properties, payload) = (publish.properties.as_bytes(), publish.payload);
        let mut kept = hookmq_store::Message::new(publish.topic, properties, payload);
        kept.qos = publish.qos;
        kept.retain = publish.retain;
        kept.received = self.wall(second);
        kept.publisher = publisher.into();
        kept
    }

    /// A will as the store has it.
    pub(super) fn will(&self, will: &Will, due: Option<u64>) -> hookmq_store::Will {
        let message = self.message(&will.message, &will.author.session.client_id);
        hookmq_store::Will { delay: will.delay, due, message }
    }

    /// Whether the store cannot keep up.
    #[inline]
    pub(crate) fn is_behind(&self) -> bool {
        self.reports.backlog.is_behind(&self.store)
    }

    /// Whether it can take nothing more for now.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.reports.backlog.is_full(&self.store)
    }

    /// Whether nothing that has to be kept is taken from a client; then it is woken when it may be.
    pub(crate) fn shuts_out(&self, client: &Waker) -> bool {
        self.reports.backlog.shuts_out(&self.store, client)
    }

    /// Whether a client is not read that has brought the changes of this group; then it is woken when it
    /// may be. `is_held`: it was not before.
    #[inline]
    pub(crate) fn holds_up(&self, group: Sequence, is_held: bool, client: &Waker) -> bool {
        self.store.durable() < group
            && self.reports.backlog.holds_up(&self.store, group, is_held, client)
    }

    /// Bytes that wait to be written.
    pub(crate) fn unwritten(&self) -> usize {
        self.store.pending()
    }

    /// How often something became durable.
    pub(crate) fn commits(&self) -> u64 {
        self.reports.backlog.commits()
    }

    /// Returns when the store has failed, and nothing becomes durable any more.
    pub(crate) async fn failed(&self) {
        self.reports.backlog.failed.notified().await;
    }

    /// Whether nothing becomes durable any more.
    #[inline]
    pub(super) fn has_failed(&self) -> bool {
        self.reports.backlog.has_failed()
    }

    /// How the store is.
    pub(crate) fn health(&self) -> Health {
        self.store.health()
    }

    /// Looks whether the store comes on, and wakes whoever waits as long as it does not. To be called once a second.
    pub(crate) fn look(&self) {
        match self.store.look() {
            Health::Well => {}
            // Who has gone meanwhile goes.
            Health::Full => {
                self.reports.backlog.wake();
                self.reports.wake_all(true);
            }
            // The thread that would report it may wait for the disk.
            failed @ Health::Failed(_) => {
                self.reports.report(failed);
                self.reports.wake_all(true);
            }
        }
    }

    /// Hands over a group of changes; see [`Store::submit`].
    pub(crate) fn submit(&self, changes: &mut Vec<Change>) -> Sequence {
        self.store.submit(changes)
    }

    /// Whether this group is durable.
    pub(crate) fn has(&self, group: Sequence) -> bool {
        self.store.durable() >= group
    }

    /// Whether what is handed over becomes durable. Not while the disk is full.
    pub(crate) fn is_well(&self) -> bool {
        self.store.health() == Health::Well
    }

    /// Makes all durable that was submitted. Blocks.
    pub(crate) fn close(&self) {
        match self.store.close() {
            Health::Well => {}
            health => log::error!("what came last is not in the store: {health:?}"),
        }
    }

    /// Has somebody woken, each time more is durable, who waits then.
    pub(crate) fn add(&self, waiter: &Arc<Waiter>) {
        self.reports.waiters.lock().push(waiter.clone());
    }
}

impl Waiter {
    pub(crate) fn set(&self, waker: &Waker) {
        *self.waker.lock() = Some(waker.clone());
    }

    /// From now on there is something to be woken for, once. What is durable already is to be looked at after it:
    /// either it is seen by whoever reports, or what he reports is seen by that look.
    pub(crate) fn begin(&self) {
        self.waits.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }
}

impl Reports {
    fn report(&self, health: Health) {
        self.backlog.report(&health);
        report_health(&mut self.last.lock(), health);
        self.wake_all(false);
    }

    /// `sifts`: they look too who of those that wait is there still.
    pub(super) fn wake_all(&self, sifts: bool) {
        // See `Journal::note_waiting`.
        fence(Ordering::SeqCst);
        for waiter in &*self.waiters.lock() {
            waiter.sifts.fetch_or(sifts, Ordering::Relaxed);
            if waiter.waits.swap(false, Ordering::AcqRel)
                && let Some(waker) = &*waiter.waker.lock()
            {
                waker.wake_by_ref();
            }
        }
    }
}

fn report_health(last: &mut Health, now: Health) {
    if *last == now {
        return;
    }
    match &now {
        Health::Well => log::warn!("the store is well again: what waited is acknowledged"),
        Health::Full => log::error!(
            "the disk of the store is full: QoS 1 and 2 is not acknowledged until there is space"
        ),
        Health::Failed(why) => log::error!(
            "the store has failed: {why}. QoS 1 and 2 is not acknowledged any more; start the broker again"
        ),
    }
    *last = now;
}

fn wall_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
