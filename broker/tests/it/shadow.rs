//! Shadows in a broker that serves: they say no to everything, and nobody notices.

use hookmq::hooks::HookStats;
use hookmq::plugins::PluginEntry;
use mqtt::{QoS, Version};
use serde_json::json;

use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::{Broker, Client, both_versions};

both_versions!(a_life_goes_on_beside_a_shadow);

fn a_life_goes_on_beside_a_shadow(version: Version) {
    let decides = [
        "on_socket_open",
        "on_before_connect",
        "on_connect",
        "on_before_subscribe",
        "on_before_unsubscribe",
        "on_before_publish",
        "on_before_deliver",
    ];
    let directory = PluginDir::new();
    let entries = [("shadow-no", &decides[..]), ("shadow-yes", &[])].map(|(name, veto)| {
        directory.put(plugins::rust("hook-log"), name);
        PluginEntry { shadow: true, ..entry(name, json!({ "veto": veto })) }
    });
    let broker = Broker::with_plugins(&directory, entries.to_vec());
    let mut client = Client::connect(&broker, version, "c");
    client.subscribe("a", QoS::AtLeastOnce);
    let mut publisher = Client::connect(&broker, version, "p");
    for payload in ["1", "2"] {
        publisher.publish("a", payload, QoS::ExactlyOnce);
        client.expect("a", payload);
    }
    client.unsubscribe("a");
    publisher.publish("a", "3", QoS::AtLeastOnce);
    client.ping();
    let stats = broker.plugins().stats();
    for hook in decides {
        let of = |plugin: &str| {
            let of = |stats: &&hookmq::plugins::PluginStats| {
                (&*stats.plugin, stats.hook) == (plugin, hook)
            };
            stats.iter().find(of).unwrap().counts
        };
        let (no, yes) = (of("shadow-no"), of("shadow-yes"));
        assert!(no.asked > 0, "{hook}");
        let HookStats { asked, allowed, vetoed, .. } = no;
        assert_eq!((no.would_refuse, allowed, vetoed), (asked, 0, 0), "{hook}");
        assert_eq!((yes.agreed, yes.asked, yes.allowed), (asked, asked, 0), "{hook}");
    }
}
