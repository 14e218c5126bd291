//! The plugin's own section of `config.yml`.

use serde::de::DeserializeOwned;

use crate::error::Result;

/// What stands under `config:` for this plugin; an empty mapping if nothing does.
#[derive(Clone, Debug)]
pub struct Config {
    json: Box<str>,
}

impl Config {
    pub(crate) fn new(json: &str) -> Self {
        Config { json: json.into() }
    }

    /// The section as a type of the plugin's own.
    ///
    /// With `#[serde(deny_unknown_fields)]` on the type, a misspelt key is an error as well.
    ///
    /// # Errors
    ///
    /// The text names the key and what was expected there; return it from
    /// [`bootstrap`](crate::Plugin::bootstrap) as it is.
    pub fn get<T: DeserializeOwned>(&self) -> Result<T> {
        let section: serde_json::Value = serde_json::from_str(&self.json)?;
        serde_path_to_error::deserialize(&section).map_err(|error| {
            match error.path().to_string().as_str() {
                "." => error.into_inner().to_string().into(),
                key => format!("`{key}`: {}", error.inner()).into(),
            }
        })
    }

    /// The section as JSON text.
    pub fn as_json(&self) -> &str {
        &self.json
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        max: NonZeroU32,
    }

    fn error(json: &str) -> String {
        Config::new(json).get::<Settings>().unwrap_err().to_string()
    }

    #[test]
    fn a_section_becomes_a_type() {
        let settings: Settings = Config::new(r#"{"max":5}"#).get().unwrap();
        assert_eq!(settings.max.get(), 5);
    }

    #[test]
    fn errors_name_the_key_and_what_was_expected() {
        assert_eq!(error("{}"), "missing field `max`");
        assert_eq!(
            error(r#"{"max":0}"#),
            "`max`: invalid value: integer `0`, expected a nonzero u32"
        );
        assert_eq!(
            error(r#"{"max":"five"}"#),
            r#"`max`: invalid type: string "five", expected a nonzero u32"#
        );
        assert!(error(r#"{"max":5,"maximum":6}"#).contains("unknown field `maximum`"));
    }
}
