//! `hookmq store`: what a broker keeps is looked at, mended, and copied out and in.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use hookmq_store::{Change, Durability, Lease, Message, Options, Store, Subscription};

use crate::folder::{Folder, Said};

const RETAINED: usize = 200;
const IN_USE: i32 = 69;
const BAD_CONFIG: i32 = 78;

fn folder() -> Folder {
    Folder::new("listeners: [tcp: 127.0.0.1:0]\nplugins: []\n")
}

/// A session that is kept, and retained messages, each in a group of its own.
fn fill(folder: &Folder) {
    let options = Options::new(Durability::Os);
    let (store, _) = Store::open(&folder.path("data/store"), options, Box::new(|_| {})).unwrap();
    let (session, lease) = (1, Lease { expiry: u32::MAX, away: Some(1) });
    let subscription = Subscription { filter: "a/#".into(), options: 1, identifier: None };
    let begun = Change::SessionBegun { session, client_id: "client".into(), user: None, lease };
    store.submit(&mut vec![begun, Change::Subscribed { session, subscription }]);
    for number in 0..RETAINED {
        let topic = format!("topic/{number}");
        let message = Some(Message::new(&topic, &[], b"payload"));
        let group = store.submit(&mut vec![Change::Retained { topic: topic.into(), message }]);
        while store.durable() < group {
            std::thread::yield_now();
        }
    }
    store.close();
}

fn journal(folder: &Folder) -> PathBuf {
    folder.path("data/store/journal/0.jnl")
}

/// Flips a bit in the middle of what was written.
fn damage(folder: &Folder) {
    let mut bytes = fs::read(journal(folder)).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end / 2] ^= 1;
    fs::write(journal(folder), bytes).unwrap();
}

#[track_caller]
fn has_row(said: &Said, what: &str, count: usize) {
    let row = said.out.iter().find(|line| line.starts_with(what));
    let last = row.and_then(|line| line.split_whitespace().last());
    assert_eq!(last, Some(&*count.to_string()), "{:#?}", said.out);
}

