//! Answers of a plugin that is played to which come later.
#![allow(unsafe_code, reason = "called by plugins through a C ABI")]

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use plugin_abi::raw::{self, AnswerContext, HostContext, Part};

use super::answer::part_in_words;

/// Answers that come later: the number of the last ticket, and what came for it.
struct Tickets {
    last: u64,
    /// Of the hook that runs.
    taken: Option<Ticket>,
    answer: Option<(u64, Answer)>,
}

/// The number, and the parts in words.
type Answer = (i32, Vec<String>);

#[derive(Clone, Copy)]
pub(super) struct Ticket {
    number: u64,
    until: Instant,
}

fn tickets() -> &'static (Mutex<Tickets>, Condvar) {
    static TICKETS: OnceLock<(Mutex<Tickets>, Condvar)> = OnceLock::new();
    let none = || Tickets { last: 0, taken: None, answer: None };
    TICKETS.get_or_init(|| (Mutex::new(none()), Condvar::new()))
}

/// The ticket that the hook has taken which has just returned.
pub(super) fn take_ticket() -> Option<Ticket> {
    tickets().0.lock().taken.take()
}

impl Ticket {
    /// What came for it; `None`: nothing, in time.
    pub(super) fn wait(self) -> Option<Answer> {
        let (tickets, came) = tickets();
        let mut tickets = tickets.lock();
        let answer = loop {
            match tickets.answer.take() {
                Some((number, answer)) if number == self.number => break Some(answer),
                _ if came.wait_until(&mut tickets, self.until).timed_out() => break None,
                _ => {}
            }
        };
        // What comes now is too late.
        tickets.last += 1;
        answer
    }
}

pub(super) unsafe extern "C" fn defer(_: HostContext, _: AnswerContext, milliseconds: u32) -> u64 {
    let mut tickets = tickets().0.lock();
    tickets.last += 1;
    let until = Instant::now() + Duration::from_millis(milliseconds.into());
    tickets.taken = Some(Ticket { number: tickets.last, until });
    tickets.last
}

pub(super) unsafe extern "C" fn complete(
    _: HostContext,
    ticket: u64,
    code: i32,
    parts: *const Part<'_>,
    count: usize,
) -> i32 {
    let parts: &[Part<'_>] = if parts.is_null() {
        &[]
    } else {
        // SAFETY: the plugin's promise.
        unsafe { std::slice::from_raw_parts(parts, count) }
    };
    let words = |part: &Part<'_>| part_in_words(part.part, part.value.as_bytes());
    let words = parts.iter().filter_map(words).collect();
    let (tickets, came) = tickets();
    let mut tickets = tickets.lock();
    let is_done = tickets.answer.as_ref().is_some_and(|(number, _)| *number == ticket);
    if ticket != tickets.last || is_done {
        return raw::NOT_THERE;
    }
    tickets.answer = Some((ticket, (code, words)));
    came.notify_all();
    raw::TAKEN
}
