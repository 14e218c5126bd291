//! `hookmq bench`: each load against real brokers, and what it says of brokers that are at fault.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread;

use mqtt::{
    Connect, Packet, Properties, QoS, ReasonCode, Subscribe, Subscription, SubscriptionList,
    SubscriptionOptions, Version, decode, split_frame,
};
use serde_json::{Value, json};

use crate::faulty::{self, Fault};
use crate::folder::{Folder, Said};
use crate::peer::Mosquitto;
use crate::process::Process;

const PROTOCOLS: [&str; 2] = ["3.1.1", "5"];

/// At the same time, since runs mostly wait.
fn for_each_protocol(check: impl Fn(&'static str) + Sync) {
    let check = &check;
    thread::scope(|scope| {
        for protocol in PROTOCOLS {
            scope.spawn(move || check(protocol));
        }
    });
}

/// A broker and its port.
fn serve() -> (Folder, Process, u16) {
    let folder = Folder::new("listeners: [{ tcp: '127.0.0.1:0' }]\n");
    let mut broker = folder.start(&[]);
    let line = broker.line_with(" listens on tcp://127.0.0.1:");
    let port = line.rsplit(':').next().unwrap().parse().unwrap();
    (folder, broker, port)
}

fn bench(port: u16, arguments: &[&str]) -> Said {
    let port = port.to_string();
    Folder::new("").run(&[&["bench"], arguments, &["--port", &port]].concat())
}

/// What it says as JSON, and its exit status.
fn measured(port: u16, arguments: &[&str]) -> (Value, Option<i32>) {
    let said = bench(port, &[arguments, &["--json"]].concat());
    let [line] = &said.out[..] else { panic!("{arguments:?}: {:#?}", said.errors) };
    (serde_json::from_str(line).unwrap(), said.status)
}

/// It goes well, and so much comes of it.
#[track_caller]
fn check(port: u16, arguments: &[&str], expected: &[(&str, Value)]) -> Value {
    // A machine that is busy may stand still for a while.
    let (result, status) = measured(port, &[arguments, &["--stall", "60s"]].concat());
    assert_eq!(status, Some(0), "{arguments:?}: {result:#}");
    let good = [("ok", json!(true)), ("end", json!("done")), ("troubles", json!([]))];
    for (key, value) in good.iter().chain(expected) {
        assert_eq!(&result[key], value, "{arguments:?}: {key}: {result:#}");
    }
    result
}

/// Every load where messages flow, with its options and what is to be published and to come.
const FLOWS: [(&str, &[&str], u32, u32); 6] = [
    ("fan-out", &["--publishers", "2", "--subscribers", "3"], 100, 300),
    ("fan-in", &["--publishers", "3", "--subscribers", "2"], 150, 300),
    ("pairs", &["--pairs", "4", "--threads", "2"], 200, 200),
    ("shared", &["--publishers", "3", "--subscribers", "2"], 150, 150),
    ("retained", &["--subscribers", "2"], 50, 100),
    ("offline", &["--publishers", "2", "--subscribers", "3"], 100, 300),
];

/// With messages at each QoS.
fn check_flows(port: u16, protocol: &str) {
    for (load, options, sent, received) in FLOWS {
        for qos in ["0", "1", "2"] {
            if (load, qos) == ("offline", "0") {
                continue;
            }
            let common = ["--protocol", protocol, "-q", qos, "-n", "50"];
            let acknowledged = if qos == "0" { 0 } else { sent };
            let zero = ["lost", "duplicated", "out_of_order", "foreign", "refused", "broken"];
            let mut expected: Vec<_> = zero.map(|key| (key, json!(0))).into();
            expected.extend([
                ("load", json!(load)),
                ("sent", json!(sent)),
                ("acknowledged", json!(acknowledged)),
                ("received", json!(received)),
            ]);
            let result = check(port, &[&[load], options, &common].concat(), &expected);
            assert!(result["latency_us"]["p99.9"].as_u64() <= result["latency_us"]["max"].as_u64());
            assert_eq!(result["acknowledgement_us"].is_object(), qos != "0");
        }
    }
}

/// Where there are no messages.
fn check_connections(port: u16, protocol: &str) {
    let common = ["--protocol", protocol, "--connections", "50"];
    let storm = check(port, &[&["connect"], &common[..]].concat(), &[("connected", json!(50))]);
    assert!(storm["connect_us"]["p50"].as_u64() > Some(0));
    let idle = ["idle", "--hold", "500ms", "--ping", "100ms"];
    let idle = check(port, &[&idle, &common[..]].concat(), &[("connections", json!(50))]);
    assert!(idle["pings"].as_u64() > Some(0));
}

#[test]
fn every_load_is_measured() {
    let (_folder, _broker, port) = serve();
    for_each_protocol(|protocol| {
        check_flows(port, protocol);
        check_connections(port, protocol);
    });
}

#[test]
fn other_brokers_are_measured_too() {
    let mosquitto = Mosquitto::start();
    for_each_protocol(|protocol| {
        check_flows(mosquitto.port, protocol);
        check_connections(mosquitto.port, protocol);
    });
    let pid = mosquitto.process.id().to_string();
    let result = check(mosquitto.port, &["fan-out", "-n", "100", "--broker-pid", &pid], &[]);
    assert!(result["broker"]["rss_kib"].as_u64() > Some(0));
}

#[test]
fn the_cost_to_the_broker_is_told() {
    let (_folder, broker, port) = serve();
    let pid = broker.id().to_string();
    let result = check(port, &["fan-out", "-n", "1000", "--broker-pid", &pid], &[]);
    assert!(result["broker"]["cpu_seconds"].as_f64() > Some(0.0));
    assert!(result["bench"]["cpu_us_each"].as_f64() > Some(0.0));
    let said = bench(port, &["fan-out", "--broker-pid", "2147483647"]);
    said.check(
        1,
        &["--broker-pid 2147483647: there is no such process, or it may not be looked at"],
    );
}

#[test]
fn a_run_lasts_as_long_as_asked() {
    let (_folder, _broker, port) = serve();
    for rate in [&[][..], &["--rate", "100"]] {
        let lasting = ["pairs", "--pairs", "3", "-q", "1", "--duration", "300ms"];
        let result = check(port, &[&lasting, rate].concat(), &[("lost", json!(0))]);
        assert!(result["sent"].as_u64() > Some(0) && result["sent"] == result["received"]);
    }
}

#[test]
fn people_get_a_summary_and_progress() {
    let (_folder, _broker, port) = serve();
    let said = bench(
        port,
        &["pairs", "--pairs", "2", "--duration", "1500ms", "--rate", "10", "--progress"],
    );
    assert_eq!(said.status, Some(0));
    let title = format!(
        "pairs: 2 publishers to one subscriber each, QoS 0, 64 bytes, 10 messages a second each; \
         MQTT 3.1.1 at 127.0.0.1:{port}"
    );
    assert_eq!(said.out[0], title);
    let has = |text: &str| said.out.iter().any(|line| line.contains(text));
    assert!(has("0 lost, 0 duplicated, 0 out of order") && has("p99.9 "), "{:#?}", said.out);
    let has_progress = said.errors.iter().any(|line| line.contains("connected 4  sent "));
    assert!(has_progress, "{:#?}", said.errors);
}

/// What a broker with this fault has made of a hundred messages to two subscribers.
fn of_a_faulty_one(fault: Fault, protocol: &str, qos: &str) -> (Value, Option<i32>) {
    let port = faulty::start(fault).port();
    measured(
        port,
        &["fan-out", "--subscribers", "2", "-n", "100", "-q", qos, "--protocol", protocol],
    )
}

/// With these counts.
#[track_caller]
fn check_fault(fault: Fault, [lost, duplicated, late]: [u32; 3], statuses: [i32; 2]) {
    for_each_protocol(|protocol| {
        for (qos, status) in ["0", "1"].into_iter().zip(statuses) {
            let (result, said) = of_a_faulty_one(fault, protocol, qos);
            let keys = ["lost", "duplicated", "out_of_order", "received"];
            let counts = keys.map(|key| result[key].as_u64().unwrap() as u32);
            assert_eq!(counts, [lost, duplicated, late, 200 - lost], "{fault:?}: {result:#}");
            assert_eq!(said, Some(status), "{fault:?} at QoS {qos}: {result:#}");
            assert_eq!(result["ok"], json!(status == 0));
            assert_eq!(result["end"], json!(if lost > 0 { "stalled" } else { "done" }));
        }
    });
}

#[test]
fn lost_messages_are_counted_and_a_failure_at_qos_1() {
    check_fault(Fault::Loses, [40, 0, 0], [0, 1]);
}

#[test]
fn messages_that_come_twice_are_counted() {
    check_fault(Fault::Repeats, [0, 40, 0], [0, 0]);
}

#[test]
fn messages_that_are_overtaken_are_counted() {
    check_fault(Fault::Exchanges, [0, 0, 40], [0, 0]);
}

#[test]
fn messages_that_are_not_acknowledged_are_a_failure() {
    for_each_protocol(|protocol| {
        let (result, status) = of_a_faulty_one(Fault::IsSilent, protocol, "1");
        assert_eq!((&result["lost"], &result["unacknowledged"]), (&json!(0), &json!(100)));
        assert_eq!((status, &result["end"]), (Some(1), &json!("stalled")), "{result:#}");
    });
}

#[test]
fn a_connection_that_breaks_is_a_failure() {
    for_each_protocol(|protocol| {
        let (result, status) = of_a_faulty_one(Fault::Closes, protocol, "0");
        assert_eq!((&result["broken"], status), (&json!(1), Some(1)), "{result:#}");
        let [trouble] = &result["troubles"].as_array().unwrap()[..] else { panic!("{result:#}") };
        assert!(trouble.as_str().unwrap().contains("connection"), "{trouble}");
    });
}

/// The end comes together with the last message.
#[test]
fn subscribers_whose_connections_are_closed_are_a_failure() {
    for_each_protocol(|protocol| {
        let (result, status) = of_a_faulty_one(Fault::Leaves, protocol, "0");
        assert_eq!((&result["broken"], status), (&json!(2), Some(1)), "{result:#}");
    });
}

#[test]
fn a_broker_that_stops_reading_is_a_failure() {
    for_each_protocol(|protocol| {
        let port = faulty::start(Fault::IsDeaf).port();
        let much = ["fan-out", "-n", "10000", "--payload", "10000", "--protocol", protocol];
        let (result, status) = measured(port, &much);
        let expected = (&json!("stalled"), &json!(1), Some(1));
        let got = (&result["end"], &result["unfinished_publishers"], status);
        assert_eq!(got, expected, "{result:#}");
    });
}

#[test]
fn a_broker_that_answers_nobody_is_given_up() {
    let port = faulty::start(Fault::IsMute).port();
    for load in [["pairs", "--pairs"], ["connect", "--connections"], ["idle", "--connections"]] {
        let (result, status) = measured(port, &[&load[..], &["5", "--stall", "100ms"]].concat());
        assert_eq!(status, Some(1), "{result:#}");
        let trouble = result["troubles"][0].as_str().unwrap();
        assert!(trouble.contains("were not connected and subscribed in time"), "{trouble}");
    }
}

/// They come whatever has become of the messages.
#[test]
fn answers_to_pings_do_not_keep_a_run_going() {
    let port = faulty::start(Fault::Loses).port();
    let (result, _) = measured(port, &["fan-out", "-n", "100", "--keep-alive", "1"]);
    assert_eq!(result["end"], json!("stalled"), "{result:#}");
}

#[test]
fn a_refusal_is_told_with_its_reason() {
    let port = faulty::start(Fault::Refuses(ReasonCode::NotAuthorized)).port();
    for protocol in PROTOCOLS {
        let said = bench(port, &["pairs", "--pairs", "1", "--protocol", protocol]);
        assert_eq!(said.status, Some(1));
        let text =
            "the broker has refused the connection: Not authorized (0x87); give --username and";
        assert!(said.errors[0].starts_with(text), "{:#?}", said.errors);
    }
}

#[test]
fn what_keeps_a_run_from_starting_is_told() {
    let (_folder, broker, port) = serve();
    let check = |arguments: &[&str], status, text: &str| {
        let said = bench(port, arguments);
        assert_eq!(said.status, Some(status), "{:#?}", said.errors);
        assert!(said.errors[0].contains(text), "{:#?}", said.errors);
    };
    check(&["offline"], 2, "--qos 0: what is kept for a client that is away has QoS 1 or 2");
    check(&["pairs", "--payload", "19"], 2, "--payload 19: a message has 20 bytes at least");
    check(&["pairs", "--rate", "0"], 2, "a number above 0");
    check(&["pairs", "--duration", "10"], 2, "a duration such as");
    check(&["pairs", "--protocol", "4"], 2, "3.1, 3.1.1 and 5 are spoken here");
    check(
        &["connect", "--source", "192.0.2.1", "--connections", "1"],
        1,
        "no address of this machine",
    );
    broker.kill();
    check(&["pairs"], 69, &format!("connection refused: nothing listens at 127.0.0.1:{port}"));
}

#[test]
fn the_limit_of_open_files_is_raised_or_told() {
    let (folder, _broker, port) = serve();
    let limited = |limit: &str| {
        let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
        let idle = ["bench", "idle", "--connections", "200", "--hold", "1ms", "--port"];
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script).arg(folder.command(&[]).get_program());
        Said::of(shell.args(idle).arg(port.to_string()).output().unwrap())
    };
    assert_eq!(limited("-S -n 100").status, Some(0));
    let said = limited("-n 100");
    assert_eq!(said.status, Some(1));
    let text = "200 clients need 264 open files, and this process may have 100 at most; raise";
    assert!(said.errors[0].starts_with(text), "{:#?}", said.errors);
}

