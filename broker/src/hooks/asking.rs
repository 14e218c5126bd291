//! How plugins are asked one after the other when that is more than a row of yeses: what they change is
//! shown to the next, those that were asked before a decisive change are asked again, and an answer may
//! come later.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use mqtt::{Properties, PropertyBuffer, ReasonCode};
use plugin_abi::raw;

use super::Hooks;
use super::chain::{Chain, Link, No};
use super::decision::{Decision, Verdict};
use super::edits::Edits;
use super::handed_over::OwnScope;
use super::parts::{Handed, Scope, Unfit, VerdictParts};
use super::point::{OnFailure, Point};
use super::progress::Progress;
use super::record::Treatment;
use super::stats::Came;
use super::subject::{Shown, Subject};
use super::{running, trace};
use crate::config::Limits;
use crate::plugins::{Answer, AnswerHandle, Overdue, Parts, Ticket};

/// Who asks, and how far it has come.
pub struct Asking<'a> {
    limits: &'a Limits,
    /// Whom to wake when an answer comes; `None`: nobody can wait for one.
    waker: Option<&'a Waker>,
    /// Where it goes on. After [`Verdict::Pending`], where it is to go on later.
    pub(crate) progress: Option<Box<Progress>>,
}

impl<'a> Asking<'a> {
    /// By somebody who cannot wait: a plugin that answers later has failed.
    pub fn at_once(limits: &'a Limits) -> Asking<'a> {
        Asking { limits, waker: None, progress: None }
    }

    /// By somebody who can wait, and goes on from `progress`. `waker` is woken when the answer comes.
    pub(crate) fn waiting(
        limits: &'a Limits,
        waker: &'a Waker,
        progress: Option<Box<Progress>>,
    ) -> Asking<'a> {
        Asking { limits, waker: Some(waker), progress }
    }

    pub(super) fn limits(&self) -> &'a Limits {
        self.limits
    }

    pub(super) fn waker(&self) -> Option<&'a Waker> {
        self.waker
    }
}

/// What a plugin has answered.
pub(super) struct Reply {
    code: i32,
    /// Why it does not count, where it was to come later.
    broken: Option<Broken>,
    reason: Option<Box<str>>,
    throttle: Duration,
    edits: Option<Box<Edits>>,
    ticket: Option<Ticket>,
}

