//! The client library rumqttc, in both versions.

use mqtt::ReasonCode;

use crate::support::rumqttc::{Incoming, Message, Peer, Peer3, Peer5, Settings};
use crate::support::{Broker, Login};

/// Makes of each function `name::<impl Peer>()` two tests, one for each version.
macro_rules! both_libraries {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            #[test]
            fn v3_1_1() {
                super::$name::<super::Peer3>(mqtt::Version::V3_1_1);
            }

            #[test]
            fn v5() {
                super::$name::<super::Peer5>(mqtt::Version::V5);
            }
        }
    )*};
}

both_libraries!(
    every_qos_reaches_every_qos,
    a_thousand_messages_at_qos_0_come_in_order,
    a_thousand_messages_at_qos_1_come_in_order,
    a_thousand_messages_at_qos_2_come_in_order,
    a_retained_message_waits_for_its_subscriber,
    a_client_that_is_dropped_leaves_its_will,
    a_client_that_disconnects_leaves_no_will,
    a_kept_session_is_resumed_with_its_messages,
    a_client_that_is_cut_off_comes_back_to_its_session,
);

fn every_qos_reaches_every_qos<P: Peer>(_: mqtt::Version) {
    let broker = Broker::start();
    let mut publisher = P::connect(broker.address(), "publisher");
    for granted in 0..=2 {
        let mut subscriber = P::connect(broker.address(), "subscriber");
        subscriber.subscribe("a/+", granted);
        subscriber.expect(&Incoming::SubAck);
        for qos in 0..=2 {
            publisher.publish("a/b", "hello", qos, false);
            if qos > 0 {
                publisher.expect(&Incoming::Acknowledged);
            } else {
                publish_and_wait(&mut publisher, "other");
            }
            let expected = message("a/b", "hello", qos.min(granted), false);
            assert_eq!(subscriber.expect_message(), expected);
        }
    }
}

fn a_thousand_messages_at_qos_0_come_in_order<P: Peer>(_: mqtt::Version) {
    check_order::<P>(0);
}

fn a_thousand_messages_at_qos_1_come_in_order<P: Peer>(_: mqtt::Version) {
    check_order::<P>(1);
}

fn a_thousand_messages_at_qos_2_come_in_order<P: Peer>(_: mqtt::Version) {
    check_order::<P>(2);
}

fn check_order<P: Peer>(qos: u8) {
    const COUNT: usize = 1000;
    let broker = Broker::start();
    let mut subscriber = P::connect(broker.address(), "subscriber");
    subscriber.subscribe("a", 2);
    subscriber.expect(&Incoming::SubAck);
    let mut publisher = P::connect(broker.address(), "publisher");
    for number in 0..COUNT {
        publisher.publish("a", &number.to_string(), qos, false);
    }
    // Behind all others, whatever their QoS.
    publisher.publish("end", "", 1, false);
    let acknowledged = if qos == 0 { 1 } else { COUNT + 1 };
    for _ in 0..acknowledged {
        publisher.expect(&Incoming::Acknowledged);
    }
    for number in 0..COUNT {
        assert_eq!(subscriber.expect_message(), message("a", &number.to_string(), qos, false));
    }
}

fn a_retained_message_waits_for_its_subscriber<P: Peer>(_: mqtt::Version) {
    let broker = Broker::start();
    let mut publisher = P::connect(broker.address(), "publisher");
    publisher.publish("a", "kept", 1, true);
    publisher.expect(&Incoming::Acknowledged);
    let mut subscriber = P::connect(broker.address(), "subscriber");
    subscriber.subscribe("#", 2);
    subscriber.expect(&Incoming::SubAck);
    assert_eq!(subscriber.expect_message(), message("a", "kept", 1, true));
}

fn a_client_that_is_dropped_leaves_its_will<P: Peer>(_: mqtt::Version) {
    let broker = Broker::start();
    let mut watcher = watcher::<P>(&broker);
    let settings = Settings { will: Some(("will", "gone", true)), ..Settings::new("client") };
    drop(P::connect_with(broker.address(), settings));
    assert_eq!(watcher.expect_message(), message("will", "gone", 1, false));
    watcher.subscribe("will", 2);
    watcher.expect(&Incoming::SubAck);
    assert_eq!(watcher.expect_message(), message("will", "gone", 1, true));
}

fn a_client_that_disconnects_leaves_no_will<P: Peer>(_: mqtt::Version) {
    let broker = Broker::start();
    let mut watcher = watcher::<P>(&broker);
    let settings = Settings { will: Some(("will", "gone", false)), ..Settings::new("client") };
    let (mut client, _) = P::connect_with(broker.address(), settings);
    client.disconnect();
    client.expect(&Incoming::Closed);
    // The connection before has come to its end when the next one is let in.
    let mut next = P::connect(broker.address(), "client");
    publish_and_wait(&mut next, "will");
    assert_eq!(watcher.expect_message().payload, "marker");
}

fn a_kept_session_is_resumed_with_its_messages<P: Peer>(_: mqtt::Version) {
    let broker = Broker::start();
    let settings = Settings::keeping_session("client");
    let (mut client, present) = P::connect_with(broker.address(), settings);
    assert!(!present);
    client.subscribe("a", 2);
    client.expect(&Incoming::SubAck);
    client.disconnect();
    client.expect(&Incoming::Closed);
    drop(client);
    let mut publisher = P::connect(broker.address(), "publisher");
    for number in 0..100 {
        publisher.publish("a", &number.to_string(), 1 + number % 2, false);
        publisher.expect(&Incoming::Acknowledged);
    }
    let (mut client, present) = P::connect_with(broker.address(), settings);
    assert!(present);
    for number in 0..100 {
        let expected = message("a", &number.to_string(), 1 + number % 2, false);
        assert_eq!(client.expect_message(), expected);
    }
}

/// The library connects again by itself.
fn a_client_that_is_cut_off_comes_back_to_its_session<P: Peer>(version: mqtt::Version) {
    let broker = Broker::start();
    let settings = Settings::keeping_session("client");
    let (mut client, _) = P::connect_with(broker.address(), settings);
    client.subscribe("a", 1);
    client.expect(&Incoming::SubAck);
    let login = Login::new(version, "client").keeping_session();
    let (intruder, answer) = login.ask(broker.address());
    assert_eq!((answer.reason, answer.session_present), (ReasonCode::Success, true));
    intruder.disconnect();
    let mut publisher = P::connect(broker.address(), "publisher");
    publisher.publish("a", "while away", 1, false);
    publisher.expect(&Incoming::Acknowledged);
    client.expect(&Incoming::Closed);
    client.expect(&Incoming::ConnAck { session_present: true });
    assert_eq!(client.expect_message(), message("a", "while away", 1, false));
}

fn watcher<P: Peer>(broker: &Broker) -> P {
    let mut watcher = P::connect(broker.address(), "watcher");
    watcher.subscribe("will", 2);
    watcher.expect(&Incoming::SubAck);
    watcher
}

/// Returns when the broker has acted on all that the peer was asked to publish.
fn publish_and_wait<P: Peer>(peer: &mut P, topic: &str) {
    peer.publish(topic, "marker", 1, false);
    peer.expect(&Incoming::Acknowledged);
}

fn message(topic: &str, payload: &str, qos: u8, retain: bool) -> Message {
    Message { topic: topic.into(), payload: payload.into(), qos, retain }
}
