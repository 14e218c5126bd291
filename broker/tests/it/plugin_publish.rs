//! What plugins publish, send to one client and retain: the plugin `caller`, from a hook and from a thread.

use std::time::Duration;

use mqtt::{QoS, SubscriptionOptions, Version};
use serde_json::json;

use crate::common::log;
use crate::common::plugins::PluginDir;
use crate::support::caller::{Asker, broker, caller, tell, wait_until_said};
use crate::support::{Broker, Client, Login, both_versions};

both_versions!(
    a_plugin_publishes_to_all_subscribers,
    what_no_client_could_publish_is_unfit,
    messages_of_a_plugin_keep_their_order,
    a_plugin_retains_what_it_publishes,
    a_plugin_retains_without_publishing,
    a_message_to_one_client_reaches_that_one_alone,
    a_message_to_one_client_waits_for_its_return,
    plugins_are_asked_about_messages_of_plugins,
    plugins_that_answer_each_other_come_to_an_end,
    what_a_plugin_publishes_while_it_starts_is_published_later,
    a_receiver_that_reads_nothing_holds_a_plugin_up_once,
);

fn a_plugin_publishes_to_all_subscribers(version: Version) {
    let broker = broker("publishes");
    let mut asker = Asker::connect(&broker, version);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("t", QoS::ExactlyOnce);
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let call = json!({ "do": "publish", "topic": "t", "payload": "x", "qos": qos as u8, "property": "p" });
        asker.expect_then(&call, "()", || {
            let received = client.expect("t", "x");
            assert_eq!((received.qos, received.retain, received.dup), (qos, false, false));
            let user_property = [&[0x26, 0, 2][..], b"by", &[0, 1], b"p"].concat();
            let expected = if version == Version::V5 { user_property } else { Vec::new() };
            assert_eq!(received.properties, expected);
        });
    }
}

fn what_no_client_could_publish_is_unfit(version: Version) {
    let broker = broker("unfit");
    let mut asker = Asker::connect(&broker, version);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("#", QoS::AtMostOnce);
    client.unsubscribe("#");
    for call in [
        json!({ "do": "publish", "topic": "" }),
        json!({ "do": "publish", "topic": "a/#" }),
        json!({ "do": "publish", "topic": "t", "qos": 3 }),
        json!({ "do": "publish_to", "client": "c", "topic": "+" }),
        json!({ "do": "retain", "topic": "$share/g/t" }),
    ] {
        asker.expect(&call, "Unfit");
    }
    asker.expect(&json!({ "do": "publish_to", "client": "nobody", "topic": "t" }), "NotThere");
    client.ping();
}

fn messages_of_a_plugin_keep_their_order(version: Version) {
    let broker = broker("orders");
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("t", QoS::AtLeastOnce);
    // Two publishers on two shards, calling from two threads.
    let mut publishers = ["a", "b"].map(|id| Client::connect(&broker, version, id));
    for number in 0..100 {
        for (index, publisher) in publishers.iter_mut().enumerate() {
            let payload = format!("{index} {number}");
            let call = json!({ "do": "publish", "topic": "t", "payload": payload, "qos": 1 });
            tell(publisher, "call", &call.to_string());
        }
    }
    let mut seen = [0, 0];
    for _ in 0..200 {
        let received = client.receive_publish();
        client.acknowledge(&received);
        let payload = String::from_utf8(received.payload).unwrap();
        let (index, number) = payload.split_once(' ').unwrap();
        let index: usize = index.parse().unwrap();
        assert_eq!(number, seen[index].to_string());
        seen[index] += 1;
    }
}

fn a_plugin_retains_what_it_publishes(version: Version) {
    let broker = broker("retains");
    let mut asker = Asker::connect(&broker, version);
    let publish = json!({ "do": "publish", "topic": "r", "payload": "kept", "retain": true });
    asker.expect(&publish, "()");
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("r", QoS::AtMostOnce);
    assert!(client.expect("r", "kept").retain);
    asker.ask(&json!({ "do": "publish", "topic": "r", "payload": "", "retain": true }));
    assert!(!client.expect("r", "").retain);
    client.subscribe("r", QoS::AtMostOnce);
    client.ping();
}

fn a_plugin_retains_without_publishing(version: Version) {
    let broker = broker("retains-only");
    let mut asker = Asker::connect(&broker, version);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("r", QoS::AtMostOnce);
    asker.expect(&json!({ "do": "retain", "topic": "r", "payload": "kept" }), "()");
    client.ping();
    client.subscribe("r", QoS::AtMostOnce);
    assert!(client.expect("r", "kept").retain);
    asker.expect(&json!({ "do": "retain", "topic": "r" }), "()");
    client.subscribe("r", QoS::AtMostOnce);
    client.ping();
}

