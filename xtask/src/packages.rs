//! Programs that are not built here: finds them, and installs their Debian packages if it may.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::step;

/// A program and the packages that bring it.
pub(crate) struct Program {
    name: &'static str,
    /// With these arguments it must succeed; without any it need only be there.
    probe: &'static [&'static str],
    packages: &'static [&'static str],
}

/// Compiles plugins written in C.
pub(crate) const CC: Program = program("cc", &["gcc", "libc6-dev"]);

/// A broker that nearly everybody can have.
pub(crate) const MOSQUITTO: Program = program("mosquitto", &["mosquitto"]);

/// Counts instructions.
pub(crate) const VALGRIND: Program = program("valgrind", &["valgrind"]);

/// What the tests talk to, what builds the plugins they load, and what runs the client libraries of
/// other languages.
pub(crate) const FOR_TESTS: [Program; 10] = [
    CC,
    program("g++", &["g++"]),
    program("go", &["golang-go"]),
    program("make", &["make"]),
    MOSQUITTO,
    program("mosquitto_pub", &["mosquitto-clients"]),
    program("mosquitto_sub", &["mosquitto-clients"]),
    Program {
        name: "python3",
        // Debian has the two in a package of their own.
        probe: &["-c", "import ensurepip, venv"],
        packages: &["python3", "python3-venv"],
    },
    program("node", &["nodejs"]),
    program("npm", &["npm"]),
];

const fn program(name: &'static str, packages: &'static [&'static str]) -> Program {
    Program { name, probe: &[], packages }
}

impl Program {
    /// Where it is.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        find(self.name)
    }
}

/// Debian keeps servers where the PATH of ordinary users does not look.
const SERVER_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Installs the packages of those programs that are not there. Needs root or sudo for that; else
/// it fails, and the error is the command to run.
pub(crate) fn require(programs: &[Program]) -> anyhow::Result<()> {
    let missing = missing_packages(programs, is_there);
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
fn missing_packages(
    programs: &[Program],
    is_there: impl Fn(&Program) -> bool,
) -> Vec<&'static str> {
    let mut packages: Vec<&str> = Vec::new();
    for program in programs.iter().filter(|program| !is_there(program)) {
        for package in program.packages {
            if !packages.contains(package) {
                packages.push(package);
            }
        }
    }
    packages
}

fn is_there(program: &Program) -> bool {
    let Some(file) = find(program.name) else { return false };
    program.probe.is_empty() || step::succeeds(Command::new(file).args(program.probe))
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
    if !step::succeeds(Command::new("sudo").args(["-n", "true"])) {
        bail!("not root, and sudo wants a password");
    }
    Ok(vec!["sudo", "-n"])
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
    use super::{FOR_TESTS, Program, is_there, missing_packages};

    #[test]
    fn names_each_package_once() {
        let packages = missing_packages(&FOR_TESTS, |_| false);
        let c = ["gcc", "libc6-dev", "g++", "golang-go", "make"];
        let others = ["mosquitto", "mosquitto-clients", "python3", "python3-venv", "nodejs", "npm"];
        assert_eq!(packages, [&c[..], &others].concat());
    }

    #[test]
    fn leaves_what_is_there() {
        assert_eq!(missing_packages(&FOR_TESTS, |_| true), [""; 0]);
        let packages = missing_packages(&FOR_TESTS, |program| program.name != "mosquitto_sub");
        assert_eq!(packages, ["mosquitto-clients"]);
    }

    #[test]
    fn a_program_without_what_it_needs_is_not_there() {
        let shell = |probe| Program { name: "sh", probe, packages: &[] };
        assert!(is_there(&shell(&[])));
        assert!(is_there(&shell(&["-c", "exit 0"])));
        assert!(!is_there(&shell(&["-c", "exit 1"])));
        assert!(!is_there(&Program { name: "no such program", ..shell(&[]) }));
    }
}
