//! What must survive, on its way from a shard to the store, and what waits until it is there.
//!
//! A shard notes each change where it happens and hands all of a turn over at once. Acknowledgements wait
//! here for the number of that group; nobody waits for a disk.

use std::collections::{HashSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use hookmq_store::{Change, Lease, Queued, Sequence, Subscription};
use mqtt::{Publish, SubscriptionOptions};

use crate::session::{Kept, Message, Noted, RetainFlag, Session, Step, Will};

mod backlog;
mod durable;
mod recovery;
mod sift;

pub(crate) use durable::{Durable, Waiter};
pub(crate) use recovery::restore;

/// Of one shard.
#[derive(Default)]
pub(crate) struct Journal {
    /// `None`: nothing outlives the process.
    durable: Option<Arc<Durable>>,
    waiter: Arc<Waiter>,
    changes: Vec<Change>,
    /// How many there were before.
    handed_over: u64,
    /// The group that they came with last.
    last: Sequence,
    /// The messages among the changes.
    messages: HashSet<u64>,
    /// Sessions to whose clients nothing is written until the changes are durable.
    held: Vec<Arc<Session>>,
    waiting: VecDeque<Waiting>,
}

/// What waits until a group is durable; in the order of the groups.
struct Waiting {
    until: Sequence,
    session: Arc<Session>,
    what: Hold,
}

/// What is done when a group is durable.
pub(crate) enum Hold {
    /// Answers for the connection of this generation are written. `wakes`: it is woken then, for it is owed
    /// retained messages.
    Answers { generation: u32, answers: Vec<u8>, wakes: bool },
    /// Whatever is to be written.
    Writes,
}

impl Journal {
    pub(crate) fn of(durable: Option<&Arc<Durable>>) -> Journal {
        let journal = Journal { durable: durable.cloned(), ..Journal::default() };
        if let Some(durable) = durable {
            durable.add(&journal.waiter);
        }
        journal
    }

    /// The task to be woken when something that waits here may go on.
    pub(crate) fn set_waker(&self, waker: &std::task::Waker) {
        self.waiter.set(waker);
    }

    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.durable.is_some()
    }

    /// Notes a change of something that is in the store.
    #[inline]
    pub(crate) fn push(&mut self, change: impl FnOnce(&Durable) -> Change) {
        if let Some(durable) = &self.durable {
            self.changes.push(change(durable));
        }
    }

    /// A session was begun or resumed by a client, and outlives it by `expiry` seconds. `user` says whose
    /// it is. The client hears nothing before that is durable.
    pub(crate) fn connected(
        &mut self,
        session: &Arc<Session>,
        kept: &Kept,
        expiry: u32,
        will: Option<&Will>,
        user: impl FnOnce() -> Option<Box<str>>,
    ) {
        let Some(durable) = self.durable.clone() else { return };
        // Where the broker ends and not the connection, a will is owed all the same.
        if session.number().is_none() && expiry == 0 && will.is_none() {
            return;
        }
        self.enter(&durable, session, kept, expiry, user);
        if let (Some(session), Some(will)) = (session.number(), will) {
            let will = durable.will(will, None);
            self.changes.push(Change::Will { session, will: Box::new(will) });
        }
        self.hold_writes(session);
        // Others may find its subscriptions before this turn ends, and what they queue comes behind this.
        self.submit();
    }

    /// The client of a session hears nothing before what was noted so far is durable.
    pub(crate) fn hold_writes(&mut self, session: &Arc<Session>) {
        if self.is_on() {
            session.outbox.lock().ledger.hold();
            self.held.push(session.clone());
        }
    }

    /// Notes that a client has a session, and all that belongs to it if the store does not know it.
    fn enter(
        &mut self,
        durable: &Durable,
        session: &Arc<Session>,
        kept: &Kept,
        expiry: u32,
        user: impl FnOnce() -> Option<Box<str>>,
    ) {
        let lease = Lease { expiry, away: None };
        let number = session.number().unwrap_or_else(|| durable.next_session());
        if session.number().is_some() {
            self.changes.push(Change::SessionUpdated { session: number, lease });
            self.changes.push(Change::WillGone { session: number });
        } else {
            let (client_id, user) = (session.client_id.clone(), user());
            self.changes.push(Change::SessionBegun { session: number, client_id, user, lease });
            session.set_number_of_will(number);
        }
        if expiry > 0 && session.kept_number().is_none() {
            self.enter_as_a_whole(session, number, kept);
        }
    }

    /// Notes what belongs to a session; little, unless it was to end with its connection until now.
    fn enter_as_a_whole(&mut self, session: &Arc<Session>, number: u64, kept: &Kept) {
        session.set_number(number);
        let begun = kept.begun().map(|packet_id| Change::Begun { session: number, packet_id });
        self.changes.extend(begun);
        for known in session.subscriptions.lock().all() {
            self.subscribed(session, &known.filter, known.options, known.identifier);
        }
        let noted = session.outbox.lock().ledger.take();
        noted.into_iter().for_each(|noted| self.take(session, noted));
    }

    /// The client of a session has gone at this second of the broker's clock; the will that it has left is
    /// due after its delay.
    pub(crate) fn left(
        &mut self,
        session: &Session,
        expiry: u32,
        will: Option<&Will>,
        second: u32,
    ) {
        let (Some(session), Some(durable)) = (session.number(), &self.durable) else { return };
        let away = durable.wall(second);
        let lease = Lease { expiry, away: Some(away) };
        self.changes.push(Change::SessionUpdated { session, lease });
        self.changes.push(match will {
            Some(will) => {
                let will = durable.will(will, Some(away + u64::from(will.delay)));
                Change::Will { session, will: Box::new(will) }
            }
            None => Change::WillGone { session },
        });
    }

    /// The will that a client has left is published.
    pub(crate) fn will_gone(&mut self, session: &Session) {
        if let Some(session) = session.number() {
            self.push(|_| Change::WillGone { session });
        }
    }

    /// A subscription was made or replaced.
    pub(crate) fn subscribed(
        &mut self,
        session: &Session,
        filter: &str,
        options: SubscriptionOptions,
        identifier: Option<NonZeroU32>,
    ) {
        let Some(session) = session.kept_number() else { return };
        let (filter, options) = (filter.into(), options.bits());
        let subscription = Subscription { filter, options, identifier };
        self.push(|_| Change::Subscribed { session, subscription });
    }

    /// A subscription is gone.
    pub(crate) fn unsubscribed(&mut self, session: &Session, filter: &str) {
        let Some(session) = session.kept_number() else { return };
        self.push(|_| Change::Unsubscribed { session, filter: filter.into() });
    }

    /// Notes what became of the messages of a session.
    pub(crate) fn take(&mut self, session: &Arc<Session>, noted: Noted) {
        let Some(durable) = self.durable.clone() else { return };
        for step in noted.steps {
            let change = match step {
                Step::Queued(message, turn) => {
                    self.add_message(&durable, &message);
                    Change::Queued { session: noted.session, queued: queued(&message, turn) }
                }
                Step::Sent(seq, packet_id) => {
                    Change::Sent { session: noted.session, seq, packet_id }
                }
                Step::Received(seq) => Change::Received { session: noted.session, seq },
                Step::Done(seq) => Change::Done { session: noted.session, seq },
            };
            self.changes.push(change);
        }
        if noted.holds {
            self.held.push(session.clone());
        }
    }

    /// Once in a group, before it is queued.
    fn add_message(&mut self, durable: &Durable, message: &Message) {
        let id = message.number();
        if self.messages.insert(id) {
            let message = durable.message(message, "");
            self.changes.push(Change::Message { id, message });
        }
    }

    /// A message is retained, or none is any more.
    pub(crate) fn retained(&mut self, topic: &str, kept: Option<(&Publish<'_>, &Arc<str>, u32)>) {
        self.push(|durable| Change::Retained {
            topic: topic.into(),
            message: kept.map(|(publish, publisher, second)| {
                durable.publication(publish, publisher, second)
            }),
        });
    }

    /// Whether the store takes what it is handed over.
    pub(crate) fn is_well(&self) -> bool {
        self.durable.as_ref().is_none_or(|durable| durable.is_well())
    }

    /// Whether the store cannot keep up.
    #[inline]
    pub(crate) fn is_behind(&self) -> bool {
        self.durable.as_ref().is_some_and(|durable| durable.is_behind())
    }

    /// Whether it can take nothing more for now.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.durable.as_ref().is_some_and(|durable| durable.is_full())
    }

    /// The same; then the client is woken when it can.
    pub(crate) fn shuts_out(&self, client: &std::task::Waker) -> bool {
        self.durable.as_ref().is_some_and(|durable| durable.shuts_out(client))
    }

    /// Whether the client that has brought this group is not read for now.
    #[inline]
    pub(crate) fn holds_up(
        &self,
        group: Sequence,
        is_held: bool,
        client: &std::task::Waker,
    ) -> bool {
        self.durable.as_ref().is_some_and(|durable| durable.holds_up(group, is_held, client))
    }

    /// How much was noted since the shard has begun.
    #[inline]
    pub(crate) fn noted(&self) -> u64 {
        self.handed_over + self.changes.len() as u64
    }

    /// How much of it was not handed over.
    #[inline]
    pub(crate) fn not_handed_over(&self) -> usize {
        self.changes.len()
    }

    /// Hands over what was noted. Returns the number of the last group that there was.
    pub(crate) fn submit(&mut self) -> Sequence {
        let Some(durable) = self.durable.as_ref().filter(|_| !self.changes.is_empty()) else {
            return self.last;
        };
        self.handed_over += self.changes.len() as u64;
        let until = durable.store.submit(&mut self.changes);
        self.last = until;
        self.messages.clear();
        if self.has_failed() {
            self.held.clear();
        }
        for session in self.held.drain(..) {
            self.waiting.push_back(Waiting { until, session, what: Hold::Writes });
        }
        self.note_waiting();
        until
    }

    /// Whether this group is durable.
    fn has(&self, group: Sequence) -> bool {
        self.durable.as_ref().is_none_or(|durable| durable.store.durable() >= group)
    }

    /// Whether this group is durable, and nothing waits here for it any more.
    pub(crate) fn has_let_go(&self, group: Sequence) -> bool {
        self.has(group) && self.waiting.front().is_none_or(|first| first.until > group)
    }

    /// Has something wait for a group, and for all that waits here already. Returns what it waits for.
    pub(crate) fn hold(&mut self, until: Sequence, session: &Arc<Session>, what: Hold) -> Sequence {
        if self.has_failed() {
            return until;
        }
        let until = self.waiting.back().map_or(until, |last| last.until.max(until));
        self.waiting.push_back(Waiting { until, session: session.clone(), what });
        self.note_waiting();
        until
    }

    /// The next of what waits no more.
    pub(crate) fn next_released(&mut self) -> Option<(Arc<Session>, Hold)> {
        let until = self.waiting.front()?.until;
        if !self.has(until) {
            self.note_waiting();
        }
        if !self.has(until) {
            return None;
        }
        let Waiting { session, what, .. } = self.waiting.pop_front()?;
        Some((session, what))
    }

    /// Whoever reports that more is durable wakes this shard only if something waits.
    fn note_waiting(&self) {
        self.waiter.waits.store(!self.waiting.is_empty(), Ordering::Relaxed);
        // Either this is seen by whoever reports, or what he reports is seen by the next look at it here.
        fence(Ordering::SeqCst);
    }
}

fn queued(message: &Message, turn: u64) -> Queued {
    let matched_by = message.matched_by.as_deref();
    let identifiers = matched_by.map(|by| by.identifiers().subscription_identifiers().collect());
    Queued {
        seq: message.number(),
        order: turn,
        message: message.number(),
        qos: message.qos,
        retain: message.retain == RetainFlag::Shown,
        identifiers: identifiers.unwrap_or_default(),
        share: message.share().map(Into::into),
    }
}
