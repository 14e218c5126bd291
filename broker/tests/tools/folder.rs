//! A folder with a config and plugins, in which the binary is started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::process::Process;

pub(crate) struct Folder {
    dir: TempDir,
}

/// What a run of the binary has said.
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) out: Vec<String>,
    pub(crate) errors: Vec<String>,
}

impl Folder {
    /// With `config.yml` and an empty `plugins/`.
    pub(crate) fn new(config: &str) -> Folder {
        let folder = Folder { dir: tempfile::tempdir().unwrap() };
        folder.write("config.yml", config);
        fs::create_dir(folder.path("plugins")).unwrap();
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(name), contents).unwrap();
    }

    /// Copies a library to `plugins/NAME.so`.
    pub(crate) fn put(&self, library: impl AsRef<Path>, name: &str) {
        self.write(&format!("plugins/{name}.so"), fs::read(library).unwrap());
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).output().unwrap())
    }

    /// Starts the binary.
    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        Process::start(&mut self.command(arguments), "cargo builds it")
    }

    /// The binary, to be run in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookmq"));
        command.current_dir(self.dir.path()).args(arguments).env_remove("RUST_LOG");
        command
    }
}

impl Said {
    pub(crate) fn of(output: Output) -> Said {
        let Output { status, stdout, stderr } = output;
        let lines = |bytes| String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect();
        Said { status: status.code(), out: lines(stdout), errors: lines(stderr) }
    }

    /// It has ended with this status, and said these lines about what is wrong.
    #[track_caller]
    pub(crate) fn check(&self, status: i32, errors: &[&str]) {
        assert_eq!(self.errors, errors);
        assert_eq!(self.status, Some(status), "{:#?}", self.out);
    }
}
