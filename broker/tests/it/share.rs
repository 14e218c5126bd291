//! Shared subscriptions: each message goes to one member, and is not lost with it.

use std::collections::BTreeSet;

use mqtt::{Ack, Packet, Properties, Property, Publish, QoS, ReasonCode};
use mqtt::{SubscriptionOptions, Version};

use crate::support::{self, Broker, Client, Login, both_versions};

both_versions!(
    members_take_turns,
    messages_of_one_write_are_spread,
    every_group_and_every_plain_subscription_gets_its_own_copy,
    each_member_has_the_qos_it_was_granted,
    a_member_that_cannot_take_more_is_passed_over,
    what_an_ended_member_has_not_acknowledged_goes_to_another,
    what_an_absent_member_has_not_acknowledged_goes_to_another,
    messages_wait_for_a_member_while_all_are_away,
    nobody_is_handed_more_than_there_is_room_for,
    a_member_that_unsubscribes_gets_no_more,
    a_shared_subscription_brings_no_retained_messages,
    a_second_subscription_to_the_same_share_replaces_the_first,
);

const Q1: QoS = QoS::AtLeastOnce;
const JOBS: &str = "$share/workers/jobs/#";

/// A member with a clean start.
fn member(broker: &Broker, version: Version, client_id: &str, qos: QoS) -> Client {
    let mut member = Client::connect(broker, version, client_id);
    assert_eq!(member.subscribe(JOBS, qos), ReasonCode::granted(qos));
    member
}

/// A member whose session outlives its connection.
fn lasting_member(broker: &Broker, version: Version, client_id: &str, qos: QoS) -> Client {
    let mut member = Login::new(version, client_id).keeping_session().connect(broker.address());
    assert_eq!(member.subscribe(JOBS, qos), ReasonCode::granted(qos));
    member
}

/// [MQTT-4.8.2-1] [MQTT-4.8.2-2]
fn members_take_turns(version: Version) {
    let broker = Broker::start();
    let mut members = ["a", "b", "c"].map(|id| member(&broker, version, id, Q1));
    let mut publisher = Client::connect(&broker, version, "publisher");
    for _ in 0..3 {
        for job in ["1", "2", "3"] {
            publisher.publish("jobs/x", job, Q1);
        }
        for (member, job) in members.iter_mut().zip(["1", "2", "3"]) {
            member.expect("jobs/x", job);
            member.ping();
        }
    }
}

fn messages_of_one_write_are_spread(version: Version) {
    let broker = Broker::start();
    let mut members = ["a", "b", "c", "d"].map(|id| member(&broker, version, id, QoS::AtMostOnce));
    let mut publisher = Client::connect(&broker, version, "publisher");
    let mut bytes = Vec::new();
    for job in 0..1000 {
        let payload = job.to_string();
        Packet::Publish(message("jobs/x", payload.as_bytes())).encode(version, &mut bytes);
    }
    publisher.send_bytes(&bytes);
    publisher.ping();
    let mut jobs = Vec::new();
    for member in &mut members {
        member.send(&Packet::PingReq);
        let before = jobs.len();
        while let Some(job) = member.receive(|packet| match packet {
            Packet::Publish(publish) => Some(String::from_utf8_lossy(publish.payload).parse()),
            _ => None,
        }) {
            let job: u32 = job.unwrap();
            assert!(jobs[before..].last().is_none_or(|last| *last < job), "out of order");
            jobs.push(job);
        }
        assert!(jobs.len() > before, "a member got nothing");
    }
    jobs.sort_unstable();
    assert!(jobs.into_iter().eq(0..1000));
}

fn every_group_and_every_plain_subscription_gets_its_own_copy(version: Version) {
    let broker = Broker::start();
    let mut one = member(&broker, version, "one", Q1);
    let mut other = Client::connect(&broker, version, "other");
    other.subscribe("$share/others/jobs/+", Q1);
    other.subscribe("$share/workers/jobs/+", Q1); // another filter: another subscription
    other.subscribe("jobs/x", Q1);
    other.subscribe("#", Q1);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("jobs/x", "1", Q1);
    one.expect("jobs/x", "1");
    one.ping();
    for _ in 0..3 {
        other.expect("jobs/x", "1");
    }
    other.ping();
}

/// [MQTT-4.8.2-3]
fn each_member_has_the_qos_it_was_granted(version: Version) {
    let broker = Broker::start();
    let all = [QoS::AtMostOnce, Q1, QoS::ExactlyOnce];
    let mut members = all.map(|qos| member(&broker, version, &format!("{qos:?}"), qos));
    let mut publisher = Client::connect(&broker, version, "publisher");
    for _ in all {
        publisher.publish("jobs/x", "1", QoS::ExactlyOnce);
    }
    for (member, qos) in members.iter_mut().zip(all) {
        assert_eq!(member.expect("jobs/x", "1").qos, qos);
        member.ping();
    }
}