#[test]
fn retained_messages_do_not_stay_behind() {
    let (_folder, _broker, port) = serve();
    for qos in ["0", "1", "2"] {
        check(port, &["retained", "-n", "20", "-q", qos, "--prefix", "mine"], &[]);
    }
    let version = Version::INSIDE;
    let options = SubscriptionOptions::new(QoS::AtMostOnce);
    let list = SubscriptionList::new(Subscription { filter: "mine/#", options });
    let mut bytes = Vec::new();
    for packet in [
        Packet::Connect(Connect::new(version, "looker")),
        Packet::Subscribe(Subscribe::new(1, Properties::EMPTY, &list)),
        Packet::PingReq,
    ] {
        packet.encode(version, &mut bytes);
    }
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(&bytes).unwrap();
    let (mut buffer, mut chunk, mut kinds) = (Vec::new(), [0; 4096], Vec::new());
    while kinds.last() != Some(&"PINGRESP") {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0);
        buffer.extend_from_slice(&chunk[..read]);
        while let Some(frame) = split_frame(&buffer, u32::MAX).unwrap() {
            let len = frame.bytes().len();
            kinds.push(decode(frame, version).unwrap().kind());
            buffer.drain(..len);
        }
    }
    assert_eq!(kinds, ["CONNACK", "SUBACK", "PINGRESP"]);
}
