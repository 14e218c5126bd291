//! One item of `plugins:` in the config. Not yet a file, and not yet loaded.

use serde_json::Value;

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
}
