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
                "." => in_plain_words(error.inner()).into(),
                key => format!("`{key}`: {}", in_plain_words(error.inner())).into(),
            }
        })
    }

    /// The section as JSON text.
    pub fn as_json(&self) -> &str {
        &self.json
    }
}

/// serde says which type of Rust it wanted; who writes a config need not know those.
fn in_plain_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let Some((found, wanted)) = text.rsplit_once(", expected ") else { return text };
    let (nonzero, kind) = match wanted.strip_prefix("a nonzero ") {
        Some(kind) => (true, kind),
        None => (false, wanted),
    };
    let wanted = match (kind, nonzero) {
        ("u8" | "u16" | "u32" | "u64" | "u128" | "usize", true) => "a whole number above 0",
        ("u8" | "u16" | "u32" | "u64" | "u128" | "usize", false) => "a whole number from 0",
        ("i8" | "i16" | "i32" | "i64" | "i128" | "isize", true) => "a whole number other than 0",
        ("i8" | "i16" | "i32" | "i64" | "i128" | "isize", false) => "a whole number",
        ("f32" | "f64", _) => "a number",
        _ => return text,
    };
    format!("{found}, expected {wanted}")
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
            "`max`: invalid value: integer `0`, expected a whole number above 0"
        );
        assert_eq!(
            error(r#"{"max":"five"}"#),
            r#"`max`: invalid type: string "five", expected a whole number above 0"#
        );
        assert!(error(r#"{"max":5,"maximum":6}"#).contains("unknown field `maximum`"));
    }

    #[test]
    fn numbers_are_asked_for_in_plain_words() {
        let error = |json: &str| Config::new(json).get::<Vec<(u8, i64, f64)>>().unwrap_err();
        let cases = [
            (
                "[[true, 1, 1]]",
                "`[0][0]`: invalid type: boolean `true`, expected a whole number from 0",
            ),
            (
                "[[-1, 1, 1]]",
                "`[0][0]`: invalid value: integer `-1`, expected a whole number from 0",
            ),
            (
                "[[1, 1.5, 1]]",
                "`[0][1]`: invalid type: floating point `1.5`, expected a whole number",
            ),
            ("[[1, 1, null]]", "`[0][2]`: invalid type: null, expected a number"),
            ("7", "invalid type: integer `7`, expected a sequence"),
        ];
        for (json, text) in cases {
            assert_eq!(error(json).to_string(), text);
        }
    }
}
