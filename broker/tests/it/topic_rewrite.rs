//! The plugin topic-rewrite: clients meet under the new topics, and leave by the names that they know.

use mqtt::{QoS, ReasonCode, Version};
use serde_json::{Value, json};

use crate::common::plugins::{self, PluginDir};
use crate::plugins::entry;
use crate::support::{Broker, Client, LastWill, Login, both_versions, message};

both_versions!(
    messages_and_subscriptions_have_other_topics,
    a_client_leaves_by_the_name_that_it_knows,
    a_will_is_rewritten_when_it_is_published,
    what_would_be_no_topic_is_refused,
    acl_decides_by_the_new_topic_wherever_it_stands,
);

fn rules() -> Value {
    json!({ "rules": [
        { "from": "old/+/x", "to": "new/$1/x" },
        { "from": "own/#", "to": "clients/%c/$1" },
        { "from": "part/+", "to": "part-$1" },
    ]})
}

fn broker(others: &[(&str, Value)]) -> Broker {
    let directory = PluginDir::new();
    let mut entries = Vec::new();
    for (name, config) in others {
        directory.put(plugins::rust(name), name);
        entries.push(entry(name, config.clone()));
    }
    Broker::with_plugins(&directory, entries)
}

fn publish(client: &mut Client, topic: &str) -> ReasonCode {
    client.publish_with(&message(topic, b"x", QoS::AtLeastOnce))
}

fn messages_and_subscriptions_have_other_topics(version: Version) {
    let broker = broker(&[("topic-rewrite", rules())]);
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("#", QoS::AtMostOnce);
    let mut client = Client::connect(&broker, version, "c1");
    for filter in ["old/+/x", "$share/g/own/a", "other"] {
        assert_eq!(client.subscribe(filter, QoS::AtMostOnce), ReasonCode::Success);
    }
    for (topic, new) in
        [("old/1/x", "new/1/x"), ("own/a", "clients/p/a"), ("own", "clients/p"), ("other", "other")]
    {
        let mut publisher = Client::connect(&broker, version, "p");
        assert_eq!(publish(&mut publisher, topic), ReasonCode::Success);
        watcher.expect(new, "x");
    }
    client.expect("new/1/x", "x");
    client.expect("other", "x");
    let mut owner = Client::connect(&broker, version, "p");
    publish(&mut owner, "clients/c1/a");
    client.expect("clients/c1/a", "x");
}

fn a_client_leaves_by_the_name_that_it_knows(version: Version) {
    let broker = broker(&[("topic-rewrite", rules())]);
    let mut client = Client::connect(&broker, version, "c1");
    client.subscribe("old/+/x", QoS::AtMostOnce);
    let mut publisher = Client::connect(&broker, version, "p");
    publish(&mut publisher, "new/1/x");
    client.expect("new/1/x", "x");
    assert_eq!(client.unsubscribe("old/+/x"), ReasonCode::Success);
    publish(&mut publisher, "old/1/x");
    client.ping();
}

fn a_will_is_rewritten_when_it_is_published(version: Version) {
    let broker = broker(&[("topic-rewrite", rules())]);
    let mut watcher = Client::connect(&broker, version, "watcher");
    watcher.subscribe("#", QoS::AtMostOnce);
    let login = Login::new(version, "c1").will(LastWill::new("own/gone", "x"));
    drop(login.connect(broker.address()));
    watcher.expect("clients/c1/gone", "x");
}

fn what_would_be_no_topic_is_refused(version: Version) {
    let broker = broker(&[("topic-rewrite", rules())]);
    let mut client = Client::connect(&broker, version, "a/b");
    let (filter, topic) = match version.has_properties() {
        true => (ReasonCode::TopicFilterInvalid, ReasonCode::TopicNameInvalid),
        false => (ReasonCode::UnspecifiedError, ReasonCode::Success),
    };
    assert_eq!(client.subscribe("part/+", QoS::AtMostOnce), filter);
    assert_eq!(client.subscribe("own/x", QoS::AtMostOnce), filter);
    assert_eq!(publish(&mut client, "own/x"), topic);
    client.ping();
}

/// One that stands before topic-rewrite is asked again.
fn acl_decides_by_the_new_topic_wherever_it_stands(version: Version) {
    let acl = json!({ "rules": [{ "allow": "all", "topics": ["old/#", "own/#", "new/1/x", "clients/%c/#"] }] });
    let plugins = [("acl", acl), ("topic-rewrite", rules())];
    let [first, second] = plugins.clone();
    for plugins in [plugins, [second, first]] {
        let broker = broker(&plugins);
        let mut client = Client::connect(&broker, version, "c1");
        assert_eq!(client.subscribe("old/1/x", QoS::AtMostOnce), ReasonCode::Success);
        assert!(client.subscribe("old/2/x", QoS::AtMostOnce).is_error());
        assert_eq!(client.subscribe("own/#", QoS::AtMostOnce), ReasonCode::Success);
        let refused = match version.has_properties() {
            true => ReasonCode::NotAuthorized,
            false => ReasonCode::Success,
        };
        let mut publisher = Client::connect(&broker, version, "p");
        assert_eq!(publish(&mut publisher, "old/2/x"), refused);
        assert_eq!(publish(&mut publisher, "old/1/x"), ReasonCode::Success);
        client.expect("new/1/x", "x");
        client.ping();
    }
}
