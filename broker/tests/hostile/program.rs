//! The broker as a program of its own, so that its memory can be seen.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use mqtt::Version;
use tempfile::TempDir;

use crate::guard::undisturbed;
use crate::support::{Login, Process};

const KIB: u64 = 1024;
/// What the broker may have more of after an attack besides a tenth: buffers that are kept for the
/// next use, and what the allocator does not give back.
const SLACK: u64 = 8 * 1024 * KIB;
/// How long memory may take to return.
const WITHIN: Duration = Duration::from_secs(20);

pub(crate) struct Program {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    _directory: TempDir,
}

impl Program {
    /// With these lines of the section `limits:`. Without a store: that has memory of its own, see
    /// [`Program::start_with_store`], beside which nobody would see what the broker has.
    pub(crate) fn start(limits: &[&str]) -> Program {
        Program::start_in_shell("", limits)
    }

    /// The same, after `setup` in the shell that becomes the broker.
    pub(crate) fn start_in_shell(setup: &str, limits: &[&str]) -> Program {
        Program::start_as("memory", setup, limits)
    }

    /// With a store.
    pub(crate) fn start_with_store(limits: &[&str]) -> Program {
        Program::start_as("os", "", limits)
    }

    fn start_as(durability: &str, setup: &str, limits: &[&str]) -> Program {
        let directory = tempfile::tempdir().unwrap();
        let limits: String = limits.iter().map(|line| format!("  {line}\n")).collect();
        let config = format!(
            "listeners:\n  - tcp: 127.0.0.1:0\nthreads: 2\ndurability: {durability}\nlimits:\n{limits}"
        );
        fs::write(directory.path().join("config.yml"), config).unwrap();
        let mut command = Command::new("sh");
        command.current_dir(directory.path()).env_remove("RUST_LOG");
        command.args(["-c", &format!("{setup}\nexec \"$0\""), env!("CARGO_BIN_EXE_hookmq")]);
        let mut process = Process::start(&mut command, "cargo builds it");
        let line = process.line_with("listens on tcp://");
        let address = line.split("tcp://").nth(1).unwrap();
        let address = address.split(' ').next().unwrap().parse().unwrap();
        Program { process, address, _directory: directory }
    }

    /// Runs an attack beside bystanders; afterwards the broker has the memory it had before.
    pub(crate) fn keeps_its_memory(&self, attack: impl FnOnce()) {
        undisturbed(self.address, || {});
        let before = self.resident();
        undisturbed(self.address, attack);
        let limit = before + before / 10 + SLACK;
        let mut other = Login::new(Version::V5, "other").connect(self.address);
        let deadline = Instant::now() + WITHIN;
        while self.resident() > limit {
            assert!(Instant::now() < deadline, "{before} bytes grew to {}", self.resident());
            // What is freed is freed by events like this one.
            other.ping();
        }
    }

    /// In bytes.
    pub(crate) fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most it ever was, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Processor time so far, in hundredths of a second.
    pub(crate) fn processor_time(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // The name in brackets may hold blanks; utime and stime are the 12th and 13th after it.
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let fields: Vec<&str> = fields.split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Ends it in good order; returns all that it has said, and fails if it was not content.
    pub(crate) fn stop(self) -> Vec<String> {
        self.process.signal("TERM");
        let (status, said) = self.process.wait();
        assert!(status.success(), "{status}: {said:#?}");
        said
    }

    fn memory(&self, what: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * KIB
    }
}
