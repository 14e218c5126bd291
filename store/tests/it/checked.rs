//! `check` says what is wrong and what is lost, and makes a damaged store anew; an export makes the same store.

use std::fs;
use std::path::Path;

use hookmq_store::{
    Durability, ImportError, OpenError, Options, State, Store, check, export, import,
};

use crate::damaged::{GROUPS, crashed, journal};
use crate::model::Model;
use crate::script::{self, Scripted, open};

fn state(dir: &Path) -> State {
    let (store, state) = open(dir).expect("the store opens");
    store.close();
    state
}

#[test]
fn a_sound_store_has_no_findings() {
    let dir = tempfile::tempdir().unwrap();
    crashed(dir.path(), 51);
    let mut looked_at = 0;
    let report = check(dir.path(), true, &mut |count| looked_at = count).unwrap();
    assert_eq!((report.findings.len(), report.aside), (0, None));
    let state = state(dir.path());
    assert_eq!(report.sessions, state.sessions.len() as u64);
    assert_eq!(report.messages, state.messages.len() as u64);
    assert_eq!(report.retained, state.retained.len() as u64);
    assert!(looked_at > report.messages + report.queued);
    Scripted::new(51).must_be(&state, GROUPS);
}

#[test]
fn a_damaged_journal_is_made_anew_without_what_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    crashed(dir.path(), 52);
    let (path, mut bytes, end) = journal(dir.path());
    bytes[end / 2] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let said = check(dir.path(), false, &mut |_| {}).unwrap();
    assert!(said.findings[0].contains("changes after group"), "{:?}", said.findings);
    assert_eq!(fs::read(&path).unwrap(), bytes, "it was only looked at");
    assert!(matches!(open(dir.path()).err(), Some(OpenError::Damaged { .. })));
    let report = check(dir.path(), true, &mut |_| {}).unwrap();
    assert_eq!(report.findings, said.findings);
    assert!(report.aside.unwrap().join("0.jnl").exists());
    let state = state(dir.path());
    assert_eq!(state.sessions.len() as u64, said.sessions);
    // All but what the one damaged group has said.
    assert_eq!(state.sequence, GROUPS);
    assert_eq!(check(dir.path(), false, &mut |_| {}).unwrap().findings, Vec::<String>::new());
}

#[test]
fn a_damaged_table_is_found_and_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).unwrap();
    let mut sequence = 0;
    // Enough for tables.
    while !has_tables(dir.path()) {
        let message = hookmq_store::Message::new("t", &[], &[sequence as u8; 20_000]);
        let topic = format!("topic/{sequence}").into();
        let change = hookmq_store::Change::Retained { topic, message: Some(message) };
        sequence = store.submit(&mut vec![change]);
        while store.durable() + 64 < sequence {
            std::thread::yield_now();
        }
    }
    store.close();
    let table = tables(dir.path()).remove(0);
    let mut bytes = fs::read(&table).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(table, bytes).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    let report = check(dir.path(), true, &mut |_| {}).unwrap();
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    assert!(report.findings[0].contains("cannot be read after key r"), "{:?}", report.findings);
    let kept = state(dir.path()).retained.len() as u64;
    assert_eq!(kept, report.retained);
    assert!(kept < sequence && kept + 30 > sequence, "{kept} of {sequence}");
}

fn has_tables(dir: &Path) -> bool {
    !tables(dir).is_empty()
}

/// Of the keyspace that was made last: what is retained.
fn tables(dir: &Path) -> Vec<std::path::PathBuf> {
    let tables = fs::read_dir(dir.join("journal/keyspaces/3/tables")).unwrap();
    tables.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn an_export_makes_the_same_store() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut model = Model::default();
    let (store, _) =
        Store::open(dir.path(), Options::new(Durability::Os), Box::new(|_| {})).unwrap();
    for sequence in 1..=500 {
        let mut group = script::scripted(53, sequence);
        model.apply(&group);
        store.submit(&mut group);
    }
    store.close();
    let mut lines = Vec::new();
    let exported = export(dir.path(), &mut lines, &mut |_| {}).unwrap();
    let imported = import(copy.path(), &mut lines.as_slice(), false, &mut |_| {}).unwrap();
    assert_eq!((imported.lines, imported.aside), (exported, None));
    let (before, after) = (state(dir.path()), state(copy.path()));
    model.must_be(&before);
    assert_eq!(before, after);
    let again = import(copy.path(), &mut lines.as_slice(), false, &mut |_| {});
    assert!(matches!(again, Err(ImportError::Exists)));
}

#[test]
fn an_import_takes_the_place_of_another_store_only_when_it_is_told_to() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    crashed(dir.path(), 55);
    let mut lines = Vec::new();
    export(dir.path(), &mut lines, &mut |_| {}).unwrap();
    let expected = state(dir.path());
    // A first start leaves a store that holds nothing.
    assert_eq!(state(other.path()).sequence, 0);
    let imported = import(other.path(), &mut lines.as_slice(), false, &mut |_| {}).unwrap();
    assert_eq!(imported.aside, None);
    assert_eq!(state(other.path()), expected);
    crashed(other.path(), 56);
    let before = state(other.path());
    let refused = import(other.path(), &mut lines.as_slice(), false, &mut |_| {});
    assert!(matches!(refused, Err(ImportError::Exists)), "{refused:?}");
    let broken = import(other.path(), &mut &lines[..lines.len() / 2], true, &mut |_| {});
    assert!(broken.is_err());
    assert_eq!(state(other.path()), before);
    let imported = import(other.path(), &mut lines.as_slice(), true, &mut |_| {}).unwrap();
    assert!(imported.aside.unwrap().join("0.jnl").exists());
    assert_eq!(state(other.path()), expected);
}

