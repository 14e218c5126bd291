//! The topics that a token allows: a list of filters, with `%c` and `%u` in them.

use mqtt::topic::{check_topic_filter, is_shared, levels, matches};
use plugin_abi::serde::{Deserialize, Serialize};
use plugin_config::fits_topic;
use serde_json::Value;

use crate::names::Names;

/// Where a client may publish or subscribe.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(crate = "plugin_abi::serde")]
pub(crate) enum Topics {
    All,
    /// Filters without names in them.
    Of(Box<[Box<str>]>),
}

impl Topics {
    /// Of the list of a token. What is no filter, or is none with this client's names in it, allows
    /// nothing.
    pub(crate) fn of(list: &[Value], names: Names<'_>) -> Topics {
        let filters = list.iter().filter_map(|item| filter(item.as_str()?, names));
        Topics::Of(filters.map(String::into_boxed_str).collect())
    }

    pub(crate) fn none() -> Topics {
        Topics::Of(Box::default())
    }

    /// Whether this topic is one of them.
    pub(crate) fn has(&self, topic: &str) -> bool {
        match self {
            Topics::All => true,
            Topics::Of(filters) => filters.iter().any(|filter| matches(filter, topic)),
        }
    }

    /// Whether one of the filters has every topic of this one.
    pub(crate) fn covers(&self, wanted: &str) -> bool {
        match self {
            Topics::All => true,
            Topics::Of(filters) => filters.iter().any(|filter| covers(filter, wanted)),
        }
    }
}

/// A name is never more than a part of one level, and never what makes the topic one of the broker's own.
fn filter(text: &str, names: Names<'_>) -> Option<String> {
    let fits = |name: &str, before: &str| fits_topic(name, before.is_empty());
    let filter = names.put_into(text, fits)?;
    (check_topic_filter(&filter).is_ok() && !is_shared(&filter)).then_some(filter)
}

/// Both are well-formed.
fn covers(filter: &str, wanted: &str) -> bool {
    // [MQTT-4.7.2-1]
    if wanted.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut theirs = levels(wanted);
    for ours in levels(filter) {
        match (ours, theirs.next()) {
            ("#", _) => return true, // also the parent level: `a/#` has `a`
            (_, Some("#") | None) => return false,
            ("+", Some(_)) => {}
            (exact, Some(wanted)) if exact == wanted => {}
            _ => return false,
        }
    }
    theirs.next().is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn topics(list: &Value) -> Topics {
        let names = Names { client_id: "c1", username: Some("bob") };
        Topics::of(list.as_array().unwrap(), names)
    }

    #[test]
    fn topics_are_those_of_any_filter() {
        let topics = topics(&json!(["a/+", "b/#", "%c/in", "u-%u/%%"]));
        for topic in ["a/x", "a/", "b", "b/x/y", "c1/in", "u-bob/%"] {
            assert!(topics.has(topic), "{topic}");
        }
        for topic in ["a", "a/x/y", "c2/in", "%c/in", "u-alice/%", "$SYS/x"] {
            assert!(!topics.has(topic), "{topic}");
        }
        assert!(Topics::All.has("$SYS/x") && Topics::All.covers("#"));
        assert!(!Topics::none().has("a") && !Topics::none().covers("a"));
    }

    #[test]
    fn what_covers_has_every_topic() {
        for (filter, wanted) in [
            ("a", "a"),
            ("+", "a"),
            ("+", "+"),
            ("#", "#"),
            ("#", "+/a/#"),
            ("a/#", "a"),
            ("a/#", "a/#"),
            ("a/#", "a/+/b"),
            ("a/+/b", "a/x/b"),
            ("+/#", "a/#"),
            ("$SYS/#", "$SYS/+"),
        ] {
            assert!(covers(filter, wanted), "{filter} {wanted}");
        }
        for (filter, wanted) in [
            ("a", "+"),
            ("a", "#"),
            ("+", "#"),
            ("+", "a/b"),
            ("a/+", "a/#"),
            ("a/+", "a"),
            ("a/b", "a/+"),
            ("a/#", "+/#"),
            ("#", "$SYS/#"),
            ("+/x", "$SYS/x"),
        ] {
            assert!(!covers(filter, wanted), "{filter} {wanted}");
        }
    }

    /// Over all filters and topics of three levels of a small alphabet.
    #[test]
    fn what_is_covered_matches_nothing_else() {
        let grow = |texts: &[String], levels: &[&str]| -> Vec<String> {
            let longer = texts
                .iter()
                .flat_map(|text| levels.iter().map(move |level| format!("{text}/{level}")));
            longer.collect()
        };
        let all = |levels: &[&str]| {
            let one: Vec<String> = levels.iter().map(|&level| level.to_owned()).collect();
            let two = grow(&one, levels);
            let three = grow(&two, levels);
            [one, two, three].concat()
        };
        let topics = all(&["a", "b", "$s", ""]);
        let mut filters = all(&["a", "$s", "", "+", "#"]);
        filters.retain(|filter| check_topic_filter(filter).is_ok());
        for (filter, wanted) in filters.iter().flat_map(|f| filters.iter().map(move |w| (f, w))) {
            if covers(filter, wanted) {
                let more =
                    topics.iter().find(|topic| matches(wanted, topic) && !matches(filter, topic));
                assert_eq!(more, None, "{filter} {wanted}");
            }
        }
    }

    #[test]
    fn names_do_not_widen_a_filter() {
        for client_id in ["+", "#", "a/b", "a+", "$SYS", "$share", ""] {
            let names = Names { client_id, username: None };
            let list = [json!("%c/#"), json!("%c"), json!("%u/#")];
            assert_eq!(Topics::of(&list, names), Topics::none(), "{client_id}");
        }
        let names = Names { client_id: "$x", username: None };
        let list = [json!("a/%c")];
        assert!(Topics::of(&list, names).has("a/$x"), "behind a level it is a level like others");
    }

    #[test]
    fn what_is_no_filter_allows_nothing() {
        let list = json!(["", "a/#/b", "a+", "$share/g/a", "%d", "%", 7, null, ["a"], {"a": 1}]);
        assert_eq!(topics(&list), Topics::none());
    }
}
