//! A broker in a process of its own, on a disk that can be full, fail, or not answer.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{Operator, Process};
use crate::common::plugins;

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Limited {
    process: Process,
    folder: TempDir,
    pub(crate) address: SocketAddr,
    /// Of a listener with `durability: memory`.
    pub(crate) in_memory: SocketAddr,
}

impl Limited {
    /// With these lines of config besides its own, and the plugin that calls as a test says.
    pub(crate) fn start(config: &str) -> Limited {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("plugins")).unwrap();
        fs::copy(plugins::rust("caller"), folder.path().join("plugins/caller.so")).unwrap();
        let own = "listeners: [ tcp: 127.0.0.1:0, { tcp: 127.0.0.1:0, durability: memory } ]\n\
                   plugins: [ caller: { unkept: a/unkept } ]\ncontrol: socket\nthreads: 2\n";
        fs::write(folder.path().join("config.yml"), format!("{own}{config}")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookmq"));
        command
            .current_dir(folder.path())
            .env_remove("RUST_LOG")
            .env("LD_PRELOAD", library())
            .env("DISK_DIR", folder.path().join("data/store"))
            .env("DISK_CONTROL", folder.path().join("disk"));
        limit(folder.path(), u64::MAX, WORKS);
        let mut process = Process::start(&mut command, "it is built with the tests");
        let [address, in_memory] = process.addresses();
        Limited { process, folder, address, in_memory }
    }

    /// The disk takes nothing more.
    pub(crate) fn fill_disk(&mut self) {
        limit(self.folder.path(), 0, WORKS);
    }

    /// There is space again.
    pub(crate) fn free_disk(&mut self) {
        limit(self.folder.path(), u64::MAX, WORKS);
    }

    /// From now on fsync fails.
    pub(crate) fn break_disk(&mut self) {
        limit(self.folder.path(), u64::MAX, FAILS);
    }

    /// From now on fsync does not return.
    pub(crate) fn hang_disk(&mut self) {
        limit(self.folder.path(), u64::MAX, HANGS);
    }

    /// Waits until it logs this.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        self.process.line_with(text)
    }

    /// What is found in its status, once it is there.
    pub(crate) fn status_when(&self, look: impl Fn(&Value) -> bool) -> Value {
        let mut operator = self.operator();
        poll(|| operator.status(), look)
    }

    pub(crate) fn operator(&self) -> Operator {
        Operator::connect(&self.folder.path().join("socket"))
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(self) -> ExitStatus {
        self.process.wait().0
    }
}

/// Asks until the answer is as `look` wants it.
pub(crate) fn poll<T: std::fmt::Debug>(mut ask: impl FnMut() -> T, look: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask();
        if look(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "it stays so: {answer:?}");
        std::thread::yield_now();
    }
}

/// What fsync does.
const WORKS: u8 = 0;
const FAILS: u8 = 1;
const HANGS: u8 = 2;

/// So many bytes may be written in all.
fn limit(folder: &Path, bytes: u64, fsync: u8) {
    let new = folder.join("disk.new");
    // As a whole or not at all.
    fs::write(&new, format!("{bytes} {fsync}\n")).unwrap();
    fs::rename(new, folder.join("disk")).unwrap();
}

/// What stands before the C library, built once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(PathBuf, TempDir)> = OnceLock::new();
    let (library, _) = LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../torture/src/disk.c");
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("disk.so");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O2", "-pthread", "-o"]).arg(&library).arg(source);
        assert!(cc.arg("-ldl").status().expect("a C compiler").success());
        (library, folder)
    });
    library
}
