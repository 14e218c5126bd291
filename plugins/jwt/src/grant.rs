//! What the token of one client allows, and until when.

use mqtt::topic::shared;
use plugin_abi::serde::{Deserialize, Serialize};
use plugin_abi::{Host, HostError, Scope, log};
use serde_json::Value;

use crate::checks::claim;
use crate::names::Names;
use crate::settings::{IfAbsent, Rights};
use crate::token::Claims;
use crate::topics::Topics;

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(crate = "plugin_abi::serde")]
pub(crate) struct Grant {
    pub(crate) publish: Topics,
    pub(crate) subscribe: Topics,
    /// In seconds since 1970; `None`: never.
    expires: Option<u64>,
    /// It is asked for once more when the client has left.
    #[serde(default)]
    pub(crate) has_will: bool,
}

const ATTRIBUTE: &str = "grant";

impl Grant {
    pub(crate) fn new(
        claims: &Claims,
        rights: &Rights,
        names: Names<'_>,
        expires: Option<u64>,
    ) -> Grant {
        let topics = |name: &str| match (claim(claims, name), rights.if_absent) {
            (Some(Value::Array(list)), _) => Topics::of(list, names),
            // `sub` as text is the token's subject, and no list.
            (Some(Value::String(_)), IfAbsent::Allow) if name == "sub" => Topics::All,
            (None, IfAbsent::Allow) => Topics::All,
            _ => Topics::none(),
        };
        let [publish, subscribe] = [&rights.publish, &rights.subscribe].map(|name| topics(name));
        Grant { publish, subscribe, expires, has_will: false }
    }

    /// Whether it allows all that the client has subscribed to before. It does not if nobody can say.
    pub(crate) fn covers_session(&self, host: &Host, client_id: &str) -> bool {
        if self.subscribe == Topics::All {
            return true;
        }
        let mut covers = true;
        let shown = host.subscriptions(client_id, |subscription| {
            let whole = subscription.filter();
            let filter = shared(whole).map_or(whole, |(_, filter)| filter);
            covers = self.subscribe.covers(filter);
            covers
        });
        if let Err(why) = &shown {
            log::debug!("the subscriptions of {client_id:?} cannot be seen: {why}");
        }
        shown.is_ok() && covers
    }

    /// Leaves it with the connection, for the one that comes after this instance of the plugin.
    pub(crate) fn keep(&self, host: &Host, client_id: &str) {
        let text = serde_json::to_string(self).unwrap_or_default();
        match host.set_attribute(client_id, Scope::Connection, ATTRIBUTE, text) {
            Ok(()) | Err(HostError::NotOffered) => {}
            Err(why) => {
                log::debug!(
                    "{client_id:?} has to connect anew when this plugin is reloaded: {why}"
                );
            }
        }
    }

    /// What an instance before this one has left with the connection.
    pub(crate) fn kept(host: &Host, client_id: &str) -> Option<Grant> {
        let text = host.attribute(client_id, Scope::Connection, ATTRIBUTE).ok()?;
        serde_json::from_slice(&text).ok()
    }

    pub(crate) fn has_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }
}
