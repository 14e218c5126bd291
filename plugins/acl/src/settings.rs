//! The plugin's section of the broker's config.

use std::path::PathBuf;

use plugin_abi::{Config, Result, Verdict};
use serde::Deserialize;
use serde_json::Value;

use crate::compile::from_values;
use crate::effect::Effect;
use crate::problem::Problem;
use crate::rules::Rules;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    file: Option<PathBuf>,
    default: Option<Effect>,
    rules: Option<Vec<Value>>,
    #[serde(default)]
    strict: bool,
    #[serde(default)]
    refuse: Refuse,
    #[serde(default = "yes")]
    check_will_on_connect: bool,
    #[serde(default)]
    check_plugins: bool,
}

/// All but the rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) strict: bool,
    pub(crate) refuse: Refuse,
    pub(crate) check_will_on_connect: bool,
    pub(crate) check_plugins: bool,
}

/// Where the rules are.
pub(crate) enum Source {
    File(PathBuf),
    Config(Rules),
}

/// What a client hears that may not do something.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Refuse {
    /// Not authorized, and in words what.
    #[default]
    Aloud,
    /// Nothing, where it can go on without knowing.
    Silently,
}

impl Settings {
    pub(crate) fn read(config: &Config) -> Result<(Settings, Source)> {
        let written: Written = config.get()?;
        let source = match (written.file, written.default, written.rules) {
            (Some(file), None, None) => Source::File(file),
            (None, default, Some(rules)) => {
                let rules = from_values(default.unwrap_or_default(), &rules, str::to_owned);
                Source::Config(rules.map_err(|problems| lines(&problems))?)
            }
            (Some(_), ..) => return Err("with `file`, default and rules stand in that file".into()),
            (None, ..) => return Err("it needs `rules`, or `file` with the path of a file".into()),
        };
        let Written { strict, refuse, check_will_on_connect, check_plugins, .. } = written;
        Ok((Settings { strict, refuse, check_will_on_connect, check_plugins }, source))
    }
}

impl Refuse {
    pub(crate) fn verdict(self, words: impl FnOnce() -> String) -> Verdict {
        match self {
            Refuse::Aloud => Verdict::refuse_with(NOT_AUTHORIZED).reason(words()),
            Refuse::Silently => Verdict::Veto,
        }
    }
}

/// A reason code of MQTT 5.
const NOT_AUTHORIZED: u8 = 0x87;

/// All problems, one a line.
fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<String>>().join("\n")
}

fn yes() -> bool {
    true
}
