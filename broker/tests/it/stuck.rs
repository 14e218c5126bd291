//! Plugins that take too long, or fail too often, in a broker that serves.

use std::time::Duration;

use hookmq::plugins::{OnError, PluginEntry};
use mqtt::{Packet, Properties, Publish, QoS, Version};
use serde_json::json;

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::{Broker, Client, both_versions};

both_versions!(
    a_hook_that_overstays_is_logged_while_it_does,
    a_plugin_is_quarantined_and_tried_again,
);

fn misbehaving(directory: &PluginDir, name: &str, config: serde_json::Value) -> PluginEntry {
    directory.put(plugins::rust("misbehaving"), name);
    entry(name, config)
}

fn a_hook_that_overstays_is_logged_while_it_does(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &*format!("hangs-{}", version.level()));
    let until = directory.path().join("go on");
    let config = json!({ "in": "on_publish", "how": "hang", "until": until });
    let deadline = Duration::from_millis(20);
    let entry = PluginEntry { deadline, ..misbehaving(&directory, name, config) };
    let broker = Broker::with_plugins(&directory, vec![entry]);
    let mut client = Client::connect(&broker, version, "c");
    client.send(&Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        packet_id: 0,
        topic: "a",
        properties: Properties::EMPTY,
        payload: b"",
    }));
    client.send(&Packet::PingReq);
    // It is in there until the file is written.
    let line = log::wait_for(&format!("plugin {name} is in on_publish for "));
    assert!(line.starts_with("ERROR") && line.contains("its deadline is 20ms"), "{line}");
    directory.write("go on", b"");
    client.receive(|packet| assert_eq!(packet, Packet::PingResp));
    client.publish("a", "", QoS::AtLeastOnce);
    let stats = broker.plugins().stats();
    let stats = stats.iter().find(|stats| stats.hook == "on_publish").unwrap().counts;
    assert_eq!((stats.asked, stats.allowed, stats.overdue), (2, 2, 1));
}

/// The broker looks after it by itself: no call is needed for it to be tried again.
fn a_plugin_is_quarantined_and_tried_again(version: Version) {
    log::take();
    let (directory, name) = (PluginDir::new(), &*format!("tried-again-{}", version.level()));
    let config = json!({ "in": "on_message", "how": "panic" });
    let entry =
        PluginEntry { on_error: OnError::Quarantine, ..misbehaving(&directory, name, config) };
    let broker = Broker::with_plugins(&directory, vec![entry]);
    let mut client = Client::connect(&broker, version, "c");
    client.publish("a", "", QoS::AtLeastOnce);
    assert_eq!(log::lines(&format!("plugin {name} is quarantined for 1s")).len(), 1);
    let next = "a failure in the next 10s quarantines it for 2s";
    log::wait_for(&format!("plugin {name} is asked again; {next}"));
    client.publish("a", "", QoS::AtLeastOnce);
    assert_eq!(log::lines(&format!("plugin {name} is quarantined for ")).len(), 2);
    assert_eq!(log::messages(&format!("plugin::{name}")).len(), 2);
}
