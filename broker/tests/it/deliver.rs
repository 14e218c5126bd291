//! on_before_deliver: each receiver gets what the plugins let it have. Real libraries, loaded by a real
//! broker.

use mqtt::{Properties, Property, PropertyBuffer, Publish, QoS, Version};
use serde_json::{Value, json};

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::plugins::entry;
use crate::support::{Broker, Client, LastWill, Login, both_versions};

both_versions!(
    one_receiver_is_vetoed_and_the_others_are_not,
    a_receiver_gets_its_own_copy,
    some_messages_of_a_run_are_stopped_and_the_others_keep_their_order,
    a_failure_keeps_the_message_from_its_receiver,
    who_is_away_is_asked_about_too,
    retained_messages_are_asked_about,
    wills_are_asked_about,
    a_vetoed_message_of_a_share_goes_to_nobody_in_its_place,
    what_is_handed_over_is_asked_about_for_the_heir,
    later_plugins_see_what_earlier_ones_have_edited,
    an_edit_that_is_too_large_for_its_receiver_is_not_taken,
);

/// A broker with a courier under orders, then a plugin that logs each hook under `test`.
pub(crate) fn broker(test: &str, orders: &Value) -> Broker {
    broker_with(test, std::slice::from_ref(orders))
}

fn broker_with(test: &str, orders: &[Value]) -> Broker {
    log::take();
    let directory = PluginDir::new();
    let mut entries = Vec::new();
    for (number, orders) in orders.iter().enumerate() {
        let name = format!("courier-{number}-{test}");
        directory.put(plugins::rust("courier"), &name);
        entries.push(entry(&name, json!({ "of_client": orders })));
    }
    let name = format!("log-{test}");
    directory.put(plugins::rust("hook-log"), &name);
    entries.push(entry(&name, json!({ "prefix": test })));
    Broker::with_plugins(&directory, entries)
}

/// What the logging plugin was told in a hook, in its order.
pub(crate) fn told(test: &str, hook: &str) -> Vec<String> {
    let text = format!(": {test} {hook}: ");
    let after = |line: &String| Some(line.split_once(&text)?.1.rsplit_once(" (")?.0.to_owned());
    log::lines(&text).iter().filter_map(after).collect()
}

fn subscriber(broker: &Broker, version: Version, client_id: &str, qos: QoS) -> Client {
    let mut client = Client::connect(broker, version, client_id);
    client.subscribe("a", qos);
    client
}

const EACH_QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

fn one_receiver_is_vetoed_and_the_others_are_not(version: Version) {
    let test = &format!("deliver-veto{}", version.level());
    let broker = broker(test, &json!({ "c1": { "veto": true } }));
    let mut publisher = Client::connect(&broker, version, "p");
    for (granted, sent) in EACH_QOS.into_iter().flat_map(|qos| EACH_QOS.map(|sent| (qos, sent))) {
        let mut vetoed = subscriber(&broker, version, "c1", granted);
        let mut other = subscriber(&broker, version, "c2", granted);
        publisher.publish("a", "x", sent);
        assert_eq!(other.expect("a", "x").qos, granted.min(sent));
        assert!(!vetoed.next_is_publish_before_ping());
    }
    let asked = told(test, "on_before_deliver");
    assert_eq!(asked.len(), 9, "{asked:?}");
    let of_first = "c2 topic=a payload=x qos=0 retain=false retained=false publisher=Some(\"p\") \
                    share=None origin=Client user_properties=[]";
    assert_eq!(asked[0], of_first);
}

fn a_receiver_gets_its_own_copy(version: Version) {
    let test = &format!("deliver-edit{}", version.level());
    let orders = json!({
        "c1": { "payload": "other", "qos": 0, "without": "n", "property": ["m", "2"], "unfit": true }
    });
    let broker = broker(test, &orders);
    let mut properties = PropertyBuffer::new();
    let of_version = version == Version::V5;
    if of_version {
        assert!(properties.push(Property::ContentType("text")));
        assert!(properties.push(Property::UserProperty("n", "1")));
    }
    let mut publisher = Client::connect(&broker, version, "p");
    for qos in EACH_QOS {
        // `unfit` asks for one more than there is.
        let granted = qos.min(QoS::AtLeastOnce);
        let mut edited = subscriber(&broker, version, "c1", granted);
        let mut other = subscriber(&broker, version, "c2", qos);
        publisher.publish_with(&Publish {
            dup: false,
            qos,
            retain: false,
            packet_id: 0,
            topic: "a",
            properties: properties.as_properties(),
            payload: b"x",
        });
        let received = edited.expect("a", "other");
        assert_eq!(received.qos, QoS::AtMostOnce);
        let mut expected = PropertyBuffer::new();
        if of_version {
            assert!(expected.push(Property::ContentType("text")));
            assert!(expected.push(Property::UserProperty("m", "2")));
        }
        assert_eq!(received.properties, expected.as_properties().as_bytes());
        let received = other.expect("a", "x");
        assert_eq!(received.properties, properties.as_properties().as_bytes());
    }
}

