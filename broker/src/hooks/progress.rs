//! How far the plugins have been asked about one event, once one of them has done more than to let it
//! pass: kept while one is waited for.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::Hooks;
use super::asking::Reply;
use super::chain::Link;
use super::edits::Edits;
use super::point::Point;
use super::shadow::Shadows;
use super::stats::Came;
use crate::plugins::{Completion, Loaded, Overdue, Ticket};

/// How far the plugins have been asked about one event.
#[derive(Default)]
pub(crate) struct Progress {
    /// The plugin that is asked.
    index: usize,
    /// The last plugin that has changed what is decided by.
    editor: Option<usize>,
    /// Those before the editor are asked again.
    pub(super) again: bool,
    pub(super) edits: Option<Box<Edits>>,
    pub(super) throttle: Duration,
    pub(super) shadows: Shadows,
    /// What the plugin has said at once, and was not acted on yet.
    pub(super) reply: Option<Reply>,
    /// For the answer of the plugin that is asked.
    ticket: Option<Ticket>,
    awaited: Option<Awaited>,
    /// Those that it began with. The last to be let go of, so that no plugin ends on the thread of a shard.
    hooks: Option<Arc<Hooks>>,
}

/// Whose answer is waited for, and in which hook. Counted when that is over, however it ends.
struct Awaited {
    plugin: Arc<Loaded>,
    hook: usize,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.plugin.record().count(self.hook, Came::Completed);
    }
}

impl Progress {
    /// At a plugin, those before which have let it pass as it is. `reply`: what it has said, unless it has
    /// not been asked.
    #[cold]
    pub(super) fn at(index: usize, reply: Option<Reply>) -> Box<Progress> {
        Box::new(Progress { index, reply, ..Progress::default() })
    }

    /// Whether the plugin answers later.
    pub(super) fn is_waiting(&self) -> bool {
        self.ticket.is_some()
    }

    pub(super) fn wait_for<P: Point>(&mut self, ticket: Ticket, link: &Link<P>, hook: usize) {
        link.record().count(hook, Came::Pending);
        self.ticket = Some(ticket);
        self.awaited = Some(Awaited { plugin: link.loaded().clone(), hook });
    }

    /// The answer has come, or is given up.
    pub(super) fn wait_is_over(&mut self) {
        (self.ticket, self.awaited) = (None, None);
    }

    /// Those that are asked now are to be gone on with.
    pub(super) fn keep(&mut self, hooks: &Arc<Hooks>) {
        self.hooks.get_or_insert_with(|| hooks.clone());
    }

    /// Whether the answer that it waits for is there.
    pub(crate) fn is_answered(&self) -> bool {
        self.ticket.as_ref().is_none_or(Ticket::is_answered)
    }

    /// The same, for somebody else to be woken when it comes.
    pub(crate) fn is_answered_or_wakes(&self, waker: &Waker) -> bool {
        self.ticket.as_ref().is_none_or(|ticket| {
            ticket.set_waker(waker);
            ticket.is_answered()
        })
    }

    /// How long the answer may take, from the beginning.
    pub(crate) fn deadline(&self) -> Duration {
        self.ticket.as_ref().map_or(Duration::ZERO, Ticket::deadline)
    }

    /// At a plugin of on_auth that answers later.
    pub(super) fn waiting<P: Point>(
        hooks: &Arc<Hooks>,
        index: usize,
        ticket: Ticket,
        link: &Link<P>,
    ) -> Box<Progress> {
        let mut progress = Progress { hooks: Some(hooks.clone()), index, ..Progress::default() };
        progress.wait_for(ticket, link, P::INDEX);
        Box::new(progress)
    }

    /// The plugin that is asked.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// The answer, if it is there.
    pub(super) fn completion(&self) -> Option<Completion> {
        self.ticket.as_ref().and_then(Ticket::take)
    }

    /// How the plugin has failed if its answer is not there.
    pub(super) fn overdue(&self) -> Overdue {
        let unawaited = Overdue::Failed("nobody has waited for its answer");
        self.ticket.as_ref().map_or(unawaited, Ticket::overdue)
    }

    /// The hooks that it began with.
    pub(super) fn hooks(&self) -> Option<Arc<Hooks>> {
        self.hooks.clone()
    }

    /// Adds what the plugin at hand has changed, if all together fits.
    pub(super) fn add(&mut self, edits: Edits, fits: impl FnOnce(&Edits) -> bool) -> bool {
        let mut all = self.edits.as_deref().cloned().unwrap_or_default();
        let is_decisive = all.add(edits);
        if !fits(&all) {
            return false;
        }
        self.edits = Some(Box::new(all));
        if is_decisive {
            self.editor = Some(self.index);
        }
        true
    }

    /// Goes to the next plugin; returns whether there is one.
    pub(super) fn next(&mut self, count: usize) -> bool {
        self.index += 1;
        if self.again {
            return self.editor.is_some_and(|editor| self.index < editor);
        }
        if self.index < count {
            return true;
        }
        self.again = self.editor.is_some_and(|editor| editor > 0);
        self.index = 0;
        self.again
    }
}
