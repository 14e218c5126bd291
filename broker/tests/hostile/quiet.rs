//! The log does not grow with what clients send: a line a kind and minute, with the number of events.

use mqtt::{QoS, ReasonCode, Version};

use crate::program::Program;
use crate::refusal::{check_connect_refused, check_refused};
use crate::support::{Client, Login, both_versions};
use crate::wire::RawConnect;

both_versions!(what_clients_do_again_and_again_is_counted);

const TIMES: usize = 200;

fn what_clients_do_again_and_again_is_counted(version: Version) {
    let limits = ["max_retained_messages: 1", "max_queued_messages: 10", "max_takeovers: 1000000"];
    let broker = Program::start(&limits);
    for _ in 0..TIMES {
        be_refused(&broker, version);
    }
    take_over(&broker, version);
    fill_queue(&broker, version);
    let mut publisher = Login::new(version, "publisher").connect(broker.address);
    for number in 0..=TIMES {
        publisher.publish_retained(&format!("r/\u{1b}{number}"), "x", QoS::AtMostOnce);
    }
    let said = broker.stop();
    for (kind, events) in [
        ("connection closed for what came from it", TIMES),
        ("CONNECT refused, Client Identifier not valid (0x85)", TIMES),
        ("session taken over by another connection", TIMES),
        ("message dropped, the client's queue is full", TIMES - 10),
        ("message not retained", TIMES),
    ] {
        check_counted(&said, kind, events);
    }
    assert!(said.len() < 20, "{said:#?}");
    assert!(!said.iter().any(|line| line.contains('\u{1b}')), "{said:#?}");
}

/// Breaks a rule on one connection, and comes with a bad client id on another.
fn be_refused(broker: &Program, version: Version) {
    check_refused(broker.address, version, &[0x36, 0], ReasonCode::MalformedPacket);
    let client_id = vec![0x1b; 300];
    let connect = RawConnect { client_id, ..RawConnect::new(version) };
    let refused = Some(ReasonCode::ClientIdentifierNotValid);
    check_connect_refused(broker.address, version, &connect.bytes(), refused);
}

fn take_over(broker: &Program, version: Version) {
    let mut owner = Login::new(version, "\u{1b}[2J").connect(broker.address);
    for _ in 0..TIMES {
        let newcomer = Login::new(version, "\u{1b}[2J").connect(broker.address);
        owner.expect_disconnect(ReasonCode::SessionTakenOver);
        owner = newcomer;
    }
}

/// Of a client that is away.
fn fill_queue(broker: &Program, version: Version) {
    let mut away = Login::new(version, "away").keeping_session().connect(broker.address);
    away.subscribe("full", QoS::AtLeastOnce);
    away.disconnect();
    let mut publisher: Client = Login::new(version, "filler").connect(broker.address);
    for _ in 0..TIMES {
        publisher.publish("full", "x", QoS::AtLeastOnce);
    }
}

/// One line at once, and one when the broker stopped.
#[track_caller]
fn check_counted(said: &[String], kind: &str, events_expected: usize) {
    let lines: Vec<&String> = said.iter().filter(|line| line.contains(kind)).collect();
    assert!((1..=2).contains(&lines.len()), "{kind}: {said:#?}");
    let counted: usize = lines.iter().map(|line| events(line)).sum();
    assert_eq!(counted, events_expected, "{lines:#?}");
}

/// The number in `kind: 199 more, such as …`, or 1.
fn events(line: &str) -> usize {
    let Some((counted, _)) = line.split_once(", such as ") else { return 1 };
    let (_, number) = counted.trim_end_matches(" more").rsplit_once(": ").unwrap();
    number.parse().unwrap()
}
