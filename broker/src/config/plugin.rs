//! The section `plugins:`. An item is a name, `name:` with more keys, or one key whose value is
//! the plugin's own section.

use semver::VersionReq;

use super::error::Problem;
use super::json::json;
use super::quantity::{duration, number};
use super::setting::Setting;
use crate::plugins::{Blocking, Capabilities, Capability, OnError, PluginEntry, Sha256};

const FORM: &str = "the name of a plugin, or a mapping with name: and its settings";
const NAME: &str = "the name of a file in the folder of plugins, with or without .so";

/// The keys of the long form; none of them is a plugin's name in the short form.
const OTHER_KEYS: [&str; 12] = [
    "config",
    "optional",
    "allow_panic_abort",
    "on_error",
    "deadline",
    "max_failures",
    "shadow",
    "blocking",
    "capabilities",
    "sha256",
    "version",
    "stages",
];

/// Milliseconds; what takes longer is not meant to be answered inline.
const MAX_DEADLINE: u64 = 60_000;

/// As many are remembered.
const MAX_FAILURES: u64 = 1000;

/// Reads all plugins, in order; those that are not allowed are left out.
pub(super) fn read(
    setting: &Setting<'_>,
    plugins: &mut Vec<PluginEntry>,
    problems: &mut Vec<Problem>,
) {
    match setting.list() {
        Ok(items) => plugins.extend(items.iter().filter_map(|item| read_one(item, problems))),
        Err(_) => problems.push(setting.refuse(&format!("a list, such as {}", as_item(setting)))),
    }
}

/// What somebody wrote who has forgotten the dash, with it.
fn as_item(setting: &Setting<'_>) -> String {
    let settings = setting.settings().unwrap_or_default();
    match (setting.string(), settings.first()) {
        (Some(name), _) if is_name(name) => format!("- {name}"),
        (_, Some((key, value))) if key == "name" => {
            format!("- name: {}", value.string().unwrap_or("sub-limiter"))
        }
        (_, Some((key, value))) if value.is_null() => format!("- {key}"),
        (_, Some((key, _))) => format!("- {key}: {{ … }}"),
        _ => "- sub-limiter: { max: 5 }".to_owned(),
    }
}

fn read_one(item: &Setting<'_>, problems: &mut Vec<Problem>) -> Option<PluginEntry> {
    if item.string().is_some() {
        let named = name(item).map(|name| PluginEntry { line: Some(item.line), ..entry(name) });
        return accept(named, problems);
    }
    let settings = item.settings().unwrap_or_default();
    if settings.iter().any(|(key, _)| key == "name") {
        return read_long(item, problems);
    }
    let short = match settings.as_slice() {
        [(key, _)] if OTHER_KEYS.contains(&key.as_str()) => {
            Err(item.problem("name: is missing".to_owned()))
        }
        [(key, setting)] => {
            read_short(key, setting).map(|plugin| PluginEntry { line: Some(item.line), ..plugin })
        }
        [] => Err(item.refuse(FORM)),
        [(plugin, empty), (key, first), ..] if empty.is_null() && is_name(plugin) => Err(first
            .problem(format!(
                "stands beside {plugin}:, not below it; indent it further, or write \
                 - {plugin}: {{ {key}: … }}"
            ))),
        _ => Err(item.problem(format!("name: is missing; {FORM}"))),
    };
    accept(short, problems)
}

/// `- name: x` with `config:` and others.
fn read_long(item: &Setting<'_>, problems: &mut Vec<Problem>) -> Option<PluginEntry> {
    let before = problems.len();
    let mut plugin = entry(String::new());
    item.section(problems, |section| {
        let PluginEntry {
            name: as_written,
            config,
            optional,
            line,
            allow_panic_abort,
            on_error,
            deadline,
            max_failures,
            shadow,
            blocking,
            capabilities,
            sha256,
            version,
            stages,
        } = &mut plugin;
        *line = Some(item.line);
        section.read("name", as_written, name);
        section.read("config", config, json);
        section.read("optional", optional, Setting::boolean);
        section.read("allow_panic_abort", allow_panic_abort, Setting::boolean);
        section.read("on_error", on_error, read_on_error);
        section.read("deadline", deadline, duration(0..=MAX_DEADLINE));
        section.read("max_failures", max_failures, number(0..=MAX_FAILURES));
        section.read("shadow", shadow, Setting::boolean);
        section.read("blocking", blocking, read_blocking);
        section.read("capabilities", capabilities, read_capabilities);
        section.read("sha256", sha256, read_sha256);
        section.read("version", version, read_version);
        section.read("stages", stages, read_stages);
    });
    (problems.len() == before).then_some(plugin)
}

