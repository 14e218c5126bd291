//! What outlives the broker: sessions, subscriptions, what waits and what is in flight, retained messages and
//! wills.

use std::path::Path;

use hookmq::config::Durability;
use mqtt::{Ack, Packet, Property, Publish, QoS, ReasonCode, Version};

use crate::support::{Broker, Client, LastWill, Login, Received, both_versions, message};

both_versions!(
    what_waits_for_an_absent_client_is_there_after_a_restart,
    what_was_sent_is_sent_again_under_its_identifier,
    a_released_message_is_not_sent_again,
    a_message_from_the_client_is_new_only_once_across_restarts,
    what_is_retained_stays_and_what_was_removed_does_not_come_back,
    what_is_acknowledged_is_gone,
    a_session_that_has_ended_does_not_come_back,
    subscriptions_that_were_ended_do_not_come_back,
);

fn start(folder: &Path) -> Broker {
    Broker::start_in(folder, |config| config.durability = Durability::Os)
}

fn restart(mut broker: Broker, folder: &Path) -> Broker {
    broker.stop();
    start(folder)
}

fn scene(version: Version) -> (tempfile::TempDir, Broker, Login<'static>) {
    let folder = tempfile::tempdir().unwrap();
    let broker = start(folder.path());
    (folder, broker, Login::new(version, "client").keeping_session())
}

fn what_waits_for_an_absent_client_is_there_after_a_restart(version: Version) {
    let (folder, broker, login) = scene(version);
    let mut client = login.connect(broker.address());
    client.subscribe("a/+", QoS::ExactlyOnce);
    client.disconnect();
    let mut publisher = Client::connect(&broker, version, "publisher");
    for (number, qos) in
        [QoS::AtLeastOnce, QoS::ExactlyOnce].into_iter().cycle().take(20).enumerate()
    {
        publisher.publish("a/b", &number.to_string(), qos);
    }
    drop(publisher);
    let broker = restart(broker, folder.path());
    let (mut client, is_there) = login.resume(broker.address());
    assert!(is_there);
    // What is acknowledged between them would come between them.
    let waited: Vec<Received> = (0..20).map(|_| client.receive_publish()).collect();
    for (number, message) in waited.iter().enumerate() {
        assert_eq!((&*message.topic, &*message.payload), ("a/b", number.to_string().as_bytes()));
        client.acknowledge(message);
    }
    // The subscription is there too.
    Client::connect(&broker, version, "publisher").publish("a/c", "new", QoS::AtLeastOnce);
    client.expect("a/c", "new");
    client.ping();
}

/// [MQTT-4.4.0-1]
fn what_was_sent_is_sent_again_under_its_identifier(version: Version) {
    let (folder, broker, login) = scene(version);
    let mut client = login.connect(broker.address());
    client.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    let sent = [QoS::AtLeastOnce, QoS::ExactlyOnce].map(|qos| {
        publisher.publish("a", "x", qos);
        client.receive_publish()
    });
    drop((client, publisher));
    let broker = restart(broker, folder.path());
    let mut client = login.connect(broker.address());
    let again = [(); 2].map(|()| client.receive_publish());
    assert_eq!(again, sent.map(|first| Received { dup: true, ..first }));
    again.iter().for_each(|message| client.acknowledge(message));
    client.ping();
}

/// [MQTT-4.3.3-6]
fn a_released_message_is_not_sent_again(version: Version) {
    let (folder, broker, login) = scene(version);
    let mut client = login.connect(broker.address());
    client.subscribe("a", QoS::ExactlyOnce);
    Client::connect(&broker, version, "publisher").publish("a", "x", QoS::ExactlyOnce);
    let packet_id = client.receive_publish().packet_id;
    let ack = Ack::new(packet_id, ReasonCode::Success);
    client.send(&Packet::PubRec(ack));
    client.receive(|packet| assert_eq!(packet, Packet::PubRel(ack)));
    drop(client);
    let broker = restart(broker, folder.path());
    let mut client = login.connect(broker.address());
    client.receive(|packet| assert_eq!(packet, Packet::PubRel(ack)));
    client.send(&Packet::PubComp(ack));
    client.ping();
    drop(client);
    let broker = restart(broker, folder.path());
    login.connect(broker.address()).ping();
}

