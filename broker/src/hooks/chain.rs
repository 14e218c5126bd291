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

struct Link<P: Point> {
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

    /// Asks each plugin until one says no.
    pub(super) fn ask(&self, event: &P::Event<'_>) -> Decision {
        let _running = running::enter(P::NAME);
        for link in &self.links {
            match link.hook.call(event) {
                raw::CONTINUE => {}
                raw::VETO if P::MAY_VETO => {
                    log::debug!("plugin {} vetoed in {}", link.hook.plugin(), P::NAME);
                    return Decision::Veto;
                }
                answer => match link.failed(answer) {
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
    #[cold]
    fn failed(&self, answer: i32) -> OnFailure {
        if let Some(left_out) = self.failures.count(Instant::now()) {
            let (plugin, hook, what) = (self.hook.plugin(), P::NAME, describe(answer));
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
