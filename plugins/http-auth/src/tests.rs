//! What the plugin answers where the service cannot be asked, and mistakes in its settings. With a service and
//! clients it is tested in a broker.

use plugin_abi::testing::{self, Answer, Instance, json};

use super::HttpAuth;

fn start(config: serde_json::Value) -> Result<Instance<HttpAuth>, String> {
    testing::start(&testing::Host::new(), config).map_err(|error| error.to_string())
}

/// Nobody listens at port 1.
#[test]
fn who_cannot_be_asked_refuses_unless_failures_allow() {
    let publish = testing::Publish::to("a");
    let unavailable = Answer::Refused { reason_code: 0x88, reason: None };
    for (on_failure, answer) in [("refuse", unavailable), ("allow", Answer::Continue)] {
        let config = json!({ "publish": "http://127.0.0.1:1/", "on_failure": on_failure });
        let host = testing::Host::new();
        let plugin = testing::start::<HttpAuth>(&host, config).unwrap();
        assert_eq!(plugin.on_before_publish(&publish), Answer::Pending);
        assert_eq!(host.completion(), answer);
        let subscribe = testing::Subscribe::to("a");
        assert_eq!(plugin.on_before_subscribe(&subscribe), Answer::Continue, "nobody to ask");
    }
}

#[test]
fn mistakes_in_the_config_are_named() {
    for (config, what) in [
        (json!({}), "it needs one of `connect`, `publish` and `subscribe`"),
        (json!({ "connect": "localhost:80" }), "`connect`: "),
        (json!({ "connect": "https://localhost/" }), "is no address such as http://"),
        (json!({ "connect": "http://h/", "timeout": "3" }), "`timeout`: \"3\" is no span of time"),
        (json!({ "connect": "http://h/", "headers": { "a b": "c" } }), "\"a b\" is no header"),
        (json!({ "connect": "http://h/", "on_failure": "maybe" }), "`on_failure`: "),
        (json!({ "connect": "http://h/", "url": "" }), "unknown field `url`"),
    ] {
        let error = start(config).unwrap_err();
        assert!(error.contains(what), "{error}");
    }
}
