//! One item of `plugins:` in the config. Not yet a file, and not yet loaded.

use semver::VersionReq;
use serde_json::Value;

use super::{Capabilities, Sha256};

/// A plugin as the config names it.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginEntry {
    /// The name as it is written, with or without `.so`.
    pub name: String,
    /// The plugin's own section; [`Value::Null`] if it has none.
    pub config: Value,
    /// The broker starts without the plugin if it cannot be loaded.
    pub optional: bool,
    /// Where the config names it, from 1; `None` if no file does.
    pub line: Option<usize>,
    /// Load it even if a panic in it would end the whole process.
    pub allow_panic_abort: bool,
    /// What it may call; `None`: all that it asks for.
    pub capabilities: Option<Capabilities>,
    /// The one file that is meant.
    pub sha256: Option<Sha256>,
    /// The versions that are taken; `None`: any.
    pub version: Option<VersionReq>,
    /// Pre-releases that are taken too, as `rc` and `beta`.
    pub stages: Vec<String>,
}

impl Default for PluginEntry {
    fn default() -> Self {
        PluginEntry {
            name: String::new(),
            config: Value::Null,
            optional: false,
            line: None,
            allow_panic_abort: false,
            capabilities: None,
            sha256: None,
            version: None,
            stages: Vec::new(),
        }
    }
}
