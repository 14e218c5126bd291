//! Nobody publishes to the topics that the config names, or below them.

use plugin_abi::serde::Deserialize;
use plugin_abi::{Config, Host, Plugin, Publish, Result, log, plugin};

/// The plugin's own section of `config.yml`: `- my-plugin: { closed: [alarm] }`.
#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
struct ClosedTopics {
    #[serde(default)]
    closed: Vec<String>,
}

#[plugin]
impl Plugin for ClosedTopics {
    fn bootstrap(_host: Host, config: Config) -> Result<Self> {
        let plugin: ClosedTopics = config.get()?;
        log::info!("closed topics: {}", plugin.closed.join(", "));
        Ok(plugin)
    }

    /// Asked about each message before anybody gets it; `false` is a veto, and nobody does. It is
    /// called on several threads, and must not block.
    fn on_before_publish(&self, event: &Publish<'_>) -> bool {
        let closed = self.is_closed(event.topic());
        if closed {
            let client_id = event.client().client_id();
            log::info!("{client_id} may not publish to {}", event.topic());
        }
        !closed
    }
}

impl ClosedTopics {
    fn is_closed(&self, topic: &str) -> bool {
        self.closed.iter().any(|closed| {
            let rest = topic.strip_prefix(closed.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ClosedTopics;

    #[test]
    fn what_is_below_a_closed_topic_is_closed_too() {
        let closed = vec!["alarm".into()];
        let plugin = ClosedTopics { closed };
        for (topic, closed) in [("alarm", true), ("alarm/fire", true), ("alarms", false)] {
            assert_eq!(plugin.is_closed(topic), closed, "{topic}");
        }
    }
}
