//! The plugin as clients come, and as the file changes.

use std::fs;
use std::path::PathBuf;

use password_file::{Cost, Hash};
use plugin_abi::testing::{self, Answer, BeforeConnect, Client, Host, Instance, json};
use plugin_abi::{Protocol, Verdict};
use tempfile::TempDir;

use super::AuthFile;

struct Folder(TempDir);

impl Folder {
    fn new(users: &[(&str, &str)]) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.write(&lines(users));
        folder
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("users.txt")
    }

    fn write(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
    }

    fn start(&self, host: &Host) -> Instance<AuthFile> {
        testing::start(host, json!({ "file": self.file() })).unwrap()
    }
}

fn lines(users: &[(&str, &str)]) -> String {
    let cost = Cost { memory: 8, passes: 1 };
    let line = |(name, password): &(&str, &str)| {
        format!("{name}:{}\n", Hash::new(password.as_bytes(), cost).unwrap())
    };
    users.iter().map(line).collect()
}

fn log_in(name: &str, password: impl AsRef<[u8]>) -> BeforeConnect {
    BeforeConnect::of(Client::new("c").username(name)).password(password)
}

const WRONG: Verdict = Verdict::refuse_with(0x86);
const NOT_AUTHORIZED: Verdict = Verdict::refuse_with(0x87);

#[test]
fn users_of_the_file_come_in_by_their_passwords() {
    let folder = Folder::new(&[("alice", "secret"), ("bob b", "ü")]);
    let plugin = folder.start(&Host::new());
    assert_eq!(plugin.on_before_connect(&log_in("alice", "secret")), Answer::Continue);
    assert_eq!(plugin.on_before_connect(&log_in("bob b", "ü")), Answer::Continue);
    for (name, password) in [
        ("alice", "ü".as_bytes()),
        ("alice", b""),
        ("alice", b"secret\0"),
        ("Alice", b"secret"),
        ("bob", "ü".as_bytes()),
        ("", b""),
        ("eve", b"secret"),
        ("#", b"\xFF\0"),
    ] {
        assert_eq!(plugin.on_before_connect(&log_in(name, password)), WRONG, "{name} {password:?}");
    }
    let old = Client::new("c").username("alice").protocol(Protocol::V3_1_1);
    let old = BeforeConnect::of(old).password("secret");
    assert_eq!(plugin.on_before_connect(&old), Answer::Continue);
}

#[test]
fn who_gives_no_name_or_no_password_stays_out() {
    let folder = Folder::new(&[("alice", "")]);
    let plugin = folder.start(&Host::new());
    let nobody = BeforeConnect::of("c");
    assert_eq!(plugin.on_before_connect(&nobody), NOT_AUTHORIZED);
    assert_eq!(plugin.on_before_connect(&nobody.password("")), NOT_AUTHORIZED);
    let without_password = BeforeConnect::of(Client::new("c").username("alice"));
    assert_eq!(plugin.on_before_connect(&without_password), WRONG);
    assert_eq!(plugin.on_before_connect(&log_in("alice", "")), Answer::Continue);
}

#[test]
fn nobody_is_asked_for_a_name_if_the_config_says_so() {
    let folder = Folder::new(&[("alice", "secret")]);
    let config = json!({ "file": folder.file(), "allow_anonymous": true });
    let plugin = testing::start::<AuthFile>(&Host::new(), config).unwrap();
    assert_eq!(plugin.on_before_connect(&BeforeConnect::of("c")), Answer::Continue);
    assert_eq!(plugin.on_before_connect(&log_in("alice", "wrong")), WRONG);
    assert_eq!(plugin.on_before_connect(&log_in("", "")), WRONG);
}

#[test]
fn methods_are_trusted_only_by_name() {
    let folder = Folder::new(&[]);
    let config = json!({ "file": folder.file(), "trusted_methods": ["SCRAM"] });
    let plugin = testing::start::<AuthFile>(&Host::new(), config).unwrap();
    let by = |method| BeforeConnect::of("c").authentication_method(method);
    assert_eq!(plugin.on_before_connect(&by("SCRAM")), Answer::Continue);
    assert_eq!(plugin.on_before_connect(&by("OTHER")), NOT_AUTHORIZED);
}

#[test]
fn an_empty_file_lets_nobody_in() {
    let folder = Folder::new(&[]);
    let host = Host::new();
    let plugin = folder.start(&host);
    let text = format!("{} has no users, so that nobody can log in", folder.file().display());
    assert_eq!(host.logs(), [(plugin_abi::log::Level::Warn, text.as_str())]);
    assert_eq!(plugin.on_before_connect(&log_in("", "")), WRONG);
}

#[test]
fn mistakes_are_named() {
    let folder = Folder::new(&[]);
    folder.write("# users\nalice:secret\nbob\n");
    let file = folder.file();
    let file = file.display();
    let bad_file = format!(
        "{file}:2: the password of \"alice\" is no hash that can be checked: expected \
         $argon2id$v=19$m=…,t=…,p=…$SALT$HASH; hookmq passwd makes one\n\
         {file}:3: expected NAME:HASH; hookmq passwd writes such lines"
    );
    let missing = format!("{file}.no: cannot be read: No such file or directory (os error 2)");
    for (config, why) in [
        (json!({}), "missing field `file`"),
        (json!({ "file": folder.file() }), &bad_file),
        (json!({ "file": format!("{file}.no") }), &missing),
        (json!({ "file": "a", "threads": 65 }), "`threads`: 65 is more than 64"),
        (
            json!({ "file": "a", "queue": 0 }),
            "`queue`: invalid value: integer `0`, expected a whole number above 0",
        ),
        (
            json!({ "file": "a", "anonymous": true }),
            "`anonymous`: unknown field `anonymous`, expected one of `file`, `allow_anonymous`, \
             `threads`, `queue`, `trusted_methods`",
        ),
    ] {
        let error = testing::start::<AuthFile>(&Host::new(), config).unwrap_err();
        assert_eq!(error.to_string(), format!("it refused to start: {why}"));
    }
}
