//! The binary as people start it: the first run in an empty directory, a bad config, signals.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, ExitStatus};

use mqtt::{QoS, ReasonCode, Version};
use tempfile::TempDir;

use crate::common::plugins;
use crate::support::{Client, Login, Process, both_versions};

both_versions!(sigterm_ends_it_in_good_order, sigint_ends_it_in_good_order);

/// `EX_CONFIG` of sysexits.h.
const BAD_CONFIG: i32 = 78;

const ANY_PORT: &str = "listeners:\n  - tcp: 127.0.0.1:0\n";

/// The default address may be in use on the machine that runs this; then it must be said so.
#[test]
fn an_empty_directory_gets_a_config_and_a_folder_for_plugins() {
    let directory = tempfile::tempdir().unwrap();
    let mut broker = hookmq(directory.path(), &[]);
    let line = broker.line_with("tcp://127.0.0.1:1883");
    if line.contains("listens on") {
        broker.signal("TERM");
        assert!(broker.wait().0.success());
    } else {
        assert!(line.contains("cannot listen on tcp://127.0.0.1:1883"), "{line}");
        assert!(line.contains("in use"), "{line}");
        assert_eq!(broker.wait().0.code(), Some(1));
    }
    assert_eq!(names_in(&directory), ["config.yml", "data", "plugins"]);
    assert!(directory.path().join("plugins").is_dir());
    let config = fs::read_to_string(directory.path().join("config.yml")).unwrap();
    assert!(config.contains("\n  - tcp: 127.0.0.1:1883\n"), "{config}");
}

#[test]
fn a_config_that_is_there_is_left_alone() {
    let directory = with_config(ANY_PORT);
    for _ in 0..2 {
        let (broker, _) = listening(hookmq(directory.path(), &[]));
        broker.signal("TERM");
        assert!(broker.wait().0.success());
        assert_eq!(config_of(&directory), ANY_PORT);
    }
}

/// One line says where it listens, with the ports that the system chose.
#[test]
fn it_listens_where_it_says() {
    let directory = with_config("listeners:\n  - tcp: 127.0.0.1:0\n  - tcp: 127.0.0.1:0\n");
    let mut broker = hookmq(directory.path(), &["run"]);
    let line = broker.line_with("listens on tcp://127.0.0.1:");
    let addresses: Vec<SocketAddr> = addresses_in(&line);
    assert_eq!(addresses.len(), 2, "{line}");
    for address in addresses {
        Login::new(Version::V5, "client").connect(address).ping();
    }
}

#[test]
fn it_listens_with_the_plugins_of_its_config() {
    let directory = with_config(&format!("{ANY_PORT}plugins:\n  - hello\n"));
    fs::create_dir(directory.path().join("plugins")).unwrap();
    fs::copy(plugins::rust("hello"), directory.path().join("plugins/hello.so")).unwrap();
    let mut broker = hookmq(directory.path(), &[]);
    broker.line_with("[plugin::hello] hello, broker");
    let (broker, address) = listening(broker);
    Login::new(Version::V5, "client").connect(address).ping();
    broker.signal("TERM");
    let (status, said) = broker.wait();
    assert!(status.success(), "{status}: {said:#?}");
    assert!(said.iter().any(|line| line.ends_with("hello, client")), "{said:#?}");
}

#[test]
fn a_config_elsewhere_is_used_and_nothing_created_here() {
    let here = tempfile::tempdir().unwrap();
    let elsewhere = with_config(ANY_PORT);
    let file = elsewhere.path().join("config.yml");
    let (broker, _) = listening(hookmq(here.path(), &["--config", file.to_str().unwrap()]));
    broker.signal("TERM");
    assert!(broker.wait().0.success());
    assert!(names_in(&here).is_empty());
}

fn sigterm_ends_it_in_good_order(version: Version) {
    check_signal(version, "TERM");
}

fn sigint_ends_it_in_good_order(version: Version) {
    check_signal(version, "INT");
}

/// Clients are told, and the exit status is 0.
fn check_signal(version: Version, signal: &str) {
    let directory = with_config(ANY_PORT);
    let (mut broker, address) = listening(hookmq(directory.path(), &[]));
    let mut clients: Vec<Client> = ["one", "two", "three"]
        .into_iter()
        .map(|client_id| Login::new(version, client_id).connect(address))
        .collect();
    clients[0].publish("a", "x", QoS::ExactlyOnce);
    // One that has not said who it is, and one in the middle of a packet.
    let mut nameless = Client::open(address, version);
    clients[2].send_bytes(&[0x30, 100, 0]);
    broker.signal(signal);
    for client in &mut clients {
        client.expect_disconnect(ReasonCode::ServerShuttingDown);
    }
    nameless.expect_closed();
    broker.line_with(&format!("SIG{signal}: stopping"));
    let (status, said) = broker.wait();
    assert!(status.success(), "{status}: {said:#?}");
}

/// All of them at once, each with its line.
#[test]
fn a_bad_config_is_refused_with_every_problem() {
    let directory = with_config(
        "listeners:\n  - tcp: nowhere\nthreads: many\nlimits:\n  max_inflight: 0\n  colour: red\n",
    );
    let (status, said) = hookmq(directory.path(), &[]).wait();
    assert_eq!(status.code(), Some(BAD_CONFIG));
    for (line, problem) in said.iter().zip([
        "config.yml:2: listeners[0].tcp: ",
        "config.yml:3: threads: ",
        "config.yml:5: limits.max_inflight: ",
        "config.yml:6: limits.colour: ",
    ]) {
        assert!(line.starts_with(problem), "{said:#?}");
    }
    assert_eq!(said.len(), 4, "{said:#?}");
}

