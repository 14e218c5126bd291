//! A store that version 1 of the format has written is read as it was written.

use std::fs;
use std::path::{Path, PathBuf};

use hookmq_store::export;

use crate::damaged::{copy_all, journal};
use crate::script::{self, open};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Writes the fixture: what 60 groups of a script leave, with a restart among them, and then a crash.
fn write(to: &Path) {
    let dir = tempfile::tempdir().unwrap();
    for groups in [1..=30, 31..=60] {
        let (store, _) = open(dir.path()).unwrap();
        for sequence in groups {
            store.submit(&mut script::scripted(1, sequence));
            while store.durable() < sequence {
                std::thread::yield_now();
            }
            if sequence == 60 {
                copy_all(dir.path(), to);
            }
        }
    }
    // Files are made longer than what they hold.
    let (path, bytes, end) = journal(to);
    fs::write(path, &bytes[..end]).unwrap();
}

/// The folder `v1` is what [`write`] left, `v1.jsonl` its export. To write both anew, before a release has the
/// format: `STORE_FIXTURE=1 cargo test -p hookmq-store --test it -- version_1`.
#[test]
fn version_1_is_read() {
    let is_new = std::env::var_os("STORE_FIXTURE").is_some();
    if is_new {
        fs::remove_dir_all(fixture("v1")).unwrap();
        write(&fixture("v1"));
    }
    let dir = tempfile::tempdir().unwrap();
    copy_all(&fixture("v1"), dir.path());
    // What has no files is not in the repository.
    for keyspace in 0..4 {
        fs::create_dir_all(dir.path().join(format!("journal/keyspaces/{keyspace}/tables")))
            .unwrap();
    }
    let mut lines = Vec::new();
    export(dir.path(), &mut lines, &mut |_| {}).unwrap();
    if is_new {
        fs::write(fixture("v1.jsonl"), &lines).unwrap();
    }
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    let expected = fs::read_to_string(fixture("v1.jsonl")).unwrap();
    assert_eq!(sorted(str::from_utf8(&lines).unwrap()), sorted(&expected));
}
