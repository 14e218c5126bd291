//! Enhanced authentication: which plugin has an exchange, what it is told of a round, and what its
//! answer means. How rounds follow each other is the connection's business.

use std::sync::Arc;

use mqtt::ReasonCode;
use plugin_abi::raw;

use super::chain::{Chain, Link};
use super::client::{flag, size};
use super::decision::refusal;
use super::point::{self, OnFailure};
use super::record::Treatment;
use super::{Client, running};
use crate::plugins::{Answer, AnswerHandle, AuthParts};

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
        client: &Client<'_>,
        round: &AuthRound<'_>,
        taken_by: &mut Option<Authenticator>,
    ) -> AuthOutcome {
        let _running = running::enter(<point::OnAuth as point::Point>::NAME);
        let client = client.to_raw();
        for link in self.links() {
            if taken_by.as_ref().is_some_and(|Authenticator(name)| name != link.plugin()) {
                continue;
            }
            // It must not move: the event has a handle of it.
            let answer = Answer::<AuthParts>::default();
            let event = round.event(&client, answer.handle());
            match link.treatment() {
                Treatment::Ask => {}
                // What it answers would go to the client.
                Treatment::TryOut => continue,
                Treatment::Skip if link.skip(&event).is_none() => continue,
                Treatment::Skip => return FAILED,
            }
            let code = link.call(&event, || answer.with(|parts| parts.reason.clone()));
            let parts = answer.into_parts();
            if code == raw::CONTINUE && taken_by.is_none() {
                continue;
            }
            let outcome = outcome(link, code, parts);
            if outcome == Err(OnFailure::GoOn) && taken_by.is_none() {
                continue;
            }
            taken_by.get_or_insert_with(|| Authenticator(link.plugin().clone()));
            return outcome.unwrap_or(FAILED);
        }
        AuthOutcome::Unknown
    }
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
