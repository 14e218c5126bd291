//! The rules in their order; the first that fits a topic changes it, and no other after it.

use plugin_abi::{Config, Result};
use plugin_config::{Facts, Name, Network, OneOrMore, Who};
use serde::Deserialize;
use serde_json::Value;

use crate::source::Source;
use crate::template::Template;

#[derive(Debug)]
pub(crate) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    who: Who,
    on: Option<OneOrMore<On>>,
    source: Source,
    to: Template,
}

/// What a rule is for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum On {
    /// Messages, wills among them.
    Publish,
    /// Filters, of SUBSCRIBE and UNSUBSCRIBE alike: a client must be able to leave what it has joined.
    Subscribe,
}

/// What becomes of a topic or filter.
#[derive(Debug, PartialEq)]
pub(crate) enum Rewritten {
    /// It stays.
    Same,
    To(String),
    /// A rule fits, and the client's name cannot be put into what it would become.
    Impossible,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    rules: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    from: Option<String>,
    regex: Option<String>,
    to: String,
    on: Option<OneOrMore<On>>,
    client_ids: Option<OneOrMore<Name>>,
    users: Option<OneOrMore<Name>>,
    addresses: Option<OneOrMore<Network>>,
}

impl Rules {
    /// # Errors
    /// All that is wrong, a line for each.
    pub(crate) fn read(config: &Config) -> Result<Rules> {
        let settings: Settings = config.get()?;
        let mut rules = Vec::new();
        let mut problems = Vec::new();
        for (index, value) in settings.rules.into_iter().enumerate() {
            match Written::deserialize(value).map_err(|it| it.to_string()).and_then(Rule::new) {
                Ok(rule) => rules.push(rule),
                Err(why) => problems.push(format!("`rules[{index}]`: {why}")),
            }
        }
        if problems.is_empty() { Ok(Rules(rules)) } else { Err(problems.join("\n").into()) }
    }

    /// What becomes of a topic, or of a filter without the `$share/` and name in front.
    pub(crate) fn rewrite(&self, on: On, text: &str, client: &Facts<'_>) -> Rewritten {
        let is_for = |rule: &&Rule| rule.on.as_ref().is_none_or(|all| all.contains(&on));
        let fit = |rule: &Rule| match rule.to.fill(&rule.source.find(text)?, client) {
            Some(new) if new == text => Some(Rewritten::Same),
            Some(new) => Some(Rewritten::To(new)),
            None => Some(Rewritten::Impossible),
        };
        let mut rules = self.0.iter().filter(is_for).filter(|rule| rule.who.matches(client));
        rules.find_map(fit).unwrap_or(Rewritten::Same)
    }
}

impl Rule {
    fn new(written: Written) -> std::result::Result<Rule, String> {
        let Written { from, regex, to, on, client_ids, users, addresses } = written;
        let source = match (from, regex) {
            (Some(filter), None) => {
                Source::filter(&filter).map_err(|why| format!("from: {why}"))?
            }
            (None, Some(regex)) => Source::regex(&regex).map_err(|why| format!("regex: {why}"))?,
            _ => return Err("it needs one of from and regex".to_owned()),
        };
        let to = Template::parse(&to, source.captures()).map_err(|why| format!("to: {why}"))?;
        Ok(Rule { who: Who { client_ids, users, addresses }, on, source, to })
    }
}
