//! Files that are not as they were left: an end that is torn is cut off, damage is refused, and so is a format
//! that is not known.

use std::fs;
use std::path::{Path, PathBuf};

use hookmq_store::OpenError;

use crate::script::{self, Random, Scripted, open};

pub(crate) const GROUPS: u64 = 200;

/// A store with batches of one group each, as a crash leaves it.
pub(crate) fn crashed(dir: &Path, seed: u64) {
    let (store, _) = open(dir).unwrap();
    for sequence in 1..=GROUPS {
        store.submit(&mut script::scripted(seed, sequence));
        while store.durable() < sequence {
            std::thread::yield_now();
        }
    }
    let copy = tempfile::tempdir().unwrap();
    copy_all(dir, copy.path());
    store.close();
    drop(store);
    fs::remove_dir_all(dir).unwrap();
    copy_all(copy.path(), dir);
}

pub(crate) fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The journal file, and where its last byte is that is not zero.
pub(crate) fn journal(dir: &Path) -> (PathBuf, Vec<u8>, usize) {
    let path = dir.join("journal/0.jnl");
    let bytes = fs::read(&path).unwrap();
    let zeros = bytes.rchunks(4096).take_while(|chunk| chunk.iter().all(|byte| *byte == 0));
    let end = bytes.len() - zeros.map(<[u8]>::len).sum::<usize>();
    let end = end - bytes[..end].iter().rev().take_while(|byte| **byte == 0).count();
    (path, bytes, end)
}

/// What the store says when `change` was done to the journal; panics if it changes it itself.
#[track_caller]
fn refused(dir: &Path) -> String {
    let (_, before, _) = journal(dir);
    let Err(error) = open(dir) else { panic!("the store opens") };
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(journal(dir).1 == before, "it was changed");
    error.to_string()
}

#[test]
fn an_end_that_is_torn_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(41);
    crashed(dir.path(), 41);
    let (_, bytes, mut end) = journal(dir.path());
    let mut model = Scripted::new(41);
    for _ in 0..8 {
        // Less and less of it; from some byte on there is nothing, or something else.
        end -= 1 + usize::try_from(random.below(120)).unwrap();
        let torn = tempfile::tempdir().unwrap();
        copy_all(dir.path(), torn.path());
        let mut bytes = bytes[..end].to_vec();
        if random.below(2) == 0 {
            bytes.extend([0xA5; 300]);
        }
        fs::write(torn.path().join("journal/0.jnl"), bytes).unwrap();
        let (store, state) = open(torn.path()).expect("the store opens");
        assert!(state.sequence > GROUPS / 4);
        model.must_be(&state, 0);
        assert_eq!(store.close(), hookmq_store::Health::Well);
        assert!(open(torn.path()).expect("the store opens").1.cut.is_none());
    }
}

#[test]
fn a_flipped_bit_before_the_end_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(42);
    crashed(dir.path(), 42);
    let mut model = Scripted::new(42);
    let mut harmless = 0;
    let (path, mut bytes, end) = journal(dir.path());
    for _ in 0..40 {
        let at = usize::try_from(random.below(end as u64 * 9 / 10)).unwrap();
        let bit = 1 << random.below(8);
        bytes[at] ^= bit;
        fs::write(&path, &bytes).unwrap();
        match open(dir.path()) {
            // Of the number by which fjall orders batches, which is not in the checksum.
            Ok((_store, state)) => {
                model.must_be(&state, GROUPS);
                harmless += 1;
            }
            Err(error) => assert!(matches!(error, OpenError::Damaged { .. }), "{error}"),
        }
        bytes[at] ^= bit;
    }
    assert!(harmless < 5, "{harmless} of 40");
    let text = {
        bytes[end / 2] ^= 1;
        fs::write(&path, &bytes).unwrap();
        refused(dir.path())
    };
    assert!(text.contains("journal/0.jnl at byte"), "{text}");
    assert!(text.contains("hookmq store check --repair"), "{text}");
}

#[test]
fn what_a_client_sent_is_not_taken_for_a_batch() {
    let dir = tempfile::tempdir().unwrap();
    crashed(dir.path(), 43);
    let (path, mut bytes, end) = journal(dir.path());
    // A whole batch of another store behind a torn end, as a payload may have it.
    let other = tempfile::tempdir().unwrap();
    crashed(other.path(), 43);
    let (_, foreign, foreign_end) = journal(other.path());
    bytes.truncate(end);
    bytes[end - 20..].fill(0xFF);
    bytes.extend(&foreign[..foreign_end]);
    fs::write(path, bytes).unwrap();
    let (_store, state) = open(dir.path()).expect("the store opens");
    assert_eq!(state.cut.as_ref().map(|cut| cut.batches), Some(0));
    Scripted::new(43).must_be(&state, 0);
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    crashed(dir.path(), 44);
    let format = fs::read_to_string(dir.path().join("format")).unwrap();
    fs::write(dir.path().join("format"), format.replace("version 1", "version 2")).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(error, OpenError::Newer { version: 2 }), "{error}");
}

#[test]
fn what_is_missing_is_not_made_anew() {
    for missing in ["format", "journal"] {
        let dir = tempfile::tempdir().unwrap();
        crashed(dir.path(), 45);
        let path = dir.path().join(missing);
        fs::rename(&path, dir.path().join("elsewhere")).unwrap();
        let error = open(dir.path()).err().unwrap();
        assert!(matches!(error, OpenError::Unreadable { .. }), "{error}");
        assert!(error.to_string().contains(missing), "{error}");
    }
}
