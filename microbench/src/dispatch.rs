//! What it costs to ask plugins that have nothing to say.

use std::hint::black_box;
use std::net::SocketAddr;

use hookmq::config::Limits;
use hookmq::hooks::{Asking, Client, Origin, Publication, Verdict};
use hookmq::microbench;
use hookmq::plugins::{PluginEntry, Plugins};

use crate::{Case, Pass, TIMES, noop};

const CHAINS: [usize; 2] = [1, 8];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in CHAINS {
        let name = |hook| format!("dispatch/{hook}/{length}");
        cases.push(Case::new(name("on_before_publish"), move || publish(length)));
        cases.push(Case::new(name("on_before_deliver"), move || deliver(length)));
    }
    cases.push(Case::new("dispatch/on_before_publish/none", || publish(0)));
    cases
}

/// One message after the other.
fn publish(length: usize) -> Pass {
    let plugins = load(length);
    let (hooks, limits) = (plugins.hooks(), Limits::default());
    let shard = microbench::as_shard();
    Box::new(move || {
        let _keep = (&plugins, &shard);
        for _ in 0..TIMES {
            let mut asking = Asking::at_once(&limits);
            let decision = hooks.on_before_publish(&client(), black_box(&MESSAGE), &mut asking);
            assert_eq!(decision.verdict, Verdict::Continue);
        }
    })
}

/// One message for one receiver after the other.
fn deliver(length: usize) -> Pass {
    let plugins = load(length);
    let hooks = plugins.hooks();
    let shard = microbench::as_shard();
    Box::new(move || {
        let _keep = (&plugins, &shard);
        let allowed = microbench::deliver(&hooks, &client(), black_box(&MESSAGE), TIMES);
        assert_eq!(allowed, TIMES);
    })
}

/// Several plugins that do nothing.
fn load(count: usize) -> Plugins {
    let folder = tempfile::tempdir().expect("a folder");
    let entries: Vec<PluginEntry> = (0..count)
        .map(|index| {
            let name = format!("noop-{index}");
            let file = folder.path().join(format!("{name}.so"));
            std::fs::copy(noop::library(), file).expect("a copy of the plugin");
            PluginEntry { name, ..PluginEntry::default() }
        })
        .collect();
    // It needs the files no more once it is loaded.
    Plugins::load(folder.path(), &entries).expect("the plugins")
}

const MESSAGE: Publication<'static> = Publication {
    topic: "site/7/device/11/state",
    payload: &[b'x'; 64],
    properties: &[],
    qos: 1,
    retain: false,
    dup: false,
    origin: Origin::Client,
    original_topic: "site/7/device/11/state",
    depth: 0,
};

fn client() -> Client<'static> {
    Client {
        client_id: "device-4711",
        username: Some("device"),
        protocol: mqtt::Version::INSIDE.level(),
        peer: SocketAddr::from(([192, 0, 2, 7], 5555)).into(),
        local: SocketAddr::from(([127, 0, 0, 1], 1883)).into(),
        listener: "tcp://127.0.0.1:1883",
    }
}
