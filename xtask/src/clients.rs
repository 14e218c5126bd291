//! MQTT client libraries of other languages, which tests drive: installed once into the target folder,
//! in the versions that `broker/tests/clients/` pins. Once they are there, no network is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::step;
use crate::workspace::{root, target_folder};

/// A library: what pins it, and how it is installed into a folder and tried there.
struct Library {
    /// Of its folder in `broker/tests/clients/`, and of that in the target folder.
    name: &'static str,
    /// In its folder. What they say decides whether it must be installed again.
    pins: &'static [&'static str],
    install: fn(&Path) -> anyhow::Result<()>,
    /// Succeeds if the library can be used.
    probe: fn(&Path) -> Command,
}

const LIBRARIES: [Library; 2] = [
    Library {
        name: "paho",
        pins: &["requirements.txt"],
        install: install_python,
        probe: |folder| command(folder, &python(folder), &["-c", "import paho.mqtt.client"]),
    },
    Library {
        name: "mqttjs",
        pins: &["package.json", "package-lock.json"],
        install: install_javascript,
        probe: |folder| command(folder, "node".as_ref(), &["-e", "require('mqtt')"]),
    },
];

/// Says in a library's folder what was installed; written last.
const STAMP: &str = "installed";

/// Installs those libraries that are not there, or not in the versions pinned now.
pub(crate) fn install() -> anyhow::Result<()> {
    let (sources, target) = (root().join("broker/tests/clients"), target_folder()?.join("clients"));
    for library in &LIBRARIES {
        library.require(&sources.join(library.name), &target.join(library.name)).with_context(
            || {
                format!(
                    "cannot install the client library {}; this needs the network, the first \
                     time only",
                    library.name
                )
            },
        )?;
    }
    Ok(())
}

impl Library {
    /// Leaves it in `target`, as `source` pins it.
    fn require(&self, source: &Path, target: &Path) -> anyhow::Result<()> {
        let mut pinned = String::new();
        for name in self.pins {
            let file = source.join(name);
            pinned += &fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        }
        let stamp = target.join(STAMP);
        let is_current = fs::read_to_string(&stamp).is_ok_and(|installed| installed == pinned);
        if is_current && step::succeeds(&mut (self.probe)(target)) {
            return Ok(());
        }
        step::announce(&format!("install {} into {}", self.name, target.display()));
        let place = || target.display().to_string();
        if target.exists() {
            fs::remove_dir_all(target).with_context(place)?;
        }
        fs::create_dir_all(target).with_context(place)?;
        for name in self.pins {
            fs::copy(source.join(name), target.join(name)).with_context(place)?;
        }
        (self.install)(target)?;
        step::run(&mut (self.probe)(target))?;
        fs::write(&stamp, pinned).with_context(place)
    }
}

fn install_python(folder: &Path) -> anyhow::Result<()> {
    step::run(&mut command(folder, "python3".as_ref(), &["-m", "venv", "."]))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let exact = ["--require-hashes", "--requirement", "requirements.txt"];
    step::run(&mut command(folder, &python(folder), &[&pip[..], &exact].concat()))
}

fn install_javascript(folder: &Path) -> anyhow::Result<()> {
    let exact = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    step::run(&mut command(folder, "npm".as_ref(), &exact))
}

/// The interpreter that finds the library.
fn python(folder: &Path) -> PathBuf {
    folder.join("bin/python")
}

fn command(folder: &Path, program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Library, STAMP, command};

    /// Counts in the file `count` how often it was installed.
    const LIBRARY: Library = Library {
        name: "library",
        pins: &["pin"],
        install: |folder| {
            let count = folder.with_file_name("count");
            let before = fs::read_to_string(&count).unwrap_or_default();
            Ok(fs::write(count, before + "+")?)
        },
        probe: |folder| command(folder, "test".as_ref(), &["!", "-e", "broken"]),
    };

    #[test]
    fn installs_again_only_what_has_changed_or_broken() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let (source, target) = (folder.join("source"), folder.join("target"));
        fs::create_dir(&source).expect("a folder");
        let require = |count: &str| {
            LIBRARY.require(&source, &target).expect("installs");
            assert_eq!(fs::read_to_string(folder.join("count")).expect("a count"), count);
            assert!(target.join(STAMP).is_file());
        };
        let write = |path: &Path, text| fs::write(path, text).expect("writes");
        write(&source.join("pin"), "1");
        require("+");
        require("+");
        write(&source.join("pin"), "2");
        require("++");
        write(&target.join("broken"), "");
        require("+++");
        fs::remove_file(target.join(STAMP)).expect("removes");
        require("++++");
    }
}
