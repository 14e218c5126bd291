//! What plugins see and do of clients, sessions and subscriptions: the plugin `caller`, from a hook and from
//! a thread.

use mqtt::{Packet, Property, QoS, ReasonCode, Version};
use serde_json::{Value, json};

use crate::common::plugins::{self, PluginDir};
use crate::support::caller::{Asker, broker, tell};
use crate::support::{Broker, Client, LastWill, Login, auth, both_versions};

both_versions!(
    a_plugin_sees_who_is_here_and_who_is_away,
    a_plugin_sees_more_clients_than_are_looked_at_at_once,
    a_plugin_sees_subscriptions,
    a_plugin_sees_who_would_receive,
    a_plugin_sees_what_is_retained,
    a_plugin_sends_a_client_away,
    a_client_is_sent_away_without_its_will,
    a_session_ends_with_its_connection_or_without_one,
    what_is_noted_at_a_client_is_kept_as_long_as_it_is_said,
    attributes_have_their_bound,
    a_plugin_in_c_calls_the_broker,
);

fn ask(what: &str) -> Value {
    json!({ "do": what })
}

fn absent(broker: &Broker, version: Version, client_id: &str, filter: &str) {
    let mut client = Login::new(version, client_id).keeping_session().connect(broker.address());
    client.subscribe(filter, QoS::AtLeastOnce);
    client.disconnect();
}

/// Waits until the session of a client is without its connection.
fn wait_until_away(asker: &mut Asker, client_id: &str) {
    while asker.ask(&json!({ "do": "client", "client": client_id })) == "true" {}
}

fn a_plugin_sees_who_is_here_and_who_is_away(version: Version) {
    let broker = broker("sees-clients");
    absent(&broker, version, "away", "t");
    let mut asker = Asker::connect(&broker, version);
    wait_until_away(&mut asker, "away");
    let _here = Client::connect(&broker, version, "here");
    asker.ask(&json!({ "do": "publish", "topic": "t", "qos": 1 }));
    asker.expect(&ask("clients"), "3: asker here 0, away away 1, here here 0");
    asker.expect(&json!({ "do": "client", "client": "here" }), "true");
    asker.expect(&json!({ "do": "client", "client": "away" }), "false");
    asker.expect(&json!({ "do": "client", "client": "nobody" }), "NotThere");
}

fn a_plugin_sees_more_clients_than_are_looked_at_at_once(version: Version) {
    let broker = broker("sees-many");
    let mut clients: Vec<Client> =
        (0..600).map(|n| Client::connect(&broker, version, &format!("c{n:03}"))).collect();
    clients.iter_mut().take(300).for_each(|client| _ = client.subscribe("t", QoS::AtMostOnce));
    let mut asker = Asker::connect(&broker, version);
    assert!(asker.ask(&ask("clients")).starts_with("601: asker here 0, c000 here 0, c001 here 0,"));
    assert!(
        asker.ask(&ask("all_subscriptions")).starts_with("301: asker answer/asker 0, c000 t 0,")
    );
}

fn a_plugin_sees_subscriptions(version: Version) {
    let broker = broker("sees-subscriptions");
    absent(&broker, version, "away", "$share/g/a/+");
    let mut here = Client::connect(&broker, version, "here");
    for (filter, qos) in
        [("a/#", QoS::AtLeastOnce), ("b", QoS::ExactlyOnce), ("c", QoS::AtMostOnce)]
    {
        here.subscribe(filter, qos);
    }
    here.unsubscribe("c");
    here.subscribe("b", QoS::AtMostOnce);
    let mut asker = Asker::connect(&broker, version);
    let of = |client: &str| json!({ "do": "subscriptions", "client": client });
    asker.expect(&of("here"), "2: here a/# 1, here b 0");
    asker.expect(&of("away"), "1: away $share/g/a/+ 1");
    asker.expect(&of("nobody"), "NotThere");
    let all = "4: asker answer/asker 0, away $share/g/a/+ 1, here a/# 1, here b 0";
    asker.expect(&ask("all_subscriptions"), all);
}

