//! How a plugin's answer looks to those who read the trace.

use std::time::{Duration, Instant, SystemTime};

use plugin_abi::raw;

use super::chain::Link;
use super::decision;
use super::point::{OnAuth, OnFailure, Point};
use super::trace::{Traced, TracedAnswer};
use crate::plugins::Described;

impl<P: Point> Link<P> {
    /// Makes a call, and shows what it has answered. `words`: what the plugin has handed over with it, for
    /// people.
    #[cold]
    pub(super) fn traced(
        &self,
        event: &P::Event<'_>,
        words: impl FnOnce() -> Option<Box<str>>,
        call: impl FnOnce() -> i32,
    ) -> i32 {
        let begun = Instant::now();
        let code = call();
        let took = begun.elapsed();
        self.show(event, self.answer(code, words), took);
        code
    }

    /// Shows an answer.
    #[cold]
    pub(super) fn show(&self, event: &P::Event<'_>, answer: TracedAnswer, took: Duration) {
        let (client_id, peer) = event.client();
        self.record().trace().show(&Traced {
            at: SystemTime::now(),
            plugin: self.plugin().clone(),
            hook: P::NAME,
            client_id: client_id.into(),
            peer,
            subject: event.matter().into(),
            answer,
            shadow: self.is_shadow(),
            took,
        });
    }

    /// What the number is that the hook has returned.
    pub(super) fn answer(
        &self,
        code: i32,
        words: impl FnOnce() -> Option<Box<str>>,
    ) -> TracedAnswer {
        let authenticates = P::INDEX == <OnAuth as Point>::INDEX;
        let refusal = decision::refusal(code).filter(|_| P::MAY_VETO);
        match (code, refusal) {
            (raw::CONTINUE, _) => TracedAnswer::Continue,
            (raw::VETO, _) if P::MAY_VETO => TracedAnswer::Veto,
            (raw::PENDING, _) if P::MAY_VETO => TracedAnswer::Pending,
            (raw::CHALLENGE, _) if authenticates => TracedAnswer::Challenge,
            (raw::AUTHENTICATED, _) if authenticates => TracedAnswer::Authenticated,
            (_, Some(reason)) => TracedAnswer::Refuse(reason, words()),
            (code, None) => {
                let refuses = self.record().on_failure::<P>() == OnFailure::Refuse;
                TracedAnswer::Failed(code, refuses)
            }
        }
    }
}
