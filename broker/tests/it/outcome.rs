//! on_delivered and on_dropped: what becomes of messages is told, once and with its reason. Real
//! libraries, loaded by a real broker.

use mqtt::{Ack, Packet, Property, PropertyBuffer, Publish, QoS, ReasonCode, Version};
use serde_json::{Value, json};

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::deliver::told;
use crate::plugins::entry;
use crate::support::{Broker, Client, Login, both_versions};

both_versions!(
    what_is_acknowledged_is_delivered,
    what_is_written_is_delivered_at_qos_0,
    a_message_is_not_delivered_before_its_acknowledgement,
    an_acknowledgement_with_an_error_drops_the_message,
    what_waited_is_delivered_when_it_is_acknowledged,
    a_full_queue_drops_the_oldest,
    what_is_at_qos_0_does_not_wait,
    what_waits_in_a_session_is_dropped_with_it,
    what_is_vetoed_is_dropped,
    many_messages_are_each_told_once,
    what_plugins_publish_about_outcomes_comes_to_an_end,
);

/// A broker with a plugin that logs each hook under `test`, and what `limit` makes of its limits.
fn broker_with(test: &str, limit: impl FnOnce(&mut hookmq::config::Limits)) -> Broker {
    log::take();
    let directory = PluginDir::new();
    let name = format!("log-{test}");
    directory.put(plugins::rust("hook-log"), &name);
    let entries = vec![entry(&name, json!({ "prefix": test }))];
    Broker::with_plugins_and(&directory, entries, |config| limit(&mut config.limits))
}

fn broker(test: &str) -> Broker {
    broker_with(test, |_| {})
}

/// Waits until a hook was called so often; then nothing more is to come.
fn wait_for(test: &str, hook: &str, times: usize) -> Vec<String> {
    let told = log::until(|| Some(told(test, hook)).filter(|told| told.len() >= times));
    assert_eq!(told.len(), times, "{told:?}");
    told
}

fn lasting(broker: &Broker, version: Version, client_id: &str) -> Client {
    Login::new(version, client_id).keeping_session().connect(broker.address())
}

/// A client that is away and has a subscription to `a`.
fn absent(broker: &Broker, version: Version, client_id: &str, qos: QoS) {
    let mut client = lasting(broker, version, client_id);
    client.subscribe("a", qos);
    client.disconnect();
}

fn what_is_acknowledged_is_delivered(version: Version) {
    let test = &format!("delivered{}", version.level());
    let mut broker = broker(test);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "p");
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        publisher.publish("a", &format!("{qos:?}"), qos);
        client.expect("a", &format!("{qos:?}"));
        client.ping();
    }
    let told = wait_for(test, "on_delivered", 2);
    let first = "c topic=a payload=AtLeastOnce qos=1 retain=false retained=false publisher=None \
                 share=None origin=Client user_properties=[]";
    assert_eq!(told[0], first);
    assert!(told[1].starts_with("c topic=a payload=ExactlyOnce qos=2"), "{told:?}");
    broker.stop();
    wait_for(test, "on_dropped", 0);
}

fn what_is_written_is_delivered_at_qos_0(version: Version) {
    let test = &format!("written{}", version.level());
    let broker = broker(test);
    // Of another version, so that the packet is not the one that came.
    let other = if version == Version::V5 { Version::V3_1_1 } else { Version::V5 };
    let mut clients = [version, other].map(|version| {
        let mut client = Client::connect(&broker, version, &format!("c{}", version.level()));
        client.subscribe("a", QoS::AtMostOnce);
        client
    });
    let mut publisher = Client::connect(&broker, version, "p");
    let large = "x".repeat(20_000);
    for payload in ["small", &large] {
        publisher.publish("a", payload, QoS::AtMostOnce);
        for client in &mut clients {
            client.expect("a", payload);
        }
    }
    let told = wait_for(test, "on_delivered", 4);
    assert!(told.iter().all(|line| line.contains(" qos=0 ")), "{told:?}");
}

