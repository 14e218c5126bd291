//! Puts all that a user publishes and subscribes to below `tenants/NAME/`, so that users see nothing of
//! each other.

use plugin_abi::{
    Client, Config, EditError, Host, Plugin, Publish, Result, Subscribe, Unsubscribe, Verdict, log,
    plugin,
};

struct TenantTopics;

const NOT_AUTHORIZED: u8 = 0x87;

#[plugin]
impl Plugin for TenantTopics {
    fn bootstrap(_host: Host, _config: Config) -> Result<Self> {
        Ok(TenantTopics)
    }

    fn on_before_publish(&self, event: &Publish<'_>) -> Verdict {
        rewrite(event, &event.client(), event.topic(), Publish::set_topic)
    }

    fn on_before_subscribe(&self, event: &Subscribe<'_>) -> Verdict {
        rewrite(event, &event.client(), event.whole_filter(), Subscribe::set_filter)
    }

    fn on_before_unsubscribe(&self, event: &Unsubscribe<'_>) -> Verdict {
        rewrite(event, &event.client(), event.whole_filter(), Unsubscribe::set_filter)
    }
}

/// Plugins that were asked before are asked again, about the new name.
fn rewrite<E>(
    event: &E,
    client: &Client<'_>,
    topic: &str,
    set: impl FnOnce(&E, &str) -> Result<(), EditError>,
) -> Verdict {
    let Some(user) = client.username().filter(|name| is_level(name)) else {
        return Verdict::refuse_with(NOT_AUTHORIZED).reason("your user name has no topics");
    };
    let below = match topic.strip_prefix("$share/").and_then(|shared| shared.split_once('/')) {
        Some((group, filter)) => format!("$share/{group}/tenants/{user}/{filter}"),
        None => format!("tenants/{user}/{topic}"),
    };
    match set(event, &below) {
        // Asked again, it has had its say.
        Ok(()) | Err(EditError::AskedAgain) => Verdict::Continue,
        Err(error) => {
            log::warn!("{topic} cannot become {below}: {error}");
            Verdict::Veto
        }
    }
}

/// A name that is a whole level of a topic, and not a wildcard.
fn is_level(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '+', '#'])
}
