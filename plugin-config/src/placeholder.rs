//! Names of clients as parts of topics. A client chooses its own id, so it must not become more than a part
//! of one level.

/// Whether a client id or user name can be put into a topic or filter: it is not empty, has no `+`, `#` or
/// `/`, and does not begin it with `$`. `in_front`: the topic begins with it.
pub fn fits_topic(name: &str, in_front: bool) -> bool {
    let begins_topic_of_broker = in_front && name.starts_with('$');
    let is_more = name.bytes().any(|byte| matches!(byte, b'+' | b'#' | b'/'));
    !(name.is_empty() || is_more || begins_topic_of_broker)
}

#[cfg(test)]
mod tests {
    use super::fits_topic;

    #[test]
    fn what_is_more_than_a_part_of_a_level_does_not_fit() {
        for name in ["a", "$", "ü", " ", "%c", "a$b"] {
            assert!(fits_topic(name, false), "{name:?}");
        }
        for name in ["", "+", "#", "/", "a/b", "a+", "a#"] {
            assert!(!fits_topic(name, false) && !fits_topic(name, true), "{name:?}");
        }
        assert!(fits_topic("a$", true) && !fits_topic("$SYS", true));
    }
}