fn read_capabilities(setting: &Setting<'_>) -> Result<Option<Capabilities>, Problem> {
    let refuse = |setting: &Setting<'_>| {
        let names = Capability::names().collect::<Vec<_>>().join(", ");
        setting.refuse(&format!("a list of {names}, or [] for none"))
    };
    let items = setting.list().map_err(|_| refuse(setting))?;
    let read = |item: &Setting<'_>| item.string().and_then(Capability::named).ok_or(refuse(item));
    items.iter().map(read).collect::<Result<_, _>>().map(Some)
}

fn read_sha256(setting: &Setting<'_>) -> Result<Option<Sha256>, Problem> {
    let sha256 = setting.string().and_then(|text| text.parse().ok());
    let form = "64 hexadecimal digits in quotes, as `hookmq plugin check` and sha256sum print them";
    sha256.map(Some).ok_or_else(|| setting.refuse(form))
}

fn read_version(setting: &Setting<'_>) -> Result<Option<VersionReq>, Problem> {
    let form = "the versions to take, in quotes, as \"^1.2\", \"~1.2.3\" or \">=1.2, <2\"";
    let read = setting.string().map(VersionReq::parse).and_then(Result::ok);
    read.map(Some).ok_or_else(|| setting.refuse(form))
}

fn read_stages(setting: &Setting<'_>) -> Result<Vec<String>, Problem> {
    let form = "a list of kinds of pre-releases, as [rc, beta]";
    let items = setting.list().map_err(|_| setting.refuse(form))?;
    let is_stage = |text: &&str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphabetic());
    let read = |item: &Setting<'_>| {
        item.string().filter(is_stage).map(str::to_owned).ok_or_else(|| item.refuse(form))
    };
    items.iter().map(read).collect()
}

fn read_on_error(setting: &Setting<'_>) -> Result<OnError, Problem> {
    match setting.string() {
        Some("default") => Ok(OnError::ByHook),
        Some("allow") => Ok(OnError::Allow),
        Some("refuse") => Ok(OnError::Refuse),
        Some("quarantine") => Ok(OnError::Quarantine),
        _ => Err(setting.refuse("default, allow, refuse or quarantine")),
    }
}

fn read_blocking(setting: &Setting<'_>) -> Result<Blocking, Problem> {
    match (setting.string(), setting.boolean()) {
        (Some("auto"), _) => Ok(Blocking::WhenSlow),
        (_, Ok(true)) => Ok(Blocking::Always),
        (_, Ok(false)) => Ok(Blocking::Declared),
        _ => Err(setting.refuse("auto, true or false")),
    }
}

/// `- x: {max: 5}`
fn read_short(key: &str, setting: &Setting<'_>) -> Result<PluginEntry, Problem> {
    if !is_name(key) {
        return Err(setting.problem(format!("not allowed; {NAME}")));
    }
    Ok(PluginEntry { config: json(setting)?, ..entry(key.to_owned()) })
}

fn name(setting: &Setting<'_>) -> Result<String, Problem> {
    let name = setting.string().filter(|name| is_name(name));
    name.map(str::to_owned).ok_or_else(|| setting.refuse(NAME))
}

/// A plugin is in the folder of plugins, not in one above or below it.
fn is_name(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains(['/', '\\', '\0'])
}

fn entry(name: String) -> PluginEntry {
    PluginEntry { name, ..PluginEntry::default() }
}

fn accept<T>(result: Result<T, Problem>, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}
