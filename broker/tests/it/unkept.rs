//! Messages that need not be kept: the store is not told of them, and nobody waits for it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use mqtt::{Ack, Packet, Publish, QoS, ReasonCode, Version};

use crate::common::plugins;
use crate::support::{Client, LastWill, Limited, Login, Process, both_versions, message};

both_versions!(
    what_is_not_kept_waits_in_its_order_until_the_broker_ends,
    what_was_sent_and_is_not_kept_does_not_come_again,
    what_is_retained_or_at_qos_2_is_kept_all_the_same,
    messages_of_one_read_are_kept_or_not_each_by_itself,
    what_is_not_kept_is_acknowledged_though_the_disk_is_full,
    a_plugin_says_what_need_not_be_kept,
    a_will_need_not_be_kept_if_a_plugin_says_so,
    what_a_plugin_says_is_acknowledged_though_the_disk_is_full,
    what_is_not_kept_is_taken_though_the_store_can_take_nothing_more,
);

/// A broker of which the second listener keeps nothing.
fn serve(folder: &Path) -> (Process, [SocketAddr; 2]) {
    serve_with(folder, "plugins: []\n")
}

/// One whose plugin says of some messages that they need not be kept.
fn serve_with_plugin(folder: &Path) -> (Process, [SocketAddr; 2]) {
    let directory = folder.join("plugins");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::copy(plugins::rust("rewriter"), directory.join("rewriter.so")).unwrap();
    let plugins = "plugins:\n\
        - rewriter:\n\
        \x20   on_before_publish:\n\
        \x20   - { name: a/unkept, change: [ kept 0 ] }\n\
        \x20   - { name: a/kept, change: [ kept 0, kept 1 ] }\n\
        \x20   - { name: a/exact, change: [ kept 0, qos 2 ] }\n\
        \x20   - { name: a/later, later: 60000 }\n\
        \x20   on_will:\n\
        \x20   - { name: a/will, change: [ kept 0 ] }\n";
    serve_with(folder, plugins)
}

fn serve_with(folder: &Path, plugins: &str) -> (Process, [SocketAddr; 2]) {
    let config = folder.join("config.yml");
    let listeners = "listeners: [{tcp: 127.0.0.1:0}, {tcp: 127.0.0.1:0, durability: memory}]";
    std::fs::write(&config, format!("{listeners}\ncontrol: off\n{plugins}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookmq"));
    command.arg("--config").arg(config).env_remove("RUST_LOG");
    let mut process = Process::start(&mut command, "cargo builds it");
    let addresses = process.addresses();
    (process, addresses)
}

/// One that subscribes and goes, and whose session stays.
fn leave_subscriber(version: Version, address: SocketAddr) -> Login<'static> {
    let login = Login::new(version, "subscriber").keeping_session();
    let mut subscriber = login.connect(address);
    subscriber.subscribe("a/#", QoS::ExactlyOnce);
    subscriber.disconnect();
    login
}

/// One after the other, each in its turn by the next of these.
fn publish_in_turns(version: Version, addresses: &[SocketAddr], payloads: &[&str]) {
    let ids = ["first", "second"];
    let logins = ids.into_iter().zip(addresses);
    let mut clients: Vec<Client> =
        logins.map(|(id, address)| Login::new(version, id).connect(*address)).collect();
    let count = clients.len();
    for (number, payload) in payloads.iter().enumerate() {
        clients[number % count].publish("a/b", payload, QoS::AtLeastOnce);
    }
}

/// These come, in this order, and nothing else.
fn expect_all(client: &mut Client, payloads: &[&str]) {
    let came: Vec<_> = payloads.iter().map(|_| client.receive_publish()).collect();
    for (message, payload) in came.iter().zip(payloads) {
        assert_eq!(&*message.payload, payload.as_bytes());
        client.acknowledge(message);
    }
    client.ping();
}

fn what_is_not_kept_waits_in_its_order_until_the_broker_ends(version: Version) {
    let folder = tempfile::tempdir().unwrap();
    let (process, addresses) = serve(folder.path());
    let subscriber = leave_subscriber(version, addresses[0]);
    let payloads = ["0", "1", "2", "3", "4", "5"];
    publish_in_turns(version, &addresses, &payloads);
    expect_all(&mut subscriber.connect(addresses[1]), &payloads);
    publish_in_turns(version, &addresses, &payloads);
    process.kill();
    let (_process, addresses) = serve(folder.path());
    expect_all(&mut subscriber.connect(addresses[1]), &["0", "2", "4"]);
}

