//! What clients see while the disk of the store is full, or has failed.

use mqtt::{Ack, Packet, Publish, QoS, ReasonCode, Version};
use serde_json::json;

use crate::support::caller::tell;
use crate::support::{Client, Limited, Login, both_versions, message};

both_versions!(
    who_waits_for_a_full_disk_is_served_again_when_there_is_space,
    a_full_disk_bounds_what_is_taken,
    a_receiver_that_waits_for_a_full_disk_holds_nobody_up,
    a_failed_fsync_stops_the_broker,
    a_disk_that_does_not_answer_stops_the_broker,
    a_failed_fsync_ends_what_must_be_kept_and_nothing_else,
);

const SMALL: &str = "limits: { max_unwritten: 64KiB, max_connections: 1000 }\n";

/// A session that is in the store, and away.
fn leave_subscriber(version: Version, broker: &Limited) -> Login<'static> {
    let login = Login::new(version, "subscriber").keeping_session();
    let mut subscriber = login.connect(broker.address);
    subscriber.subscribe("kept/#", QoS::AtLeastOnce);
    subscriber.disconnect();
    login
}

fn send(client: &mut Client, topic: &str, payload: &str, qos: QoS) {
    let packet_id = if qos == QoS::AtMostOnce { 0 } else { client.take_packet_id() };
    client.send(&Packet::Publish(Publish { packet_id, ..message(topic, payload, qos) }));
}

/// In any order: what says nothing of what is kept waits for nothing.
fn expect_puback_and_pong(client: &mut Client, packet_id: u16) {
    let expected = [Packet::PubAck(Ack::new(packet_id, ReasonCode::Success)), Packet::PingResp];
    let mut next = || client.receive(|packet| expected.iter().position(|it| *it == packet));
    let both = [next(), next()];
    assert!(both == [Some(0), Some(1)] || both == [Some(1), Some(0)], "{both:?}");
}

fn expect_puback(client: &mut Client, packet_id: u16) {
    let expected = Packet::PubAck(Ack::new(packet_id, ReasonCode::Success));
    client.receive(|packet| assert_eq!(packet, expected));
}

fn who_waits_for_a_full_disk_is_served_again_when_there_is_space(version: Version) {
    let mut broker = Limited::start(SMALL);
    let subscriber = leave_subscriber(version, &broker);
    let mut publisher = Login::new(version, "publisher").keep_alive(2).connect(broker.address);
    publisher.publish("kept/0", "first", QoS::AtLeastOnce);
    broker.fill_disk();
    send(&mut publisher, "kept/1", "second", QoS::AtLeastOnce);
    broker.line_with("the disk of the store is full");
    publisher.send(&Packet::PingReq);
    let status = broker.status_when(|status| status["halted_clients"] == 1);
    assert_eq!(status["store"]["health"], "full");
    // Nobody else waits: not at QoS 0, nor at QoS 1 where nothing is to be kept.
    let mut watcher = Login::new(version, "watcher").connect(broker.address);
    watcher.subscribe("live", QoS::AtLeastOnce);
    let mut other = Login::new(version, "other").connect(broker.address);
    other.publish("live", "a", QoS::AtMostOnce);
    other.publish("live", "b", QoS::AtLeastOnce);
    watcher.expect("live", "a");
    watcher.expect("live", "b");
    // One that is silent is given up; the publisher has been silent for longer, and may.
    Login::new(version, "silent").keep_alive(2).connect(broker.address).drain_until_closed();
    assert_eq!(broker.operator().status()["halted_clients"], 1);
    broker.free_disk();
    expect_puback_and_pong(&mut publisher, 2);
    broker.status_when(|status| status["store"]["health"] == "well");
    assert_eq!(broker.operator().status()["halted_clients"], 0);
    let mut subscriber = subscriber.connect(broker.address);
    subscriber.expect("kept/0", "first");
    subscriber.expect("kept/1", "second");
}