fn a_member_that_cannot_take_more_is_passed_over(version: Version) {
    let broker = Broker::with(|config| config.limits.max_inflight = 1);
    let mut slow = member(&broker, version, "slow", Q1);
    let mut fast = member(&broker, version, "fast", Q1);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("jobs/x", "1", Q1);
    let first = slow.receive_publish();
    for job in ["2", "3", "4"] {
        publisher.publish("jobs/x", job, Q1);
        fast.expect("jobs/x", job);
        fast.ping(); // so that the acknowledgement is in before the next
    }
    slow.acknowledge(&first);
    slow.ping();
}

/// [MQTT-4.8.2-5]
fn what_an_ended_member_has_not_acknowledged_goes_to_another(version: Version) {
    let broker = Broker::with(|config| config.limits.max_inflight = 2);
    let mut goes = member(&broker, version, "goes", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("jobs/x", "1", Q1);
    publisher.publish("jobs/x", "2", QoS::ExactlyOnce);
    publisher.publish("jobs/x", "3", QoS::ExactlyOnce); // waits
    publisher.publish("jobs/x", "4", Q1); // waits
    assert_eq!(goes.receive_publish().payload, b"1");
    assert_eq!(goes.receive_publish().payload, b"2");
    let mut stays = member(&broker, version, "stays", QoS::ExactlyOnce);
    drop(goes);
    let receive = |stays: &mut Client, job: &[u8], qos| {
        let received = stays.receive_publish();
        assert_eq!((&*received.payload, received.qos, received.dup), (job, qos, false));
        received
    };
    let [one, three] =
        [(b"1", Q1), (b"3", QoS::ExactlyOnce)].map(|(job, qos)| receive(&mut stays, job, qos));
    // It makes room for the last.
    stays.acknowledge(&one);
    let four = receive(&mut stays, b"4", Q1);
    stays.acknowledge(&three);
    stays.acknowledge(&four);
    stays.ping();
}

/// [MQTT-4.8.2-4]
fn what_an_absent_member_has_not_acknowledged_goes_to_another(version: Version) {
    let broker = Broker::with(|config| config.limits.max_inflight = 2);
    let mut goes = lasting_member(&broker, version, "goes", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("jobs/x", "1", QoS::ExactlyOnce);
    publisher.publish("jobs/x", "2", Q1);
    publisher.publish("jobs/x", "3", QoS::ExactlyOnce); // waits
    assert_eq!(goes.receive_publish().payload, b"1");
    assert_eq!(goes.receive_publish().payload, b"2");
    let mut stays = member(&broker, version, "stays", Q1);
    drop(goes);
    stays.expect("jobs/x", "2");
    assert_eq!(stays.expect("jobs/x", "3").qos, Q1);
    stays.ping();
    let (mut back, resumed) =
        Login::new(version, "goes").keeping_session().resume(broker.address());
    assert!(resumed);
    assert!(back.expect("jobs/x", "1").dup);
    back.ping();
    stays.ping();
}

/// What the others have no room for waits for the member's return.
fn nobody_is_handed_more_than_there_is_room_for(version: Version) {
    let broker = Broker::with(|config| {
        config.limits.max_inflight = 1;
        config.limits.max_queued_messages = 10;
    });
    let mut goes = lasting_member(&broker, version, "goes", Q1);
    let mut stays = member(&broker, version, "stays", Q1);
    let mut publisher = Client::connect(&broker, version, "publisher");
    for job in 0..22 {
        publisher.publish("jobs/x", &job.to_string(), Q1);
    }
    // Each has one in flight, and ten that wait.
    goes.receive_publish();
    drop(goes);
    let mut jobs = BTreeSet::new();
    let mut receive_all = |client: &mut Client| {
        while client.next_is_publish_of(|received| {
            jobs.insert(String::from_utf8_lossy(&received.payload).into_owned());
        }) {}
    };
    receive_all(&mut stays);
    let mut back = Login::new(version, "goes").keeping_session().connect(broker.address());
    // By now the broker knows that it was gone, and has handed over what there was room for.
    receive_all(&mut stays);
    receive_all(&mut back);
    assert_eq!(jobs.len(), 22, "{jobs:?}");
}

fn messages_wait_for_a_member_while_all_are_away(version: Version) {
    let broker = Broker::start();
    for id in ["a", "b"] {
        lasting_member(&broker, version, id, Q1).disconnect();
    }
    let mut publisher = Client::connect(&broker, version, "publisher");
    for job in ["1", "2"] {
        publisher.publish("jobs/x", job, Q1);
    }
    for (id, job) in [("a", "1"), ("b", "2")] {
        let mut back = Login::new(version, id).keeping_session().connect(broker.address());
        back.expect("jobs/x", job);
        back.ping();
    }
}

fn a_member_that_unsubscribes_gets_no_more(version: Version) {
    let broker = Broker::start();
    let mut leaves = member(&broker, version, "leaves", Q1);
    let mut stays = member(&broker, version, "stays", Q1);
    let mut publisher = Client::connect(&broker, version, "publisher");
    // So that the subscribers are known by heart.
    publisher.publish("jobs/x", "1", Q1);
    leaves.expect("jobs/x", "1");
    let unknown = match version {
        Version::V3_1 | Version::V3_1_1 => ReasonCode::Success,
        Version::V5 => ReasonCode::NoSubscriptionExisted,
    };
    for other in ["jobs/#", "$share/others/jobs/#", "$share/workers/jobs/+"] {
        assert_eq!(leaves.unsubscribe(other), unknown, "{other}");
    }
    assert_eq!(leaves.unsubscribe(JOBS), ReasonCode::Success);
    for job in ["2", "3"] {
        publisher.publish("jobs/x", job, Q1);
        stays.expect("jobs/x", job);
    }
    leaves.ping();
    assert_eq!(stays.unsubscribe(JOBS), ReasonCode::Success);
    publisher.publish("jobs/x", "4", Q1);
    stays.ping();
}

fn a_shared_subscription_brings_no_retained_messages(version: Version) {
    let broker = Broker::start();
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish_retained("jobs/x", "kept", Q1);
    let mut member = member(&broker, version, "member", Q1);
    member.ping();
    publisher.publish("jobs/x", "1", Q1);
    member.expect("jobs/x", "1");
}

/// [MQTT-3.8.4-3]
fn a_second_subscription_to_the_same_share_replaces_the_first(version: Version) {
    let broker = Broker::start();
    let mut member = member(&broker, version, "member", QoS::AtMostOnce);
    member.subscribe(JOBS, QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, version, "publisher");
    publisher.publish("jobs/x", "1", QoS::ExactlyOnce);
    assert_eq!(member.expect("jobs/x", "1").qos, QoS::ExactlyOnce);
    member.ping();
}

/// [MQTT-3.3.1-12] [MQTT-3.3.1-13]
#[test]
fn what_is_handed_over_has_the_retain_flag_of_its_new_receiver() {
    let broker = Broker::start();
    let plain = SubscriptionOptions::new(Q1);
    let as_published = SubscriptionOptions { retain_as_published: true, ..plain };
    for (first, second) in [(plain, as_published), (as_published, plain)] {
        let mut goes = Client::connect(&broker, Version::V5, "goes");
        goes.subscribe_with(JOBS, first);
        let mut publisher = Client::connect(&broker, Version::V5, "publisher");
        publisher.publish_retained("jobs/x", "1", Q1);
        assert_eq!(goes.receive_publish().retain, first.retain_as_published);
        let mut stays = Client::connect(&broker, Version::V5, "stays");
        stays.subscribe_with(JOBS, second);
        drop(goes);
        assert_eq!(stays.expect("jobs/x", "1").retain, second.retain_as_published);
    }
}

/// [MQTT-4.8.2-6]
#[test]
fn what_a_member_refuses_goes_to_no_other() {
    let broker = Broker::start();
    let mut refuses = member(&broker, Version::V5, "refuses", QoS::ExactlyOnce);
    let mut publisher = Client::connect(&broker, Version::V5, "publisher");
    publisher.publish("jobs/x", "1", Q1);
    publisher.publish("jobs/x", "2", QoS::ExactlyOnce);
    let mut other = member(&broker, Version::V5, "other", QoS::ExactlyOnce);
    for is_exactly_once in [false, true] {
        let ack = Ack::new(refuses.receive_publish().packet_id, ReasonCode::QuotaExceeded);
        refuses.send(&if is_exactly_once { Packet::PubRec(ack) } else { Packet::PubAck(ack) });
    }
    refuses.ping();
    drop(refuses);
    // The will of the one that is gone would come after what it leaves behind.
    publisher.publish("jobs/x", "3", Q1);
    other.expect("jobs/x", "3");
    other.ping();
}

/// [MQTT-3.3.4-5]
#[test]
fn each_member_has_its_own_subscription_identifier() {
    let broker = Broker::start();
    let mut members = [1, 2].map(|identifier| {
        let mut member = Client::connect(&broker, Version::V5, &identifier.to_string());
        member.subscribe_as(JOBS, Q1, identifier);
        member
    });
    let mut publisher = Client::connect(&broker, Version::V5, "publisher");
    for (member, identifier) in members.iter_mut().zip([1, 2]) {
        publisher.publish("jobs/x", "1", Q1);
        let received = member.expect("jobs/x", "1");
        let properties = Properties::from_validated(&received.properties);
        assert!(properties.iter().eq([Property::SubscriptionIdentifier(identifier)]));
    }
}

fn message<'a>(topic: &'a str, payload: &'a [u8]) -> Publish<'a> {
    support::message(topic, payload, QoS::AtMostOnce)
}
