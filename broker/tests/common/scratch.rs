//! A plugin crate in a folder outside the repository, where need be with a changed plugin-abi.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use super::plugins;

pub(crate) struct Scratch {
    dir: TempDir,
    name: &'static str,
}

/// A plugin in one file.
pub(crate) const PLUGIN: &str = r#"
#![forbid(unsafe_code)]
use plugin_abi::{Config, Connect, Host, Plugin, Publish, Result, log, plugin};

struct Scratch;

#[plugin]
impl Plugin for Scratch {
    fn bootstrap(_host: Host, _config: Config) -> Result<Self> {
        Ok(Scratch)
    }

    fn on_connect(&self, event: &Connect<'_>) -> bool {
        log::info!("{} connected", event.client().client_id());
        true
    }

    fn on_before_publish(&self, event: &Publish<'_>) -> bool {
        event.topic() != "vetoed"
    }
}
"#;

impl Scratch {
    /// A workspace with the crate `name` alone, which depends on this repository's plugin-abi.
    ///
    /// The name must be used once: all scratch crates are built into one target folder.
    pub(crate) fn new(name: &'static str, source: &str) -> Self {
        let scratch = Scratch { dir: tempfile::tempdir().unwrap(), name };
        scratch.write_workspace(&["plugin"]);
        scratch.write_plugin(&plugins::workspace().join("plugin-abi"), source);
        scratch
    }

    /// As `new`, with a copy of plugin-abi in which each edit (file, before, after) was made.
    pub(crate) fn with_abi(name: &'static str, edits: &[(&str, &str, &str)]) -> Self {
        let scratch = Scratch { dir: tempfile::tempdir().unwrap(), name };
        // Cargo knows a crate by its path in the workspace: as `plugin-abi` the copy would pass for the
        // real one, when the next plugin is built into the same target folder.
        let folder = format!("{name}-abi");
        scratch.write_workspace(&["plugin", &folder, &format!("{folder}/macros")]);
        let manifest = std::fs::read_to_string(scratch.path("Cargo.toml")).unwrap();
        let manifest = manifest.replace("path = \"plugin-abi", &format!("path = \"{folder}"));
        std::fs::write(scratch.path("Cargo.toml"), manifest).unwrap();
        let abi = scratch.path(&folder);
        copy_dir(&plugins::workspace().join("plugin-abi"), &abi);
        for (file, before, after) in edits {
            let file = abi.join(file);
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.contains(before), "{} has no {before:?}", file.display());
            std::fs::write(&file, text.replace(before, after)).unwrap();
        }
        scratch.write_plugin(&abi, PLUGIN);
        scratch
    }

    /// The crate `name` against a plugin-abi that was released, as it was released then.
    pub(crate) fn with_release(name: &'static str, version: &str, source: &str) -> Self {
        let scratch = Scratch { dir: tempfile::tempdir().unwrap(), name };
        scratch.write_workspace(&["plugin"]);
        let abi = unpack(&format!("plugin-abi-{version}"), scratch.dir.path());
        let macros = unpack(&format!("plugin-abi-macros-{version}"), scratch.dir.path());
        let manifest = std::fs::read_to_string(scratch.path("Cargo.toml")).unwrap();
        let manifest =
            format!("{manifest}\n[patch.crates-io]\nplugin-abi-macros = {{ path = {macros:?} }}\n");
        std::fs::write(scratch.path("Cargo.toml"), manifest).unwrap();
        scratch.write_plugin(&abi, source);
        scratch
    }

    /// With this in place of the plugin.
    pub(crate) fn source(self, source: &str) -> Self {
        std::fs::write(self.path("plugin/src/lib.rs"), source).unwrap();
        self
    }

    /// The plugin's library.
    pub(crate) fn build(&self, arguments: &[&str]) -> PathBuf {
        plugins::build_crate(self.dir.path(), self.name, arguments)
    }

    /// What the compiler says to it.
    pub(crate) fn check(&self) -> Output {
        plugins::cargo(self.dir.path(), &["check", "--offline"], &[])
    }

    /// Runs its own tests.
    pub(crate) fn test(&self) -> Output {
        plugins::cargo(self.dir.path(), &["test", "--offline"], &[])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The workspace's dependencies and profiles, so that what is built already is built once.
    fn write_workspace(&self, members: &[&str]) {
        let root = plugins::workspace();
        let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
        let (head, rest) = manifest.split_once("members = [").unwrap();
        let (_, tail) = rest.split_once(']').unwrap();
        let manifest = format!("{head}members = {members:?}{tail}");
        std::fs::write(self.path("Cargo.toml"), manifest).unwrap();
        std::fs::copy(root.join("Cargo.lock"), self.path("Cargo.lock")).unwrap();
    }

    fn write_plugin(&self, abi: &Path, source: &str) {
        let manifest = format!(
            "[package]\nname = {:?}\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             [lib]\ncrate-type = [\"cdylib\"]\n\n\
             [dependencies]\nplugin-abi = {{ path = {abi:?} }}\n",
            self.name
        );
        std::fs::create_dir_all(self.path("plugin/src")).unwrap();
        std::fs::write(self.path("plugin/Cargo.toml"), manifest).unwrap();
        std::fs::write(self.path("plugin/src/lib.rs"), source).unwrap();
    }
}

/// Unpacks a package of `broker/tests/old` into a folder of its name in `to`.
pub(crate) fn unpack(package: &str, to: &Path) -> PathBuf {
    let archive = plugins::workspace().join(format!("broker/tests/old/{package}.crate"));
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(archive).arg("-C").arg(to);
    assert!(tar.status().unwrap().success(), "cannot unpack {package}");
    to.join(package)
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
