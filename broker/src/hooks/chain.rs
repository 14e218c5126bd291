//! The plugins that have one hook, in the order of the config. The first no ends the chain.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mqtt::ReasonCode;
use plugin_abi::raw;

use super::{
    decision::{self, Refusal, Verdict},
    point::{OnFailure, Point},
    record::{Calls, Record, Treatment},
    recorder::Recorder,
    running,
    shadow::Shadows,
    stats::Came,
    trace::{self, TracedAnswer},
};
use crate::failures::{Failures, and_more};
use crate::plugins::{Described, HookFn, Interest, Loaded};
use crate::services::InstanceId;

pub(super) struct Chain<P: Point> {
    links: Box<[Link<P>]>,
    /// Those who record what the hook is told.
    recorders: Box<[Arc<Recorder>]>,
    is_empty: bool,
}

/// A plugin that has the hook.
pub(super) struct Link<P: Point> {
    hook: HookFn<P>,
    /// Not empty: the plugin is not called for anything else.
    interest: Option<Box<Interest>>,
    failures: Failures,
}

impl<P: Point> Chain<P> {
    pub(super) fn new(plugins: &[Arc<Loaded>], recorders: &[Arc<Recorder>]) -> Self {
        let link = |hook: HookFn<P>| {
            let interest = hook.interest().map(Box::new);
            Link { hook, interest, failures: Failures::default() }
        };
        let links: Box<[_]> = plugins.iter().filter_map(HookFn::of).map(link).collect();
        let wanting = recorders.iter().filter(|recorder| recorder.wants::<P>());
        let recorders: Box<[_]> = wanting.cloned().collect();
        let is_empty = links.is_empty() && recorders.is_empty();
        Chain { links, recorders, is_empty }
    }

    /// Nobody is to be told.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    #[inline]
    pub(super) fn is_recorded(&self) -> bool {
        !self.recorders.is_empty()
    }

    /// Records an event, as it is before a plugin is asked.
    #[inline]
    pub(super) fn record(&self, event: &P::Event<'_>) {
        for recorder in &self.recorders {
            recorder.record::<P>(event);
        }
    }

    pub(super) fn links(&self) -> std::slice::Iter<'_, Link<P>> {
        self.links.iter()
    }

    /// The place of the link before those.
    #[cold]
    pub(super) fn index_before(&self, rest: &std::slice::Iter<'_, Link<P>>) -> usize {
        self.links.len() - rest.len() - 1
    }

    pub(super) fn link(&self, index: usize) -> Option<&Link<P>> {
        self.links.get(index)
    }

    #[cold]
    pub(super) fn compare(&self, shadows: Shadows, is_refused: bool) {
        for (index, link) in self.links.iter().enumerate() {
            if let Some(came) = shadows.compare(index, is_refused) {
                link.record().count(P::INDEX, came);
            }
        }
    }

    /// Tells each plugin. A failure of one does not keep it from the next.
    pub(super) fn tell(&self, event: &P::Event<'_>) {
        debug_assert!(!P::MAY_VETO);
        self.record(event);
        let _running = running::enter(P::NAME);
        for link in &self.links {
            link.tell(event);
        }
    }
}

impl<P: Point> Link<P> {
    pub(super) fn plugin(&self) -> &Arc<str> {
        self.record().plugin()
    }

    #[inline]
    pub(super) fn treatment(&self) -> Treatment {
        self.record().treatment::<P>()
    }

    /// The instance of the plugin.
    pub(super) fn instance(&self) -> InstanceId {
        self.hook.loaded().id()
    }

    pub(super) fn tell(&self, event: &P::Event<'_>) {
        if self.treatment() == Treatment::Skip {
            let _ = self.skip(event);
            return;
        }
        match self.call(event, || None) {
            raw::CONTINUE => {}
            code => {
                let _ = self.answered_wrongly(code);
            }
        }
    }

    pub(super) fn hook(&self) -> &HookFn<P> {
        &self.hook
    }

    pub(super) fn is_shadow(&self) -> bool {
        self.record().is_shadow()
    }

    pub(super) fn record(&self) -> &Record {
        self.hook.record()
    }

    /// The instance.
    pub(super) fn loaded(&self) -> &Arc<Loaded> {
        self.hook.loaded()
    }

    /// Whether a shadow has said no. `None`: it has failed.
    #[cold]
    pub(super) fn tried_out(&self, code: i32) -> Option<bool> {
        match code {
            raw::CONTINUE => Some(false),
            raw::VETO => Some(true),
            code if decision::refusal(code).is_some() => Some(true),
            code => {
                let _ = self.answered_wrongly(code);
                None
            }
        }
    }

    /// What it means that the plugin is not asked.
    #[cold]
    pub(super) fn skip(&self, event: &P::Event<'_>) -> Option<No> {
        if self.interest().is_some_and(|interest| !interest.wants(event)) {
            return None;
        }
        self.record().count(P::INDEX, Came::Skipped);
        let on_failure = self.record().on_failure::<P>();
        if trace::is_on() {
            let answer = TracedAnswer::Skipped(on_failure == OnFailure::Refuse);
            self.show(event, answer, Duration::ZERO);
        }
        No::after(on_failure)
    }

    /// What the plugin wants to be called for; `None`: everything.
    #[inline]
    pub(super) fn interest(&self) -> Option<&Interest> {
        self.interest.as_deref()
    }