fn a_message_is_not_delivered_before_its_acknowledgement(version: Version) {
    let test = &format!("pubcomp{}", version.level());
    let broker = broker(test);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("a", QoS::ExactlyOnce);
    Client::connect(&broker, version, "p").publish("a", "x", QoS::ExactlyOnce);
    let received = client.receive_publish();
    client.ping();
    client.send(&Packet::PubRec(Ack::new(received.packet_id, ReasonCode::Success)));
    client.receive(|packet| assert!(matches!(packet, Packet::PubRel(_))));
    client.ping();
    assert!(told(test, "on_delivered").is_empty());
    client.send(&Packet::PubComp(Ack::new(received.packet_id, ReasonCode::Success)));
    client.ping();
    wait_for(test, "on_delivered", 1);
}

/// 3.1.1 has no such error.
fn an_acknowledgement_with_an_error_drops_the_message(version: Version) {
    let test = &format!("refusing{}", version.level());
    let broker = broker(test);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "p");
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        publisher.publish("a", "x", qos);
        let received = client.receive_publish();
        if version == Version::V3_1_1 {
            client.acknowledge(&received);
        } else {
            let ack = Ack::new(received.packet_id, ReasonCode::NotAuthorized);
            let is_first = qos == QoS::AtLeastOnce;
            client.send(&if is_first { Packet::PubAck(ack) } else { Packet::PubRec(ack) });
        }
        client.ping();
    }
    if version == Version::V3_1_1 {
        wait_for(test, "on_delivered", 2);
    } else {
        let told = wait_for(test, "on_dropped", 2);
        assert!(told.iter().all(|line| line.contains("reason=Refused")), "{told:?}");
        wait_for(test, "on_delivered", 0);
    }
}

fn what_waited_is_delivered_when_it_is_acknowledged(version: Version) {
    let test = &format!("waited{}", version.level());
    let broker = broker(test);
    absent(&broker, version, "c", QoS::AtLeastOnce);
    Client::connect(&broker, version, "p").publish("a", "x", QoS::AtLeastOnce);
    let (mut client, resumed) = Login::new(version, "c").keeping_session().resume(broker.address());
    assert!(resumed);
    client.receive_publish();
    assert!(told(test, "on_delivered").is_empty());
    // Lost on its way: the next connection gets it again.
    drop(client);
    let (mut client, _) = Login::new(version, "c").keeping_session().resume(broker.address());
    client.expect("a", "x");
    client.ping();
    wait_for(test, "on_delivered", 1);
    wait_for(test, "on_dropped", 0);
}

fn a_full_queue_drops_the_oldest(version: Version) {
    let test = &format!("full{}", version.level());
    let broker = broker_with(test, |limits| limits.max_queued_messages = 2);
    absent(&broker, version, "c", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "p");
    for payload in ["1", "2", "3", "4"] {
        publisher.publish("a", payload, QoS::AtLeastOnce);
    }
    let told = wait_for(test, "on_dropped", 2);
    for (told, payload) in told.iter().zip(["1", "2"]) {
        let expected = format!(
            "c topic=a payload={payload} qos=1 retain=false reason=QueueFull user_properties=[]"
        );
        assert_eq!(*told, expected);
    }
}

fn what_is_at_qos_0_does_not_wait(version: Version) {
    let test = &format!("away{}", version.level());
    let broker = broker(test);
    absent(&broker, version, "c", QoS::AtLeastOnce);
    Client::connect(&broker, version, "p").publish("a", "x", QoS::AtMostOnce);
    let told = wait_for(test, "on_dropped", 1);
    assert!(told[0].starts_with("c topic=a payload=x qos=0"), "{told:?}");
    assert!(told[0].contains("reason=NotTaken"), "{told:?}");
}

/// By a clean start, and with the connection.
fn what_waits_in_a_session_is_dropped_with_it(version: Version) {
    let test = &format!("gone{}", version.level());
    let broker = broker(test);
    absent(&broker, version, "c", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "p");
    publisher.publish("a", "x", QoS::AtLeastOnce);
    let mut client = Client::connect(&broker, version, "c");
    let told = wait_for(test, "on_dropped", 1);
    assert!(told[0].contains("payload=x qos=1 retain=false reason=SessionEnded"), "{told:?}");
    client.subscribe("a", QoS::ExactlyOnce);
    publisher.publish("a", "y", QoS::ExactlyOnce);
    client.receive_publish();
    drop(client);
    let told = wait_for(test, "on_dropped", 2);
    assert!(told[1].contains("payload=y qos=2 retain=false reason=SessionEnded"), "{told:?}");
}