fn a_plugin_sees_who_would_receive(version: Version) {
    let broker = broker("sees-receivers");
    absent(&broker, version, "away", "$share/g/a/+");
    let mut clients = ["one", "two"].map(|id| Client::connect(&broker, version, id));
    clients[0].subscribe("a/b", QoS::ExactlyOnce);
    clients[1].subscribe("a/b", QoS::AtMostOnce);
    clients[1].subscribe("a/#", QoS::AtLeastOnce);
    clients[1].subscribe("other", QoS::AtLeastOnce);
    let mut asker = Asker::connect(&broker, version);
    let of = |topic: &str| json!({ "do": "receivers", "topic": topic });
    // Two of one client count together, at the higher QoS.
    asker.expect(&of("a/b"), "3: away $share/g/a/+ 1, one a/b 2, two  1");
    asker.expect(&of("nothing"), "0: ");
    asker.expect(&of("a/+"), "Unfit");
}

fn a_plugin_sees_what_is_retained(version: Version) {
    let broker = broker("sees-retained");
    let mut client = Client::connect(&broker, version, "c");
    for number in 0..600 {
        client.publish_retained(&format!("r/{number:03}"), "x", QoS::AtLeastOnce);
    }
    client.publish_retained("other", "y", QoS::AtLeastOnce);
    let mut asker = Asker::connect(&broker, version);
    let of = |filter: &str| json!({ "do": "retained", "topic": filter });
    asker.expect(&of("other"), "1: other=y");
    asker.expect(&of("r/+/x"), "0: ");
    asker.expect(&of("$share/g/r"), "Unfit");
    assert!(asker.ask(&of("r/#")).starts_with("600: r/000=x, r/001=x,"));
}

fn a_plugin_sends_a_client_away(version: Version) {
    let broker = broker("kicks");
    let mut asker = Asker::connect(&broker, version);
    let kick = json!({ "do": "disconnect", "client": "c", "code": 0x98, "value": "maintenance" });
    asker.expect(&kick, "NotThere");
    for code in [0, 0x10, 0xFF] {
        asker.expect(&json!({ "do": "disconnect", "client": "asker", "code": code }), "Unfit");
    }
    for thread in [false, true] {
        let will = LastWill::new("gone", "c");
        let mut client = Login::new(version, "c").will(will).connect(broker.address());
        let mut heir = Client::connect(&broker, version, "heir");
        heir.subscribe("gone", QoS::AtMostOnce);
        let mut kick = kick.clone();
        kick["thread"] = thread.into();
        assert_eq!(asker.ask(&kick), "()");
        if version == Version::V5 {
            client.receive(|packet| match packet {
                Packet::Disconnect(disconnect) => {
                    let why = disconnect.properties.reason_string();
                    let expected = (ReasonCode::AdministrativeAction, Some("maintenance"));
                    assert_eq!((disconnect.reason, why), expected);
                }
                other => panic!("DISCONNECT expected: {other:?}"),
            });
        }
        client.expect_closed();
        heir.expect("gone", "c");
    }
}

fn a_client_is_sent_away_without_its_will(version: Version) {
    let broker = broker("kicks-silently");
    let mut asker = Asker::connect(&broker, version);
    let mut heir = Client::connect(&broker, version, "heir");
    heir.subscribe("gone", QoS::AtMostOnce);
    let will = LastWill::new("gone", "c");
    let mut client = Login::new(version, "c").will(will).connect(broker.address());
    asker.ask(&json!({ "do": "disconnect", "client": "c", "code": 0x98, "flags": 1 }));
    client.expect_disconnect(ReasonCode::AdministrativeAction);
    wait_until_away(&mut asker, "c");
    heir.ping();
}

