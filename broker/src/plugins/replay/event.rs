//! Calls a hook with an event that was recorded, and waits for its answer.

use std::{
    sync::Arc,
    task::{Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use plugin_abi::raw;
use recording::{Field, Record};

use super::{Played, answer::Taken};
use crate::{
    hooks::{
        point::{OnBeforeDeliver, Point, Visitor},
        running,
    },
    plugins::{
        Answer, AnswerHandle, Completion, Described, HookFn, Loaded, Parts, Recorded, Ticket,
        recorded,
    },
};

/// Plays an event to a plugin.
pub(super) struct Play<'a> {
    pub(super) plugin: &'a Arc<Loaded>,
    pub(super) record: &'a Record,
}

impl Visitor for Play<'_> {
    type Output = Option<Played>;

    fn visit<P: Point>(self) -> Option<Played> {
        let hook = HookFn::<P>::of(self.plugin)?;
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let can_wait = P::MAY_VETO && P::INDEX != OnBeforeDeliver::INDEX;
        // It must not move: the event has a handle of it.
        let answer = Answer::awaited(Taken::default(), can_wait.then_some(&waker));
        let handle = if P::MAY_VETO { answer.handle() } else { AnswerHandle::CLOSED };
        let client = recorded::client(self.record);
        let mut event = P::Event::replay(self.record, &client, handle);
        if let Some(interest) = hook.interest() {
            if !interest.wants(&event) {
                return None;
            }
            event = match event.without_payload() {
                Some(bare) if interest.without_payload => bare,
                _ => event,
            };
        }
        let began = Instant::now();
        let code = self.call(&hook, &event);
        let took = began.elapsed();
        let (mut taken, ticket) = answer.into_parts_and_ticket();
        let came = match (code, ticket) {
            (raw::PENDING, Some(ticket)) => wait(&ticket).ok_or("no answer in time"),
            (raw::PENDING, None) => Err("it waits, and has taken no ticket"),
            _ => return Some(taken.into_played(P::NAME, code, took)),
        };
        Some(match came {
            Ok(Completion { code, parts, .. }) => {
                for (part, value) in parts {
                    taken.take(part, &value);
                }
                taken.into_played(P::NAME, code, began.elapsed())
            }
            Err(why) => taken.into_failed(why, began.elapsed()),
        })
    }
}

impl Play<'_> {
    fn call<P: Point>(&self, hook: &HookFn<P>, event: &P::Event<'_>) -> i32 {
        let _running = running::enter(P::NAME);
        let depth = u32::try_from(self.record.number(Field::Depth)).unwrap_or(u32::MAX);
        let _depth = running::at_depth(depth);
        hook.call(event)
    }
}

/// What came for it; `None`: nothing, in time.
fn wait(ticket: &Ticket) -> Option<Completion> {
    let deadline = Instant::now() + ticket.deadline();
    loop {
        if let Some(completion) = ticket.take() {
            return Some(completion);
        }
        match deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => return None,
            left => thread::park_timeout(left),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