/// Its identifier is free after the crash, and whatever gets it then is new to the client.
fn what_was_sent_and_is_not_kept_does_not_come_again(version: Version) {
    let folder = tempfile::tempdir().unwrap();
    let (process, addresses) = serve(folder.path());
    let subscriber = leave_subscriber(version, addresses[0]);
    let mut subscribed = subscriber.connect(addresses[0]);
    publish_in_turns(version, &addresses, &["0", "1", "2", "3"]);
    let came = [(); 4].map(|()| subscribed.receive_publish().packet_id);
    process.kill();
    let (_process, addresses) = serve(folder.path());
    let mut subscribed = subscriber.connect(addresses[0]);
    expect_all(&mut subscribed, &["0", "2"]);
    let mut publisher = Login::new(version, "publisher").connect(addresses[0]);
    let mut used = Vec::new();
    for number in 0..8 {
        publisher.publish("a/b", &number.to_string(), QoS::ExactlyOnce);
        used.push(subscribed.expect("a/b", &number.to_string()).packet_id);
    }
    assert!(used.contains(&came[1]), "{used:?} and {came:?}");
}

/// What is retained is kept; that it waits for somebody is not.
fn what_is_retained_or_at_qos_2_is_kept_all_the_same(version: Version) {
    let folder = tempfile::tempdir().unwrap();
    let (process, addresses) = serve(folder.path());
    let subscriber = leave_subscriber(version, addresses[0]);
    let mut publisher = Login::new(version, "publisher").connect(addresses[1]);
    publisher.publish("a/b", "2", QoS::ExactlyOnce);
    publisher.publish_retained("a/c", "retained", QoS::AtLeastOnce);
    process.kill();
    let (_process, addresses) = serve(folder.path());
    expect_all(&mut subscriber.connect(addresses[0]), &["2"]);
    let mut other = Login::new(version, "other").connect(addresses[0]);
    other.subscribe("a/#", QoS::AtLeastOnce);
    expect_all(&mut other, &["retained"]);
}

fn messages_of_one_read_are_kept_or_not_each_by_itself(version: Version) {
    let folder = tempfile::tempdir().unwrap();
    let (process, addresses) = serve(folder.path());
    let subscriber = leave_subscriber(version, addresses[0]);
    let mut publisher = Login::new(version, "publisher").connect(addresses[1]);
    let mut publish = || {
        let mut bytes = Vec::new();
        for (packet_id, payload) in (1..).zip(["1", "2", "3", "4"]) {
            let qos = if packet_id % 2 == 0 { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
            let publish = Publish { packet_id, ..message("a/b", payload, qos) };
            Packet::Publish(publish).encode(version, &mut bytes);
        }
        publisher.send_bytes(&bytes);
        for packet_id in 1..=4 {
            publisher.receive(|packet| match packet {
                Packet::PubAck(ack) | Packet::PubRec(ack) => assert_eq!(ack.packet_id, packet_id),
                other => panic!("{other:?}"),
            });
        }
        for packet_id in [2, 4] {
            publisher.send(&Packet::PubRel(Ack::new(packet_id, ReasonCode::Success)));
            publisher.receive(|packet| assert!(matches!(packet, Packet::PubComp(_)), "{packet:?}"));
        }
    };
    publish();
    expect_all(&mut subscriber.connect(addresses[0]), &["1", "2", "3", "4"]);
    publish();
    process.kill();
    let (_process, addresses) = serve(folder.path());
    expect_all(&mut subscriber.connect(addresses[0]), &["2", "4"]);
}

fn a_plugin_says_what_need_not_be_kept(version: Version) {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, addresses) = serve_with_plugin(folder.path());
    let subscriber = leave_subscriber(version, addresses[0]);
    let mut publish = || {
        let mut publisher = Login::new(version, "publisher").connect(addresses[0]);
        for (topic, payload) in [("a/b", "1"), ("a/unkept", "2"), ("a/kept", "3"), ("a/exact", "4")]
        {
            publisher.publish(topic, payload, QoS::AtLeastOnce);
        }
        publisher.publish("a/unkept", "5", QoS::ExactlyOnce);
        let later = Publish { packet_id: 9, ..message("a/later", "6", QoS::AtLeastOnce) };
        publisher.send(&Packet::Publish(later));
        process.line_with("waits a/later");
        let mut other = Login::new(version, "other").connect(addresses[0]);
        other.release("a/later", "kept 0,continue");
        let expected = Packet::PubAck(Ack::new(9, ReasonCode::Success));
        publisher.receive(|packet| assert_eq!(packet, expected));
    };
    publish();
    expect_all(&mut subscriber.connect(addresses[0]), &["1", "2", "3", "4", "5", "6"]);
    publish();
    process.kill();
    let (_process, addresses) = serve_with_plugin(folder.path());
    expect_all(&mut subscriber.connect(addresses[0]), &["1", "3", "4", "5"]);
}

