//! What is counted of plugins while many clients are served.

use std::time::Duration;

use hookmq::plugins::PluginEntry;
use mqtt::{QoS, Version};
use serde_json::json;

use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::{Broker, Client, both_versions};

both_versions!(no_call_of_any_thread_is_lost);

fn no_call_of_any_thread_is_lost(version: Version) {
    const CLIENTS: usize = 8;
    const MESSAGES: usize = 200;
    let (directory, name) = (PluginDir::new(), "counted-by-all");
    directory.put(plugins::rust("hook-log"), name);
    let vetoes = json!({ "veto": ["on_before_publish"] });
    // On a busy machine it would be taken for one that blocks, and all calls be timed.
    let entry = PluginEntry { deadline: Duration::ZERO, ..entry(name, vetoes) };
    let broker = Broker::with_plugins(&directory, vec![entry]);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let mut client = Client::connect(&broker, version, &client.to_string());
            scope.spawn(move || {
                for _ in 0..MESSAGES {
                    client.publish("a", "", QoS::AtLeastOnce);
                }
            });
        }
    });
    let stats = broker.plugins().stats();
    let of = |hook| stats.iter().find(|stats| stats.hook == hook).unwrap().counts;
    let asked = (CLIENTS * MESSAGES) as u64;
    let counts = of("on_before_publish");
    assert_eq!((counts.asked, counts.vetoed, counts.allowed), (asked, asked, 0));
    assert_eq!((of("on_message").allowed, of("on_publish").asked), (asked, 0));
    assert_eq!(of("on_connect").asked, CLIENTS as u64);
    // The first on each of two threads, and each 64th after it.
    assert!((asked / 64..=asked / 64 + 2).contains(&counts.timed), "{}", counts.timed);
}
