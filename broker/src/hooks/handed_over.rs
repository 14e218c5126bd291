//! A hook that blocks, called on one of its plugin's threads with a copy of the event. Whoever asked waits
//! for it as for any answer that comes later; what the plugin hands over counts as if it was asked inline.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use mqtt::PropertyBuffer;

use super::chain::Link;
use super::edits::Edits;
use super::parts::{Scope, VerdictParts};
use super::point::Point;
use super::running;
use crate::config::Limits;
use crate::plugins::{
    Answer, Answerer, Call, Completion, Described, HookFn, KeptEvent, Parts, Ticket,
};

/// A call that a thread of the plugin makes.
pub(super) struct HandedOver<P: Point> {
    hook: HookFn<P>,
    event: KeptEvent<P>,
    waker: Waker,
    depth: u32,
}

impl<P: Point> Link<P> {
    /// Has the hook called on a thread of the plugin; `call` is to make the call with the parts that there are.
    /// `Ok(None)`: the plugin has no interest.
    ///
    /// # Errors
    /// Why that is not possible.
    pub(super) fn hand_over(
        &self,
        event: &P::Event<'_>,
        waker: Option<&Waker>,
        call: impl FnOnce(HandedOver<P>, Answerer) + Send + 'static,
    ) -> Result<Option<Ticket>, &'static str> {
        let bare = match self.interest() {
            Some(interest) if !interest.wants(event) => return Ok(None),
            Some(interest) if interest.without_payload => event.without_payload(),
            _ => None,
        };
        let Some(waker) = waker else { return Err("it blocks, and nobody can wait for it here") };
        let kept = KeptEvent::new(bare.as_ref().unwrap_or(event));
        let Some(event) = kept else { return Err("it blocks, and nobody can wait for it") };
        let (hook, waker) = (self.hook().clone(), waker.clone());
        let deadline = hook.loaded().blocking_deadline(P::INDEX);
        let returned = self.loaded().threads().calls_returned();
        let (ticket, answerer) = Ticket::of_thread(&waker, deadline, returned);
        let handed_over = HandedOver { hook, event, waker, depth: running::depth() };
        let call = Call::new(answerer, move |answerer| call(handed_over, answerer));
        if !self.loaded().threads().call(call) {
            return Err("it blocks, and no thread can be started for it");
        }
        self.record().count_asked(P::INDEX);
        Ok(Some(ticket))
    }
}

impl<P: Point> HandedOver<P> {
    /// Calls the hook, and has `answerer` answered.
    pub(super) fn call(self, answerer: Answerer, parts: impl Parts) {
        let HandedOver { hook, mut event, waker, depth } = self;
        let answer = Answer::awaited(Handed { parts, all: Vec::new() }, Some(&waker));
        event.set_answer(answer.handle());
        let begun = Instant::now();
        let code = {
            let (_running, _depth) = (running::enter(P::NAME), running::at_depth(depth));
            hook.record().time(P::INDEX, || hook.call_kept(&event))
        };
        let took = begun.elapsed();
        drop(event);
        let (Handed { all: parts, .. }, ticket) = answer.into_parts_and_ticket();
        answerer.complete(Completion { code, parts, heard: true, ticket, took });
    }

    pub(super) fn limits(&self) -> Arc<Limits> {
        self.hook.loaded().threads().limits().clone()
    }
}

/// What the plugin has handed over, and what it hears of it.
struct Handed<T> {
    parts: T,
    all: Vec<(u32, Box<[u8]>)>,
}

impl<T: Parts> Parts for Handed<T> {
    fn take(&mut self, part: u32, value: &[u8]) -> i32 {
        self.all.push((part, value.into()));
        self.parts.take(part, value)
    }
}

/// A [`Scope`] that needs nobody.
pub(super) struct OwnScope {
    takes: &'static [u32],
    closed: bool,
    properties: Box<[u8]>,
    connack: Option<PropertyBuffer>,
}

impl OwnScope {
    pub(super) fn new(scope: &Scope<'_>, edits: Option<&Edits>) -> OwnScope {
        OwnScope {
            takes: scope.takes,
            closed: scope.closed,
            properties: scope.properties.into(),
            connack: edits.and_then(|edits| edits.connack.clone()),
        }
    }

    pub(super) fn parts<'a>(&'a self, limits: &'a Limits) -> VerdictParts<'a> {
        let OwnScope { takes, closed, properties, connack } = self;
        let connack =
            connack.as_ref().map_or(mqtt::Properties::EMPTY, PropertyBuffer::as_properties);
        VerdictParts::new(Scope { takes, closed: *closed, limits, properties, connack })
    }
}
