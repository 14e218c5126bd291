//! A store that version 1 of the format has written is read as it was written.

use std::fs;
use std::path::{Path, PathBuf};

use hookmq_store::export;

use crate::damaged::copy_all;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The folder `v1` is what 60 groups of a script left, and then a crash; `v1.jsonl` is its export.
#[test]
fn version_1_is_read() {
    let dir = tempfile::tempdir().unwrap();
    copy_all(&fixture("v1"), dir.path());
    // What has no files is not in the repository.
    for keyspace in 0..4 {
        fs::create_dir_all(dir.path().join(format!("journal/keyspaces/{keyspace}/tables")))
            .unwrap();
    }
    let mut lines = Vec::new();
    export(dir.path(), &mut lines, &mut |_| {}).unwrap();
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    let expected = fs::read_to_string(fixture("v1.jsonl")).unwrap();
    assert_eq!(sorted(str::from_utf8(&lines).unwrap()), sorted(&expected));
}
