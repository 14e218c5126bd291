//! `hookmq passwd`: a file of users, as people and scripts keep it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Output, Stdio};

use password_file::PasswordFile;

use crate::folder::{Folder, Said};

/// Cheap hashes, with this on stdin.
fn passwd(folder: &Folder, arguments: &[&str], password: &str) -> Said {
    let mut command = folder.command(&["passwd", "users.txt"]);
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended without reading.
    let _ = child.stdin.take().unwrap().write_all(password.as_bytes());
    Said::of(child.wait_with_output().unwrap())
}

fn set(folder: &Folder, user: &str, password: &str) -> Said {
    passwd(folder, &[user, "--memory", "8", "--passes", "1"], password)
}

fn text(folder: &Folder) -> String {
    fs::read_to_string(folder.path("users.txt")).unwrap()
}

#[track_caller]
fn check_is(folder: &Folder, user: &str, password: &str) {
    let file = PasswordFile::parse(&text(folder)).unwrap();
    assert!(file.hash_of(user).unwrap().verify(password.as_bytes()), "{user}: {password}");
}

#[test]
fn users_are_added_changed_checked_listed_and_removed() {
    let folder = Folder::new("");
    let said = set(&folder, "alice", "secret\n");
    said.check(0, &[]);
    assert_eq!(said.out, ["users.txt: \"alice\" added"]);
    set(&folder, "bob b", "no line end").check(0, &[]);
    set(&folder, "ü", "carriage return\r\nand more\n").check(0, &[]);
    check_is(&folder, "alice", "secret");
    check_is(&folder, "bob b", "no line end");
    check_is(&folder, "ü", "carriage return");
    assert_eq!(passwd(&folder, &["--list"], "").out, ["alice", "bob b", "ü"]);

    let said = set(&folder, "alice", " other ");
    assert_eq!(said.out, ["users.txt: \"alice\" changed"]);
    check_is(&folder, "alice", " other ");
    let right = passwd(&folder, &["--verify", "alice"], " other \n");
    right.check(0, &[]);
    assert_eq!(right.out, ["users.txt: that is the password of \"alice\""]);
    passwd(&folder, &["--verify", "alice"], "secret\n")
        .check(1, &["users.txt: that is not the password of \"alice\""]);
    passwd(&folder, &["--verify", "eve"], "secret\n")
        .check(1, &["users.txt: there is no user \"eve\""]);

    let said = passwd(&folder, &["-D", "alice"], "");
    said.check(0, &[]);
    assert_eq!(said.out, ["users.txt: \"alice\" removed"]);
    passwd(&folder, &["--delete", "alice"], "")
        .check(1, &["users.txt: there is no user \"alice\""]);
    assert_eq!(passwd(&folder, &["--list"], "").out, ["bob b", "ü"]);
}

#[test]
fn a_new_hash_costs_what_is_said() {
    let folder = Folder::new("");
    set(&folder, "cheap", "secret").check(0, &[]);
    passwd(&folder, &["default"], "secret").check(0, &[]);
    let text = text(&folder);
    let starts: Vec<&str> = text.lines().filter_map(|line| line.rsplitn(3, '$').nth(2)).collect();
    assert_eq!(
        starts,
        ["cheap:$argon2id$v=19$m=8,t=1,p=1", "default:$argon2id$v=19$m=19456,t=2,p=1"]
    );
    let said = passwd(&folder, &["a", "--memory", "7"], "secret");
    assert_eq!(said.status, Some(1));
    assert!(said.errors[0].starts_with("cannot hash the password: "), "{:?}", said.errors);
}

#[test]
fn comments_and_order_stay() {
    let folder = Folder::new("");
    for user in ["a", "b", "c"] {
        set(&folder, user, "secret").check(0, &[]);
    }
    let before: Vec<String> = text(&folder).lines().map(str::to_owned).collect();
    folder.write("users.txt", format!("# one\n{}\n\n# two\n", before.join("\n")));
    set(&folder, "b", "other").check(0, &[]);
    passwd(&folder, &["-D", "a"], "").check(0, &[]);
    let after = text(&folder);
    let after: Vec<&str> = after.lines().collect();
    assert!(after[1].starts_with("b:$argon2id$") && after[1] != before[1], "{after:?}");
    assert_eq!((after[0], &after[2..]), ("# one", &[&before[2], "", "# two"][..]));
}

#[test]
fn the_file_is_private_and_stays_as_it_was_set() {
    let folder = Folder::new("");
    let mode = |name: &str| fs::metadata(folder.path(name)).unwrap().permissions().mode() & 0o777;
    set(&folder, "a", "secret").check(0, &[]);
    assert_eq!(mode("users.txt"), 0o600);
    for (set_to, kept) in [(0o640, 0o640), (0o644, 0o640), (0o400, 0o600)] {
        let permissions = fs::Permissions::from_mode(set_to);
        fs::set_permissions(folder.path("users.txt"), permissions).unwrap();
        set(&folder, "a", "secret").check(0, &[]);
        assert_eq!(mode("users.txt"), kept, "{set_to:o}");
    }
    let others = fs::read_dir(folder.path("")).unwrap().count();
    assert_eq!(others, 3, "the config, the folder of plugins and the users, and nothing else");
}

