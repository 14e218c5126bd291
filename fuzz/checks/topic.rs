//! Topic filters and names against a matcher that is as slow and plain as the standard's words.

use mqtt::topic::{check_topic_filter, check_topic_name, matches, shared};

/// The first line is a filter, the rest a topic name.
pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (filter, topic) = text.split_once('\n').unwrap_or((text, ""));
    let inner = if filter.starts_with("$share/") { shared(filter) } else { Some(("", filter)) };
    let good = is_string(filter) && inner.is_some_and(|(_, inner)| is_filter(inner));
    assert_eq!(check_topic_filter(filter).is_ok(), good, "{filter:?}");
    let is_name = is_string(topic) && !topic.contains(['+', '#']);
    assert_eq!(check_topic_name(topic).is_ok(), is_name, "{topic:?}");
    let Some((_, inner)) = inner.filter(|_| good && is_name) else { return };
    let hidden = topic.starts_with('$') && inner.starts_with(['+', '#']);
    let filter_levels: Vec<&str> = inner.split('/').collect();
    let topic_levels: Vec<&str> = topic.split('/').collect();
    let expected = !hidden && is_match(&filter_levels, &topic_levels);
    assert_eq!(matches(inner, topic), expected, "{inner:?} {topic:?}");
}

fn is_string(text: &str) -> bool {
    !text.is_empty() && text.len() <= 65_535 && !text.contains('\0')
}

fn is_filter(filter: &str) -> bool {
    let levels: Vec<&str> = filter.split('/').collect();
    let last = levels.len() - 1;
    let is_level = |(index, level): (usize, &&str)| match *level {
        "+" => true,
        "#" => index == last,
        other => !other.contains(['+', '#']),
    };
    is_string(filter) && levels.iter().enumerate().all(is_level)
}

fn is_match(filter: &[&str], topic: &[&str]) -> bool {
    match (filter.split_first(), topic.split_first()) {
        (Some((&"#", _)), _) | (None, None) => true,
        (Some((&"+", filter)), Some((_, topic))) => is_match(filter, topic),
        (Some((level, filter)), Some((name, topic))) => level == name && is_match(filter, topic),
        _ => false,
    }
}
