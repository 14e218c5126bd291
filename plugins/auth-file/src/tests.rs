//! The plugin as clients come, and as the file changes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use password_file::{Cost, Hash};
use plugin_abi::log::Level;
use plugin_abi::testing::{self, Answer, BeforeConnect, Client, Host, Instance, Pending, json};
use plugin_abi::{Protocol, Verdict};
use serde_json::Value;
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
        fs::set_permissions(self.file(), Permissions::from_mode(0o600)).unwrap();
    }
}

struct Started {
    host: Host,
    plugin: Instance<AuthFile>,
}

impl Started {
    fn new(folder: &Folder) -> Started {
        Started::with(json!({ "file": folder.file() }))
    }

    fn with(config: Value) -> Started {
        let host = Host::new();
        let plugin = testing::start(&host, config).unwrap();
        Started { host, plugin }
    }

    /// What the client hears, now or later.
    fn ask(&self, event: &BeforeConnect) -> Answer {
        match self.plugin.on_before_connect(event) {
            Answer::Pending => self.host.completion(),
            answer => answer,
        }
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

fn wrong() -> Answer {
    Answer::Refused { reason_code: 0x86, reason: None }
}

#[test]
fn users_of_the_file_come_in_by_their_passwords() {
    let folder = Folder::new(&[("alice", "secret"), ("bob b", "ü")]);
    let plugin = Started::new(&folder);
    assert_eq!(plugin.ask(&log_in("alice", "secret")), Answer::Continue);
    assert_eq!(plugin.ask(&log_in("bob b", "ü")), Answer::Continue);
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
        assert_eq!(plugin.ask(&log_in(name, password)), WRONG, "{name} {password:?}");
    }
    let old = Client::new("c").username("alice").protocol(Protocol::V3_1_1);
    let old = BeforeConnect::of(old).password("secret");
    assert_eq!(plugin.ask(&old), Answer::Continue);
}

#[test]
fn who_gives_no_name_or_no_password_stays_out() {
    let folder = Folder::new(&[("alice", "")]);
    let plugin = Started::new(&folder);
    let nobody = BeforeConnect::of("c");
    assert_eq!(plugin.ask(&nobody), NOT_AUTHORIZED);
    assert_eq!(plugin.ask(&nobody.password("")), NOT_AUTHORIZED);
    let without_password = BeforeConnect::of(Client::new("c").username("alice"));
    assert_eq!(plugin.ask(&without_password), WRONG);
    assert_eq!(plugin.ask(&log_in("alice", "")), Answer::Continue);
}

#[test]
fn nobody_is_asked_for_a_name_if_the_config_says_so() {
    let folder = Folder::new(&[("alice", "secret")]);
    let config = json!({ "file": folder.file(), "allow_anonymous": true });
    let plugin = Started::with(config);
    assert_eq!(plugin.ask(&BeforeConnect::of("c")), Answer::Continue);
    assert_eq!(plugin.ask(&log_in("alice", "wrong")), WRONG);
    assert_eq!(plugin.ask(&log_in("", "")), WRONG);
}

#[test]
fn methods_are_trusted_only_by_name() {
    let folder = Folder::new(&[]);
    let config = json!({ "file": folder.file(), "trusted_methods": ["SCRAM"] });
    let plugin = Started::with(config);
    let by = |method| BeforeConnect::of("c").authentication_method(method);
    assert_eq!(plugin.ask(&by("SCRAM")), Answer::Continue);
    assert_eq!(plugin.ask(&by("OTHER")), NOT_AUTHORIZED);
}

#[test]
fn an_empty_file_lets_nobody_in() {
    let folder = Folder::new(&[]);
    let plugin = Started::new(&folder);
    let empty = format!("{} has no users, so that nobody can log in", folder.file().display());
    assert_eq!(plugin.host.logs(), [(Level::Warn, empty.as_str())]);
    assert_eq!(plugin.ask(&log_in("", "")), WRONG);
}

/// A password takes long, so its client waits and nobody else; what takes no time is answered at once.
#[test]
fn only_who_gives_a_password_waits() {
    let folder = Folder::new(&[("alice", "secret")]);
    let Started { host, plugin } = Started::new(&folder);
    let asked = ["secret", "wrong", "secret"].map(|password| log_in("alice", password));
    for event in &asked {
        assert_eq!(plugin.on_before_connect(event), Answer::Pending);
    }
    assert_eq!(plugin.on_before_connect(&BeforeConnect::of("c")), NOT_AUTHORIZED);
    let answers: Vec<Answer> = host.take_pending().into_iter().map(Pending::wait).collect();
    assert_eq!(answers, [Answer::Continue, wrong(), Answer::Continue]);
}

/// With one thread that is busy and one place, a third client hears so at once.
#[test]
fn who_finds_no_place_hears_that_the_broker_is_busy() {
    let folder = Folder::new(&[]);
    let long = Hash::new(b"secret", Cost { memory: 64, passes: 1000 }).unwrap();
    folder.write(&format!("alice:{long}\n"));
    let config = json!({ "file": folder.file(), "threads": 1, "queue": 1 });
    let Started { host, plugin } = Started::with(config);
    let answers: Vec<Answer> =
        (0..20).map(|_| plugin.on_before_connect(&log_in("alice", "secret"))).collect();
    assert!(answers.contains(&Answer::Pending), "{answers:?}");
    let busy = Verdict::refuse_with(0x89);
    let refused = answers.iter().filter(|answer| **answer == busy).count();
    let pending = host.take_pending();
    assert!(refused > 0, "{answers:?}");
    assert_eq!(refused + pending.len(), answers.len());
    for pending in pending {
        assert_eq!(pending.wait(), Answer::Continue);
    }
}

#[test]
fn who_waits_at_the_end_is_refused() {
    let folder = Folder::new(&[]);
    let long = Hash::new(b"secret", Cost { memory: 64, passes: 1000 }).unwrap();
    folder.write(&format!("alice:{long}\n"));
    let config = json!({ "file": folder.file(), "threads": 1 });
    let Started { host, plugin } = Started::with(config);
    for _ in 0..50 {
        assert_eq!(plugin.on_before_connect(&log_in("alice", "secret")), Answer::Pending);
    }
    plugin.shutdown().unwrap();
    let answers: Vec<Answer> = host.take_pending().into_iter().map(Pending::wait).collect();
    assert_eq!(answers.len(), 50);
    assert!(matches!(answers[49], Answer::Failed(_)), "{answers:?}");
}

#[test]
fn a_relative_file_is_beside_the_config() {
    let folder = Folder::new(&[("alice", "secret")]);
    let host = Host::new();
    host.set_folder(folder.0.path());
    let plugin = testing::start(&host, json!({ "file": "users.txt" })).unwrap();
    let started = Started { host, plugin };
    assert_eq!(started.ask(&log_in("alice", "secret")), Answer::Continue);
}

#[test]
fn a_file_that_everybody_can_read_is_a_warning() {
    let folder = Folder::new(&[("alice", "secret"), ("bob", "secret")]);
    fs::set_permissions(folder.file(), Permissions::from_mode(0o644)).unwrap();
    let plugin = Started::new(&folder);
    let file = folder.file();
    let file = file.display();
    let [users, open] = [
        format!("{file} has 2 users"),
        format!("{file} is open to every user of this machine; chmod o= {file} closes it"),
    ];
    let expected = [(Level::Info, users.as_str()), (Level::Warn, open.as_str())];
    assert_eq!(plugin.host.logs(), expected);
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