#[test]
fn a_link_stays_a_link() {
    let folder = Folder::new("");
    symlink("plugins/real.txt", folder.path("users.txt")).unwrap();
    folder.write("plugins/real.txt", "# real\n");
    set(&folder, "a", "secret").check(0, &[]);
    assert!(fs::symlink_metadata(folder.path("users.txt")).unwrap().is_symlink());
    assert!(fs::read_to_string(folder.path("plugins/real.txt")).unwrap().starts_with("# real\na:"));
}

#[test]
fn edits_at_the_same_time_are_all_kept() {
    let folder = Folder::new("");
    std::thread::scope(|scope| {
        for user in 0..8 {
            let folder = &folder;
            scope.spawn(move || set(folder, &user.to_string(), "secret").check(0, &[]));
        }
    });
    let mut users = passwd(&folder, &["--list"], "").out;
    users.sort();
    assert_eq!(users, ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[test]
fn what_cannot_be_done_changes_nothing() {
    let folder = Folder::new("");
    set(&folder, "a", "secret").check(0, &[]);
    let before = text(&folder);
    for (user, why) in [
        ("a:b", "a user name must not have a colon in it"),
        ("a\nb", "a user name must not have control characters in it"),
        ("", "a user name must not be empty"),
        ("#a", "a user name must not begin with #"),
    ] {
        set(&folder, user, "secret").check(1, &[why]);
    }
    set(&folder, "b", "").check(1, &["there is no password"]);
    set(&folder, "b", "\n").check(1, &["there is no password"]);
    let why = "the password is longer than 65535 bytes, which no client can send";
    set(&folder, "b", &"x".repeat(65_536)).check(1, &[why]);
    assert_eq!(text(&folder), before);
    set(&folder, "b", &format!("{}\r\n", "x".repeat(65_535))).check(0, &[]);

    let bad = format!("{before}secret\n");
    folder.write("users.txt", &bad);
    for arguments in [&["a"][..], &["-D", "a"], &["--verify", "a"], &["--list"]] {
        let why = "users.txt:2: expected NAME:HASH; hookmq passwd writes such lines";
        let said = passwd(&folder, arguments, "secret");
        assert_eq!(said.status, Some(1));
        assert!(said.errors[0].ends_with(why), "{:?}", said.errors);
    }
    assert_eq!(text(&folder), bad);
}

#[test]
fn only_what_belongs_together_is_taken() {
    let folder = Folder::new("");
    for arguments in [
        &[][..],
        &["a", "b"],
        &["--list", "a"],
        &["--list", "--verify"],
        &["-D"],
        &["-D", "--verify", "a"],
        &["-D", "a", "--password-stdin"],
        &["--verify", "a", "--memory", "8"],
        &["a", "--memory", "much"],
    ] {
        assert_eq!(passwd(&folder, arguments, "secret").status, Some(2), "{arguments:?}");
    }
    for arguments in [&["--list"][..], &["-D", "a"], &["--verify", "a"]] {
        let said = passwd(&folder, arguments, "secret");
        said.check(1, &["users.txt: No such file or directory (os error 2)"]);
    }
}

/// What somebody types; `script` has a terminal for it.
fn type_in(folder: &Folder, command: &str, typed: &str) -> Output {
    let command = format!("{} passwd users.txt {command}", env!("CARGO_BIN_EXE_hookmq"));
    let mut script = Command::new("script");
    let mut child = script
        .args(["--quiet", "--return", "--echo", "never", "--command", &command, "/dev/null"])
        .current_dir(folder.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script is in the Debian package bsdutils");
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn who_sits_at_a_terminal_types_twice_and_sees_nothing() {
    let folder = Folder::new("");
    let output = type_in(&folder, "a --memory 8 --passes 1", "secret\nsecret\n");
    let screen = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{screen}");
    assert!(screen.contains("Password: ") && screen.contains("Once more: "), "{screen}");
    assert!(!screen.contains("secret"), "{screen}");
    check_is(&folder, "a", "secret");
    let before = text(&folder);
    let output = type_in(&folder, "a --memory 8 --passes 1", "one\nother\n");
    let screen = String::from_utf8(output.stdout).unwrap();
    assert!(screen.contains("these were two passwords; nothing was changed"), "{screen}");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&folder), before);
    let output = type_in(&folder, "a --verify", "secret\n");
    assert!(output.status.success());
}
