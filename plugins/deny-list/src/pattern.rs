//! A name, or all that begin like it.

use plugin_abi::serde::Deserialize;

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(crate = "plugin_abi::serde", from = "String")]
pub enum Pattern {
    Exact(String),
    Prefix(String),
}

impl Pattern {
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Pattern::Exact(exact) => name == exact,
            Pattern::Prefix(prefix) => name.starts_with(prefix.as_str()),
        }
    }
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Pattern::Prefix(prefix.to_owned()),
            None => Pattern::Exact(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::from(pattern.to_owned()).matches(name)
    }

    #[test]
    fn exact_or_by_prefix() {
        assert!(matches("guest", "guest"));
        assert!(!matches("guest", "guest2"));
        assert!(!matches("guest", "Guest"));
        assert!(matches("test-*", "test-1"));
        assert!(matches("test-*", "test-"));
        assert!(!matches("test-*", "test"));
        assert!(!matches("test-*", "a-test-1"));
        assert!(matches("*", ""));
        assert!(matches("a*b", "a*b"));
        assert!(!matches("a*b", "axb"));
    }
}