/// [MQTT-4.3.3-10]
fn a_message_from_the_client_is_new_only_once_across_restarts(version: Version) {
    let (folder, broker, login) = scene(version);
    let receiver = Login::new(version, "receiver").keeping_session();
    let mut receiving = receiver.connect(broker.address());
    receiving.subscribe("a", QoS::AtMostOnce);
    let mut client = login.connect(broker.address());
    let publish = Publish { packet_id: 7, ..message("a", "once", QoS::ExactlyOnce) };
    client.send(&Packet::Publish(publish));
    client.receive(|packet| assert!(matches!(packet, Packet::PubRec(_)), "{packet:?}"));
    receiving.expect("a", "once");
    drop((client, receiving));
    let broker = restart(broker, folder.path());
    let mut receiving = receiver.connect(broker.address());
    let mut client = login.connect(broker.address());
    client.send(&Packet::Publish(Publish { dup: true, ..publish }));
    client.receive(|packet| assert!(matches!(packet, Packet::PubRec(_)), "{packet:?}"));
    client.send(&Packet::PubRel(Ack::new(7, ReasonCode::Success)));
    client.receive(|packet| assert!(matches!(packet, Packet::PubComp(_)), "{packet:?}"));
    receiving.ping();
}

fn what_is_retained_stays_and_what_was_removed_does_not_come_back(version: Version) {
    let (folder, broker, _) = scene(version);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish_retained("kept", "1", QoS::AtLeastOnce);
    publisher.publish_retained("kept", "2", QoS::AtMostOnce);
    publisher.publish_retained("removed", "x", QoS::AtLeastOnce);
    publisher.publish_retained("removed", "", QoS::AtLeastOnce);
    drop(publisher);
    let broker = restart(broker, folder.path());
    let mut client = Client::connect(&broker, version, "client");
    client.subscribe("#", QoS::AtLeastOnce);
    client.expect("kept", "2");
    client.ping();
}

fn what_is_acknowledged_is_gone(version: Version) {
    let (folder, broker, login) = scene(version);
    let mut client = login.connect(broker.address());
    client.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        publisher.publish("a", "x", qos);
        client.expect("a", "x");
    }
    client.ping();
    drop((client, publisher));
    let broker = restart(broker, folder.path());
    let (mut client, is_there) = login.resume(broker.address());
    assert!(is_there);
    client.ping();
}

fn a_session_that_has_ended_does_not_come_back(version: Version) {
    let (folder, broker, login) = scene(version);
    login.connect(broker.address()).subscribe("a", QoS::AtLeastOnce);
    // A clean start, and a session that ends with its connection.
    Login::new(version, "client").connect(broker.address()).disconnect();
    let broker = restart(broker, folder.path());
    let (mut client, is_there) = login.resume(broker.address());
    assert!(!is_there);
    client.publish("a", "x", QoS::AtLeastOnce);
    client.ping();
}

fn subscriptions_that_were_ended_do_not_come_back(version: Version) {
    let (folder, broker, login) = scene(version);
    let mut client = login.connect(broker.address());
    client.subscribe("a", QoS::AtLeastOnce);
    client.subscribe("b", QoS::AtMostOnce);
    client.subscribe("b", QoS::AtLeastOnce);
    client.unsubscribe("a");
    client.disconnect();
    let broker = restart(broker, folder.path());
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("a", "x", QoS::AtLeastOnce);
    publisher.publish("b", "y", QoS::AtLeastOnce);
    let mut client = login.connect(broker.address());
    assert_eq!(client.expect("b", "y").qos, QoS::AtLeastOnce);
    client.ping();
}

/// [MQTT-3.1.3-9]
#[test]
fn a_delayed_will_is_published_by_the_next_broker() {
    let version = Version::V5;
    let (folder, broker, login) = scene(version);
    let watcher = Login::new(version, "watcher").keeping_session();
    watcher.connect(broker.address()).subscribe("will", QoS::AtLeastOnce);
    let will = LastWill::new("will", "gone").with(Property::WillDelayInterval(2));
    drop(login.will(will).connect(broker.address()));
    let broker = restart(broker, folder.path());
    let mut watcher = watcher.connect(broker.address());
    watcher.expect("will", "gone");
}
