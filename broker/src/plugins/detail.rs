//! What can be told of a plugin that is in force.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Capabilities, PluginEntry, Sha256};
use crate::hooks::Standing;

/// A plugin of the config, and the instance of it that is in force.
#[derive(Clone, Debug)]
pub struct Enlisted {
    /// The name that logs show.
    pub name: String,
    /// Its entry in the config, with the section of its own that it was given last.
    pub entry: PluginEntry,
    /// It is meant to be in force.
    pub enabled: bool,
    /// The instance; `None` if it is disabled, or `optional` and could not be loaded.
    pub detail: Option<Detail>,
}

/// An instance that is in force.
#[derive(Clone, Debug)]
pub struct Detail {
    /// The name that logs show.
    pub name: Arc<str>,
    /// The version that it says it is; empty if it does not say.
    pub version: String,
    /// The file that it was loaded from.
    pub file: PathBuf,
    /// The SHA-256 of that file, as it was then.
    pub sha256: Sha256,
    /// What it may call, beside what every plugin may.
    pub granted: Capabilities,
    /// The hooks that it has.
    pub hooks: Vec<&'static str>,
    /// Those of them that are called on threads of the plugin.
    pub blocking: Vec<&'static str>,
    /// Whether it is asked.
    pub standing: Standing,
    /// Since it has started.
    pub age: Duration,
}