fn a_will_need_not_be_kept_if_a_plugin_says_so(version: Version) {
    let folder = tempfile::tempdir().unwrap();
    let (process, addresses) = serve_with_plugin(folder.path());
    let subscriber = leave_subscriber(version, addresses[0]);
    let mut watcher = Login::new(version, "watcher").connect(addresses[0]);
    watcher.subscribe("a/#", QoS::AtMostOnce);
    for topic in ["a/will", "a/other"] {
        let will = LastWill { qos: QoS::AtLeastOnce, ..LastWill::new(topic, topic) };
        drop(Login::new(version, "client").will(will).connect(addresses[0]));
        watcher.expect(topic, topic);
    }
    drop(watcher);
    process.signal("TERM");
    process.succeed();
    let (_process, addresses) = serve_with_plugin(folder.path());
    expect_all(&mut subscriber.connect(addresses[0]), &["a/other"]);
}

fn send(client: &mut Client, payload: &str) {
    let packet_id = client.take_packet_id();
    let publish = Publish { packet_id, ..message("a/b", payload, QoS::AtLeastOnce) };
    client.send(&Packet::Publish(publish));
}

fn expect_puback(client: &mut Client) {
    let expected = Packet::PubAck(Ack::new(1, ReasonCode::Success));
    client.receive(|packet| assert_eq!(packet, expected));
}

fn what_is_not_kept_is_acknowledged_though_the_disk_is_full(version: Version) {
    let mut broker = Limited::start("");
    let subscriber = leave_subscriber(version, broker.address);
    let mut kept = Login::new(version, "kept").connect(broker.address);
    let mut unkept = Login::new(version, "unkept").connect(broker.in_memory);
    broker.fill_disk();
    send(&mut kept, "kept");
    broker.line_with("the disk of the store is full");
    unkept.publish("a/b", "1", QoS::AtLeastOnce);
    unkept.publish("a/b", "2", QoS::AtLeastOnce);
    broker.free_disk();
    expect_puback(&mut kept);
    expect_all(&mut subscriber.connect(broker.address), &["kept", "1", "2"]);
}

fn what_a_plugin_says_is_acknowledged_though_the_disk_is_full(version: Version) {
    let mut broker = Limited::start("");
    let subscriber = leave_subscriber(version, broker.address);
    let mut kept = Login::new(version, "kept").connect(broker.address);
    let mut unkept = Login::new(version, "unkept").connect(broker.address);
    broker.fill_disk();
    send(&mut kept, "kept");
    broker.line_with("the disk of the store is full");
    unkept.publish("a/unkept", "1", QoS::AtLeastOnce);
    broker.free_disk();
    expect_puback(&mut kept);
    expect_all(&mut subscriber.connect(broker.address), &["kept", "1"]);
}

fn what_is_not_kept_is_taken_though_the_store_can_take_nothing_more(version: Version) {
    const PUBLISHERS: usize = 12;
    let mut broker = Limited::start("limits: { max_unwritten: 64KiB }\n");
    leave_subscriber(version, broker.address);
    let publishers = (0..PUBLISHERS)
        .map(|number| Login::new(version, &format!("publisher{number}")).connect(broker.address));
    let mut publishers: Vec<Client> = publishers.collect();
    let mut unkept = Login::new(version, "unkept").connect(broker.in_memory);
    let mut first = Login::new(version, "first").connect(broker.address);
    broker.fill_disk();
    send(&mut first, "");
    broker.line_with("the disk of the store is full");
    for publisher in &mut publishers {
        send(publisher, &"x".repeat(30_000));
    }
    let unwritten =
        |status: &serde_json::Value| status["store"]["unwritten_bytes"].as_u64().unwrap();
    broker.status_when(|status| unwritten(status) > 256 * 1024);
    unkept.publish("a/b", "1", QoS::AtLeastOnce);
    assert!(unwritten(&broker.operator().status()) > 256 * 1024);
    broker.free_disk();
    publishers.iter_mut().chain([&mut first]).for_each(expect_puback);
}