/// Sent in one write, so that they are one run.
fn some_messages_of_a_run_are_stopped_and_the_others_keep_their_order(version: Version) {
    let test = &format!("deliver-run{}", version.level());
    let orders = [
        json!({ "c1": { "only": "3", "veto": true }, "away": { "only": "3", "veto": true } }),
        json!({ "c1": { "only": "5", "payload": "five" }, "away": { "only": "5", "payload": "five" } }),
    ];
    let broker = broker_with(test, &orders);
    let qos = QoS::AtLeastOnce;
    let mut receiver = subscriber(&broker, version, "c1", qos);
    let mut absent = Login::new(version, "away").keeping_session().connect(broker.address());
    absent.subscribe("a", qos);
    absent.disconnect();
    let mut publisher = Client::connect(&broker, version, "p");
    let mut bytes = Vec::new();
    for number in 0..8 {
        let payload = number.to_string();
        let publish = Publish {
            dup: false,
            qos,
            retain: false,
            packet_id: number + 1,
            topic: "a",
            properties: Properties::EMPTY,
            payload: payload.as_bytes(),
        };
        publish.encode(version, &mut bytes);
    }
    publisher.send_bytes(&bytes);
    let payloads = ["0", "1", "2", "4", "five", "6", "7"];
    for payload in payloads {
        receiver.expect("a", payload);
    }
    receiver.ping();
    let again = Login::new(version, "away").keeping_session().without_clean_start();
    let (mut absent, resumed) = again.resume(broker.address());
    assert!(resumed);
    for payload in payloads {
        absent.expect("a", payload);
    }
    absent.ping();
}

fn a_failure_keeps_the_message_from_its_receiver(version: Version) {
    let test = &format!("deliver-fail{}", version.level());
    let orders = json!({ "c1": { "panic": true }, "c2": { "pending": true } });
    let broker = broker(test, &orders);
    let mut receivers =
        ["c1", "c2", "c3"].map(|client_id| subscriber(&broker, version, client_id, EACH_QOS[1]));
    Client::connect(&broker, version, "p").publish("a", "x", QoS::AtLeastOnce);
    receivers[2].expect("a", "x");
    for receiver in &mut receivers[..2] {
        assert!(!receiver.next_is_publish_before_ping());
    }
    let lines = log::lines(&format!("courier-0-{test} failed in on_before_deliver"));
    assert!(lines[0].contains("taken as a veto"), "{lines:?}");
}

fn who_is_away_is_asked_about_too(version: Version) {
    let test = &format!("deliver-away{}", version.level());
    let orders = json!({ "c1": { "only": "no", "veto": true } });
    let broker = broker(test, &orders);
    let login = || Login::new(version, "c1").keeping_session();
    let mut client = login().connect(broker.address());
    client.subscribe("a", QoS::ExactlyOnce);
    client.disconnect();
    let mut publisher = Client::connect(&broker, version, "p");
    for payload in ["yes", "no", "yes again"] {
        publisher.publish("a", payload, QoS::AtLeastOnce);
    }
    let (mut client, resumed) = login().without_clean_start().resume(broker.address());
    assert!(resumed);
    for payload in ["yes", "yes again"] {
        client.expect("a", payload);
    }
    client.ping();
    // When they were queued, and not again.
    let asked = told(test, "on_before_deliver");
    assert_eq!(asked.len(), 2, "{asked:?}");
}

fn retained_messages_are_asked_about(version: Version) {
    let test = &format!("deliver-retained{}", version.level());
    let orders = json!({ "c1": { "veto": true }, "c2": { "payload": "other" } });
    let broker = broker(test, &orders);
    let mut publisher = Client::connect(&broker, version, "p");
    publisher.publish_retained("a", "x", QoS::AtLeastOnce);
    let mut vetoed = Client::connect(&broker, version, "c1");
    vetoed.subscribe("#", QoS::AtLeastOnce);
    vetoed.ping();
    for (client_id, payload) in [("c2", "other"), ("c3", "x")] {
        let mut client = Client::connect(&broker, version, client_id);
        client.subscribe("#", QoS::AtLeastOnce);
        assert!(client.expect("a", payload).retain);
    }
    vetoed.ping();
    let asked = told(test, "on_before_deliver");
    let expected = "c2 topic=a payload=other qos=1 retain=true retained=true \
                    publisher=Some(\"p\") share=None origin=Client user_properties=[]";
    assert_eq!(asked[0], expected);
    assert_eq!(asked.len(), 2, "{asked:?}");
}

