//! What is shown of plugins' answers to real clients.

use std::net::SocketAddr;

use hookmq::hooks::{TraceFilter, TracedAnswer};
use mqtt::{QoS, ReasonCode, Version};
use serde_json::json;

use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::{Broker, Client, both_versions};

both_versions!(a_refused_subscription_is_shown_with_its_client);

fn a_refused_subscription_is_shown_with_its_client(version: Version) {
    let (directory, name) = (PluginDir::new(), "shown");
    directory.put(plugins::rust("hook-log"), name);
    let hook = "on_before_subscribe";
    let refuses = json!({ "refuse": { hook: { "code": 0x97, "reason": "enough" } } });
    let broker = Broker::with_plugins(&directory, vec![entry(name, refuses)]);
    let mut client = Client::connect(&broker, version, "c");
    let of_other = TraceFilter { client_id: Some("other".into()), ..TraceFilter::default() };
    let mut of_other = broker.plugins().trace(of_other);
    let mut shown = broker.plugins().trace(TraceFilter::default());
    client.subscribe("$share/name/a/#", QoS::AtLeastOnce);
    // It is there before the client has its answer.
    let traced = shown.try_next().unwrap();
    assert_eq!((&*traced.plugin, traced.hook, &*traced.client_id), (name, hook, "c"));
    assert_eq!(traced.peer, Some(local_address(&client)));
    assert_eq!(&*traced.subject, "$share/name/a/#");
    let refused = TracedAnswer::Refuse(ReasonCode::QuotaExceeded, Some("enough".into()));
    assert_eq!((traced.answer, traced.shadow), (refused, false));
    assert!(shown.try_next().is_none() && of_other.try_next().is_none());
}

fn local_address(client: &Client) -> SocketAddr {
    client.stream.local_addr().unwrap()
}
