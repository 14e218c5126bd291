//! One item of `plugins:` in the config. Not yet a file, and not yet loaded.

use std::time::Duration;

use semver::VersionReq;
use serde_json::Value;

use super::{Blocking, Capabilities, Sha256};

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
    /// What it means that it fails.
    pub on_error: OnError,
    /// How long a hook may run before that is logged and is a failure. Zero: as long as it likes.
    pub deadline: Duration,
    /// Failures in a minute that have it quarantined. 0: however many.
    pub max_failures: u32,
    /// It is asked, but what it answers is only counted.
    pub shadow: bool,
    /// Which of its hooks are called on threads of their own.
    pub blocking: Blocking,
}

/// What it means that a plugin fails in a hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// What the table of hooks says: most that decide refuse, those that observe go on.
    #[default]
    ByHook,
    /// The broker goes on as if the plugin did not have the hook.
    Allow,
    /// Hooks that decide refuse, all of them.
    Refuse,
    /// What the table of hooks says; and it is quarantined at once.
    Quarantine,
}

impl PluginEntry {
    /// Whether both say the same, wherever in a file.
    pub(super) fn is_same(&self, other: &PluginEntry) -> bool {
        let line = None;
        PluginEntry { line, ..self.clone() } == PluginEntry { line, ..other.clone() }
    }
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
            on_error: OnError::ByHook,
            deadline: Duration::from_millis(100),
            max_failures: 30,
            shadow: false,
            blocking: Blocking::WhenSlow,
        }
    }
}
