//! One rule: whom it is about, what they do, with which topics, and whether it allows or denies that.

use plugin_config::{Facts, Name, Network, OneOrMore, Who};
use serde::Deserialize;

use crate::action::{Action, Actions, Word};
use crate::effect::Effect;
use crate::pattern::{Names, Pattern, Question, Relation};

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    allow: Option<OneOrMore<Word>>,
    deny: Option<OneOrMore<Word>>,
    client_ids: Option<OneOrMore<Name>>,
    users: Option<OneOrMore<Name>>,
    addresses: Option<OneOrMore<Network>>,
    topics: Option<OneOrMore<Pattern>>,
}

/// A rule as it is applied.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) effect: Effect,
    pub(crate) who: Who,
    pub(crate) actions: Actions,
    /// None: about every topic, those that begin with `$` too.
    topics: Option<OneOrMore<Pattern>>,
    /// Where it is written, for the log.
    pub(crate) place: Box<str>,
}

/// What a client wants to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) action: Action,
    /// The topic, or the filter of a subscription; empty where there is none.
    pub(crate) filter: &'a str,
    /// A rule that denies some topic of the filter denies it all.
    pub(crate) strict: bool,
}

impl Rule {
    /// # Errors
    /// What is missing, or does not go together.
    pub(crate) fn new(written: Written, place: &str) -> Result<Rule, &'static str> {
        let Written { allow, deny, client_ids, users, addresses, topics } = written;
        let (effect, words) = match (allow, deny) {
            (Some(words), None) => (Effect::Allow, words),
            (None, Some(words)) => (Effect::Deny, words),
            _ => return Err("a rule has one of allow and deny, as in allow: [publish, subscribe]"),
        };
        if topics.is_some() && words.contains(&Word::Connect) {
            return Err("connect has no topics; make it a rule of its own");
        }
        let who = Who { client_ids, users, addresses };
        Ok(Rule { effect, who, actions: Actions::of(&words), topics, place: place.into() })
    }

    pub(crate) fn matches(&self, client: &Facts<'_>, request: Request<'_>) -> bool {
        self.actions.has(request.action)
            && self.who.matches(client)
            && self.topics.as_ref().is_none_or(|topics| {
                let question = self.question(client, request);
                topics.iter().any(|pattern| pattern.stands(request.filter, question))
            })
    }

    fn question<'a>(&self, client: &Facts<'a>, request: Request<'_>) -> Question<'a> {
        let relation = match self.effect {
            Effect::Deny if request.strict => Relation::Overlaps,
            _ => Relation::Covers,
        };
        let names = Names { client_id: client.client_id, username: client.username };
        Question { relation, effect: self.effect, names }
    }
}