/// Nobody is sent in a circle: a repair could not do anything, and an import can.
#[test]
fn a_store_of_which_nothing_can_be_read_is_replaced() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    crashed(dir.path(), 58);
    let mut lines = Vec::new();
    export(dir.path(), &mut lines, &mut |_| {}).unwrap();
    let expected = state(dir.path());
    let damages: [fn(&Path); 4] = [
        |dir| fs::write(dir.join("format"), "nothing\n").unwrap(),
        |dir| fs::write(dir.join("format"), b"\xFF").unwrap(),
        |dir| fs::remove_file(dir.join("format")).unwrap(),
        |dir| fs::remove_dir_all(dir.join("journal")).unwrap(),
    ];
    crashed(other.path(), 59);
    for damage in damages {
        damage(other.path());
        let errors = [
            open(other.path()).err().unwrap(),
            check(other.path(), false, &mut |_| {}).unwrap_err(),
            check(other.path(), true, &mut |_| {}).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, OpenError::Unreadable { .. }), "{error}");
        }
        let refused = import(other.path(), &mut lines.as_slice(), false, &mut |_| {});
        assert!(matches!(refused, Err(ImportError::Exists)), "{refused:?}");
        import(other.path(), &mut lines.as_slice(), true, &mut |_| {}).unwrap();
        assert_eq!(state(other.path()), expected);
    }
    fs::write(other.path().join("format"), "hookmq store\nversion 1000000\n").unwrap();
    let refused = import(other.path(), &mut lines.as_slice(), true, &mut |_| {});
    assert!(matches!(refused, Err(ImportError::Open(OpenError::Newer { .. }))), "{refused:?}");
}

/// The file `format` is written before the journal has its name.
#[test]
fn a_first_start_that_was_cut_off_leaves_a_sound_store() {
    let dir = tempfile::tempdir().unwrap();
    crashed(dir.path(), 60);
    let (journal, new) = (dir.path().join("journal"), dir.path().join("journal.new"));
    for repair in [false, true] {
        fs::rename(&journal, &new).unwrap();
        let report = check(dir.path(), repair, &mut |_| {}).unwrap();
        assert_eq!(report.findings, Vec::<String>::new());
        assert_eq!((new.exists(), journal.exists()), (!repair, repair));
        if !repair {
            fs::rename(&new, &journal).unwrap();
        }
    }
    Scripted::new(60).must_be(&state(dir.path()), GROUPS);
}

#[test]
fn an_end_that_is_torn_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    crashed(dir.path(), 57);
    let (path, mut bytes, end) = journal(dir.path());
    bytes.truncate(end - 5);
    fs::write(&path, &bytes).unwrap();
    let report = check(dir.path(), true, &mut |_| {}).unwrap();
    assert_eq!((report.findings.len(), report.aside), (0, None));
    let cut = report.cut.expect("a cut");
    assert_eq!(cut.file, "0.jnl");
    assert_eq!(fs::read(&path).unwrap(), bytes, "it was only looked at");
    let (_store, state) = open(dir.path()).expect("the store opens");
    assert_eq!(state.cut, Some(cut));
}

/// What a client may not send comes to nobody by way of an export that somebody has changed.
#[test]
fn an_export_that_was_changed_makes_no_store() {
    let dir = tempfile::tempdir().unwrap();
    crashed(dir.path(), 61);
    let mut lines = Vec::new();
    export(dir.path(), &mut lines, &mut |_| {}).unwrap();
    let text = String::from_utf8(lines).unwrap();
    let levels = format!("filter{}", "/".repeat(512));
    for (what, by) in [
        ("\"topic\":\"t/", "\"topic\":\"+/"),
        ("\"topic\":\"retained/", "\"topic\":\"retained\\u0000/"),
        ("\"filter\":\"filter/", "\"filter\":\"#/"),
        ("\"filter\":\"filter/", &format!("\"filter\":\"{levels}/")),
        ("\"options\":", "\"options\":10"),
        ("\"identifier\":1", "\"identifier\":300000000"),
        ("\"identifiers\":[1", "\"identifiers\":[0"),
        ("\"properties\":\"AQA=\"", "\"properties\":\"AQI=\""),
        ("\"share\":\"$share/group", "\"share\":\"$share/"),
    ] {
        let wrong = text.replacen(what, by, 1);
        assert_ne!(wrong, text, "{what}");
        let copy = tempfile::tempdir().unwrap();
        let refused = import(copy.path(), &mut wrong.as_bytes(), false, &mut |_| {});
        assert!(matches!(refused, Err(ImportError::Line { .. })), "{what}: {refused:?}");
    }
}

#[test]
fn a_part_of_an_export_makes_no_store() {
    let dir = tempfile::tempdir().unwrap();
    crashed(dir.path(), 54);
    let mut lines = Vec::new();
    export(dir.path(), &mut lines, &mut |_| {}).unwrap();
    let text = String::from_utf8(lines).unwrap();
    let cut = text.lines().take(20).map(|line| format!("{line}\n")).collect::<String>();
    let without_messages = text
        .lines()
        .filter(|line| !line.starts_with("{\"message\""))
        .collect::<Vec<_>>()
        .join("\n");
    for wrong in [cut, without_messages, "{}".to_owned(), "no JSON".to_owned()] {
        let copy = tempfile::tempdir().unwrap();
        assert!(import(copy.path(), &mut wrong.as_bytes(), false, &mut |_| {}).is_err());
        assert_eq!(state(copy.path()).sequence, 0, "there is no store, so a new one is made");
    }
}