fn wills_are_asked_about(version: Version) {
    let test = &format!("deliver-will{}", version.level());
    let broker = broker(test, &json!({ "c1": { "veto": true } }));
    let mut vetoed = subscriber(&broker, version, "c1", QoS::AtLeastOnce);
    let mut other = subscriber(&broker, version, "c2", QoS::AtLeastOnce);
    let will = LastWill::new("a", "gone");
    drop(Login::new(version, "w").will(will).connect(broker.address()));
    other.expect("a", "gone");
    assert!(!vetoed.next_is_publish_before_ping());
    let asked = told(test, "on_before_deliver");
    assert!(asked[0].contains("publisher=Some(\"w\") share=None origin=Will"), "{asked:?}");
}

fn a_vetoed_message_of_a_share_goes_to_nobody_in_its_place(version: Version) {
    let test = &format!("deliver-share{}", version.level());
    let broker = broker(test, &json!({ "c1": { "veto": true } }));
    let mut members = ["c1", "c2"].map(|client_id| {
        let mut member = Client::connect(&broker, version, client_id);
        member.subscribe("$share/g/a", QoS::AtLeastOnce);
        member
    });
    let mut publisher = Client::connect(&broker, version, "p");
    for payload in ["1", "2", "3", "4"] {
        publisher.publish("a", payload, QoS::AtLeastOnce);
    }
    for payload in ["2", "4"] {
        members[1].expect("a", payload);
    }
    members.iter_mut().for_each(Client::ping);
    let asked = told(test, "on_before_deliver");
    assert!(asked[0].contains("share=Some(\"$share/g/a\")"), "{asked:?}");
}

fn what_is_handed_over_is_asked_about_for_the_heir(version: Version) {
    let test = &format!("deliver-heir{}", version.level());
    let orders = json!({ "c2": { "only": "1", "payload": "edited" } });
    let broker = broker(test, &orders);
    let mut first = Client::connect(&broker, version, "c1");
    first.subscribe("$share/g/a", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "p");
    for payload in ["1", "2"] {
        publisher.publish("a", payload, QoS::AtLeastOnce);
    }
    let mut heir = Client::connect(&broker, version, "c2");
    heir.subscribe("$share/g/a", QoS::AtLeastOnce);
    drop(first);
    heir.expect("a", "edited");
    heir.expect("a", "2");
    let asked = told(test, "on_before_deliver");
    assert!(asked[2].starts_with("c2 topic=a payload=edited"), "{asked:?}");
    assert!(asked[2].contains("publisher=None share=Some(\"$share/g/a\")"), "{asked:?}");
}

fn later_plugins_see_what_earlier_ones_have_edited(version: Version) {
    let test = &format!("deliver-chain{}", version.level());
    let orders = [
        json!({ "c1": { "payload": "first", "qos": 0 } }),
        // It cannot take the lower QoS back.
        json!({ "c1": { "only": "first", "property": ["n", "v"], "unfit": true } }),
    ];
    let broker = broker_with(test, &orders);
    let mut client = subscriber(&broker, version, "c1", QoS::ExactlyOnce);
    Client::connect(&broker, version, "p").publish("a", "x", QoS::ExactlyOnce);
    assert_eq!(client.expect("a", "first").qos, QoS::AtMostOnce);
    let asked = told(test, "on_before_deliver");
    assert!(asked[0].starts_with("c1 topic=a payload=first qos=0"), "{asked:?}");
    assert!(asked[0].ends_with("user_properties=[(\"n\", \"v\")]"), "{asked:?}");
}

/// 3.1.1 has no such bound; there the whole payload fits.
fn an_edit_that_is_too_large_for_its_receiver_is_not_taken(version: Version) {
    let test = &format!("deliver-large{}", version.level());
    let long = "x".repeat(200);
    let broker = broker(test, &json!({ "c1": { "payload": long } }));
    let login = Login::new(version, "c1").with(Property::MaximumPacketSize(100));
    let mut client = login.connect(broker.address());
    client.subscribe("a", QoS::AtMostOnce);
    Client::connect(&broker, version, "p").publish("a", "x", QoS::AtLeastOnce);
    if version == Version::V5 {
        // The plugin panics when it hears so.
        assert!(!client.next_is_publish_before_ping());
    } else {
        client.expect("a", &long);
    }
}