/// However many publish, they are not taken in: what they send waits in their sockets.
fn a_full_disk_bounds_what_is_taken(version: Version) {
    const PUBLISHERS: usize = 40;
    let mut broker = Limited::start(SMALL);
    leave_subscriber(version, &broker);
    let mut publishers: Vec<Client> = (0..PUBLISHERS)
        .map(|number| Login::new(version, &format!("p{number}")).connect(broker.address))
        .collect();
    broker.fill_disk();
    let mut first = Login::new(version, "first").connect(broker.address);
    send(&mut first, "kept/x", "", QoS::AtLeastOnce);
    broker.line_with("the disk of the store is full");
    first.send(&Packet::PingReq);
    let payload = "x".repeat(30_000);
    for publisher in &mut publishers {
        send(publisher, "kept/x", &payload, QoS::AtLeastOnce);
        publisher.send(&Packet::PingReq);
    }
    // Each waits for what it has brought, or may bring nothing any more.
    let all = |count: usize| move |status: &serde_json::Value| status["halted_clients"] == count;
    let status = broker.status_when(all(PUBLISHERS + 1));
    let unwritten = status["store"]["unwritten_bytes"].as_u64().unwrap();
    // Four times the mark, and a read on each of two threads.
    assert!((256 * 1024..400 * 1024).contains(&unwritten), "{unwritten}");
    // Who brings nothing that is to be kept goes on, until it does.
    let mut other = Login::new(version, "other").connect(broker.address);
    other.publish("live", "", QoS::AtMostOnce);
    send(&mut other, "live", "", QoS::AtLeastOnce);
    broker.status_when(all(PUBLISHERS + 2));
    // Plugins neither. What they are told comes at QoS 1 too.
    let mut watcher = Login::new(version, "watcher").connect(broker.address);
    watcher.subscribe("called", QoS::AtMostOnce);
    for qos in [1, 0] {
        let call =
            json!({ "do": "publish", "topic": "called", "payload": qos.to_string(), "qos": qos });
        tell(&mut watcher, "call", &call.to_string());
    }
    watcher.expect("called", "0");
    // Nor does a session begin that is to be kept.
    let (_, refused) = Login::new(version, "new").keeping_session().ask(broker.address);
    let expected = match version {
        Version::V5 => ReasonCode::ServerBusy,
        _ => ReasonCode::ServerUnavailable,
    };
    assert_eq!(refused.reason, expected);
    broker.free_disk();
    expect_puback(&mut other, 1);
    for publisher in &mut publishers {
        expect_puback_and_pong(publisher, 1);
    }
    broker.status_when(all(0));
}

/// Nothing is written to it before the store has the message that it is sent at QoS 2. What there is no room for
/// at QoS 0 is dropped meanwhile.
fn a_receiver_that_waits_for_a_full_disk_holds_nobody_up(version: Version) {
    let mut broker = Limited::start("limits: { write_buffer: 16KiB }\n");
    let mut receiver = Login::new(version, "receiver").keeping_session().connect(broker.address);
    receiver.subscribe("flood", QoS::AtMostOnce);
    receiver.subscribe("kept", QoS::ExactlyOnce);
    broker.fill_disk();
    let mut first = Login::new(version, "first").connect(broker.address);
    send(&mut first, "kept", "", QoS::ExactlyOnce);
    broker.line_with("the disk of the store is full");
    let mut other = Login::new(version, "other").connect(broker.address);
    for _ in 0..200 {
        send(&mut other, "flood", &"x".repeat(1000), QoS::AtMostOnce);
        other.ping();
    }
    receiver.send(&Packet::PingReq);
    broker.free_disk();
    let mut next = || receiver.receive_publish().topic;
    let flood = std::iter::from_fn(|| Some(next()).filter(|topic| topic == "flood")).count();
    assert!(flood < 64, "{flood} messages were taken for a receiver that takes nothing");
}

fn a_failed_fsync_stops_the_broker(version: Version) {
    let mut broker = Limited::start("");
    leave_subscriber(version, &broker);
    let mut publisher = Login::new(version, "publisher").connect(broker.address);
    broker.break_disk();
    send(&mut publisher, "kept/x", "", QoS::AtLeastOnce);
    broker.line_with("the store has failed");
    publisher.expect_disconnect(ReasonCode::ServerShuttingDown);
    assert_eq!(broker.wait().code(), Some(75));
}

fn a_disk_that_does_not_answer_stops_the_broker(version: Version) {
    let mut broker = Limited::start("");
    leave_subscriber(version, &broker);
    let mut publisher = Login::new(version, "publisher").connect(broker.address);
    broker.hang_disk();
    send(&mut publisher, "kept/x", "", QoS::AtLeastOnce);
    broker.line_with("the store has failed: the disk has not answered for 10 seconds");
    publisher.expect_disconnect(ReasonCode::ServerShuttingDown);
    assert_eq!(broker.wait().code(), Some(75));
}

fn a_failed_fsync_ends_what_must_be_kept_and_nothing_else(version: Version) {
    let mut broker = Limited::start("store_failure: wait\n");
    leave_subscriber(version, &broker);
    let mut publisher = Login::new(version, "publisher").connect(broker.address);
    broker.break_disk();
    send(&mut publisher, "kept/x", "", QoS::AtLeastOnce);
    broker.line_with("the store has failed");
    publisher.send(&Packet::PingReq);
    let status = broker.status_when(|status| status["halted_clients"] == 1);
    assert_eq!(status["store"]["health"], "failed");
    let mut watcher = Login::new(version, "watcher").connect(broker.address);
    watcher.subscribe("live", QoS::AtMostOnce);
    Login::new(version, "other").connect(broker.address).publish("live", "a", QoS::AtMostOnce);
    watcher.expect("live", "a");
}
