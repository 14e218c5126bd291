//! The topic filter of a rule: which topics it has, and how it stands to a filter that a client asks
//! for. `%c` in it is the client's id, `%u` its user name, and `%%` a `%`.
//!
//! What is put in for `%c` or `%u` is never more than a part of one level. A name with `+`, `#` or `/`
//! in it cannot be put in, nor an empty one, nor one that would begin the topic with `$`: there a rule
//! that allows has no topics, and one that denies has all from that level on.

mod level;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow::{self, Break, Continue};

use mqtt::topic::{check_topic_filter, is_shared, levels};
use serde::Deserialize;

use crate::effect::Effect;

use level::Level;
pub(crate) use level::Names;

/// A topic filter as it stands in a rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern {
    levels: Box<[Level]>,
    /// The levels in front without a wildcard or a name, with `/` between them.
    prefix: Box<str>,
}

/// How the filter of a rule stands to what a client asks for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Relation {
    /// It has every topic of it.
    Covers,
    /// Both have some topic.
    Overlaps,
}

/// What a filter, or a topic, is looked at for.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) relation: Relation,
    pub(crate) effect: Effect,
    pub(crate) names: Names<'a>,
}

impl Pattern {
    /// Whether it stands so to `filter`, which is well-formed and may be a topic: one filter alone,
    /// not what several cover together.
    pub(crate) fn stands(&self, filter: &str, question: Question<'_>) -> bool {
        // What most rules are not about is seen at once. To compare with an empty text costs as much as
        // ten others: its address is none, and the processor stumbles over it.
        let compares = question.relation == Relation::Covers && !self.prefix.is_empty();
        if compares && !filter.starts_with(&*self.prefix) {
            return false;
        }
        let mut theirs = levels(filter);
        for (index, ours) in self.levels.iter().enumerate() {
            let their = theirs.next();
            if index == 0 && !may_begin(ours, their, question.effect) {
                return false;
            }
            if let Break(stands) = question.step(ours, their, index == 0) {
                return stands;
            }
        }
        match theirs.next() {
            None => true,
            Some("#") => question.relation == Relation::Overlaps, // a/# has a
            Some(_) => false,
        }
    }
}

/// [MQTT-4.7.2-1] A wildcard in front is not for topics that begin with `$`. Who denies everything
/// means everything, so this binds only a rule that allows, and what a client asks for.
fn may_begin(ours: &Level, their: Option<&str>, effect: Effect) -> bool {
    match their {
        Some("+" | "#") => !ours.begins_with_dollar(),
        Some(level) if level.starts_with('$') => effect == Effect::Deny || !ours.is_wildcard(),
        _ => true,
    }
}

impl Question<'_> {
    /// One level; the answer as soon as it is known.
    fn step(&self, ours: &Level, their: Option<&str>, is_first: bool) -> ControlFlow<bool> {
        if !ours.can_be_written(self.names, is_first) {
            return Break(self.effect == Effect::Deny);
        }
        match (ours, their) {
            (Level::Rest, _) => Break(true), // also the parent level: a/# has a
            (_, None) => Break(false),
            (_, Some("#")) => Break(self.relation == Relation::Overlaps),
            (Level::Any, Some(_)) => Continue(()),
            (_, Some("+")) if self.relation == Relation::Overlaps => Continue(()),
            (_, Some(their)) if ours.is(their, self.names) => Continue(()),
            _ => Break(false),
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        check_topic_filter(&text).map_err(|why| format!("{text:?} is no topic filter: {why}"))?;
        if is_shared(&text) {
            return Err(format!(
                "{text:?} is a shared subscription; write the filter behind its name"
            ));
        }
        let levels: Result<Vec<Level>, String> = levels(&text).map(Level::parse).collect();
        let mut levels = levels.map_err(|why| format!("{text:?}: {why}"))?;
        // The same topics, and simpler to compare.
        if let [Level::Any, Level::Rest] = *levels {
            levels = vec![Level::Rest];
        }
        let texts: Vec<&str> = levels.iter().map_while(Level::text).collect();
        Ok(Pattern { prefix: texts.join("/").into(), levels: levels.into() })
    }
}
