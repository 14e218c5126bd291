//! A disk that is full, and one that fails: nothing is reported that is not there.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout};

use hookmq_store::Durability;
use torture::disk;

use crate::script::{Random, Scripted, open};
use crate::writer;

/// A writer on a disk with a limit.
struct Limited {
    child: Child,
    lines: BufReader<ChildStdout>,
    control: tempfile::NamedTempFile,
    reported: u64,
}

impl Limited {
    fn start(dir: &Path, seed: u64, durability: Durability) -> Limited {
        let control = tempfile::NamedTempFile::new().unwrap();
        let mut command = writer::command(dir, seed, durability);
        disk::watch(&mut command, dir);
        let mut child = command.env("DISK_CONTROL", control.path()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Limited { child, lines, control, reported: 0 }
    }

    /// So many bytes may be written in all, and fsync works or fails.
    fn limit(&self, bytes: u64, fsync_fails: bool) {
        disk::limit(self.control.path(), bytes, fsync_fails);
    }

    /// The next line that begins with a word; what was reported meanwhile is kept in mind.
    fn wait_for(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "the writer ended");
            self.reported = self.reported.max(writer::last_reported(line.as_bytes()));
            if line.starts_with(word) {
                return line;
            }
        }
    }

    fn kill(mut self) -> u64 {
        self.child.kill().unwrap();
        let mut rest = Vec::new();
        self.lines.read_to_end(&mut rest).unwrap();
        self.reported = self.reported.max(writer::last_reported(&rest));
        self.child.wait().unwrap();
        self.reported
    }
}

fn fills_again_and_again(durability: Durability, seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(seed);
    let mut writer = Limited::start(dir.path(), seed, durability);
    writer.wait_for("durable");
    let mut limit = 0;
    for _ in 0..4 {
        writer.limit(limit, false);
        let line = writer.wait_for("Full");
        assert_eq!(line.trim(), format!("Full {}", writer.reported));
        // A look whether there is space needs some as well.
        limit += 8_800_000 + random.below(100_000);
        writer.limit(limit, false);
        writer.wait_for("durable");
    }
    let reported = writer.kill();
    let (_store, state) = open(dir.path()).expect("the store opens");
    Scripted::new(seed).must_be(&state, reported);
}

#[test]
fn a_full_disk_is_waited_for_at_fsync() {
    fills_again_and_again(Durability::Fsync, 31);
}

#[test]
fn a_full_disk_is_waited_for_at_os() {
    fills_again_and_again(Durability::Os, 32);
}

#[test]
fn a_process_that_ends_while_the_disk_is_full_loses_nothing_reported() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Limited::start(dir.path(), 33, Durability::Fsync);
    writer.wait_for("durable");
    writer.limit(0, false);
    writer.wait_for("Full");
    let reported = writer.kill();
    let (_store, state) = open(dir.path()).expect("the store opens");
    Scripted::new(33).must_be(&state, reported);
}

#[test]
fn a_failed_fsync_is_never_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Limited::start(dir.path(), 34, Durability::Fsync);
    writer.wait_for("durable");
    writer.limit(u64::MAX, true);
    let line = writer.wait_for("Failed");
    assert!(line.trim().ends_with(&format!(" {}", writer.reported)), "{line}");
    writer.limit(u64::MAX, false);
    let reported = writer.kill();
    let (_store, state) = open(dir.path()).expect("the store opens");
    Scripted::new(34).must_be(&state, reported);
}
