//! Topic names and topic filters: whether they are well-formed, and whether they match.
//!
//! Nothing here allocates. Matching many filters at once is the router's trade, not this file's.

/// The most bytes a topic name or filter can have. [MQTT-4.7.3-3]
const MAX_LENGTH: usize = 65_535;

/// Why a string is not a topic name, or not a topic filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// It has no character.
    #[error("it is empty")]
    Empty,
    /// It has more than 65,535 bytes.
    #[error("it is longer than 65535 bytes")]
    TooLong,
    /// It holds U+0000.
    #[error("it holds U+0000")]
    Nul,
    /// A topic name holds `+` or `#`.
    #[error("a topic name holds a wildcard")]
    WildcardInName,
    /// `#` is not the last level, or not alone in it.
    #[error("# is not the last level, or not alone in it")]
    MultiLevelWildcard,
    /// `+` is not alone in its level.
    #[error("+ is not alone in its level")]
    SingleLevelWildcard,
    /// `$share/` is not followed by a name, `/` and a filter.
    #[error("a shared subscription needs $share/, a name without + and #, / and a filter")]
    Shared,
}

/// Whether a message can be published to `topic`.
pub fn check_topic_name(topic: &str) -> Result<(), TopicError> {
    check_length(topic)?;
    if topic.contains(['+', '#']) {
        return Err(TopicError::WildcardInName); // [MQTT-4.7.0-1]
    }
    Ok(())
}

/// Whether `filter` can be subscribed to. A shared one must have a name and a filter behind it.
pub fn check_topic_filter(filter: &str) -> Result<(), TopicError> {
    check_length(filter)?;
    if is_shared(filter) {
        let (_, inner) = shared(filter).ok_or(TopicError::Shared)?;
        return check_wildcards(inner);
    }
    check_wildcards(filter)
}

/// The levels of a topic name or filter, split at `/`; there is at least one.
pub fn levels(topic: &str) -> std::str::Split<'_, char> {
    topic.split('/')
}

/// Whether a message to `topic` is for `filter`, level by level and slowly. Of a shared
/// subscription it takes the filter inside. Both must be well-formed.
pub fn matches(filter: &str, topic: &str) -> bool {
    // [MQTT-4.7.2-1]
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut topic_levels = levels(topic);
    for level in levels(filter) {
        match (level, topic_levels.next()) {
            ("#", _) => return true, // also the parent level: `a/#` matches `a`
            ("+", Some(_)) => {}
            (exact, Some(given)) if exact == given => {} // [MQTT-4.7.3-4]
            _ => return false,
        }
    }
    topic_levels.next().is_none()
}

/// Whether there can be a topic that both filters match. Of a shared subscription it takes the filter
/// inside. Both must be well-formed.
pub fn overlap(one: &str, other: &str) -> bool {
    let begins_wild = |filter: &str| filter.starts_with(['+', '#']);
    // [MQTT-4.7.2-1]
    if (one.starts_with('$') && begins_wild(other)) || (other.starts_with('$') && begins_wild(one))
    {
        return false;
    }
    let (mut ones, mut others) = (levels(one), levels(other));
    loop {
        match (ones.next(), others.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(level), Some(same)) if level == same => {}
            _ => return false,
        }
    }
}

/// Whether `filter` asks for a shared subscription, well-formed or not.
pub fn is_shared(filter: &str) -> bool {
    filter.starts_with(SHARED_PREFIX)
}

/// The name and the filter of a shared subscription; `None` if `filter` is no well-formed one. The
/// wildcards of the inner filter are not checked.
pub fn shared(filter: &str) -> Option<(&str, &str)> {
    let (name, inner) = filter.strip_prefix(SHARED_PREFIX)?.split_once('/')?;
    // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    let whole = !name.is_empty() && !name.contains(['+', '#']) && !inner.is_empty();
    whole.then_some((name, inner))
}

const SHARED_PREFIX: &str = "$share/";

fn check_length(topic: &str) -> Result<(), TopicError> {
    match topic.len() {
        0 => Err(TopicError::Empty), // [MQTT-4.7.3-1]
        1..=MAX_LENGTH if topic.contains('\0') => Err(TopicError::Nul), // [MQTT-4.7.3-2]
        1..=MAX_LENGTH => Ok(()),
        _ => Err(TopicError::TooLong),
    }
}

