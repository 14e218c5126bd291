//! A store that version 1 of the format has written is read as it was written.

use std::fs;
use std::path::{Path, PathBuf};

use hookmq_store::{Change, Lease, Queued, export};
use mqtt::QoS;

use crate::damaged::{copy_all, journal};
use crate::script::{self, open};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// What is rare in scripts: a message for which PUBREC came.
fn received() -> [Vec<Change>; 2] {
    let (session, seq, packet_id, qos) = (90, 5000, 7, QoS::ExactlyOnce);
    let lease = Lease { expiry: 60, away: Some(2000) };
    let (identifiers, share) = (Box::default(), None);
    let queued = Queued { seq, message: seq, qos, retain: false, identifiers, share };
    let sent = vec![
        Change::SessionBegun { session, client_id: "client-90".into(), user: None, lease },
        Change::Message { id: seq, message: script::message(seq, "t") },
        Change::Queued { session, queued },
        Change::Sent { session, seq, packet_id },
    ];
    [sent, vec![Change::Received { session, seq }]]
}

/// Writes the fixture: what 62 groups of a script leave, with a restarts among them, and then a crash.
fn write(to: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let mut groups: Vec<_> = (1..=60).map(|sequence| script::scripted(6, sequence)).collect();
    groups.extend(received());
    for half in groups.chunks_mut(30) {
        let (store, _) = open(dir.path()).unwrap();
        for group in half {
            let sequence = store.submit(group);
            while store.durable() < sequence {
                std::thread::yield_now();
            }
        }
        // The last one counts: the store is open, as a crash leaves it.
        fs::remove_dir_all(to).unwrap();
        copy_all(dir.path(), to);
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
