//! What `config.yml` says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use plugin_abi::serde::Deserialize;
use plugin_config::{OneOrMore, Period};
use serde_json::Value;

use crate::place::Place;

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) keys: Vec<KeySetting>,
    #[serde(default)]
    pub(crate) token: Place,
    pub(crate) issuer: Option<OneOrMore<String>>,
    pub(crate) audience: Option<OneOrMore<String>>,
    /// How far the clocks of broker and issuer may be apart.
    #[serde(default = "half_a_minute")]
    pub(crate) leeway: Period,
    /// A token without `exp` is refused.
    #[serde(default = "yes")]
    pub(crate) require_expiry: bool,
    /// What further claims have to be.
    #[serde(default)]
    pub(crate) claims: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) rights: Rights,
}

/// One of the first four says where the key is, or the keys.
#[derive(Clone, Default, Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields, default)]
pub(crate) struct KeySetting {
    pub(crate) secret: Option<String>,
    pub(crate) secret_file: Option<PathBuf>,
    pub(crate) public_key_file: Option<PathBuf>,
    pub(crate) jwks_file: Option<PathBuf>,
    /// The key id (`kid`) of the tokens that it is for; otherwise for those of any.
    pub(crate) id: Option<String>,
    pub(crate) algorithms: Option<OneOrMore<Algorithm>>,
    /// The secret is written in base64.
    pub(crate) base64: bool,
}

/// The claims that say where a client may publish and subscribe.
#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields, default)]
pub(crate) struct Rights {
    pub(crate) publish: String,
    pub(crate) subscribe: String,
    pub(crate) if_absent: IfAbsent,
}

/// What a client may do if the token has no such list.
#[derive(Clone, Copy, Deserialize)]
#[serde(crate = "plugin_abi::serde", rename_all = "snake_case")]
pub(crate) enum IfAbsent {
    Refuse,
    Allow,
}

impl Default for Rights {
    fn default() -> Self {
        let [publish, subscribe] = ["pub", "sub"].map(str::to_owned);
        Rights { publish, subscribe, if_absent: IfAbsent::Refuse }
    }
}

const fn half_a_minute() -> Period {
    Period(Duration::from_secs(30))
}

const fn yes() -> bool {
    true
}