#[test]
fn a_config_that_is_not_there_is_not_created() {
    let directory = tempfile::tempdir().unwrap();
    let (status, said) = hookmq(directory.path(), &["--config", "other.yml"]).wait();
    assert_eq!(status.code(), Some(BAD_CONFIG));
    assert!(said[0].starts_with("other.yml: cannot be read: "), "{said:#?}");
    assert!(names_in(&directory).is_empty());
}

#[test]
fn an_address_in_use_is_said_so() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let directory = with_config(&format!("listeners:\n  - tcp: {address}\n"));
    let (status, said) = hookmq(directory.path(), &[]).wait();
    check_refused(
        status,
        &said,
        &format!("config.yml: listeners: cannot listen on tcp://{address}"),
    );
    check_refused(status, &said, "another program has it");
}

#[test]
fn a_plugin_that_is_not_there_is_a_bad_config() {
    check_plugin_refused(
        &["absent: { max: 5 }"],
        &[
            "config.yml:4: plugin absent cannot be loaded: there is no such file in plugins: looked for \
           absent, absent.so, libabsent.so; what is there: hello.so, sub-limiter.so",
        ],
    );
}

/// The plugin says why, and the broker where; both in one line.
#[test]
fn a_plugin_that_refuses_its_section_makes_a_bad_config() {
    let limiter = |line: usize, why: &str| {
        format!(
            "config.yml:{line}: plugin sub-limiter (plugins/sub-limiter.so) cannot be loaded: it \
             refused to start: {why}"
        )
    };
    let zero = "`max`: invalid value: integer `0`, expected a whole number above 0";
    check_plugin_refused(&["sub-limiter: { max: 0 }"], &[&limiter(4, zero)]);
    check_plugin_refused(
        &["hello", "name: sub-limiter\n    config:\n      min: 1"],
        &[&limiter(5, "`min`: unknown field `min`, expected `max` or `answer`")],
    );
}

/// One that is no plugin for this broker is not the config's fault.
#[test]
fn a_file_that_is_no_plugin_is_named_with_its_line() {
    let directory = with_plugins(&["notes"]);
    fs::write(directory.path().join("plugins/notes.so"), "text").unwrap();
    let (status, said) = hookmq(directory.path(), &[]).wait();
    assert_eq!(
        said,
        [
            "config.yml:4: plugin notes (plugins/notes.so) cannot be loaded: it is not a shared library \
          (no ELF file)"
        ]
    );
    assert_eq!(status.code(), Some(1));
}

/// The log of plugins that were loaded before is left out.
#[track_caller]
fn check_plugin_refused(plugins: &[&str], expected: &[&str]) {
    let (status, mut said) = hookmq(with_plugins(plugins).path(), &[]).wait();
    said.retain(|line| !line.contains(" INFO "));
    assert_eq!(said, expected);
    assert_eq!(status.code(), Some(BAD_CONFIG));
}

/// A directory with hello and sub-limiter, and a config that names plugins from line 4 on.
fn with_plugins(items: &[&str]) -> TempDir {
    let items: String = items.iter().map(|item| format!("  - {item}\n")).collect();
    let directory = with_config(&format!("{ANY_PORT}plugins:\n{items}"));
    fs::create_dir(directory.path().join("plugins")).unwrap();
    for name in ["hello", "sub-limiter"] {
        let file = directory.path().join(format!("plugins/{name}.so"));
        fs::copy(plugins::rust(name), file).unwrap();
    }
    directory
}

#[test]
fn a_listener_open_to_all_needs_a_plugin_or_a_word() {
    let open = "listeners:\n  - tcp: 0.0.0.0:0\n";
    let directory = with_config(open);
    let (status, said) = hookmq(directory.path(), &[]).wait();
    assert_eq!(status.code(), Some(BAD_CONFIG));
    let start = "config.yml: listeners: tcp://0.0.0.0:0 is open to other machines";
    assert!(said.last().unwrap().starts_with(start), "{said:#?}");
    let directory = with_config(&format!("{open}allow_anonymous: true\n"));
    hookmq(directory.path(), &[]).line_with("listens on tcp://0.0.0.0:");
}

#[test]
fn wrong_arguments_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (status, said) = hookmq(directory.path(), &["--colour", "red"]).wait();
    assert_eq!(status.code(), Some(2), "{said:#?}");
    assert!(names_in(&directory).is_empty());
}

/// The binary, started in a directory.
fn hookmq(directory: &Path, arguments: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookmq"));
    command.current_dir(directory).args(arguments).env_remove("RUST_LOG");
    Process::start(&mut command, "cargo builds it")
}

/// Waits until it listens; returns where.
fn listening(mut broker: Process) -> (Process, SocketAddr) {
    let line = broker.line_with("listens on tcp://");
    let address = addresses_in(&line)[0];
    (broker, address)
}

fn addresses_in(line: &str) -> Vec<SocketAddr> {
    line.split("tcp://")
        .skip(1)
        .map(|rest| rest.split(' ').next().unwrap().parse().unwrap())
        .collect()
}

fn check_refused(status: ExitStatus, said: &[String], why: &str) {
    assert_eq!(status.code(), Some(1), "{said:#?}");
    assert!(said.iter().any(|line| line.contains(why)), "{said:#?}");
}

fn with_config(text: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("config.yml"), text).unwrap();
    directory
}

fn config_of(directory: &TempDir) -> String {
    fs::read_to_string(directory.path().join("config.yml")).unwrap()
}

fn names_in(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
