//! What a rule does.

use serde::Deserialize;

/// What a rule does to what it matches.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    Allow,
    #[default]
    Deny,
}
