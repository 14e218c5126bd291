//! The plugin's section of `config.yml`.

use std::path::PathBuf;

use plugin_abi::serde::Deserialize;

/// What each means stands in README.md.
#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) file: PathBuf,
    #[serde(default)]
    hooks: Vec<String>,
    #[serde(default)]
    clients: Vec<String>,
    #[serde(default)]
    pub(crate) with_passwords: bool,
    #[serde(default = "a_gibibyte")]
    pub(crate) max_bytes: u64,
}

impl Settings {
    /// # Errors
    ///
    /// If a name of `hooks` is no hook that can be recorded.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.hooks.iter().find(|hook| !HOOKS.contains(&hook.as_str())) {
            Some(hook) => Err(format!("`hooks`: {hook:?} is none of {}", HOOKS.join(", "))),
            None => Ok(()),
        }
    }

    /// A socket has no client id yet.
    pub(crate) fn wants(&self, hook: &str, client_id: Option<&str>) -> bool {
        let wants_hook = if self.hooks.is_empty() {
            !IF_NAMED.contains(&hook)
        } else {
            self.hooks.iter().any(|wanted| wanted == hook)
        };
        wants_hook && client_id.is_none_or(|id| self.wants_client(id))
    }

    fn wants_client(&self, client_id: &str) -> bool {
        let matches = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => client_id.starts_with(start),
            None => client_id == pattern,
        };
        self.clients.is_empty() || self.clients.iter().any(matches)
    }
}

fn a_gibibyte() -> u64 {
    1 << 30
}

const HOOKS: [&str; 17] = [
    "on_socket_open",
    "on_auth",
    "on_before_connect",
    "on_connect",
    "on_before_subscribe",
    "on_subscribe",
    "on_before_unsubscribe",
    "on_unsubscribe",
    "on_message",
    "on_before_publish",
    "on_publish",
    "on_will",
    "on_before_deliver",
    "on_delivered",
    "on_dropped",
    "on_session",
    "on_disconnect",
];

/// They come once for each receiver of a message.
const IF_NAMED: [&str; 3] = ["on_before_deliver", "on_delivered", "on_dropped"];
