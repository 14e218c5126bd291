//! Programs that are not built here: finds them, and installs their Debian packages if it may.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::step;

/// A program and the packages that bring it.
pub(crate) struct Program {
    name: &'static str,
    packages: &'static [&'static str],
}

/// Compiles plugins written in C.
pub(crate) const CC: Program = Program { name: "cc", packages: &["gcc", "libc6-dev"] };

/// What the tests talk to, and what builds the plugins they load.
pub(crate) const FOR_TESTS: [Program; 4] = [
    CC,
    Program { name: "mosquitto", packages: &["mosquitto"] },
    Program { name: "mosquitto_pub", packages: &["mosquitto-clients"] },
    Program { name: "mosquitto_sub", packages: &["mosquitto-clients"] },
];

/// Debian keeps servers where the PATH of ordinary users does not look.
const SERVER_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Installs the packages of those programs that are not there. Needs root or sudo for that; else
/// it fails, and the error is the command to run.
pub(crate) fn require(programs: &[Program]) -> anyhow::Result<()> {
    let missing = missing_packages(programs, |name| find(name).is_some());
    if missing.is_empty() {
        return Ok(());
    }
    step::announce(&format!("install {}", missing.join(" ")));
    let by_hand = format!(
        "install what is missing, then run this again:\n  apt-get install {}",
        missing.join(" ")
    );
    if find("apt-get").is_none() {
        bail!("no apt-get here; {by_hand}");
    }
    let prefix = privileges().with_context(|| by_hand.clone())?;
    step::run(&mut apt_get(&prefix, &["update", "-qq"]))?;
    let install = ["install", "-y", "-qq", "--no-install-recommends"];
    step::run(apt_get(&prefix, &install).args(&missing)).with_context(|| by_hand)
}

/// Each package once.
fn missing_packages(programs: &[Program], is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut packages: Vec<&str> = Vec::new();
    for program in programs.iter().filter(|program| !is_there(program.name)) {
        for package in program.packages {
            if !packages.contains(package) {
                packages.push(package);
            }
        }
    }
    packages
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SERVER_FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// What must stand before a command that changes the system.
fn privileges() -> anyhow::Result<Vec<&'static str>> {
    if is_root() {
        return Ok(Vec::new());
    }
    if find("sudo").is_none() {
        bail!("not root, and there is no sudo");
    }
    if std::io::stdin().is_terminal() {
        return Ok(vec!["sudo"]);
    }
    // Nobody is there to be asked for a password.
    let mut ask = Command::new("sudo");
    ask.args(["-n", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    match ask.status() {
        Ok(status) if status.success() => Ok(vec!["sudo", "-n"]),
        _ => bail!("not root, and sudo wants a password"),
    }
}

/// The owner of a process's own folder in /proc is its user.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc/self").metadata().is_ok_and(|metadata| metadata.uid() == 0)
}

fn apt_get(prefix: &[&str], arguments: &[&str]) -> Command {
    let mut words = prefix.iter().copied().chain(["env", "DEBIAN_FRONTEND=noninteractive"]);
    let mut command = Command::new(words.next().unwrap_or("env"));
    command.args(words).arg("apt-get").args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::{FOR_TESTS, missing_packages};

    #[test]
    fn names_each_package_once() {
        let packages = missing_packages(&FOR_TESTS, |_| false);
        assert_eq!(packages, ["gcc", "libc6-dev", "mosquitto", "mosquitto-clients"]);
    }

    #[test]
    fn leaves_what_is_there() {
        assert_eq!(missing_packages(&FOR_TESTS, |_| true), [""; 0]);
        let packages = missing_packages(&FOR_TESTS, |name| name != "mosquitto_sub");
        assert_eq!(packages, ["mosquitto-clients"]);
    }
}
