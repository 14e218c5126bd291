//! What `config.yml` says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jsonwebtoken::Algorithm;
use plugin_abi::serde::Deserialize;
use plugin_config::OneOrMore;
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
    #[serde(default)]
    pub(crate) leeway: Leeway,
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

/// How far the clocks of broker and issuer may be apart, in seconds: `30s`, `5m`, at most a day.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(crate = "plugin_abi::serde", try_from = "String")]
pub(crate) struct Leeway(pub(crate) u64);

impl Default for Leeway {
    fn default() -> Self {
        Leeway(30)
    }
}

impl TryFrom<String> for Leeway {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let units = [("s", 1), ("m", 60), ("h", 3600)];
        let seconds = units.iter().find_map(|(unit, seconds)| {
            let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
            number.checked_mul(*seconds)
        });
        match seconds {
            Some(seconds @ 0..=86_400) => Ok(Leeway(seconds)),
            _ => Err(format!("{text:?} is no time from 0s to 24h, as 30s or 5m")),
        }
    }
}

const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leeway_is_a_time_with_its_unit() {
        let leeway = |text: &str| Leeway::try_from(text.to_owned());
        assert_eq!(leeway("0s"), Ok(Leeway(0)));
        assert_eq!(leeway("5m"), Ok(Leeway(300)));
        assert_eq!(leeway("24h"), Ok(Leeway(86_400)));
        for text in ["", "5", "s", "-1s", "1.5s", "86401s", "99999999999999999999s", "1d", "5 m"] {
            assert!(leeway(text).unwrap_err().starts_with(&format!("{text:?} is no time")));
        }
    }
}
