//! `hookmq plugin check`: what a file is, and all that would keep it from being loaded.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use hookmq::config;
use hookmq::plugins::{Contents, Inspection, Language, PluginEntry, inspect_file};
use plugin_abi::raw::ABI_VERSION;
use serde_json::{Map, Value};

use crate::tools::{complain, say, trial};

/// Say what a plugin is, and what would be refused
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Check {
    /// The library, anywhere
    file: PathBuf,
    /// Start it too, and shut it down, in a process of its own
    #[arg(long)]
    load: bool,
    /// A key of the plugin's own section for --load; the value is YAML. May be repeated
    #[arg(long, value_name = "KEY=VALUE", requires = "load", value_parser = read_pair)]
    set: Vec<(String, Value)>,
    /// The plugin's own section for --load; --set is put on top
    #[arg(long, value_name = "YAML", requires = "load", value_parser = read_section)]
    plugin_config: Option<Value>,
    /// How long it may take to start, and to shut down, in seconds
    #[arg(long, value_name = "SECONDS", requires = "load", default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(1..))]
    timeout: u32,
    /// As if its entry in the config said `allow_panic_abort: true`
    #[arg(long)]
    allow_panic_abort: bool,
}

const AFTER_HELP: &str = "\
Without --load none of its code runs: what it is, is read from the file. That finds a file that is no
plugin, truncated, for another machine or another version of plugin-abi, or built with panic = \"abort\".
Only --load finds a library or symbol that is missing, tables that do not match, and a Bootstrap that
refuses its section, panics or crashes. Relative paths in its section begin in the working directory, and
what it keeps is thrown away.

Examples:
  hookmq plugin check target/release/libsub_limiter.so
  hookmq plugin check plugins/sub-limiter.so --load --set max=5
  hookmq plugin check acl.so --load --plugin-config '{ allow: [a/#, b], strict: true }'

What is wrong goes to stderr, a line for each, as does what the plugin logs; what the plugin is, to
stdout. Exit status: 0 if nothing would be refused, 1 if something would, 2 if the arguments are wrong.";

impl Check {
    /// Blocks on the disk, and as long as the plugin does.
    pub(super) fn run(&self) -> ExitCode {
        let section = match self.section() {
            Ok(section) => section,
            Err(error) => {
                complain(error);
                return ExitCode::from(2);
            }
        };
        let plugin = inspect_file(&self.file, self.allow_panic_abort);
        describe(&plugin);
        for error in &plugin.refusals {
            complain(error);
        }
        let good = plugin.refusals.is_empty() && (!self.load || self.try_it(&plugin, section));
        if !good {
            return ExitCode::FAILURE;
        }
        say("nothing would be refused");
        ExitCode::SUCCESS
    }

    /// The plugin's own section.
    fn section(&self) -> Result<Value, String> {
        if self.set.is_empty() {
            return Ok(self.plugin_config.clone().unwrap_or_default());
        }
        let mut section = match &self.plugin_config {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(section)) => section.clone(),
            Some(_) => return Err("--set needs a mapping as --plugin-config".to_owned()),
        };
        section.extend(self.set.iter().cloned());
        Ok(Value::Object(section))
    }

    fn try_it(&self, plugin: &Inspection, config: Value) -> bool {
        let entry = PluginEntry {
            name: plugin.name.clone(),
            config,
            allow_panic_abort: self.allow_panic_abort,
            ..PluginEntry::default()
        };
        let patience = Duration::from_secs(self.timeout.into());
        match trial::run(&self.file, &entry, Path::new("."), patience) {
            Ok(hooks) => {
                say("it has started, and was shut down");
                if plugin.contents.as_ref().is_none_or(|contents| contents.hooks.is_none()) {
                    field("hooks", &list(&hooks));
                }
                true
            }
            Err(error) => {
                complain(error);
                false
            }
        }
    }
}

fn describe(plugin: &Inspection) {
    field("name", &plugin.name);
    if let Some(sha256) = plugin.sha256 {
        field("sha256", &sha256.to_string());
    }
    let Some(contents) = &plugin.contents else { return };
    if let Some(language) = contents.language {
        field(
            "kind",
            match language {
                Language::Rust => "Rust, with #[plugin]",
                Language::C => "C, or what exports the functions of plugin.h",
            },
        );
    }
    describe_manifest(contents);
    match &contents.hooks {
        Some(hooks) => field("hooks", &list(hooks)),
        None => field("hooks", "which it has, only --load tells"),
    }
    for remark in &contents.remarks {
        complain(format_args!("warning: {remark}"));
    }
}

fn describe_manifest(contents: &Contents) {
    let Some(manifest) = &contents.manifest else {
        return field("manifest", "none; `#[plugin]` or `MQ_PLUGIN` of this version puts it there");
    };
    let ours = format!("{}.{}", ABI_VERSION >> 16, ABI_VERSION & 0xFFFF);
    field("says it is", &format!("{} {}", manifest.name, manifest.version));
    field("description", &manifest.description);
    field("license", &manifest.license);
    if !manifest.plugin_abi.is_empty() {
        field("plugin-abi", &format!("{}; this broker has {ours}", manifest.plugin_abi));
    }
    if !manifest.requires.is_empty() {
        field("requires", &format!("plugin-abi {}", manifest.requires));
    }
    field("wants", &manifest.wants.join(", "));
    field("may use", &manifest.may_use.join(", "));
    if let Some(unwinds) = manifest.panic_unwind {
        field("panic", if unwinds { "unwind" } else { "abort" });
    }
}

fn field(key: &str, value: &str) {
    if !value.is_empty() {
        say(format_args!("{key:<12} {value}"));
    }
}

fn list(hooks: &[String]) -> String {
    if hooks.is_empty() { "none".to_owned() } else { hooks.join(", ") }
}

fn read_pair(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    Ok((key.to_owned(), read_section(value)?))
}

pub(super) fn read_section(text: &str) -> Result<Value, String> {
    config::plugin_section(text).map_err(|problem| problem.text)
}
