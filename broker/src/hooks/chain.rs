//! The plugins that have one hook, in the order of the config. The first no ends the chain.

use std::{borrow::Cow, sync::Arc, time::Instant};

use mqtt::ReasonCode;
use plugin_abi::raw;

use super::{
    decision::{self, Decision, Refusal, Verdict, VerdictParts},
    point::{OnFailure, Point},
    running,
};
use crate::failures::Failures;
use crate::plugins::{Answer, AnswerHandle, HookFn, Loaded};

pub(super) struct Chain<P: Point> {
    links: Box<[Link<P>]>,
}

/// A plugin that has the hook.
pub(super) struct Link<P: Point> {
    hook: HookFn<P>,
    failures: Failures,
}

impl<P: Point> Chain<P> {
    pub(super) fn new(plugins: &[Arc<Loaded>]) -> Self {
        let link = |hook| Link { hook, failures: Failures::default() };
        Chain { links: plugins.iter().filter_map(HookFn::of).map(link).collect() }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    pub(super) fn links(&self) -> impl Iterator<Item = &Link<P>> {
        self.links.iter()
    }

    /// Asks each plugin until one says no. `event` makes what they are told.
    #[inline]
    pub(super) fn ask<'e>(&self, event: impl FnOnce(AnswerHandle) -> P::Event<'e>) -> Decision {
        // It must not move: the event has a handle of it.
        let answer = Answer::<VerdictParts>::default();
        let event = &event(answer.handle());
        let _running = running::enter(P::NAME);
        for (index, link) in self.links.iter().enumerate() {
            if index > 0 {
                // The words of a plugin before, which has let it pass.
                answer.with(|parts| parts.reason = None);
            }
            match link.call(event) {
                raw::CONTINUE => {}
                code => match link.says_no(code) {
                    Some(No::Silent) => return Decision::new(Verdict::Veto, &answer.into_parts()),
                    Some(No::Told(reason)) => return link.refused(reason, answer.into_parts()),
                    None => {}
                },
            }
        }
        Decision::new(Verdict::Continue, &answer.into_parts())
    }

    /// Tells each plugin. A failure of one does not keep it from the next.
    pub(super) fn tell(&self, event: &P::Event<'_>) {
        debug_assert!(!P::MAY_VETO);
        let _running = running::enter(P::NAME);
        for link in &self.links {
            match link.call(event) {
                raw::CONTINUE => {}
                code => {
                    let _ = link.answered_wrongly(code);
                }
            }
        }
    }
}

impl<P: Point> Link<P> {
    pub(super) fn plugin(&self) -> &Arc<str> {
        self.hook.plugin()
    }

    /// The plugin's answer, which can be any number.
    #[inline]
    pub(super) fn call(&self, event: &P::Event<'_>) -> i32 {
        self.hook.call(event)
    }

    /// What an answer other than to continue means. `None`: the plugin has failed, and that does not
    /// matter.
    fn says_no(&self, code: i32) -> Option<No> {
        if P::MAY_VETO {
            if code == raw::VETO {
                self.log_veto();
                return Some(No::Silent);
            }
            if let Some(reason) = decision::refusal(code) {
                return Some(No::Told(reason));
            }
        }
        match self.answered_wrongly(code) {
            OnFailure::Refuse => Some(No::Silent),
            OnFailure::GoOn => None,
        }
    }

    fn refused(&self, reason: ReasonCode, mut parts: VerdictParts) -> Decision {
        let why = parts.reason.take();
        self.log_refusal(reason, why.as_deref());
        let why = why.map(|why| String::from(why).into());
        Decision::new(Verdict::Refuse(Refusal { reason, why }), &parts)
    }

    pub(super) fn log_refusal(&self, reason: ReasonCode, why: Option<&str>) {
        let why = why.unwrap_or("without words");
        log::debug!("plugin {} refused in {}: {reason}, {why}", self.hook.plugin(), P::NAME);
    }

    pub(super) fn log_veto(&self) {
        log::debug!("plugin {} vetoed in {}", self.hook.plugin(), P::NAME);
    }

    /// The plugin has failed by an answer that the hook does not have.
    #[cold]
    pub(super) fn answered_wrongly(&self, answer: i32) -> OnFailure {
        self.failed(&describe(answer))
    }

    /// The plugin has failed; logs it, and says what that means.
    #[cold]
    pub(super) fn failed(&self, what: &str) -> OnFailure {
        if let Some(left_out) = self.failures.count(Instant::now()) {
            let (plugin, hook) = (self.hook.plugin(), P::NAME);
            let consequence = match P::ON_FAILURE {
                OnFailure::Refuse => "taken as a veto",
                OnFailure::GoOn => "the broker goes on",
            };
            let more = match left_out {
                0 => String::new(),
                n => format!("; {n} more like it since the last such line"),
            };
            log::error!("plugin {plugin} failed in {hook}: {what}; {consequence}{more}");
        }
        P::ON_FAILURE
    }
}

/// How a plugin keeps an event from happening.
enum No {
    /// The client need not know.
    Silent,
    /// The client hears this.
    Told(ReasonCode),
}

fn describe(answer: i32) -> Cow<'static, str> {
    match answer {
        raw::PANICKED => "it panicked (-1)".into(),
        raw::VETO => "it answered veto (0), which this hook may not".into(),
        raw::PENDING => "it answered pending (2), which is not offered yet".into(),
        ..0 => format!("it answered error {answer}").into(),
        _ => format!("it answered {answer}, which means nothing").into(),
    }
}