fn what_is_vetoed_is_dropped(version: Version) {
    let test = &format!("stopped{}", version.level());
    let orders: Value = json!({ "c": { "veto": true } });
    let broker = crate::deliver::broker(test, &orders);
    absent(&broker, version, "c", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "p");
    publisher.publish("a", "1", QoS::AtLeastOnce);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("a", QoS::AtLeastOnce);
    publisher.publish("a", "2", QoS::AtLeastOnce);
    let told = wait_for(test, "on_dropped", 2);
    assert!(told.iter().all(|line| line.contains("reason=Vetoed")), "{told:?}");
}

/// More than a socket takes at once, and not read for a while.
fn many_messages_are_each_told_once(version: Version) {
    const MESSAGES: usize = 300;
    let test = &format!("many{}", version.level());
    let broker = broker(test);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("a", QoS::AtMostOnce);
    let mut publisher = Client::connect(&broker, version, "p");
    let payload = "x".repeat(20_000);
    for number in 0..MESSAGES {
        publisher.send(&Packet::Publish(Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            packet_id: 0,
            topic: "a",
            properties: mqtt::Properties::EMPTY,
            payload: format!("{number} {payload}").as_bytes(),
        }));
    }
    for number in 0..MESSAGES {
        client.expect("a", &format!("{number} {payload}"));
    }
    let told = wait_for(test, "on_delivered", MESSAGES);
    for (number, told) in told.iter().enumerate() {
        assert!(told.starts_with(&format!("c topic=a payload={number} x")), "{number}");
    }
}

/// Each message would bring about the next.
fn what_plugins_publish_about_outcomes_comes_to_an_end(version: Version) {
    log::take();
    for (way, is_here) in [("delivered", true), ("dropped", false)] {
        let directory = PluginDir::new();
        let name = format!("echo-{way}-{}", version.level());
        directory.put(plugins::rust("courier"), &name);
        let broker = Broker::with_plugins(&directory, vec![entry(&name, json!({ "echo": "a" }))]);
        absent(&broker, version, "away", QoS::AtMostOnce);
        let mut client = Client::connect(&broker, version, "c");
        if is_here {
            Login::new(version, "away").connect(broker.address()).disconnect();
            client.subscribe("a", QoS::AtMostOnce);
        }
        let mut publisher = Client::connect(&broker, version, "p");
        publisher.publish("a", "x", QoS::AtLeastOnce);
        let said = || log::messages(&format!("plugin::{name}"));
        log::until(|| said().pop());
        if is_here {
            client.expect("a", "x");
            // As `limits.plugin_publish_depth` says.
            for _ in 0..4 {
                client.expect("a", "echo");
            }
            client.ping();
        }
        assert_eq!(said(), ["no echo: too many messages have led to each other through plugins"]);
    }
}

/// [MQTT-3.3.2-5]
#[test]
fn what_expires_while_it_waits_is_dropped() {
    let (test, version) = ("expires", Version::V5);
    let broker = broker(test);
    absent(&broker, version, "c", QoS::AtLeastOnce);
    let mut properties = PropertyBuffer::new();
    assert!(properties.push(Property::MessageExpiryInterval(0)));
    Client::connect(&broker, version, "p").publish_with(&Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        packet_id: 0,
        topic: "a",
        properties: properties.as_properties(),
        payload: b"x",
    });
    lasting(&broker, version, "c").ping();
    let told = wait_for(test, "on_dropped", 1);
    assert!(told[0].contains("reason=Expired"), "{told:?}");
}

/// [MQTT-3.1.2-25]
#[test]
fn what_is_too_large_for_its_receiver_is_dropped() {
    let (test, version) = ("large", Version::V5);
    let broker = broker(test);
    let login = Login::new(version, "c").with(Property::MaximumPacketSize(100));
    let mut client = login.connect(broker.address());
    client.subscribe("a", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "p");
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        publisher.publish("a", &"x".repeat(200), qos);
    }
    let told = wait_for(test, "on_dropped", 2);
    assert!(told.iter().all(|line| line.contains("reason=TooLarge")), "{told:?}");
}