fn a_session_ends_with_its_connection_or_without_one(version: Version) {
    let broker = broker("kicks-sessions");
    let mut asker = Asker::connect(&broker, version);
    let login = || Login::new(version, "c").keeping_session();
    let mut client = login().connect(broker.address());
    client.subscribe("t", QoS::AtLeastOnce);
    let kick =
        |flags: u8| json!({ "do": "disconnect", "client": "c", "code": 0x98, "flags": flags });
    assert_eq!(asker.ask(&kick(0)), "()");
    client.expect_disconnect(ReasonCode::AdministrativeAction);
    wait_until_away(&mut asker, "c");
    let (mut client, resumed) = login().resume(broker.address());
    assert!(resumed, "its session was kept");
    assert_eq!(asker.ask(&kick(2)), "()");
    client.expect_disconnect(ReasonCode::AdministrativeAction);
    while asker.ask(&json!({ "do": "client", "client": "c" })) != "NotThere" {}
    let (client, resumed) = login().resume(broker.address());
    assert!(!resumed);
    // The same of one that is away; its will comes with the end, if it is to come.
    client.disconnect();
    wait_until_away(&mut asker, "c");
    assert_eq!(asker.ask(&kick(0)), "NotThere");
    assert_eq!(asker.ask(&kick(2)), "()");
    while asker.ask(&json!({ "do": "client", "client": "c" })) != "NotThere" {}
    if version == Version::V5 {
        let mut will = LastWill::new("gone", "c");
        will = will.with(Property::WillDelayInterval(1000));
        let client = login().will(will).connect(broker.address());
        asker.ask(&json!({ "do": "subscriptions", "client": "c" }));
        drop(client);
        wait_until_away(&mut asker, "c");
        let mut heir = Client::connect(&broker, version, "heir");
        heir.subscribe("gone", QoS::AtMostOnce);
        assert_eq!(asker.ask(&kick(2)), "()");
        heir.expect("gone", "c");
    }
}

fn what_is_noted_at_a_client_is_kept_as_long_as_it_is_said(version: Version) {
    let broker = broker("notes");
    let mut asker = Asker::connect(&broker, version);
    // 0 is of the connection, 1 of the session.
    let note = |scope: u8, value: &str| json!({ "do": "note", "client": "c", "flags": scope, "key": "k", "value": value });
    let noted = |scope: u8| json!({ "do": "noted", "client": "c", "flags": scope, "key": "k" });
    asker.expect(&note(1, "x"), "NotThere");
    let login = || Login::new(version, "c").keeping_session();
    let client = login().connect(broker.address());
    asker.expect(&noted(0), "NotThere");
    asker.expect(&note(0, "connection"), "()");
    asker.expect(&note(1, "session"), "()");
    asker.expect(&noted(0), "connection");
    asker.expect(&noted(1), "session");
    client.disconnect();
    wait_until_away(&mut asker, "c");
    asker.expect(&note(0, "late"), "NotThere");
    asker.expect(&noted(1), "session");
    let (_client, resumed) = login().resume(broker.address());
    assert!(resumed);
    asker.expect(&noted(0), "NotThere");
    asker.expect(&noted(1), "session");
    asker.expect(&note(1, ""), "()");
    asker.expect(&noted(1), "NotThere");
}

fn attributes_have_their_bound(version: Version) {
    let broker = broker("notes-much");
    let mut asker = Asker::connect(&broker, version);
    let note = |value: &str| json!({ "do": "note", "client": "asker", "flags": 1, "key": "k", "value": value });
    asker.expect(&note(&"x".repeat(64 * 1024 - 1)), "()");
    asker.expect(&note(&"x".repeat(64 * 1024)), "Full");
}

/// broker/tests/plugins/calls.c
fn a_plugin_in_c_calls_the_broker(version: Version) {
    let directory = PluginDir::new();
    directory.put(plugins::c("broker/tests/plugins/calls.c"), "calls");
    let broker = Broker::with_plugins(&directory, vec![auth::entry("calls", json!(null))]);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("answer-c", QoS::AtMostOnce);
    for visit in 1..=2 {
        tell(&mut client, "call-c", "");
        client.expect("answer-c", &format!("1 shown, 1 here, visit {visit}"));
    }
    let mut refused = Client::connect(&broker, version, "no-body");
    refused.expect_disconnect(ReasonCode::AdministrativeAction);
}
