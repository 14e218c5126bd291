//! Answers that come later: the tickets of one instance of a plugin, each for a hook that waits.
//!
//! A ticket is made while the hook runs, and may be used before it has returned. Whoever waits holds it;
//! when it is dropped (too late, client gone), the number means nothing any more.
#![allow(unsafe_code, reason = "called by plugins through a C ABI")]

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Waker,
    time::Duration,
};

use parking_lot::Mutex;
use plugin_abi::raw::{self, AnswerContext, HostContext, Part};

use super::{
    answer::Header,
    host::{Caller, contain},
};

/// The longest that anybody waits for an answer.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// Parts of one answer. No answer has a use for so many.
const MOST_PARTS: usize = 4096;

const NOT_FREE: &str = "none of its threads was free within its deadline (blocking_threads)";

/// The tickets that a plugin has not used yet.
#[derive(Default)]
pub(super) struct Tickets {
    last: AtomicU64,
    open: Mutex<HashMap<u64, Arc<Slot>>>,
}

struct Slot {
    /// Who waits.
    waker: Mutex<Waker>,
    completion: Mutex<Option<Completion>>,
    /// The call that is to give the answer is being made.
    begun: AtomicBool,
}

/// An answer that has come.
pub(crate) struct Completion {
    pub(crate) code: i32,
    pub(crate) parts: Vec<(u32, Box<[u8]>)>,
    /// The plugin was told which of the parts are unfit.
    pub(crate) heard: bool,
    /// For an answer that comes still later.
    pub(crate) ticket: Option<Ticket>,
    /// How long the call took, where it was one of a thread.
    pub(crate) took: Duration,
}

/// The right to one answer, held by who waits for it.
pub(crate) struct Ticket {
    source: Source,
    slot: Arc<Slot>,
    deadline: Duration,
}

/// Where the answer comes from.
enum Source {
    /// From the plugin, by this number.
    Plugin(&'static Tickets, u64),
    /// From a call of its hook on a thread for that: how many of its calls have returned by now, and had
    /// when this one was put in the queue.
    Thread(Arc<AtomicU64>, u64),
}

/// Why an answer is waited for no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// The plugin has failed.
    Failed(&'static str),
    /// Its threads were busy with other calls, and it has answered some of them meanwhile.
    Crowded(&'static str),
}

/// The call on a thread that gives an answer.
pub(crate) struct Answerer(Arc<Slot>);

impl Answerer {
    /// Whether somebody waits still.
    pub(super) fn is_awaited(&self) -> bool {
        // Who waits has the other.
        Arc::strong_count(&self.0) > 1
    }

    /// The call is made, if somebody waits still.
    pub(super) fn begin(&self) -> bool {
        self.0.begun.store(true, Ordering::Relaxed);
        self.is_awaited()
    }

    pub(crate) fn complete(self, completion: Completion) {
        self.0.complete(completion);
    }
}

impl Slot {
    fn new(waker: Waker) -> Arc<Slot> {
        let (waker, completion) = (Mutex::new(waker), Mutex::new(None));
        Arc::new(Slot { waker, completion, begun: AtomicBool::new(false) })
    }

    fn complete(&self, completion: Completion) {
        *self.completion.lock() = Some(completion);
        self.waker.lock().wake_by_ref();
    }
}

impl Ticket {
    fn new(tickets: &'static Tickets, waker: Waker, deadline: Duration) -> Ticket {
        // 0 is none.
        let number = tickets.last.fetch_add(1, Ordering::Relaxed) + 1;
        let slot = Slot::new(waker);
        tickets.open.lock().insert(number, slot.clone());
        let source = Source::Plugin(tickets, number);
        Ticket { source, slot, deadline: deadline.min(LONGEST) }
    }

    /// For the answer of a call on another thread.
    /// `returned`: how many calls have, by now and later.
    pub(crate) fn of_thread(
        waker: &Waker,
        deadline: Duration,
        returned: &Arc<AtomicU64>,
    ) -> (Ticket, Answerer) {
        let slot = Slot::new(waker.clone());
        let answerer = Answerer(slot.clone());
        let source = Source::Thread(returned.clone(), returned.load(Ordering::Relaxed));
        (Ticket { source, slot, deadline: deadline.min(LONGEST) }, answerer)
    }

    /// Why, if it is waited for no longer.
    pub(crate) fn overdue(&self) -> Overdue {
        let begun = self.slot.begun.load(Ordering::Relaxed);
        match &self.source {
            Source::Plugin(..) => Overdue::Failed("its answer has not come within its deadline"),
            Source::Thread(..) if begun => Overdue::Failed(
                "it has not returned within its deadline, and holds one of its threads until it does",
            ),
            Source::Thread(returned, before) if returned.load(Ordering::Relaxed) != *before => {
                Overdue::Crowded(NOT_FREE)
            }
            Source::Thread(..) => Overdue::Failed(NOT_FREE),
        }
    }

    /// The answer, once it is there. The waker given at the beginning is woken when it comes.
    pub(crate) fn take(&self) -> Option<Completion> {
        self.slot.completion.lock().take()
    }

    /// Somebody else waits from now on.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        self.slot.waker.lock().clone_from(waker);
    }

    /// Whether the answer is there.
    pub(crate) fn is_answered(&self) -> bool {
        self.slot.completion.lock().is_some()
    }

    /// How long it may take from the hook's return on.
    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Source::Plugin(tickets, number) = self.source else { return };
        let mut open = tickets.open.lock();
        open.remove(&number);
        if open.is_empty() {
            open.shrink_to(1024);
        }
    }
}

