//! What can be asked for at the control socket, and how it is written.

use serde::Deserialize;
use serde_json::Value;

/// A request: `{"command": "plugins.reload", "plugin": "acl"}`.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "command", deny_unknown_fields)]
pub(super) enum Request {
    /// How the broker is.
    #[serde(rename = "status")]
    Status {},
    /// The metrics of the broker itself.
    #[serde(rename = "metrics")]
    BrokerMetrics {},
    /// All plugins in their order.
    #[serde(rename = "plugins.list")]
    List {},
    /// Starts a plugin that is not in force.
    #[serde(rename = "plugins.enable")]
    Enable { plugin: String },
    /// Takes a plugin out.
    #[serde(rename = "plugins.disable")]
    Disable { plugin: String },
    /// Starts a plugin anew from its file; without a name all of them.
    #[serde(rename = "plugins.reload")]
    Reload { plugin: Option<String> },
    /// Shows a plugin's section; or starts it anew with another.
    #[serde(rename = "plugins.config")]
    Config {
        plugin: String,
        /// `null` is a section too: none.
        #[serde(default, deserialize_with = "given")]
        section: Option<Value>,
    },
    /// Puts the plugins into this order.
    #[serde(rename = "plugins.reorder")]
    Reorder { plugins: Vec<String> },
    /// What the plugins answer from now on, until the connection is closed.
    #[serde(rename = "plugins.trace")]
    Trace {
        plugin: Option<String>,
        hook: Option<String>,
        client: Option<String>,
        #[serde(default)]
        answers: Shown,
    },
    /// What hooks are told from now on, as a recording: until the connection is closed, or its peer has no
    /// more to say.
    #[serde(rename = "plugins.record")]
    Record {
        #[serde(default)]
        hooks: Vec<String>,
        #[serde(default)]
        clients: Vec<String>,
        #[serde(default)]
        with_passwords: bool,
    },
    /// The metrics of the plugins.
    #[serde(rename = "plugins.metrics")]
    Metrics {},
    /// What the plugins have done.
    #[serde(rename = "plugins.stats")]
    Stats { plugin: Option<String> },
}

/// Which answers a trace shows.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shown {
    /// All but those that just let an event go on.
    #[default]
    Notable,
    /// Those that say no.
    Refusals,
    /// All.
    All,
}

/// Tells `null` from nothing.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Request> {
        serde_json::from_str(text).ok()
    }

    #[test]
    fn requests_are_read() {
        assert_eq!(read(r#"{"command": "plugins.list"}"#), Some(Request::List {}));
        let reload =
            |plugin: Option<&str>| Some(Request::Reload { plugin: plugin.map(Into::into) });
        assert_eq!(read(r#"{"command": "plugins.reload"}"#), reload(None));
        let named = r#"{"plugin": "acl", "command": "plugins.reload"}"#;
        assert_eq!(read(named), reload(Some("acl")));
        let config = |section| Some(Request::Config { plugin: "a".into(), section });
        assert_eq!(read(r#"{"command": "plugins.config", "plugin": "a"}"#), config(None));
        let null = r#"{"command": "plugins.config", "plugin": "a", "section": null}"#;
        assert_eq!(read(null), config(Some(Value::Null)));
        let Some(Request::Trace { answers, .. }) = read(r#"{"command": "plugins.trace"}"#) else {
            panic!("it is one");
        };
        assert_eq!(answers, Shown::Notable);
    }

    #[test]
    fn what_says_too_little_or_too_much_is_none() {
        for text in [
            "[]",
            "{}",
            r#"{"command": "plugins.fly"}"#,
            r#"{"command": "plugins.enable"}"#,
            r#"{"command": "plugins.list", "plugin": "a"}"#,
            r#"{"command": "plugins.trace", "answers": "some"}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
