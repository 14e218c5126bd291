//! The plugin's section of the broker's config.

use plugin_abi::{Config, Result};
use plugin_config::Who;
use serde::Deserialize;

use crate::written::Written;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) per_client: PerClient,
    pub(crate) per_address: PerAddress,
    pub(crate) answer: Answer,
    /// Who may send as much as they like.
    pub(crate) exempt: Vec<Who>,
    /// How many clients, and how many addresses, have buckets of their own.
    pub(crate) max_tracked: usize,
    /// So many first bits of an IPv6 address count: whoever has one has all that share them.
    pub(crate) ipv6_prefix: u8,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PerClient {
    pub(crate) messages: Option<Written>,
    pub(crate) bytes: Option<Written>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PerAddress {
    pub(crate) messages: Option<Written>,
    pub(crate) bytes: Option<Written>,
    pub(crate) connections: Option<Written>,
}

/// What happens to who sends more.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It is not read until there is room; nothing is lost.
    #[default]
    Throttle,
    /// The message goes nowhere, and the client is told.
    Refuse,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            per_client: PerClient::default(),
            per_address: PerAddress::default(),
            answer: Answer::default(),
            exempt: Vec::new(),
            max_tracked: 100_000,
            ipv6_prefix: 64,
        }
    }
}

impl Settings {
    pub(crate) fn read(config: &Config) -> Result<Settings> {
        let settings: Settings = config.get()?;
        let Settings { per_client, per_address, .. } = &settings;
        let client = [&per_client.messages, &per_client.bytes];
        let address = [&per_address.messages, &per_address.bytes, &per_address.connections];
        if client.iter().all(|limit| limit.is_none()) && address.iter().all(|limit| limit.is_none())
        {
            return Err("nothing is limited; give `per_client` or `per_address` messages, bytes \
                        or connections, as 100/s or { rate: 100/s, burst: 200 }"
                .into());
        }
        if let Some(at) = settings.exempt.iter().position(Who::is_everybody) {
            return Err(
                format!("`exempt[{at}]`: everybody; name users, client_ids or addresses").into()
            );
        }
        if settings.max_tracked == 0 {
            return Err("`max_tracked`: it must be at least 1".into());
        }
        if !(1..=128).contains(&settings.ipv6_prefix) {
            return Err("`ipv6_prefix`: it must be from 1 to 128".into());
        }
        Ok(settings)
    }
}
