//! A client id or user name, or a pattern of them: `*` stands for any characters, none too.

use serde::Deserialize;

/// A name as it stands in a config.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(from = "String")]
pub enum Name {
    /// This one.
    Exact(Box<str>),
    /// What begins with the first part, ends with the last, and has the others between in this order.
    Pattern(Vec<Box<str>>),
}

impl Name {
    /// Whether it is this name, or one of the pattern. Letters differ from capitals.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Name::Exact(exact) => **exact == *name,
            Name::Pattern(parts) => matches(parts, name),
        }
    }

    /// The name, if it is no pattern.
    pub fn exact(&self) -> Option<&str> {
        match self {
            Name::Exact(exact) => Some(exact),
            Name::Pattern(_) => None,
        }
    }
}

/// The first place that fits is as good as any later one, so nothing is tried twice.
fn matches(parts: &[Box<str>], name: &str) -> bool {
    let [first, between @ .., last] = parts else { return false };
    // To compare with an empty text is slow: its address is none, and the processor stumbles over it.
    let behind = if first.is_empty() { Some(name) } else { name.strip_prefix(&**first) };
    let Some(mut rest) = behind else { return false };
    for part in between {
        let Some((_, behind)) = rest.split_once(&**part) else { return false };
        rest = behind;
    }
    last.is_empty() || rest.ends_with(&**last)
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        if text.contains('*') {
            Name::Pattern(text.split('*').map(Into::into).collect())
        } else {
            Name::Exact(text.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Name::from(pattern.to_owned()).matches(name)
    }

    #[test]
    fn exact_names() {
        assert!(matches("guest", "guest"));
        assert!(!matches("guest", "guest2"));
        assert!(!matches("guest", "Guest"));
        assert!(matches("", ""));
        assert!(!matches("", "a"));
    }

    #[test]
    fn patterns() {
        for (pattern, yes, no) in [
            ("test-*", &["test-", "test-1"][..], &["test", "a-test-1"][..]),
            ("*-test", &["-test", "a-test"], &["test", "a-test-"]),
            ("*", &["", "a"], &[]),
            ("a*a", &["aa", "aba", "aaa"], &["a", "ab", "ba"]),
            ("a*b*c", &["abc", "axbxc", "abbc", "abcbc"], &["acb", "ac", "abcd"]),
            ("*b*", &["b", "abc"], &["", "ac"]),
            ("a**b", &["ab", "axb"], &["a"]),
        ] {
            assert!(yes.iter().all(|name| matches(pattern, name)), "{pattern}");
            assert!(!no.iter().any(|name| matches(pattern, name)), "{pattern}");
        }
    }
}
