//! What a rule looks for in a topic or filter, and what it takes out of it for `$1`, `$2`…

use mqtt::topic::{check_topic_filter, is_shared, levels};
use regex::Regex;

/// A filter whose wildcards are taken out, or a regular expression with groups.
#[derive(Debug)]
pub(crate) enum Source {
    Filter(Box<str>),
    Regex(Regex),
}

/// What stands for `$1` and so on. `None`: a `#` that stands for no level, as that of `a/#` in `a`, or a
/// group that is not in the text.
pub(crate) type Captures<'a> = Vec<Option<&'a str>>;

impl Source {
    /// # Errors
    /// It is not well-formed.
    pub(crate) fn filter(text: &str) -> Result<Source, String> {
        check_topic_filter(text).map_err(|why| format!("{text:?} is no topic filter: {why}"))?;
        if is_shared(text) {
            return Err(format!(
                "{text:?} is a shared subscription; write the filter behind its name"
            ));
        }
        Ok(Source::Filter(text.into()))
    }

    /// # Errors
    /// It is not well-formed, or too large.
    pub(crate) fn regex(text: &str) -> Result<Source, String> {
        // The whole text, so that nobody is surprised by what stands before or behind; of one that is
        // well-formed by itself, so that it cannot end the brackets.
        let whole = || Regex::new(text).and_then(|_| Regex::new(&format!("^(?:{text})$")));
        whole().map(Source::Regex).map_err(|error| error.to_string())
    }

    /// How many `$` there are.
    pub(crate) fn captures(&self) -> usize {
        match self {
            Source::Filter(filter) => levels(filter).filter(|it| matches!(*it, "+" | "#")).count(),
            Source::Regex(regex) => regex.captures_len().saturating_sub(1),
        }
    }

    /// Nothing if the topic, or filter, is not one of those.
    pub(crate) fn find<'a>(&self, text: &'a str) -> Option<Captures<'a>> {
        match self {
            Source::Filter(filter) => find(filter, text),
            Source::Regex(regex) => {
                let found = regex.captures(text)?;
                Some(found.iter().skip(1).map(|group| Some(group?.as_str())).collect())
            }
        }
    }
}

/// A filter of a client is looked at like a topic: its `+` is a level that `+` takes out, and its `#`
/// is for `#` alone.
fn find<'a>(filter: &str, text: &'a str) -> Option<Captures<'a>> {
    // [MQTT-4.7.2-1]
    if text.starts_with('$') && filter.starts_with(['+', '#']) {
        return None;
    }
    let mut captures = Captures::new();
    let mut rest = Some(text);
    for ours in levels(filter) {
        if ours == "#" {
            captures.push(rest);
            return Some(captures);
        }
        let (their, behind) = match rest?.split_once('/') {
            Some((level, behind)) => (level, Some(behind)),
            None => (rest?, None),
        };
        match ours {
            "+" if their != "#" => captures.push(Some(their)),
            exact if exact == their => {}
            _ => return None,
        }
        rest = behind;
    }
    rest.is_none().then_some(captures)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(source: &Source, text: &str) -> Option<Vec<String>> {
        let captures = source.find(text)?;
        Some(captures.iter().map(|it| it.unwrap_or("none").to_owned()).collect())
    }

    #[track_caller]
    fn check(filter: &str, cases: &[(&str, Option<&[&str]>)]) {
        let source = Source::filter(filter).unwrap();
        for (text, expected) in cases {
            let expected = expected.map(|it| it.iter().map(|it| (*it).to_owned()).collect());
            assert_eq!(find(&source, text), expected, "{filter} {text}");
        }
    }

    #[test]
    fn wildcards_are_taken_out() {
        check("a/b", &[("a/b", Some(&[])), ("a", None), ("a/b/c", None), ("a/b/", None)]);
        check("a/+/c", &[("a/b/c", Some(&["b"])), ("a//c", Some(&[""])), ("a/b", None)]);
        check("+/x/+", &[("a/x/b", Some(&["a", "b"])), ("$a/x/b", None)]);
        check("a/#", &[("a", Some(&["none"])), ("a/", Some(&[""])), ("a/b/c", Some(&["b/c"]))]);
        check("#", &[("a/b", Some(&["a/b"])), ("$SYS/a", None)]);
        check("+/#", &[("a", Some(&["a", "none"])), ("a/b/c", Some(&["a", "b/c"]))]);
        check("$SYS/+", &[("$SYS/a", Some(&["a"]))]);
        for (filter, captures) in [("a", 0), ("a/+", 1), ("+/+/#", 3)] {
            assert_eq!(Source::filter(filter).unwrap().captures(), captures);
        }
    }

    #[test]
    fn filters_of_clients_are_no_wider_than_what_is_looked_for() {
        check("a/+/c", &[("a/+/c", Some(&["+"])), ("a/#", None), ("+/b/c", None), ("a/b/+", None)]);
        check("a/#", &[("a/#", Some(&["#"])), ("a/+/#", Some(&["+/#"])), ("#", None), ("+", None)]);
        check("a/+", &[("a/+", Some(&["+"])), ("a/#", None)]);
    }

    #[test]
    fn groups_are_taken_out() {
        let source = Source::regex(r"(\w+)/raw/(?:(x)|y)").unwrap();
        assert_eq!(source.captures(), 2);
        assert_eq!(find(&source, "ab/raw/x"), Some(vec!["ab".into(), "x".into()]));
        assert_eq!(find(&source, "ab/raw/y"), Some(vec!["ab".into(), "none".into()]));
        assert_eq!(find(&source, "z/ab/raw/y"), None);
        assert_eq!(find(&source, "ab/raw/xy"), None);
        // The whole of each alternative.
        assert_eq!(find(&Source::regex("a|b").unwrap(), "ab"), None);
    }

    #[test]
    fn what_cannot_be_looked_for_is_refused() {
        assert!(Source::filter("a#").unwrap_err().contains("\"a#\" is no topic filter"));
        assert!(Source::filter("$share/g/a").unwrap_err().contains("is a shared subscription"));
        assert!(Source::regex("a(").unwrap_err().contains("unclosed group"));
        assert!(Source::regex("a)(b").unwrap_err().contains("unopened group"));
    }
}
