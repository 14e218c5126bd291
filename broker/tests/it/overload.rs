//! Too little memory, too little space on the disk, queues that are full, clients that do not read.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hookmq::config::{Config, Durability, Listener, Mark, QueueFull};
use hookmq::{Readings, Space};
use mqtt::{Ack, Packet, Publish, QoS, ReasonCode, RefusedPublish, Version};
use tempfile::TempDir;

use crate::support::{Broker, Client, LastWill, Login, both_versions, message};

both_versions!(
    publishers_wait_while_memory_is_short,
    nobody_is_let_in_while_memory_is_scarce,
    who_comes_back_is_let_in_while_memory_is_scarce,
    who_takes_and_publishes_goes_on_while_memory_is_exhausted,
    a_client_that_waits_and_is_gone_is_given_up,
    qos_0_is_dropped_when_memory_is_exhausted,
    a_disk_with_too_little_space_takes_nothing_that_must_be_kept,
    without_space_who_cannot_be_told_is_disconnected_if_the_config_says_so,
    what_a_listener_need_not_keep_takes_no_space,
    of_a_full_queue_the_newest_can_be_dropped,
    a_client_whose_queue_is_full_can_be_disconnected,
    what_waits_for_a_client_that_never_answers_is_bounded,
    a_client_that_never_reads_holds_up_nobody_else,
);

/// Percent of the memory that is used, and of the disk that is free.
#[derive(Clone)]
struct Figures(Arc<[AtomicU64; 2]>);

impl Figures {
    fn fine() -> Figures {
        Figures(Arc::new([10, 90].map(AtomicU64::new)))
    }

    fn use_memory(&self, percent: u64) {
        self.0[0].store(percent, Ordering::Relaxed);
    }

    fn free_disk(&self, percent: u64) {
        self.0[1].store(percent, Ordering::Relaxed);
    }
}

impl Readings for Figures {
    fn memory_used(&mut self) -> Option<u64> {
        Some(self.0[0].load(Ordering::Relaxed) * 80)
    }

    fn memory_total(&mut self) -> Option<u64> {
        // The broker may use 80 % of it.
        Some(10_000)
    }

    fn disk(&mut self) -> Option<Space> {
        Some(Space { free: self.0[1].load(Ordering::Relaxed), total: 100 })
    }
}

struct Scene {
    broker: Broker,
    figures: Figures,
    _folder: TempDir,
}

impl Scene {
    fn start(change: impl FnOnce(&mut Config)) -> Scene {
        let (folder, figures) = (tempfile::tempdir().unwrap(), Figures::fine());
        let path: &Path = folder.path();
        let broker = Broker::start_with(path, Box::new(figures.clone()), |config| {
            config.limits.max_memory = Mark::Auto;
            config.limits.min_disk_free = Mark::Auto;
            change(config);
        });
        Scene { broker, figures, _folder: folder }
    }
}

fn send(client: &mut Client, topic: &str, payload: &str, qos: QoS) -> u16 {
    let packet_id = if qos == QoS::AtMostOnce { 0 } else { client.take_packet_id() };
    client.send(&Packet::Publish(Publish { packet_id, ..message(topic, payload, qos) }));
    packet_id
}

fn expect_puback(client: &mut Client, packet_id: u16) {
    let expected = Packet::PubAck(Ack::new(packet_id, ReasonCode::Success));
    client.receive(|packet| assert_eq!(packet, expected));
}