    /// The plugin's answer, which can be any number. It is to go on where the plugin has no interest.
    /// `words`: what it has handed over with it, for people.
    #[inline]
    pub(super) fn call(
        &self,
        event: &P::Event<'_>,
        words: impl FnOnce() -> Option<Box<str>>,
    ) -> i32 {
        match self.interest() {
            None => self.call_wanted(event, words),
            Some(interest) if !interest.wants(event) => raw::CONTINUE,
            Some(interest) => match event.without_payload().filter(|_| interest.without_payload) {
                Some(bare) => self.call_wanted(&bare, words),
                None => self.call_wanted(event, words),
            },
        }
    }

    /// Where the calls of this thread are counted, if there is nothing to it but to ask: many in a row
    /// then cost the less.
    #[inline]
    pub(super) fn plain_calls(&self) -> Option<Calls<'_>> {
        let is_plain = self.treatment() == Treatment::Ask && !trace::is_on();
        if is_plain { self.record().calls(P::INDEX) } else { None }
    }

    /// The same for one of many in a row.
    #[inline]
    pub(super) fn call_plainly(&self, calls: &Calls<'_>, event: &P::Event<'_>) -> i32 {
        calls.call(|| self.hook.call(event))
    }

    /// The same for an event that the plugin wants, as it wants it.
    #[inline]
    pub(super) fn call_wanted(
        &self,
        event: &P::Event<'_>,
        words: impl FnOnce() -> Option<Box<str>>,
    ) -> i32 {
        let call = || self.record().call(P::INDEX, || self.hook.call(event));
        if trace::is_on() {
            return self.traced(event, words, call);
        }
        call()
    }

    /// What an answer other than to continue means. `None`: the plugin has failed, and that does not
    /// matter.
    pub(super) fn says_no(&self, code: i32) -> Option<No> {
        if P::MAY_VETO {
            if code == raw::VETO {
                self.note_veto();
                return Some(No::Silent);
            }
            if let Some(reason) = decision::refusal(code) {
                return Some(No::Told(reason));
            }
        }
        No::after(self.answered_wrongly(code))
    }

    /// What the client hears of a refusal.
    pub(super) fn refused(&self, reason: ReasonCode, why: Option<Box<str>>) -> Verdict {
        self.note_refusal(reason, why.as_deref());
        let why = why.map(|why| String::from(why).into());
        Verdict::Refuse(Refusal { reason, why })
    }

    pub(super) fn note_refusal(&self, reason: ReasonCode, why: Option<&str>) {
        self.record().count(P::INDEX, Came::Refused);
        let why = why.unwrap_or("without words");
        log::debug!("plugin {} refused in {}: {reason}, {why}", self.plugin(), P::NAME);
    }

    pub(super) fn note_veto(&self) {
        self.record().count(P::INDEX, Came::Vetoed);
        log::debug!("plugin {} vetoed in {}", self.plugin(), P::NAME);
    }

    /// The plugin has failed by an answer that the hook does not have.
    #[cold]
    pub(super) fn answered_wrongly(&self, answer: i32) -> OnFailure {
        self.failed(&describe(answer))
    }

    /// The plugin has failed; logs it, and says what that means.
    #[cold]
    pub(super) fn failed(&self, what: &str) -> OnFailure {
        let now = Instant::now();
        let on_failure = self.log(&format!("failed in {}: {what}", P::NAME), now);
        self.record().failed(P::INDEX, now);
        on_failure
    }

    /// The plugin cannot be asked, by no fault of its own: clients or other plugins can bring that about by
    /// being many. Logs why, and says what that means: the same as if it had failed. It counts as no failure
    /// towards a quarantine, in which nobody would be let in.
    #[cold]
    pub(super) fn not_asked(&self, why: &str, came: Came) -> OnFailure {
        self.record().count(P::INDEX, came);
        self.log(&format!("was not asked in {}: {why}", P::NAME), Instant::now())
    }

    fn log(&self, what: &str, now: Instant) -> OnFailure {
        let on_failure = self.record().on_failure::<P>();
        if let Some(left_out) = self.failures.count(now) {
            let plugin = self.plugin();
            let consequence = match on_failure {
                OnFailure::Refuse => "taken as a veto",
                OnFailure::GoOn => "the broker goes on",
            };
            let more = and_more(left_out);
            log::error!("plugin {plugin} {what}; {consequence}{more}");
        }
        on_failure
    }
}

/// How a plugin keeps an event from happening.
#[derive(Clone, Copy)]
pub(super) enum No {
    /// The client need not know.
    Silent,
    /// The client hears this.
    Told(ReasonCode),
}

impl No {
    pub(super) fn after(failure: OnFailure) -> Option<No> {
        match failure {
            OnFailure::Refuse => Some(No::Silent),
            OnFailure::GoOn => None,
        }
    }
}

fn describe(answer: i32) -> Cow<'static, str> {
    match answer {
        raw::PANICKED => "it panicked (-1)".into(),
        raw::VETO => "it answered veto (0), which this hook may not".into(),
        raw::PENDING => "it answered pending (2), and nobody waits for it".into(),
        ..0 => format!("it answered error {answer}").into(),
        _ => format!("it answered {answer}, which means nothing").into(),
    }
}
