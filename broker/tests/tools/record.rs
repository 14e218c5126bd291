//! `hookmq plugin record`: when it ends, what it says, and where it does not write.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use recording::Reader;

use crate::folder::Folder;
use crate::process::Process;

const LISTENERS: &str = "listeners: [{ tcp: '127.0.0.1:0' }]\n";

fn start() -> (Folder, Process) {
    let folder = Folder::new(LISTENERS);
    let mut broker = folder.start(&[]);
    broker.line_with(" listens on tcp://127.0.0.1:");
    (folder, broker)
}

const RECORD: [&str; 3] = ["plugin", "record", "events.rec"];

fn with<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&RECORD, arguments].concat()
}

#[test]
fn it_ends_in_time_and_the_broker_is_told() {
    let (folder, mut broker) = start();
    let said = folder.run(&with(&["--for", "1ms", "--client", "alice"]));
    said.check(0, &["recording into events.rec; Ctrl-C ends it"]);
    assert_eq!(said.out, ["0 events, 8 bytes, in events.rec"]);
    let file = fs::File::open(folder.path("events.rec")).unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Reader::new(file).unwrap().count(), 0);
    let begun =
        "is recorded, for the control socket: hooks all, clients [\"alice\"], without passwords";
    broker.line_with(begun);
    broker.line_with("the recording has ended");
}

#[test]
fn the_broker_ends_it_when_the_command_dies() {
    let (folder, mut broker) = start();
    let mut record = folder.start(&RECORD);
    record.line_with("recording into events.rec");
    record.kill();
    broker.line_with("the recording has ended");
}

#[test]
fn it_says_so_when_the_broker_ends() {
    let (folder, broker) = start();
    let mut record = folder.start(&RECORD);
    record.line_with("recording into events.rec");
    broker.signal("TERM");
    let (status, said) = record.wait();
    assert_eq!(status.code(), Some(69));
    let expected = "the broker has ended the recording; its log may say why".to_owned();
    assert!(said.contains(&expected), "{said:#?}");
    folder.run(&with(&["--force"])).check(
        69,
        &["no broker listens at data/hookmq.sock: is it running? `hookmq` starts it; --config names the \
           config that it was started with, --socket its control socket"],
    );
    // What there is stays as it is until there is something better.
    assert!(folder.path("events.rec").exists());
}

#[test]
fn a_file_is_replaced_only_if_that_is_wanted() {
    let (folder, _broker) = start();
    folder.write("events.rec", "precious");
    folder.run(&RECORD).check(1, &["events.rec: it is there; --force replaces it"]);
    assert_eq!(fs::read(folder.path("events.rec")).unwrap(), b"precious");
    fs::set_permissions(folder.path("events.rec"), fs::Permissions::from_mode(0o644)).unwrap();
    let said = folder.run(&with(&["--force", "--for", "1ms"]));
    said.check(0, &["recording into events.rec; Ctrl-C ends it"]);
    let written = fs::metadata(folder.path("events.rec")).unwrap();
    assert_eq!((written.len(), written.permissions().mode() & 0o777), (8, 0o600));
    symlink("config.yml", folder.path("link.rec")).unwrap();
    for place in ["plugins", "link.rec"] {
        let said = folder.run(&["plugin", "record", place, "--force"]);
        said.check(1, &[&format!("{place}: it is there, and is no file")]);
    }
}

#[test]
fn what_cannot_be_recorded_is_told() {
    let (folder, _broker) = start();
    let said = folder.run(&with(&["--hook", "on_pubish"]));
    let [error] = &said.errors[..] else { panic!("{:#?}", said.errors) };
    let text = "\"on_pubish\" is no hook that can be recorded; these are: on_socket_open, ";
    assert!(error.starts_with(text), "{error}");
    assert_eq!(said.status, Some(1));
    assert!(!folder.path("events.rec").exists());
    for wrong in [["--for", "30"], ["--events", "0"], ["--max-size", "1kB"]] {
        assert_eq!(folder.run(&with(&wrong)).status, Some(2), "{wrong:?}");
    }
}
