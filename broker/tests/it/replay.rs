//! What `hookmq plugin record` writes of a broker that clients are connected to, and what
//! `hookmq plugin replay` makes of it.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hookmq::control::{Control, ControlSocket};
use hookmq::hooks::{RecordFilter, Recording};
use mqtt::{QoS, Version};
use recording::{Field, MAGIC, Reader, Record};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::plugins::{self, PluginDir, TempLibrary};
use crate::support::auth::{self, entry};
use crate::support::mosquitto::Tool;
use crate::support::{Broker, Client, Process, both_versions};

both_versions!(
    what_clients_do_is_recorded_and_replayed,
    a_new_build_is_compared_on_what_mosquitto_has_done,
    events_are_recorded_as_they_come,
    who_reads_too_slowly_holds_nobody_up,
);

/// What can be operated: its control socket is in a folder, and recordings too.
struct Operated {
    folder: TempDir,
    _control: Control,
}

impl Operated {
    fn new(broker: &Broker) -> Operated {
        let folder = tempfile::tempdir().unwrap();
        let socket = ControlSocket::make(&folder.path().join("control.sock")).unwrap();
        let _control = Control::start(socket, broker.roster().clone()).unwrap();
        Operated { folder, _control }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("events.rec")
    }

    /// It records when this returns.
    fn record(&self, arguments: &[&str]) -> Process {
        let mut command = hookmq(&["record"]);
        command.arg(self.file()).arg("--socket").arg(self.folder.path().join("control.sock"));
        let mut process = Process::start(command.args(arguments), "cargo builds it");
        process.line_with("recording into ");
        process
    }

    fn records(&self) -> Vec<Record> {
        Reader::new(File::open(self.file()).unwrap()).unwrap().map(Result::unwrap).collect()
    }

    /// What comes of it, and the lines about events.
    fn replay(&self, plugin: &TempLibrary, arguments: &[&str]) -> (Output, Vec<Value>) {
        let mut command = hookmq(&["replay"]);
        command.arg(self.file()).arg(path(plugin));
        let output = command.args(arguments).arg("--json").output().unwrap();
        let lines = String::from_utf8(output.stdout.clone()).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let lines = lines.filter(|line| line.get("what").is_some()).collect();
        (output, lines)
    }
}

fn hookmq(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookmq"));
    command.arg("plugin").args(arguments).env_remove("RUST_LOG");
    command
}

/// What was recorded so far.
fn take(recording: &mut Recording) -> Vec<Record> {
    recording.stop();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut bytes = MAGIC.to_vec();
    while runtime.block_on(recording.read(&mut bytes)) {}
    Reader::new(&*bytes).unwrap().map(Result::unwrap).collect()
}

fn hooks(records: &[Record]) -> Vec<&str> {
    records.iter().map(Record::hook).collect()
}

fn what_clients_do_is_recorded_and_replayed(version: Version) {
    let broker = Broker::start();
    let operated = Operated::new(&broker);
    let publish = ["on_message", "on_before_publish", "on_publish"];
    let subscribe =
        ["on_before_subscribe", "on_subscribe", "on_before_unsubscribe", "on_unsubscribe"];
    let expected = [
        &["on_before_connect", "on_connect"][..],
        &subscribe,
        &publish,
        &publish,
        &["on_disconnect"],
    ];
    let expected = expected.concat();
    // And that there is a session, and none any more.
    let number = (expected.len() + 2).to_string();
    let record = operated.record(&["--client", "alice", "--events", &number]);
    let mut bob = Client::connect(&broker, version, "bob");
    let mut alice = Client::connect(&broker, version, "alice");
    alice.subscribe("no-a", QoS::AtLeastOnce);
    alice.unsubscribe("no-a");
    alice.publish("no-a", "x", QoS::AtLeastOnce);
    bob.publish("b", "x", QoS::AtLeastOnce);
    alice.publish("a", "x", QoS::AtLeastOnce);
    alice.disconnect();
    let (status, said) = record.wait();
    assert!(status.success(), "{said:?}");
    let place = format!(", in {}", operated.file().display());
    let last = said.last().unwrap();
    assert!(last.starts_with(&format!("{number} events, ")) && last.ends_with(&place), "{last}");

    let records = operated.records();
    let of_alice: Vec<&str> =
        hooks(&records).into_iter().filter(|it| *it != "on_session").collect();
    assert_eq!(of_alice, expected);
    let connect = records.iter().find(|record| record.hook() == "on_connect").unwrap();
    assert_eq!(connect.number(Field::Protocol), u64::from(version.level()));
    assert!(connect.text(Field::Peer).starts_with("127.0.0.1:"));
    assert!(records.is_sorted_by_key(Record::at));

    let doorman = plugins::c("broker/tests/plugins/doorman.c");
    let hooks = ["--hook", "on_before_subscribe", "--hook", "on_before_publish"];
    let arguments = [&["--plugin-config", "{ prefix: no- }"], &hooks[..]].concat();
    let (output, lines) = operated.replay(&doorman, &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| (line["what"].as_str().unwrap(), line["answer"].as_str().unwrap()))
        .collect();
    assert_eq!(answers, [("no-a", "veto"), ("no-a", "veto"), ("a", "continue")]);
}

