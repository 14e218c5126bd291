//! Subscriptions that a plugin makes and ends for clients: the plugin `caller`, from a hook and from a
//! thread.

use mqtt::{QoS, Version};
use serde_json::{Value, json};

use crate::common::log;
use crate::common::plugins::PluginDir;
use crate::support::caller::{Asker, broker, caller, wait_until_said};
use crate::support::{Broker, Client, Login, both_versions};

both_versions!(
    a_connected_client_is_subscribed_and_unsubscribed,
    a_client_that_is_away_is_subscribed_and_unsubscribed,
    what_is_retained_comes_with_a_subscription,
    what_no_client_could_ask_for_is_unfit,
    other_plugins_are_asked_about_subscriptions,
    a_subscription_made_while_the_client_connects_is_made,
);

fn subscribe(client: &str, filter: &str, qos: u8) -> Value {
    json!({ "do": "subscribe", "client": client, "topic": filter, "qos": qos })
}

fn unsubscribe(client: &str, filter: &str) -> Value {
    json!({ "do": "unsubscribe", "client": client, "topic": filter })
}

/// Waits until the subscriptions of a client are these.
fn wait_for(asker: &mut Asker, client: &str, expected: &str) {
    while asker.ask(&json!({ "do": "subscriptions", "client": client })) != expected {}
}

fn a_connected_client_is_subscribed_and_unsubscribed(version: Version) {
    let broker = broker("subscribes");
    let mut asker = Asker::connect(&broker, version);
    let mut client = Client::connect(&broker, version, "c");
    let mut publisher = Client::connect(&broker, version, "p");
    for thread in [false, true] {
        let mut call = subscribe("c", "a/+", 1);
        call["thread"] = thread.into();
        assert_eq!(asker.ask(&call), "()");
        wait_for(&mut asker, "c", "1: c a/+ 1");
        publisher.publish("a/b", "x", QoS::ExactlyOnce);
        assert_eq!(client.expect("a/b", "x").qos, QoS::AtLeastOnce);
        assert_eq!(asker.ask(&unsubscribe("c", "a/+")), "()");
        wait_for(&mut asker, "c", "0: ");
        publisher.publish("a/b", "x", QoS::ExactlyOnce);
        client.ping();
    }
    // What is not there stays so.
    assert_eq!(asker.ask(&unsubscribe("c", "a/+")), "()");
    // The client ends it as its own.
    assert_eq!(asker.ask(&subscribe("c", "b", 0)), "()");
    wait_for(&mut asker, "c", "1: c b 0");
    client.unsubscribe("b");
    asker.expect(&json!({ "do": "subscriptions", "client": "c" }), "0: ");
}

fn a_client_that_is_away_is_subscribed_and_unsubscribed(version: Version) {
    let broker = broker("subscribes-absent");
    let mut asker = Asker::connect(&broker, version);
    asker.expect(&subscribe("c", "a", 1), "NotThere");
    asker.expect(&unsubscribe("c", "a"), "NotThere");
    let login = || Login::new(version, "c").keeping_session();
    login().connect(broker.address()).disconnect();
    while asker.ask(&json!({ "do": "client", "client": "c" })) == "true" {}
    for filter in ["a", "$share/g/b", "gone"] {
        assert_eq!(asker.ask(&subscribe("c", filter, 1)), "()");
    }
    assert_eq!(asker.ask(&unsubscribe("c", "gone")), "()");
    wait_for(&mut asker, "c", "2: c $share/g/b 1, c a 1");
    let mut publisher = Client::connect(&broker, version, "p");
    for topic in ["a", "b", "gone"] {
        publisher.publish(topic, "x", QoS::AtLeastOnce);
    }
    let (mut client, resumed) = login().resume(broker.address());
    assert!(resumed);
    client.expect("a", "x");
    client.expect("b", "x");
    client.ping();
}

fn what_is_retained_comes_with_a_subscription(version: Version) {
    let broker = broker("subscribes-retained");
    let mut asker = Asker::connect(&broker, version);
    let mut publisher = Client::connect(&broker, version, "p");
    publisher.publish_retained("r/1", "kept", QoS::AtLeastOnce);
    let mut here = Client::connect(&broker, version, "here");
    assert_eq!(asker.ask(&subscribe("here", "r/+", 1)), "()");
    assert!(here.expect("r/1", "kept").retain);
    let login = || Login::new(version, "away").keeping_session();
    login().connect(broker.address()).disconnect();
    while asker.ask(&json!({ "do": "client", "client": "away" })) == "true" {}
    assert_eq!(asker.ask(&subscribe("away", "r/+", 1)), "()");
    wait_for(&mut asker, "away", "1: away r/+ 1");
    let (mut away, _) = login().resume(broker.address());
    assert!(away.expect("r/1", "kept").retain);
}

fn what_no_client_could_ask_for_is_unfit(version: Version) {
    let broker = broker("subscribes-unfit");
    let mut asker = Asker::connect(&broker, version);
    for filter in ["", "a/#/b", "a+", "$share/g"] {
        asker.expect(&subscribe("asker", filter, 0), "Unfit");
        asker.expect(&unsubscribe("asker", filter), "Unfit");
    }
    asker.expect(&subscribe("asker", "a", 3), "Unfit");
}

fn other_plugins_are_asked_about_subscriptions(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &*format!("guards-{}", version.level()));
    let guard = json!({ "veto": "secret" });
    let broker = Broker::with_plugins(&directory, vec![caller(&directory, name, guard)]);
    let mut asker = Asker::connect(&broker, version);
    for filter in ["secret", "open"] {
        assert_eq!(asker.ask(&subscribe("asker", filter, 0)), "()");
    }
    wait_for(&mut asker, "asker", "2: asker answer/asker 0, asker open 0");
    wait_until_said(name, &format!("asker is subscribed to open by Some({name:?})"));
}

/// The order comes when the session has its owner, but no link to its socket yet.
fn a_subscription_made_while_the_client_connects_is_made(version: Version) {
    let (directory, on_connect) = (PluginDir::new(), json!({ "subscribe": "welcome" }));
    let entry = caller(&directory, "welcomes", on_connect);
    let broker = Broker::with_plugins(&directory, vec![entry]);
    let mut asker = Asker::connect(&broker, version);
    let mut client = Client::connect(&broker, version, "newcomer");
    wait_for(&mut asker, "newcomer", "1: newcomer welcome 0");
    asker.ask(&json!({ "do": "publish", "topic": "welcome", "payload": "x" }));
    client.expect("welcome", "x");
}
