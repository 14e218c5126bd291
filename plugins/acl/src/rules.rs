//! The rules in their order: the first that matches decides.
//!
//! A rule that names its users, or else its client ids, without `*`, is looked at for them alone, so
//! that a rule for each of many clients costs the others nothing.

use std::cmp::Ordering;

use foldhash::{HashMap, HashMapExt};
use plugin_config::{Facts, Name, OneOrMore};

use crate::action::{Action, Actions};
use crate::effect::Effect;
use crate::rule::{Request, Rule};

/// All rules, and what holds where none matches.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    default: Effect,
    /// What there is any rule about.
    actions: Actions,
    rules: Vec<Rule>,
    /// Where in `rules` those stand that are not in the maps.
    general: Vec<usize>,
    by_user: HashMap<Box<str>, Vec<usize>>,
    by_client_id: HashMap<Box<str>, Vec<usize>>,
}

/// What is to be done, and by which rule; none if it is the default.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision<'a> {
    pub(crate) effect: Effect,
    pub(crate) rule: Option<&'a Rule>,
}

impl Rules {
    pub(crate) fn new(default: Effect, rules: Vec<Rule>) -> Rules {
        let mut all = Rules {
            default,
            actions: rules.iter().map(|rule| rule.actions).collect(),
            rules,
            general: Vec::new(),
            by_user: HashMap::new(),
            by_client_id: HashMap::new(),
        };
        for (index, rule) in all.rules.iter_mut().enumerate() {
            // What the map has decided need not be looked at again.
            if let Some(users) = exact(rule.who.users.as_ref()) {
                insert(&mut all.by_user, users, index);
                rule.who.users = None;
            } else if let Some(client_ids) = exact(rule.who.client_ids.as_ref()) {
                insert(&mut all.by_client_id, client_ids, index);
                rule.who.client_ids = None;
            } else {
                all.general.push(index);
            }
        }
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    /// What the first rule says that matches. Who may connect is not a question of the default: it is
    /// about topics, and rules about topics alone shall not shut everybody out.
    pub(crate) fn decide(&self, client: &Facts<'_>, request: Request<'_>) -> Decision<'_> {
        let found = match self.actions.has(request.action) {
            true => self.candidates(client).find(|rule| rule.matches(client, request)),
            false => None,
        };
        let default = match request.action {
            Action::Connect => Effect::Allow,
            _ => self.default,
        };
        Decision { effect: found.map_or(default, |rule| rule.effect), rule: found }
    }

    /// The rules that may be about a client, in their order.
    fn candidates(&self, client: &Facts<'_>) -> impl Iterator<Item = &Rule> {
        let user = client.username.and_then(|username| look_up(&self.by_user, username));
        let client_id = look_up(&self.by_client_id, client.client_id);
        let named = merge(user.into_iter().flatten(), client_id.into_iter().flatten());
        let indexes = merge(self.general.iter(), named);
        indexes.filter_map(|&index| self.rules.get(index))
    }
}

/// The names, if none of them is a pattern.
fn exact(names: Option<&OneOrMore<Name>>) -> Option<Vec<Box<str>>> {
    names?.iter().map(|name| name.exact().map(Into::into)).collect()
}

fn insert(map: &mut HashMap<Box<str>, Vec<usize>>, names: Vec<Box<str>>, index: usize) {
    for name in names {
        let indexes = map.entry(name).or_default();
        if indexes.last() != Some(&index) {
            indexes.push(index);
        }
    }
}

fn look_up<'a>(map: &'a HashMap<Box<str>, Vec<usize>>, name: &str) -> Option<&'a Vec<usize>> {
    if map.is_empty() { None } else { map.get(name) }
}

/// Both in one order; each is in order itself.
fn merge<'a>(
    left: impl Iterator<Item = &'a usize>,
    right: impl Iterator<Item = &'a usize>,
) -> impl Iterator<Item = &'a usize> {
    let (mut left, mut right) = (left.peekable(), right.peekable());
    std::iter::from_fn(move || match (left.peek(), right.peek()) {
        (Some(one), Some(other)) if one.cmp(other) == Ordering::Greater => right.next(),
        (Some(_), _) => left.next(),
        (None, _) => right.next(),
    })
}