fn path(library: &TempLibrary) -> &str {
    AsRef::<Path>::as_ref(library).to_str().unwrap()
}

/// Refuses what is published to `a`, with the code that a build has.
fn build(code: &str) -> TempLibrary {
    plugins::c_text(&format!(
        "#include \"plugin.h\"
         MQ_PLUGIN(\"built\", \"1.0.0\", \"MIT\", \"Refuses what is published to a\");
         int32_t Bootstrap(const mq_host *host, mq_view json, void **instance) {{
             (void)host; (void)json; (void)instance;
             return 0;
         }}
         int32_t OnBeforePublish(void *instance, const mq_publish *event) {{
             (void)instance;
             return event->topic.len == 1 && event->topic.ptr[0] == 'a' ? {code} : MQ_CONTINUE;
         }}"
    ))
}

fn a_new_build_is_compared_on_what_mosquitto_has_done(version: Version) {
    let broker = Broker::start();
    let operated = Operated::new(&broker);
    let tool = Tool::new(&broker, version);
    let record = operated.record(&[]);
    let mut subscriber = tool.subscribed(&["-i", "reader", "-q", "2", "-t", "a", "-t", "b"]);
    for topic in ["a", "b"] {
        let login = ["-i", "writer", "-u", "alice", "-P", "sesame"];
        tool.publish(&[&login[..], &["-q", "2", "-t", topic, "-m", "on"]].concat());
        assert_eq!(subscriber.line().unwrap(), format!("2 0 {topic} on"));
    }
    record.signal("INT");
    record.succeed();

    let bytes = std::fs::read(operated.file()).unwrap();
    assert!(!bytes.windows(6).any(|it| it == b"sesame"), "the password is not recorded");
    let mode = std::fs::metadata(operated.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let records = operated.records();
    let connect = records.iter().find(|record| {
        record.hook() == "on_before_connect" && record.text(Field::ClientId) == "writer"
    });
    let connect = connect.unwrap();
    assert_eq!((connect.text(Field::Username), connect.number(Field::HasPassword)), ("alice", 1));
    let filters: Vec<&str> = records
        .iter()
        .filter(|record| record.hook() == "on_subscribe")
        .map(|record| record.text(Field::WholeFilter))
        .collect();
    assert_eq!(filters, ["a", "b", "ready"]);

    let (old, new) = (build("MQ_VETO"), build("0x97"));
    let compare = |with: &TempLibrary| operated.replay(&new, &["--compare", path(with)]);
    let (output, lines) = compare(&old);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    assert_eq!((&line["client"], &line["what"]), (&json!("writer"), &json!("a")));
    assert_eq!(
        (&line["old"]["answer"], &line["new"]["answer"]),
        (&json!("veto"), &json!("refuse 0x97"))
    );
    let (output, lines) = compare(&new);
    assert!(output.status.success() && lines.is_empty(), "{lines:#?}");
}

/// Whatever the plugins make of them, and whoever comes and goes.
fn events_are_recorded_as_they_come(version: Version) {
    let (directory, name) = (PluginDir::new(), format!("recorded-{}", version.level()));
    directory.put(plugins::rust("hook-log"), &name);
    let vetoes = json!({ "veto": ["on_before_publish"] });
    let broker = Broker::with_plugins(&directory, vec![entry(&name, vetoes)]);
    let mut reader = Client::connect(&broker, version, "c-reader");
    let mut client = Client::connect(&broker, version, "c-writer");
    let only = |hook: &str| RecordFilter::new(vec![hook.into()], vec!["c*".into()], false).unwrap();
    let mut first = broker.plugins().record(only("on_before_publish"));
    let mut offered = broker.plugins().record(only("on_before_deliver"));
    let mut delivered = broker.plugins().record(only("on_delivered"));
    reader.subscribe("a", QoS::AtMostOnce);
    client.publish("a", "vetoed", QoS::AtLeastOnce);
    broker.plugins().remove(&name).unwrap();
    client.publish("a", "passes", QoS::AtLeastOnce);
    reader.expect("a", "passes");
    let records = take(&mut first);
    let payloads: Vec<&[u8]> = records.iter().map(|record| record.bytes(Field::Payload)).collect();
    assert_eq!(
        (hooks(&records), payloads),
        (vec!["on_before_publish"; 2], vec![&b"vetoed"[..], b"passes"])
    );
    client.publish("a", "unseen", QoS::AtLeastOnce);
    reader.expect("a", "unseen");
    // What became of it is told before.
    client.ping();
    reader.ping();
    assert!(take(&mut first).is_empty());
    assert_eq!(hooks(&take(&mut delivered)), ["on_delivered"; 2]);
    let offered = take(&mut offered);
    assert_eq!(hooks(&offered), ["on_before_deliver"; 2]);
    let publishers: Vec<&str> = offered.iter().map(|it| it.text(Field::Publisher)).collect();
    assert_eq!(publishers, ["c-writer"; 2]);
    assert_eq!(offered[1].bytes(Field::Payload), b"unseen");
    let error = RecordFilter::new(vec!["on_tick".into()], Vec::new(), false).unwrap_err();
    let text =
        "\"on_tick\" is no hook that can be recorded; these are: on_socket_open, on_before_connect";
    assert!(error.to_string().starts_with(text), "{error}");
}

fn who_reads_too_slowly_holds_nobody_up(version: Version) {
    const MESSAGES: u64 = 100;
    let broker = Broker::start();
    let mut client = Client::connect(&broker, version, "c");
    let filter = RecordFilter::new(vec!["on_message".into()], Vec::new(), false).unwrap();
    let mut recording = broker.plugins().record(filter);
    let payload = "x".repeat(500_000);
    for _ in 0..MESSAGES {
        client.publish("a", &payload, QoS::AtLeastOnce);
    }
    let records = take(&mut recording);
    let Some((gap, events)) = records.split_last() else { panic!("nothing was recorded") };
    let left_out = gap.left_out().unwrap();
    assert!(left_out > MESSAGES / 2, "{left_out}");
    assert_eq!(events.len() as u64 + left_out, MESSAGES);
}

/// Neither where a plugin finds it, nor among the properties.
#[test]
fn authentication_data_is_recorded_only_if_it_is_asked_for() {
    let broker = auth::broker();
    for with_passwords in [false, true] {
        let filter = RecordFilter::new(Vec::new(), Vec::new(), with_passwords).unwrap();
        let mut recording = broker.plugins().record(filter);
        let client = auth::connect(&broker, "c", "alice:a");
        let records = take(&mut recording);
        client.disconnect();
        let holds = |record: &Record, text: &[u8]| {
            record.as_bytes().windows(text.len()).any(|bytes| bytes == text)
        };
        for hook in ["on_auth", "on_before_connect"] {
            let record = records.iter().find(|record| record.hook() == hook).unwrap();
            assert_eq!(record.text(Field::Method), "TOKEN");
            assert!(holds(record, b"TOKEN"));
            assert_eq!(holds(record, b"alice:a"), with_passwords, "{hook}");
        }
        let auth = records.iter().find(|record| record.hook() == "on_auth").unwrap();
        assert_eq!(auth.number(Field::HasData), 1);
        assert_eq!(auth.has(Field::Data), with_passwords);
    }
}