impl Tickets {
    /// Answers, if somebody waits for it. Returns what the plugin hears.
    fn complete(&self, number: u64, completion: Completion) -> i32 {
        let Some(slot) = self.open.lock().remove(&number) else { return raw::NOT_THERE };
        slot.complete(completion);
        raw::TAKEN
    }
}

/// `defer` of the host.
pub(super) unsafe extern "C" fn defer(
    context: HostContext,
    answer: AnswerContext,
    milliseconds: u32,
) -> u64 {
    // SAFETY: the plugin passes back the context of an event whose hook is running.
    let Some(header) = (unsafe { Header::of(answer) }) else { return 0 };
    // SAFETY: the plugin passes back what it was given.
    let caller = unsafe { Caller::from_context(context) };
    if caller.is_shadow() {
        // Nobody waits for what is only counted.
        return 0;
    }
    let deadline = Duration::from_millis(milliseconds.into());
    contain(|| header.defer(caller.tickets(), deadline)).unwrap_or(0)
}

/// `complete` of the host.
pub(super) unsafe extern "C" fn complete(
    context: HostContext,
    ticket: u64,
    code: i32,
    parts: *const Part<'_>,
    count: usize,
) -> i32 {
    // SAFETY: the plugin passes back what it was given.
    let caller = unsafe { Caller::from_context(context) };
    let parts = match (parts.is_null(), count) {
        (_, 0) => &[],
        (true, _) | (false, MOST_PARTS..) => return raw::UNFIT,
        // SAFETY: the plugin promises that there are so many, for the call.
        (false, count) => unsafe { std::slice::from_raw_parts(parts, count) },
    };
    contain(|| caller.tickets().complete(ticket, Completion::new(code, parts)))
        .unwrap_or(raw::NOT_THERE)
}

impl Completion {
    pub(super) fn new(code: i32, parts: &[Part<'_>]) -> Completion {
        let parts = parts.iter().map(|part| (part.part, part.value.as_bytes().into())).collect();
        Completion { code, parts, heard: false, ticket: None, took: Duration::ZERO }
    }
}

impl Header<'_> {
    /// The number of a new ticket; 0: nobody can wait, or somebody does already.
    fn defer(&self, tickets: &'static Tickets, deadline: Duration) -> u64 {
        let Some(waker) = self.waker() else { return 0 };
        let ticket = Ticket::new(tickets, waker.clone(), deadline);
        let Source::Plugin(_, number) = ticket.source else { return 0 };
        if self.keep(ticket) { number } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use crate::plugins::answer::{Answer, Parts};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Nothing;

    impl Parts for Nothing {
        fn take(&mut self, _: u32, _: &[u8]) -> i32 {
            raw::UNKNOWN
        }
    }

    fn tickets() -> &'static Tickets {
        Box::leak(Box::default())
    }

    fn answer(tickets: &Tickets, ticket: u64, code: i32) -> i32 {
        tickets.complete(ticket, Completion::new(code, &[]))
    }

    fn ask(tickets: &'static Tickets, answer: &Answer<'_, Nothing>) -> u64 {
        // SAFETY: the answer is alive.
        let header = unsafe { Header::of(answer.handle().context) };
        header.unwrap().defer(tickets, Duration::from_secs(1))
    }

    #[test]
    fn an_answer_is_given_once_and_wakes_who_waits() {
        let (tickets, others) = (tickets(), tickets());
        let woken = Arc::new(Count::default());
        let waker = Waker::from(woken.clone());
        let event = Answer::awaited(Nothing, Some(&waker));
        let number = ask(tickets, &event);
        assert_ne!(number, 0);
        assert_eq!(ask(tickets, &event), 0, "one for each hook");
        let (_, ticket) = event.into_parts_and_ticket();
        let ticket = ticket.unwrap();
        assert!(ticket.take().is_none());
        assert_eq!(answer(tickets, 0, 1), raw::NOT_THERE);
        assert_eq!(answer(others, number, 1), raw::NOT_THERE);
        assert_eq!(answer(tickets, number, 7), raw::TAKEN);
        assert_eq!(answer(tickets, number, 1), raw::NOT_THERE);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert_eq!(ticket.take().unwrap().code, 7);
    }

    #[test]
    fn nobody_answers_who_is_not_waited_for() {
        let tickets = tickets();
        let event = Answer::awaited(Nothing, Some(Waker::noop()));
        let number = ask(tickets, &event);
        drop(event);
        assert_eq!(answer(tickets, number, 1), raw::NOT_THERE);
        assert_eq!(ask(tickets, &Answer::new(Nothing)), 0);
        let nobody = AnswerContext { ptr: std::ptr::null() };
        // SAFETY: it says that there is no answer.
        assert!(unsafe { Header::of(nobody) }.is_none());
    }
}
