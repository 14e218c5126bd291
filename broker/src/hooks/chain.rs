//! The plugins that have one hook, in the order of the config. The first veto ends the chain.

use std::{borrow::Cow, sync::Arc, time::Instant};

use plugin_abi::raw;

use super::{
    Decision,
    failures::Failures,
    point::{OnFailure, Point},
    running,
};
use crate::plugins::{HookFn, Loaded};

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

    /// Asks each plugin until one says no.
    pub(super) fn ask(&self, event: &P::Event<'_>) -> Decision {
        let _running = running::enter(P::NAME);
        for link in &self.links {
            match link.call(event) {
                raw::CONTINUE => {}
                raw::VETO if P::MAY_VETO => {
                    link.log_veto();
                    return Decision::Veto;
                }
                answer => match link.answered_wrongly(answer) {
                    OnFailure::Refuse => return Decision::Veto,
                    OnFailure::GoOn => {}
                },
            }
        }
        Decision::Continue
    }

    /// Tells each plugin. A failure of one does not keep it from the next.
    pub(super) fn tell(&self, event: &P::Event<'_>) {
        debug_assert!(!P::MAY_VETO);
        let _ = self.ask(event);
    }
}

impl<P: Point> Link<P> {
    /// The plugin's answer, which can be any number.
    #[inline]
    pub(super) fn call(&self, event: &P::Event<'_>) -> i32 {
        self.hook.call(event)
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

fn describe(answer: i32) -> Cow<'static, str> {
    match answer {
        raw::PANICKED => "it panicked (-1)".into(),
        raw::VETO => "it answered veto (0), which this hook may not".into(),
        raw::PENDING => "it answered pending (2), which is not offered yet".into(),
        ..0 => format!("it answered error {answer}").into(),
        _ => format!("it answered {answer}, which means nothing").into(),
    }
}