fn check_wildcards(filter: &str) -> Result<(), TopicError> {
    let mut rest = levels(filter);
    while let Some(level) = rest.next() {
        // [MQTT-4.7.1-1]
        if level.contains('#') && (level != "#" || rest.next().is_some()) {
            return Err(TopicError::MultiLevelWildcard);
        }
        // [MQTT-4.7.1-2]
        if level.contains('+') && level != "+" {
            return Err(TopicError::SingleLevelWildcard);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [MQTT-4.7.0-1] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3]
    #[test]
    fn topic_names() {
        for good in ["a", "/", "a//b", " ", "$SYS/x", "\u{feff}a"] {
            assert_eq!(check_topic_name(good), Ok(()), "{good:?}");
        }
        assert_eq!(check_topic_name(""), Err(TopicError::Empty));
        assert_eq!(check_topic_name("a\0"), Err(TopicError::Nul));
        assert_eq!(check_topic_name("a/+"), Err(TopicError::WildcardInName));
        assert_eq!(check_topic_name("a#"), Err(TopicError::WildcardInName));
        assert_eq!(check_topic_name(&"a".repeat(65_535)), Ok(()));
        assert_eq!(check_topic_name(&"a".repeat(65_536)), Err(TopicError::TooLong));
    }

    #[test]
    fn topic_filters() {
        for good in
            ["#", "+", "/", "a/#", "+/+", "/+", "+/a/#", "$share", "$share/g/#", "$share/g//"]
        {
            assert_eq!(check_topic_filter(good), Ok(()), "{good:?}");
        }
        check_bad_filters(
            TopicError::MultiLevelWildcard,
            &["a#", "#/", "a/#/b", "##", "+#", "$share/g/a#"],
        );
        check_bad_filters(
            TopicError::SingleLevelWildcard,
            &["a+", "+a", "a/+b/c", "++", "$share/g/+a"],
        );
        check_bad_filters(
            TopicError::Shared,
            &["$share/", "$share//f", "$share/g", "$share/g/", "$share/+/f", "$share/g#/f"],
        );
        check_bad_filters(TopicError::Empty, &[""]);
        check_bad_filters(TopicError::Nul, &["a/\0"]);
    }

    fn check_bad_filters(error: TopicError, filters: &[&str]) {
        for filter in filters {
            assert_eq!(check_topic_filter(filter), Err(error), "{filter:?}");
        }
    }

    #[test]
    fn a_filter_of_slashes_alone_takes_no_stack() {
        let slashes = "/".repeat(65_535);
        assert_eq!(check_topic_filter(&slashes), Ok(()));
        assert!(matches(&slashes, &slashes));
        assert!(matches("#", &slashes));
    }

    #[test]
    fn matching() {
        check_match("a/b", &["a/b"], &["a", "a/b/", "a/b/c", "A/b", "/a/b"]);
        check_match("a/+", &["a/b", "a/"], &["a", "a/b/c", "b/b"]);
        check_match("+/+", &["/", "a/b"], &["a", "a/b/c", "$a/b"]);
        check_match("/+", &["/a"], &["a"]);
        check_match("a/#", &["a", "a/", "a/b/c"], &["ab", "b/a"]);
        check_match("#", &["a", "/", "a/b"], &["$SYS", "$SYS/a"]);
        check_match("+/a/#", &["b/a", "b/a/c"], &["$b/a"]);
        check_match("$SYS/#", &["$SYS", "$SYS/a"], &["SYS/a"]);
        check_match("$SYS/+", &["$SYS/a"], &["$SYS"]);
    }

    fn check_match(filter: &str, yes: &[&str], no: &[&str]) {
        for topic in yes {
            assert!(matches(filter, topic), "{filter} should match {topic}");
        }
        for topic in no {
            assert!(!matches(filter, topic), "{filter} should not match {topic}");
        }
    }

    /// [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    #[test]
    fn shared_subscriptions() {
        assert_eq!(shared("$share/group/a/#"), Some(("group", "a/#")));
        assert_eq!(shared("$share/group//"), Some(("group", "/")));
        assert_eq!(shared("$share/group"), None);
        assert_eq!(shared("a/b"), None);
        assert!(is_shared("$share/") && !is_shared("$share") && !is_shared("$shared/a/b"));
    }
}