#[test]
fn a_damaged_store_keeps_the_broker_from_starting_until_it_is_repaired() {
    let folder = folder();
    fill(&folder);
    let said = folder.run(&["store", "check"]);
    said.check(0, &[]);
    has_row(&said, "sessions", 1);
    has_row(&said, "retained messages", RETAINED);
    let mode = fs::metadata(folder.path("data/store")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    damage(&folder);
    let damaged = fs::read(journal(&folder)).unwrap();
    let (status, said) = folder.start(&[]).wait();
    assert_eq!(status.code(), Some(1), "{said:#?}");
    let refusal = said.iter().find(|line| line.starts_with("data/store: journal/0.jnl at byte "));
    assert!(refusal.unwrap().ends_with("repair it by: hookmq store check --repair"), "{said:#?}");
    let found = folder.run(&["store", "check"]);
    assert_eq!((found.status, found.errors.len()), (Some(1), 2), "{:#?}", found.errors);
    assert!(found.errors[0].contains("journal/0.jnl at byte "), "{:#?}", found.errors);
    assert!(found.errors[0].contains("are lost"), "{:#?}", found.errors);
    assert!(found.errors[1].contains("hookmq store check --repair"), "{:#?}", found.errors);
    has_row(&found, "retained messages", RETAINED - 1);
    assert!(fs::read(journal(&folder)).unwrap() == damaged, "it was only looked at");
    let repaired = folder.run(&["store", "check", "--repair"]);
    repaired.check(0, &[&found.errors[0]]);
    assert!(repaired.out.last().unwrap().contains("data/store/journal.damaged-1"));
    assert!(fs::read(folder.path("data/store/journal.damaged-1/0.jnl")).unwrap() == damaged);
    let mut broker = folder.start(&[]);
    broker.line_with(&format!("1 sessions with 0 messages, {} retained messages", RETAINED - 1));
    broker.line_with("listens on tcp://");
}

#[test]
fn an_end_that_was_being_written_is_told_and_left() {
    let folder = folder();
    fill(&folder);
    let mut bytes = fs::read(journal(&folder)).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes.truncate(end - 5);
    fs::write(journal(&folder), &bytes).unwrap();
    let said = folder.run(&["store", "check", "--repair"]);
    said.check(0, &[]);
    let line = said.out.iter().find(|line| line.starts_with("data/store/journal/0.jnl has "));
    assert!(line.unwrap().contains("were being written"), "{:#?}", said.out);
    assert!(fs::read(journal(&folder)).unwrap() == bytes, "it was only looked at");
}

#[test]
fn a_store_that_a_broker_has_open_is_left_alone() {
    let folder = folder();
    let mut broker = folder.start(&[]);
    broker.line_with("listens on tcp://");
    for arguments in [&["check", "--repair"][..], &["export", "x.jsonl"], &["import", "config.yml"]]
    {
        let said = folder.run(&[&["store"], arguments].concat());
        assert_eq!((said.status, said.errors.len()), (Some(IN_USE), 1), "{:#?}", said.errors);
        let start = "data/store: another process has the store open";
        assert!(said.errors[0].starts_with(start), "{:#?}", said.errors);
    }
    assert!(!folder.path("x.jsonl").exists() && !folder.path("x.jsonl.part").exists());
}

#[test]
fn what_is_exported_is_imported() {
    let (from, to) = (folder(), folder());
    fill(&from);
    let lines = RETAINED + 4;
    let said = from.run(&["store", "export", "backup.jsonl"]);
    said.check(0, &[&format!("data/store: {lines} lines exported")]);
    let backup = from.path("backup.jsonl");
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&backup).unwrap();
    assert_eq!(text.lines().count(), lines);
    // What a broker leaves that had nothing to keep.
    to.start(&[]).line_with("listens on tcp://");
    let mut import = to.command(&["store", "import"]);
    let said = Said::of(import.stdin(File::open(&backup).unwrap()).output().unwrap());
    said.check(0, &[]);
    assert_eq!(said.out, [format!("data/store: {lines} lines imported")]);
    let said = to.run(&["store", "export"]);
    assert_eq!(said.out, text.lines().collect::<Vec<_>>());
    let mut broker = to.start(&[]);
    broker.line_with(&format!("1 sessions with 0 messages, {RETAINED} retained messages"));
    broker.line_with("listens on tcp://");
}

#[test]
fn an_import_is_all_or_nothing_and_replaces_what_it_is_told_to() {
    let folder = folder();
    fill(&folder);
    let backup = || folder.run(&["store", "export"]).out;
    let before = backup();
    folder.write("backup.jsonl", before.join("\n"));
    let refused = "data/store: there is a store already, and something is in it; --replace takes its place, and puts \
                   what is there aside";
    folder.run(&["store", "import", "backup.jsonl"]).check(1, &[refused]);
    folder.write("part.jsonl", before[..before.len() / 2].join("\n"));
    let replace = |file| folder.run(&["store", "import", "--replace", file]);
    let why =
        "part.jsonl: the export is not complete: its last line is missing; nothing was imported";
    replace("part.jsonl").check(1, &[why]);
    assert_eq!(backup(), before);
    let said = replace("backup.jsonl");
    said.check(0, &[]);
    assert!(said.out[1].contains("data/store/journal.replaced-1"), "{:#?}", said.out);
    assert_eq!(backup(), before);
}

#[test]
fn it_says_where_it_has_looked() {
    let folder = folder();
    let nothing = |name: &str| {
        format!(
            "{name}: there is no store; a broker makes one when it starts, unless `durability: memory` has it keep \
             nothing"
        )
    };
    for command in ["check", "export"] {
        folder.run(&["store", command]).check(1, &[&nothing("data/store")]);
    }
    folder.run(&["store", "check", "elsewhere"]).check(1, &[&nothing("elsewhere")]);
    assert!(!folder.path("data").exists() && !folder.path("elsewhere").exists());
    fs::remove_file(folder.path("config.yml")).unwrap();
    let said = folder.run(&["store", "check"]);
    assert_eq!(said.status, Some(BAD_CONFIG), "{:#?}", said.errors);
    fill(&folder);
    let said = folder.run(&["store", "check", "data/store"]);
    said.check(0, &[]);
    has_row(&said, "subscriptions", 1);
}