fn a_message_to_one_client_reaches_that_one_alone(version: Version) {
    let broker = broker("sends");
    let mut asker = Asker::connect(&broker, version);
    let [mut one, mut other] = ["one", "other"].map(|id| Client::connect(&broker, version, id));
    // Whatever it is subscribed to.
    other.subscribe("t", QoS::ExactlyOnce);
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let call = json!({ "do": "publish_to", "client": "one", "topic": "t", "payload": "for you",
                           "qos": qos as u8, "retain": true });
        asker.expect_then(&call, "()", || {
            let received = one.expect("t", "for you");
            assert_eq!((received.qos, received.retain), (qos, false));
        });
    }
    other.ping();
}

fn a_message_to_one_client_waits_for_its_return(version: Version) {
    let broker = broker("sends-later");
    let mut asker = Asker::connect(&broker, version);
    let login = Login::new(version, "away").keeping_session();
    login.connect(broker.address()).disconnect();
    for qos in 0..=1 {
        let call = json!({ "do": "publish_to", "client": "away", "topic": "t",
                           "payload": qos.to_string(), "qos": qos });
        asker.expect(&call, "()");
    }
    let (mut client, resumed) = login.without_clean_start().resume(broker.address());
    assert!(resumed);
    // At QoS 0 it does not wait.
    for _ in 0..2 {
        client.expect("t", "1");
    }
    client.ping();
}

fn plugins_are_asked_about_messages_of_plugins(version: Version) {
    log::take();
    let (directory, level) = (PluginDir::new(), version.level());
    let [asks, vetoes] = ["asks", "vetoes"].map(|name| format!("{name}-{level}"));
    let veto = json!({ "veto": "secret" });
    let entries = vec![caller(&directory, &asks, json!({})), caller(&directory, &vetoes, veto)];
    let broker = Broker::with_plugins(&directory, entries);
    let mut asker = Asker::connect(&broker, version);
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("#", QoS::AtMostOnce);
    client.unsubscribe("#");
    client.subscribe("open", QoS::AtMostOnce);
    client.subscribe("secret", QoS::AtMostOnce);
    for topic in ["secret", "open"] {
        asker.ask(&json!({ "do": "publish", "topic": topic, "retain": true }));
    }
    // Both plugins call.
    client.expect("open", "");
    client.expect("open", "");
    client.subscribe("secret", QoS::AtMostOnce);
    client.ping();
    // Each is told of both.
    for by in [&asks, &vetoes] {
        let line = format!("open of $plugin/{by} depth=1 by Some({by:?})");
        for told in [&asks, &vetoes] {
            wait_until_said(told, &line);
        }
    }
}

fn plugins_that_answer_each_other_come_to_an_end(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &*format!("again-{}", version.level()));
    let entry = caller(&directory, name, json!({ "again": "loop" }));
    let broker = Broker::with_plugins_and(&directory, vec![entry], |config| {
        config.plugin_publish_depth = 3;
    });
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe_with("loop", SubscriptionOptions::new(QoS::AtMostOnce));
    tell(&mut client, "loop", "x");
    for _ in 0..=3 {
        client.expect("loop", "x");
    }
    client.ping();
    wait_until_said(name, "not again: TooDeep");
    assert_eq!(log::lines(&format!("plugin {name} gets no further")).len(), 1);
}

fn what_a_plugin_publishes_while_it_starts_is_published_later(version: Version) {
    let directory = PluginDir::new();
    let first = json!({ "first": [
        { "do": "publish", "topic": "early", "payload": "x", "retain": true },
        { "do": "publish_to", "client": "c", "topic": "t" },
    ] });
    log::take();
    let name = &*format!("starts-{}", version.level());
    let broker = Broker::with_plugins(&directory, vec![caller(&directory, name, first)]);
    let said = log::messages(&format!("plugin::{name}"));
    assert_eq!(said[..2], ["while starting: ()", "while starting: NotThere"]);
    // What is published later comes behind it.
    Asker::connect(&broker, version).ask(&json!({ "do": "publish", "topic": "t" }));
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("early", QoS::AtMostOnce);
    assert!(client.expect("early", "x").retain);
}

/// A second for each message would be longer than a test waits for an answer.
fn a_receiver_that_reads_nothing_holds_a_plugin_up_once(version: Version) {
    let directory = PluginDir::new();
    let name = &*format!("held-up-{}", version.level());
    let entry = caller(&directory, name, json!({}));
    let broker = Broker::with_plugins_and(&directory, vec![entry], |config| {
        config.limits.send_timeout = Duration::from_secs(3600);
    });
    let mut slow = Client::connect(&broker, version, "slow");
    slow.subscribe("t", QoS::AtMostOnce);
    let mut teller = Client::connect(&broker, version, "teller");
    let large = json!({ "do": "publish", "topic": "t", "payload": "x".repeat(500_000) });
    // More than the sockets take.
    for _ in 0..20 {
        tell(&mut teller, "call", &large.to_string());
    }
    for _ in 0..100 {
        tell(&mut teller, "call", &json!({ "do": "publish", "topic": "t" }).to_string());
    }
    // It comes behind them.
    teller.ping();
    let mut asker = Asker::connect(&broker, version);
    assert_eq!(asker.ask(&json!({ "do": "publish", "topic": "other" })), "()");
}
