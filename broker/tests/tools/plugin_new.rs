//! `hookmq plugin new`: what it makes is built, tested, looked at, and loaded by a broker.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::plugins;
use crate::folder::Folder;

/// CONNECT of a client `c`, then a PUBLISH to `alarm/fire`, as 3.1.1 has them.
const PACKETS: &[u8] = b"\x10\x0D\0\x04MQTT\x04\x02\0\0\0\x01c\x30\x0E\0\x0Aalarm/firehi";

/// Shares what is built already with the other tests.
const AS_THE_WORKSPACE: [&str; 5] = [
    "--offline",
    "--config",
    "profile.dev.debug = 'line-tables-only'",
    "--config",
    "profile.dev.package.'*'.opt-level = 1",
];

/// Puts the library into `plugins/`, and sees a broker load it and the plugin keep a message out.
fn check_serves(folder: &Folder, library: &Path, name: &str, logs: &str) {
    folder.put(library, name);
    let mut broker = folder.start(&[]);
    let line = broker.line_with("listens on tcp://");
    let (_, address) = line.split_once("tcp://").unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(PACKETS).unwrap();
    broker.line_with(&format!("[plugin::{name}] {logs}"));
}

#[track_caller]
fn expect_success(output: &Output) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

#[test]
fn in_rust() {
    let config = "listeners: [tcp: 127.0.0.1:0]\nplugins:\n  - new-rust: { closed: [alarm] }\n";
    let folder = Folder::new(config);
    let root = plugins::workspace();
    let abi = root.join("plugin-abi");
    folder.run(&["plugin", "new", "new-rust", "--plugin-abi", abi.to_str().unwrap()]).check(0, &[]);
    // The versions that this repository was built with are there without a network.
    fs::copy(root.join("Cargo.lock"), folder.path("new-rust/Cargo.lock")).unwrap();
    let crate_dir = folder.path("new-rust");
    expect_success(&plugins::cargo(&crate_dir, &["test"], &AS_THE_WORKSPACE));
    let library = plugins::build_crate(&crate_dir, "new-rust", &AS_THE_WORKSPACE);
    let path = library.to_str().unwrap();
    let said = folder.run(&["plugin", "check", "--load", "--set", "closed=[a, b]", path]);
    assert_eq!(said.status, Some(0), "{:#?}", said.errors);
    assert!(said.errors[0].ends_with("closed topics: a, b"), "{:#?}", said.errors);
    check_serves(&folder, &library, "new-rust", "c may not publish to alarm/fire");
}

#[test]
fn in_c() {
    let folder = Folder::new("listeners: [tcp: 127.0.0.1:0]\nplugins: [new-c]\n");
    let said = folder.run(&["plugin", "new", "work/new-c", "--lang", "c"]);
    said.check(0, &[]);
    assert_eq!(said.out, ["work/new-c: begun; its README.md says how to go on"]);
    let dir = folder.path("work/new-c");
    let flags = "CFLAGS=-O2 -Wall -Wextra -Werror -std=c99 -pedantic";
    let made = Command::new("make").args(["test", "new-c.so", flags]).current_dir(&dir).output();
    expect_success(&made.unwrap());
    let said = folder.run(&["plugin", "check", "--load", "work/new-c/new-c.so"]);
    assert_eq!(said.status, Some(0), "{:#?}", said.errors);
    check_serves(&folder, &dir.join("new-c.so"), "new-c", "a message was kept out");
}

#[test]
fn what_is_there_is_left_alone() {
    let folder = Folder::new("");
    let said = folder.run(&["plugin", "new", "plugins"]);
    assert_eq!(said.status, Some(1));
    assert!(said.errors[0].starts_with("plugins: it is there already"), "{:?}", said.errors);
    assert_eq!(fs::read_dir(folder.path("plugins")).unwrap().count(), 0);
    assert_eq!(folder.run(&["plugin", "new", "Bad Name"]).status, Some(2));
    let said = folder.run(&["plugin", "new", "a", "--plugin-abi", "plugins"]);
    said.check(1, &["a: there is no crate plugin-abi in plugins"]);
    assert!(!folder.path("a").exists());
}