/// Why the answer of a plugin does not count.
enum Broken {
    /// The plugin has failed.
    Failed(&'static str),
    /// It had too many calls to get to this one in time.
    Crowded(&'static str),
    /// As it has become, the event would be too large: the client's doing as much as the plugin's.
    TooLarge,
}

impl From<Overdue> for Broken {
    fn from(overdue: Overdue) -> Broken {
        match overdue {
            Overdue::Failed(what) => Broken::Failed(what),
            Overdue::Crowded(what) => Broken::Crowded(what),
        }
    }
}

impl Reply {
    fn new(code: i32, handed: Handed, ticket: Option<Ticket>) -> Reply {
        let Handed { reason, throttle, edits, .. } = handed;
        Reply { code, broken: None, reason, throttle, edits, ticket }
    }
}

impl<P: Point> Chain<P> {
    /// Asks one plugin after the other, as long as each just lets it pass: most do, and so nothing is
    /// noted down. Returns where one does not.
    #[inline]
    pub(super) fn ask<S: Subject<P>>(
        &self,
        subject: &S,
        limits: &Limits,
        waker: Option<&Waker>,
    ) -> Option<Box<Progress>> {
        let parts = VerdictParts::new(scope(subject, limits, None, false));
        // It must not move: the event has a handle of it.
        let answer = Answer::awaited(parts, waker);
        let client = subject.client(None);
        let event =
            subject.event(&client, Shown { edits: None, answer: answer.handle(), again: false });
        self.record(&event);
        let _running = running::enter(P::NAME);
        let mut links = self.links();
        while let Some(link) = links.next() {
            let reply = match link.treatment() {
                Treatment::Ask => {
                    let code = link.call(&event, || answer.with(|parts| parts.words()));
                    if code == raw::CONTINUE && !answer.is_touched() {
                        continue;
                    }
                    let (parts, ticket) = answer.into_parts_and_ticket();
                    Some(Reply::new(code, parts.into_handed(), ticket))
                }
                _ => None,
            };
            return Some(Progress::at(self.index_before(&links), reply));
        }
        answer.forget();
        None
    }

    /// Goes on where a plugin has said more than yes, or is not just asked; or where one was waited for.
    #[cold]
    pub(super) fn go_on<S: Subject<P>>(
        &self,
        hooks: &Arc<Hooks>,
        subject: &S,
        asking: &mut Asking<'_>,
        mut progress: Box<Progress>,
    ) -> Decision {
        let reply = match progress.is_waiting() {
            true => Some(self.reply_of_awaited(subject, asking.limits, &mut progress)),
            false => progress.reply.take(),
        };
        self.settle(hooks, subject, asking, progress, reply)
    }

    /// The answer that was waited for. If it is not there, the plugin has failed.
    fn reply_of_awaited<S: Subject<P>>(
        &self,
        subject: &S,
        limits: &Limits,
        progress: &mut Progress,
    ) -> Reply {
        let (completion, overdue) = (progress.completion(), progress.overdue());
        progress.wait_is_over();
        let edits = progress.edits.as_deref();
        let mut taken = VerdictParts::new(scope(subject, limits, edits, progress.again));
        let (mut code, mut broken) = (NO_ANSWER, Some(Broken::from(overdue)));
        let (mut ticket, mut took, mut heard) = (None, Duration::ZERO, false);
        if let Some(completion) = completion {
            (ticket, took, heard) = (completion.ticket, completion.took, completion.heard);
            (code, broken) = (completion.code, None);
            for (part, value) in &completion.parts {
                taken.take(*part, value);
            }
        }
        let handed = taken.into_handed();
        // Who answers later is not there to hear that a part is unfit.
        match handed.unfit.filter(|_| code == raw::CONTINUE && !heard) {
            Some(Unfit::Malformed) => (code, broken) = (NO_ANSWER, Some(Broken::Failed(UNFIT))),
            Some(Unfit::TooLarge) => broken = Some(Broken::TooLarge),
            None => {}
        }
        if trace::is_on()
            && let Some(link) = self.link(progress.index())
        {
            let client = subject.client(edits);
            let shown = Shown { edits, answer: AnswerHandle::CLOSED, again: progress.again };
            let answer = link.answer(code, || handed.reason.clone());
            link.show(&subject.event(&client, shown), answer, took);
        }
        Reply { broken, ..Reply::new(code, handed, ticket) }
    }

    /// Acts on the answer of the plugin at hand, or asks it, and then those that follow.
    fn settle<S: Subject<P>>(
        &self,
        hooks: &Arc<Hooks>,
        subject: &S,
        asking: &mut Asking<'_>,
        mut progress: Box<Progress>,
        mut reply: Option<Reply>,
    ) -> Decision {
        let mut verdict = Verdict::Continue;
        while let Some(link) = self.link(progress.index()) {
            let settled = match reply.take() {
                Some(reply) => act(link, subject, asking.limits, &mut progress, reply),
                None => ask_alone(link, subject, asking, &mut progress),
            };
            match settled {
                Settled::GoOn => {}
                Settled::Stop(no) => {
                    verdict = no;
                    break;
                }
                Settled::Wait => {
                    progress.keep(hooks);
                    asking.progress = Some(progress);
                    return Decision::new(Verdict::Pending, Duration::ZERO);
                }
            }
            if !progress.next(self.links().len()) {
                break;
            }
        }
        if !progress.shadows.are_none() {
            self.compare(progress.shadows, verdict != Verdict::Continue);
        }
        let edits = progress.edits.take().filter(|_| verdict == Verdict::Continue);
        Decision { edits, ..Decision::new(verdict, progress.throttle) }
    }
}

enum Settled {
    GoOn,
    Stop(Verdict),
    Wait,
}

impl Settled {
    fn after<P: Point>(no: Option<No>, link: &Link<P>, reason: Option<Box<str>>) -> Settled {
        match no {
            None => Settled::GoOn,
            Some(No::Silent) => Settled::Stop(Verdict::Veto),
            Some(No::Told(code)) => Settled::Stop(link.refused(code, reason)),
        }
    }
}

/// What the answer of one plugin means for the others.
fn act<P: Point, S: Subject<P>>(
    link: &Link<P>,
    subject: &S,
    limits: &Limits,
    progress: &mut Progress,
    reply: Reply,
) -> Settled {
    let Reply { code, broken, reason, throttle, edits, ticket } = reply;
    if link.is_shadow() && broken.is_none() {
        return try_out(link, progress, code);
    }
    if !throttle.is_zero() {
        progress.throttle = progress.throttle.max(throttle);
        link.record().count(P::INDEX, Came::Throttled);
    }
    match broken {
        Some(Broken::Failed(what)) => {
            return Settled::after(No::after(link.failed(what)), link, reason);
        }
        Some(Broken::Crowded(what)) => {
            let on_failure = link.not_asked(what, Came::Failed);
            return Settled::after(No::after(on_failure), link, reason);
        }
        Some(Broken::TooLarge) => return too_large(link),
        None => {}
    }
    let no = match (code, ticket) {
        (raw::CONTINUE, _) => {
            let Some(edits) = edits.filter(|edits| **edits != Edits::default()) else {
                return Settled::GoOn;
            };
            if progress.add(*edits, |edits| subject.fits(edits, limits)) {
                return Settled::GoOn;
            }
            return too_large(link);
        }
        (raw::PENDING, Some(ticket)) => {
            progress.wait_for(ticket, link, P::INDEX);
            return Settled::Wait;
        }
        (code, _) => link.says_no(code),
    };
    Settled::after(no, link, reason)
}

/// What it means that the changes of a plugin do not fit with what the client has sent. That the plugin
/// has failed is nothing that a client may bring about.
#[cold]
fn too_large<P: Point>(link: &Link<P>) -> Settled {
    match link.record().on_failure::<P>() {
        OnFailure::GoOn => Settled::GoOn,
        OnFailure::Refuse => {
            let why = "too large with what a plugin makes of it";
            Settled::Stop(link.refused(ReasonCode::PacketTooLarge, Some(why.into())))
        }
    }
}

/// Asks one plugin about what has become of the subject.
fn ask_alone<P: Point, S: Subject<P>>(
    link: &Link<P>,
    subject: &S,
    asking: &Asking<'_>,
    progress: &mut Progress,
) -> Settled {
    let treatment = link.treatment();
    if progress.again && link.is_shadow() {
        return Settled::GoOn;
    }
    // Where nobody can wait, a hook that was only moved is called as it was before.
    let stays = || asking.waker.is_none() && link.record().was_moved(P::INDEX);
    if treatment == Treatment::HandOver && !stays() {
        return hand_over(link, subject, asking, progress);
    }
    let called = call(link, subject, asking, progress, treatment);
    match called {
        Err(None) => Settled::GoOn,
        Err(Some(_)) => Settled::Stop(Verdict::Veto),
        Ok(reply) => act(link, subject, asking.limits, progress, reply),
    }
}

/// Notes what a shadow has said. What it has handed over is forgotten.
fn try_out<P: Point>(link: &Link<P>, progress: &mut Progress, code: i32) -> Settled {
    if let Some(says_no) = link.tried_out(code) {
        progress.shadows.note(progress.index(), says_no);
    }
    Settled::GoOn
}

/// Has a plugin asked on another thread about what has become of the subject.
fn hand_over<P: Point, S: Subject<P>>(
    link: &Link<P>,
    subject: &S,
    asking: &Asking<'_>,
    progress: &mut Progress,
) -> Settled {
    let edits = progress.edits.as_deref();
    let client = subject.client(edits);
    let shown = Shown { edits, answer: AnswerHandle::CLOSED, again: progress.again };
    let scope = scope(subject, asking.limits, edits, progress.again);
    let scope = OwnScope::new(&scope, edits);
    let handed_over =
        link.hand_over(&subject.event(&client, shown), asking.waker, move |call, answerer| {
            let limits = call.limits();
            call.call(answerer, scope.parts(&limits));
        });
    match handed_over {
        Ok(None) => Settled::GoOn,
        Ok(Some(ticket)) => {
            progress.wait_for(ticket, link, P::INDEX);
            Settled::Wait
        }
        // It is who asks that cannot wait.
        Err(why) if asking.waker.is_none() => {
            Settled::after(No::after(link.not_asked(why, Came::Skipped)), link, None)
        }
        Err(why) => Settled::after(No::after(link.failed(why)), link, None),
    }
}

/// The answer of a plugin. `Err`: it is not asked, and this is what that means.
fn call<P: Point, S: Subject<P>>(
    link: &Link<P>,
    subject: &S,
    asking: &Asking<'_>,
    progress: &Progress,
    treatment: Treatment,
) -> Result<Reply, Option<No>> {
    let edits = progress.edits.as_deref();
    let parts = VerdictParts::new(scope(subject, asking.limits, edits, progress.again));
    let answer = Answer::awaited(parts, asking.waker);
    let client = subject.client(edits);
    let shown = Shown { edits, answer: answer.handle(), again: progress.again };
    let event = subject.event(&client, shown);
    if treatment == Treatment::Skip {
        return Err(link.skip(&event));
    }
    let _running = running::enter(P::NAME);
    let code = link.call(&event, || answer.with(|parts| parts.words()));
    drop(event);
    let (parts, ticket) = answer.into_parts_and_ticket();
    Ok(Reply::new(code, parts.into_handed(), ticket))
}

fn scope<'a, P: Point, S: Subject<P>>(
    subject: &'a S,
    limits: &'a Limits,
    edits: Option<&'a Edits>,
    closed: bool,
) -> Scope<'a> {
    let of_message = edits.and_then(|edits| edits.properties.as_ref());
    let of_connack = edits.and_then(|edits| edits.connack.as_ref());
    Scope {
        takes: S::TAKES,
        closed,
        limits,
        properties: match of_message {
            Some(block) => block.as_properties().as_bytes(),
            None => subject.properties(),
        },
        connack: of_connack.map_or(Properties::EMPTY, PropertyBuffer::as_properties),
    }
}

const UNFIT: &str = "a change in its answer fits no packet";

/// What the trace shows for a failure to answer.
pub(super) const NO_ANSWER: i32 = i32::MIN;