fn publishers_wait_while_memory_is_short(version: Version) {
    let Scene { broker, figures, _folder } = Scene::start(|_| {});
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("a", QoS::AtMostOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    figures.use_memory(75);
    broker.status_when(|status| status.memory == "short");
    // Each has its turn after a while.
    for number in 0..3 {
        send(&mut publisher, "a", &number.to_string(), QoS::AtMostOnce);
    }
    for number in 0..3 {
        subscriber.expect("a", &number.to_string());
    }
    assert_eq!(broker.status().halts, 3);
    figures.use_memory(66);
    send(&mut publisher, "a", "3", QoS::AtLeastOnce);
    broker.status_when(|status| status.halted_clients == 1);
    // Who does not publish does not wait.
    subscriber.ping();
    figures.use_memory(64);
    subscriber.expect("a", "3");
    expect_puback(&mut publisher, 1);
    assert_eq!(broker.status_when(|status| status.memory == "enough").halted_clients, 0);
}

fn nobody_is_let_in_while_memory_is_scarce(version: Version) {
    let Scene { broker, figures, _folder } = Scene::start(|_| {});
    let mut publisher = Client::connect(&broker, version, "publisher");
    figures.use_memory(85);
    broker.status_when(|status| status.memory == "scarce");
    let (_, refused) = Login::new(version, "new").ask(broker.address());
    let expected = match version {
        Version::V5 => ReasonCode::QuotaExceeded,
        _ => ReasonCode::ServerUnavailable,
    };
    assert_eq!(refused.reason, expected);
    publisher.ping();
    let sent = [(); 3].map(|()| send(&mut publisher, "a", "", QoS::AtLeastOnce));
    broker.status_when(|status| status.halted_clients == 1);
    figures.use_memory(10);
    sent.into_iter().for_each(|packet_id| expect_puback(&mut publisher, packet_id));
    Client::connect(&broker, version, "new").ping();
}

fn who_comes_back_is_let_in_while_memory_is_scarce(version: Version) {
    let Scene { broker, figures, _folder } = Scene::start(|_| {});
    let login = leave_subscriber(version, &broker);
    Client::connect(&broker, version, "publisher").publish("kept", "a", QoS::AtLeastOnce);
    figures.use_memory(85);
    broker.status_when(|status| status.memory == "scarce");
    let mut subscriber = login.connect(broker.address());
    subscriber.expect("kept", "a");
    figures.use_memory(95);
    broker.status_when(|status| status.memory == "exhausted");
    let (_, refused) = login.ask(broker.address());
    assert_ne!(refused.reason, ReasonCode::Success);
    subscriber.ping();
}

/// Its acknowledgements come behind what it publishes, and are what frees memory.
fn who_takes_and_publishes_goes_on_while_memory_is_exhausted(version: Version) {
    let Scene { broker, figures, _folder } = Scene::start(|config| config.limits.max_inflight = 1);
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("in", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for payload in ["0", "1"] {
        publisher.publish("in", payload, QoS::AtLeastOnce);
    }
    let first = client.receive(|packet| match packet {
        Packet::Publish(publish) => publish.packet_id,
        other => panic!("{other:?}"),
    });
    figures.use_memory(99);
    broker.status_when(|status| status.memory == "exhausted");
    let packet_id = send(&mut client, "out", "", QoS::AtLeastOnce);
    client.send(&Packet::PubAck(Ack::new(first, ReasonCode::Success)));
    expect_puback(&mut client, packet_id);
    client.expect("in", "1");
}

fn a_client_that_waits_and_is_gone_is_given_up(version: Version) {
    let Scene { broker, figures, _folder } = Scene::start(|_| {});
    let mut publisher = Login::new(version, "publisher").keep_alive(1).connect(broker.address());
    figures.use_memory(85);
    broker.status_when(|status| status.memory == "scarce");
    // A message a second would take longer.
    for _ in 0..100 {
        send(&mut publisher, "a", "", QoS::AtMostOnce);
    }
    broker.status_when(|status| status.halted_clients == 1);
    drop(publisher);
    let status = broker.status_when(|status| (status.clients, status.halted_clients) == (0, 0));
    assert_eq!(status.memory, "scarce");
}

fn qos_0_is_dropped_when_memory_is_exhausted(version: Version) {
    let Scene { broker, figures, _folder } = Scene::start(|_| {});
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("will/+", QoS::AtMostOnce);
    let with_will = |client_id, topic| {
        Login::new(version, client_id).will(LastWill::new(topic, "")).connect(broker.address())
    };
    let (one, other) = (with_will("one", "will/1"), with_will("other", "will/2"));
    let mut silent = Login::new(version, "silent").keep_alive(1).connect(broker.address());
    figures.use_memory(99);
    broker.status_when(|status| status.memory == "exhausted");
    // By then every thread has seen it.
    silent.drain_until_closed();
    drop(one);
    broker.status_when(|status| status.dropped("no_memory") == 1);
    subscriber.ping();
    figures.use_memory(10);
    broker.status_when(|status| status.memory == "enough");
    let mut silent = Login::new(version, "silent").keep_alive(1).connect(broker.address());
    silent.drain_until_closed();
    drop(other);
    subscriber.expect("will/2", "");
}

fn on_short_disk(config: &mut Config) {
    config.durability = Durability::Os;
}

fn leave_subscriber(version: Version, broker: &Broker) -> Login<'static> {
    let login = Login::new(version, "subscriber").keeping_session();
    let mut subscriber = login.connect(broker.address());
    subscriber.subscribe("kept", QoS::ExactlyOnce);
    subscriber.disconnect();
    login
}

fn a_disk_with_too_little_space_takes_nothing_that_must_be_kept(version: Version) {
    let Scene { broker, figures, _folder } = Scene::start(on_short_disk);
    let subscriber = leave_subscriber(version, &broker);
    let mut publisher = Client::connect(&broker, version, "publisher");
    figures.free_disk(4);
    broker.status_when(|status| status.disk_is_short);
    // What need not be kept is taken.
    publisher.publish("live", "", QoS::ExactlyOnce);
    publisher.publish("kept", "", QoS::AtMostOnce);
    publisher.publish_retained("retained", "x", QoS::AtMostOnce);
    if version == Version::V5 {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let reason = publisher.publish_with(&message("kept", "refused", qos));
            assert_eq!(reason, ReasonCode::QuotaExceeded);
        }
        figures.free_disk(50);
        broker.status_when(|status| !status.disk_is_short);
        publisher.publish("kept", "taken", QoS::ExactlyOnce);
    } else {
        let packet_id = send(&mut publisher, "kept", "taken", QoS::AtLeastOnce);
        broker.status_when(|status| status.halted_clients == 1);
        figures.free_disk(50);
        expect_puback(&mut publisher, packet_id);
    }
    let mut subscriber = subscriber.connect(broker.address());
    subscriber.expect("kept", "taken");
    subscriber.subscribe("retained", QoS::AtMostOnce);
    subscriber.ping();
}

