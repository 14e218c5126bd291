//! Reads a config file; every problem in it is found, not only the first.

use std::num::NonZeroUsize;
use std::path::Path;

use super::error::{ConfigError, Problem};
use super::quantity::{duration, number};
use super::setting::{Section, Setting};
use super::{
    Config, acknowledge, control as control_key, document, durability, json, limits, listener,
    plugin, refused_publish, response_information, store_failure,
};

/// Reads the file at `path`. Blocks on the disk.
///
/// # Errors
/// If it cannot be read, or says something that the broker cannot do.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    parse(&path.display().to_string(), &read_text(path)?)
}

/// Reads `text`; `file_name` is what the problems name.
///
/// # Errors
/// If it says something that the broker cannot do.
pub fn parse(file_name: &str, text: &str) -> Result<Config, ConfigError> {
    let (config, problems) = understand(text);
    if problems.is_empty() {
        return Ok(config);
    }
    Err(ConfigError::Invalid { file: file_name.to_owned(), problems })
}

/// Reads as much of the file at `path` as can be understood; keys with a problem have their
/// defaults, and plugins with one are left out. Blocks on the disk.
///
/// # Errors
/// If it cannot be read.
pub fn inspect(path: &Path) -> Result<(Config, Vec<Problem>), ConfigError> {
    Ok(understand(&read_text(path)?))
}

/// Reads YAML that is the section of a plugin: `{ max: 5 }`.
///
/// # Errors
/// If it is no YAML, or says what a plugin cannot be told; the line is one of `text`.
pub fn plugin_section(text: &str) -> Result<serde_json::Value, Problem> {
    let document = document::parse(text)?;
    document.map_or(Ok(serde_json::Value::Null), |document| json::json(&Setting::root(&document)))
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|error| ConfigError::Read { file: path.to_owned(), error })
}

/// The problems are in the order of the file.
fn understand(text: &str) -> (Config, Vec<Problem>) {
    let mut config = Config::default();
    let mut problems = Vec::new();
    match document::parse(text) {
        Ok(Some(document)) => {
            Setting::root(&document).section(&mut problems, |section| read(section, &mut config));
        }
        Ok(None) => {}
        Err(problem) => problems.push(problem),
    }
    problems.sort_by_key(|problem| problem.line);
    (config, problems)
}

fn read(section: &mut Section<'_, '_>, config: &mut Config) {
    // Taken apart, so that a field without a key does not compile.
    let Config {
        listeners,
        plugins,
        plugin_dir,
        data_dir,
        control,
        threads,
        log,
        allow_anonymous,
        check_payload_format,
        durability: durability_key,
        store_failure: store_failure_key,
        acknowledge: acknowledge_key,
        refused_publish,
        plugin_publish_depth,
        blocking_threads,
        blocking_deadline,
        response_information,
        limits,
    } = config;
    section.read_with("listeners", |setting, problems| {
        listener::read(setting, listeners, problems);
    });
    section.read_with("plugins", |setting, problems| plugin::read(setting, plugins, problems));
    section.read("plugin_dir", plugin_dir, Setting::path);
    section.read("data_dir", data_dir, Setting::path);
    section.read("control", control, control_key::read);
    section.read("threads", threads, read_threads);
    section.read("log", log, Setting::log_level);
    section.read("allow_anonymous", allow_anonymous, Setting::boolean);
    section.read("check_payload_format", check_payload_format, Setting::boolean);
    section.read("durability", durability_key, durability::read);
    section.read("store_failure", store_failure_key, store_failure::read);
    section.read("acknowledge", acknowledge_key, acknowledge::read);
    section.read("refused_publish", refused_publish, refused_publish::read);
    section.read("plugin_publish_depth", plugin_publish_depth, number(0..=1000));
    section.read("blocking_threads", blocking_threads, number(1..=1024));
    section.read("blocking_deadline", blocking_deadline, duration(100..=MAX_BLOCKING_DEADLINE));
    section.read("response_information", response_information, response_information::read);
    section.read_with("limits", |setting, problems| {
        setting.section(problems, |section| limits::read(section, limits));
    });
}

/// Milliseconds; nobody waits longer.
const MAX_BLOCKING_DEADLINE: u64 = 5 * 60 * 1000;

fn read_threads(setting: &Setting<'_>) -> Result<Option<NonZeroUsize>, Problem> {
    if setting.string() == Some("auto") {
        return Ok(None);
    }
    let threads = number(1..=1024)(setting).map(NonZeroUsize::new);
    threads.map_err(|_| setting.refuse("auto, or a whole number from 1 to 1024"))
}
