//! What a client gets that a plugin does not want once its session is ready: CONNACK and DISCONNECT.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use hookmq::plugins::PluginEntry;
use mqtt::{Packet, Properties, Publish, QoS, ReasonCode, Version};

use crate::common::plugins::{self, PluginDir};
use crate::support::{Broker, Client, Done, Login, both_versions};

both_versions!(nothing_comes_between_connack_and_disconnect);

const VETOES_RESUMED: &str = r#"
#include "plugin.h"

uint32_t PluginAbiVersion(void) { return MQ_ABI_VERSION; }

int32_t OnConnect(void *instance, const mq_connect *event) {
    (void)instance;
    return event->session_present ? MQ_VETO : MQ_CONTINUE;
}
"#;

/// Though somebody publishes to what the client has subscribed to all the time.
fn nothing_comes_between_connack_and_disconnect(version: Version) {
    let broker = broker();
    let login = Login::new(version, "client").keeping_session();
    let mut client = login.connect(broker.address());
    client.subscribe("t/+", QoS::AtMostOnce);
    client.disconnect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| publish_until(&done, Client::connect(&broker, version, "publisher")));
        let _done = Done(&done);
        for _ in 0..300 {
            let (mut client, answer) = login.ask(broker.address());
            assert_eq!(answer.reason, ReasonCode::Success);
            assert!(answer.session_present);
            client.expect_disconnect(ReasonCode::NotAuthorized);
        }
    });
}

fn broker() -> Broker {
    let directory = PluginDir::new();
    directory.put(plugins::c_text(VETOES_RESUMED), "vetoes-resumed");
    let entry = PluginEntry { name: "vetoes-resumed".into(), ..PluginEntry::default() };
    Broker::with_plugins_and(&directory, vec![entry], |config| {
        config.limits.max_takeovers = 10_000;
    })
}

fn publish_until(done: &AtomicBool, mut publisher: Client) {
    let mut bytes = Vec::new();
    for n in 0..500 {
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            packet_id: 0,
            topic: ["t/even", "t/odd"][n % 2],
            properties: Properties::EMPTY,
            payload: b"live",
        };
        Packet::Publish(publish).encode(publisher.version, &mut bytes);
    }
    while !done.load(Ordering::Relaxed) {
        publisher.send_bytes(&bytes);
        publisher.ping();
    }
}
