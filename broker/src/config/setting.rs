//! Keys of the config with their place in the file, so that every problem can name it.
//!
//! A [`Section`] is a mapping from which known keys are read; what nobody read is unknown.

use std::path::PathBuf;

use saphyr::{MarkedYaml, Scalar, YamlData};

use super::error::Problem;
use super::nearest::nearest;

/// A key and its value.
pub(super) struct Setting<'a> {
    /// With the keys above it: `limits.max_inflight`.
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) node: &'a MarkedYaml<'a>,
}

/// A mapping whose keys are being read.
pub(super) struct Section<'a, 'p> {
    key: String,
    unread: Vec<(String, Setting<'a>)>,
    known: Vec<&'static str>,
    problems: &'p mut Vec<Problem>,
}

impl<'a> Setting<'a> {
    /// The whole document.
    pub(super) fn root(node: &'a MarkedYaml<'a>) -> Setting<'a> {
        Setting { key: String::new(), line: node.span.start.line(), node }
    }

    /// Reads a mapping. Keys that `read` does not ask for are problems. Nothing at all, as when
    /// every line of it is a comment, is an empty mapping.
    pub(super) fn section(
        &self,
        problems: &mut Vec<Problem>,
        read: impl FnOnce(&mut Section<'a, '_>),
    ) {
        let Some(settings) = self.settings() else {
            problems.push(self.refuse("a mapping of keys and values"));
            return;
        };
        let mut section =
            Section { key: self.key.clone(), unread: settings, known: Vec::new(), problems };
        read(&mut section);
        section.report_unread();
    }

    /// The keys of a mapping, as written, with their values; nothing if it is no mapping.
    pub(super) fn settings(&self) -> Option<Vec<(String, Setting<'a>)>> {
        let mapping = match &self.node.data {
            YamlData::Mapping(mapping) => mapping,
            YamlData::Value(Scalar::Null) => return Some(Vec::new()),
            _ => return None,
        };
        let settings = mapping.iter().map(|(key, node)| {
            let name = key_text(key);
            let line = key.span.start.line();
            let setting = Setting { key: join(&self.key, &name), line, node };
            (name, setting)
        });
        Some(settings.collect())
    }

    /// The items of a list. Nothing at all is an empty list.
    pub(super) fn list(&self) -> Result<Vec<Setting<'a>>, Problem> {
        match &self.node.data {
            YamlData::Sequence(items) => Ok(items
                .iter()
                .enumerate()
                .map(|(index, node)| Setting {
                    key: format!("{}[{index}]", self.key),
                    line: node.span.start.line(),
                    node,
                })
                .collect()),
            YamlData::Value(Scalar::Null) => Ok(Vec::new()),
            _ => Err(self.refuse("a list")),
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, Problem> {
        match self.node.data {
            YamlData::Value(Scalar::Boolean(value)) => Ok(value),
            _ => Err(self.refuse("true or false")),
        }
    }

    /// No value at all.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.node.data, YamlData::Value(Scalar::Null))
    }

    pub(super) fn string(&self) -> Option<&'a str> {
        match &self.node.data {
            YamlData::Value(Scalar::String(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match self.node.data {
            YamlData::Value(Scalar::Integer(value)) => Some(value),
            _ => None,
        }
    }

    /// A path, or nothing for `auto`.
    pub(super) fn path(&self) -> Result<Option<PathBuf>, Problem> {
        match self.string() {
            Some("auto") => Ok(None),
            Some(path) if !path.is_empty() && !path.contains('\0') => Ok(Some(path.into())),
            _ => Err(self.refuse("the path of a folder, or auto")),
        }
    }

    pub(super) fn log_level(&self) -> Result<log::LevelFilter, Problem> {
        self.string()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.refuse("off, error, warn, info, debug or trace"))
    }

    /// The value is not one of those `allowed`.
    pub(super) fn refuse(&self, allowed: &str) -> Problem {
        self.problem(format!("{} is not allowed; {allowed}", self.found()))
    }

    pub(super) fn problem(&self, text: String) -> Problem {
        Problem { line: self.line, key: self.key.clone(), text }
    }

    fn found(&self) -> String {
        match &self.node.data {
            YamlData::Value(Scalar::Null) => "no value".to_owned(),
            YamlData::Value(Scalar::Boolean(value)) => value.to_string(),
            YamlData::Value(Scalar::Integer(value)) => value.to_string(),
            YamlData::Value(Scalar::FloatingPoint(value)) => value.to_string(),
            YamlData::Value(Scalar::String(text)) => format!("{text:?}"),
            YamlData::Sequence(_) => "a list".to_owned(),
            YamlData::Mapping(_) => "a mapping".to_owned(),
            YamlData::Tagged(..) => "a YAML tag".to_owned(),
            _ => "this value".to_owned(),
        }
    }
}

impl<'a> Section<'a, '_> {
    /// Reads `key` into `target`, which keeps its value if the key is not there or not allowed.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        target: &mut T,
        read: impl FnOnce(&Setting<'a>) -> Result<T, Problem>,
    ) {
        match self.take(key).map(|setting| read(&setting)) {
            Some(Ok(value)) => *target = value,
            Some(Err(problem)) => self.problems.push(problem),
            None => {}
        }
    }

    /// Reads `key` with a function that may find more than one problem.
    pub(super) fn read_with(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Setting<'a>, &mut Vec<Problem>),
    ) {
        if let Some(setting) = self.take(key) {
            read(&setting, self.problems);
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Setting<'a>> {
        self.known.push(key);
        let index = self.unread.iter().position(|(name, _)| name == key)?;
        Some(self.unread.remove(index).1)
    }

    fn report_unread(self) {
        for (name, setting) in &self.unread {
            let help = match nearest(name, &self.known) {
                Some(known) => format!("did you mean {}?", join(&self.key, known)),
                None => format!("the keys here are {}", self.known.join(", ")),
            };
            self.problems.push(setting.problem(format!("unknown key; {help}")));
        }
    }
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") }
}

/// A key as text; those that are no scalar have none.
pub(super) fn key_text(key: &MarkedYaml<'_>) -> String {
    match &key.data {
        YamlData::Value(Scalar::String(text)) => text.to_string(),
        YamlData::Value(Scalar::Integer(value)) => value.to_string(),
        YamlData::Value(Scalar::Boolean(value)) => value.to_string(),
        YamlData::Value(Scalar::FloatingPoint(value)) => value.to_string(),
        YamlData::Value(Scalar::Null) => "null".to_owned(),
        _ => "?".to_owned(),
    }
}