fn without_space_who_cannot_be_told_is_disconnected_if_the_config_says_so(version: Version) {
    let Scene { broker, figures, _folder } = Scene::start(|config| {
        on_short_disk(config);
        config.refused_publish = RefusedPublish::Close;
    });
    leave_subscriber(version, &broker);
    let mut publisher = Client::connect(&broker, version, "publisher");
    figures.free_disk(4);
    broker.status_when(|status| status.disk_is_short);
    if version == Version::V5 {
        let reason = publisher.publish_with(&message("kept", "", QoS::AtLeastOnce));
        assert_eq!(reason, ReasonCode::QuotaExceeded);
        publisher.ping();
    } else {
        send(&mut publisher, "kept", "", QoS::AtLeastOnce);
        publisher.expect_closed();
    }
}

fn what_a_listener_need_not_keep_takes_no_space(version: Version) {
    let Scene { broker, figures, _folder } = Scene::start(|config| {
        on_short_disk(config);
        let address = ([127, 0, 0, 1], 0).into();
        config.listeners.push(Listener::Tcp { address, keeps: false });
    });
    let subscriber = leave_subscriber(version, &broker);
    let mut publisher = Login::new(version, "publisher").connect(broker.addresses()[1]);
    figures.free_disk(4);
    broker.status_when(|status| status.disk_is_short);
    let publish = Publish { packet_id: 7, ..message("kept", "taken", QoS::AtLeastOnce) };
    assert_eq!(publisher.publish_with(&publish), ReasonCode::Success);
    subscriber.connect(broker.address()).expect("kept", "taken");
}

fn of_a_full_queue_the_newest_can_be_dropped(version: Version) {
    let broker = Broker::with(|config| {
        config.limits.max_queued_messages = 3;
        config.limits.queue_full = QueueFull::DropNewest;
    });
    let login = leave_subscriber(version, &broker);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for number in 0..5 {
        publisher.publish("kept", &number.to_string(), QoS::AtLeastOnce);
    }
    let mut subscriber = login.connect(broker.address());
    for number in 0..3 {
        subscriber.expect("kept", &number.to_string());
    }
    subscriber.ping();
    broker.status_when(|status| status.dropped("queue_full") == 2);
}

fn a_client_whose_queue_is_full_can_be_disconnected(version: Version) {
    let broker = Broker::with(|config| {
        config.limits.max_inflight = 1;
        config.limits.max_queued_messages = 3;
        config.limits.queue_full = QueueFull::Disconnect;
    });
    let login = Login::new(version, "subscriber").keeping_session();
    let mut subscriber = login.connect(broker.address());
    subscriber.subscribe("kept", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for number in 0..5 {
        publisher.publish("kept", &number.to_string(), QoS::AtLeastOnce);
    }
    assert_eq!(subscriber.receive_publish().payload, b"0");
    subscriber.expect_disconnect(ReasonCode::QuotaExceeded);
    // What waits is there when it comes back.
    let mut subscriber = login.connect(broker.address());
    for payload in ["0", "2", "3", "4"] {
        subscriber.expect("kept", payload);
    }
    subscriber.ping();
}

fn what_waits_for_a_client_that_never_answers_is_bounded(version: Version) {
    const PUBLISHED: u64 = 2000;
    let broker = Broker::with(|config| {
        config.limits.max_inflight = 10;
        config.limits.max_queued_messages = 100;
    });
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for _ in 0..PUBLISHED {
        publisher.publish("a", "x", QoS::AtLeastOnce);
    }
    broker.status_when(|status| status.dropped("queue_full") == PUBLISHED - 110);
}

fn a_client_that_never_reads_holds_up_nobody_else(version: Version) {
    /// Far more than sockets take.
    const PUBLISHED: usize = 64 * 1024 * 1024;
    let broker = Broker::with(|config| {
        config.limits.write_buffer = 64 * 1024;
        config.limits.send_timeout = std::time::Duration::from_secs(3);
    });
    let mut subscriber = Client::connect(&broker, version, "subscriber");
    subscriber.subscribe("flood", QoS::AtMostOnce);
    let mut packets = Vec::new();
    let payload = "x".repeat(16_000);
    Packet::Publish(message("flood", &payload, QoS::AtMostOnce)).encode(version, &mut packets);
    let packets = packets.repeat(16);
    let mut one = Client::connect(&broker, version, "one");
    one.subscribe("other", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for _ in 0..PUBLISHED / packets.len() {
        publisher.send_bytes(&packets);
        send(&mut one, "other", "", QoS::AtMostOnce);
        one.expect("other", "");
    }
    publisher.ping();
    // It is closed in the end.
    broker.status_when(|status| status.clients == 2);
    broker.status_when(|status| status.dropped("not_taken") > 0);
    drop(subscriber);
}
