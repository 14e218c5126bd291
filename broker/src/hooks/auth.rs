//! Enhanced authentication: which plugin has an exchange, what it is told of a round, and what its
//! answer means. How rounds follow each other is the connection's business.

use std::{sync::Arc, task::Waker, time::Duration};

use mqtt::ReasonCode;
use plugin_abi::raw;

use super::asking::NO_ANSWER;
use super::chain::{Chain, Link};
use super::client::{flag, size};
use super::decision::refusal;
use super::point::{self, OnFailure};
use super::record::Treatment;
use super::stats::Came;
use super::trace;
use super::{Asking, Client, Hooks, Progress, running};
use crate::plugins::{Answer, AnswerHandle, AuthParts, Completion, Overdue, Parts, Ticket};

/// What the client has sent.
#[derive(Clone, Copy, Debug)]
pub struct AuthRound<'a> {
    /// The Authentication Method.
    pub method: &'a str,
    /// The Authentication Data, if there is some.
    pub data: Option<&'a [u8]>,
    /// What the plugin has kept since the round before.
    pub state: &'a [u8],
    /// The property block of the packet, without its length.
    pub properties: &'a [u8],
    /// 1 in the first round of an exchange.
    pub round: u16,
    /// The client is connected already.
    pub reauthentication: bool,
}

/// What came of a round.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum AuthOutcome {
    /// No plugin knows the method.
    Unknown,
    /// It is to be asked again when the answer of a plugin has come, or may no longer come.
    Pending,
    /// The client is refused, and told why in words; or the plugin has failed.
    Refused(ReasonCode, Option<Box<str>>),
    /// The client is asked for more.
    Challenge(AuthReply),
    /// The client is who it says.
    Authenticated(AuthReply),
}

/// What goes to the client, or is kept.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AuthReply {
    /// Authentication Data.
    pub data: Option<Vec<u8>>,
    /// Reason String.
    pub reason: Option<Box<str>>,
    /// For the plugin, in the next round.
    pub state: Vec<u8>,
    /// The user name of an authenticated client.
    pub username: Option<Box<str>>,
}

/// The plugin that has taken a connection's exchanges, by its name: if it is loaded again, the new
/// instance has the next of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticator(Arc<str>);

impl Chain<point::OnAuth> {
    /// Asks the plugin that has the exchange; if none has, each until one takes it.
    pub(super) fn authenticate(
        &self,
        hooks: &Arc<Hooks>,
        client: &Client<'_>,
        round: &AuthRound<'_>,
        taken_by: &mut Option<Authenticator>,
        asking: &mut Asking<'_>,
    ) -> AuthOutcome {
        let client = client.to_raw();
        let mut progress = asking.progress.take();
        if progress.is_none() && self.is_recorded() {
            self.record(&round.event(&client, AnswerHandle::CLOSED));
        }
        let first = progress.as_ref().map_or(0, |progress| progress.index());
        for (index, link) in self.links().enumerate().skip(first) {
            if taken_by.as_ref().is_some_and(|Authenticator(name)| name != link.plugin()) {
                continue;
            }
            let answered = match progress.take() {
                Some(progress) => answered(link, &client, round, progress),
                None => ask(link, &client, round, asking.waker()),
            };
            let outcome = match answered {
                Answered::Now(raw::CONTINUE, _) if taken_by.is_none() => continue,
                Answered::Now(code, parts) => outcome(link, code, parts),
                Answered::Failed(on_failure) => Err(on_failure),
                Answered::Later(ticket) => {
                    asking.progress = Some(Progress::waiting(hooks, index, ticket, link));
                    return AuthOutcome::Pending;
                }
                Answered::Skipped => continue,
            };
            if outcome == Err(OnFailure::GoOn) && taken_by.is_none() {
                continue;
            }
            taken_by.get_or_insert_with(|| Authenticator(link.plugin().clone()));
            return outcome.unwrap_or(FAILED);
        }
        AuthOutcome::Unknown
    }
}

/// What a plugin has made of a round.
enum Answered {
    Now(i32, AuthParts),
    Later(Ticket),
    Failed(OnFailure),
    /// It is not asked, and that does not matter.
    Skipped,
}

fn ask(
    link: &Link<point::OnAuth>,
    client: &raw::Client<'_>,
    round: &AuthRound<'_>,
    waker: Option<&Waker>,
) -> Answered {
    // It must not move: the event has a handle of it.
    let answer = Answer::awaited(AuthParts::default(), waker);
    let event = round.event(client, answer.handle());
    match link.treatment() {
        Treatment::Ask => {}
        // What it answers would go to the client.
        Treatment::TryOut => return Answered::Skipped,
        Treatment::HandOver if link.is_shadow() => return Answered::Skipped,
        Treatment::HandOver => return hand_over(link, &event, waker),
        Treatment::Skip if link.skip(&event).is_none() => return Answered::Skipped,
        Treatment::Skip => return Answered::Failed(OnFailure::Refuse),
    }
    let running = running::enter(<point::OnAuth as point::Point>::NAME);
    let code = link.call(&event, || answer.with(|parts| parts.reason.clone()));
    drop(running);
    let (parts, ticket) = answer.into_parts_and_ticket();
    match ticket {
        Some(ticket) if code == raw::PENDING => Answered::Later(ticket),
        _ => Answered::Now(code, parts),
    }
}

/// Has the plugin asked on another thread.
fn hand_over(link: &Link<point::OnAuth>, event: &raw::Auth<'_>, waker: Option<&Waker>) -> Answered {
    let handed_over = link.hand_over(event, waker, |call, answerer| {
        call.call(answerer, AuthParts::default());
    });
    match handed_over {
        Ok(Some(ticket)) => Answered::Later(ticket),
        Ok(None) => Answered::Now(raw::CONTINUE, AuthParts::default()),
        Err(why) => Answered::Failed(link.not_asked(why, Came::Skipped)),
    }
}

/// The answer that was waited for.
fn answered(
    link: &Link<point::OnAuth>,
    client: &raw::Client<'_>,
    round: &AuthRound<'_>,
    progress: Box<Progress>,
) -> Answered {
    let (completion, overdue) = (progress.completion(), progress.overdue());
    // The wait is over.
    drop(progress);
    let mut taken = AuthParts::default();
    for (part, value) in completion.iter().flat_map(|completion| &completion.parts) {
        taken.take(*part, value);
    }
    if trace::is_on() {
        let came = completion.as_ref().map(|completion| (completion.code, completion.took));
        let (code, took) = came.unwrap_or((NO_ANSWER, Duration::ZERO));
        let answer = link.answer(code, || taken.reason.clone());
        link.show(&round.event(client, AnswerHandle::CLOSED), answer, took);
    }
    let Some(Completion { code, ticket, .. }) = completion else {
        return Answered::Failed(match overdue {
            Overdue::Failed(what) => link.failed(what),
            Overdue::Crowded(what) => link.not_asked(what, Came::Failed),
        });
    };
    if let Some(ticket) = ticket.filter(|_| code == raw::PENDING) {
        return Answered::Later(ticket);
    }
    Answered::Now(code, taken)
}

impl AuthRound<'_> {
    fn event<'a>(&'a self, client: &'a raw::Client<'a>, answer: AnswerHandle) -> raw::Auth<'a> {
        raw::Auth {
            size: size::<raw::Auth<'_>>(),
            round: self.round,
            reauthentication: flag(self.reauthentication),
            has_data: flag(self.data.is_some()),
            client: client.into(),
            method: raw::Text::new(self.method),
            data: raw::View::new(self.data.unwrap_or_default()),
            state: raw::View::new(self.state),
            properties: raw::View::new(self.properties),
            answer_ctx: answer.context,
            answer: answer.function,
            origin: raw::ORIGIN_CLIENT.into(),
            asked_again: 0,
            source: raw::Text::new(""),
        }
    }
}

/// What an answer means. One that means nothing, or whose parts no packet can carry, is a failure.
fn outcome(
    link: &Link<point::OnAuth>,
    code: i32,
    parts: AuthParts,
) -> Result<AuthOutcome, OnFailure> {
    let AuthParts { data, state, username, reason, unfit } = parts;
    Ok(match code {
        raw::CHALLENGE | raw::AUTHENTICATED if unfit => {
            return Err(link.failed("its answer fits no packet"));
        }
        raw::CHALLENGE => AuthOutcome::Challenge(AuthReply { data, reason, state, username: None }),
        raw::AUTHENTICATED => {
            AuthOutcome::Authenticated(AuthReply { data, reason, state: Vec::new(), username })
        }
        raw::CONTINUE => {
            return Err(link.failed("it answered continue (1) in an exchange that it has taken"));
        }
        raw::VETO => {
            link.note_veto();
            AuthOutcome::Refused(ReasonCode::NotAuthorized, reason)
        }
        code => match refusal(code) {
            Some(refused) => {
                link.note_refusal(refused, reason.as_deref());
                AuthOutcome::Refused(refused, reason)
            }
            None => return Err(link.answered_wrongly(code)),
        },
    })
}

const FAILED: AuthOutcome = AuthOutcome::Refused(ReasonCode::NotAuthorized, None);
