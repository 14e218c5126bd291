//! Logs each hook at info with its arguments, as `PREFIX hook: arguments`, and answers as its config says:
//!
//! ```yaml
//! prefix: first
//! veto: [ on_before_publish ]
//! refuse: { on_before_subscribe: { code: 0x97, reason: enough } }
//! throttle: { on_connect: 1000 }    # milliseconds
//! interest: [ { hook: on_publish, topic: a/#, listener: "tcp://…", without_payload: true } ]
//! ```

use std::{collections::HashMap, time::Duration};

use plugin_abi::{
    Auth, AuthVerdict, BeforeConnect, Client, Config, Connect, Deliver, Disconnect, Dropped, Host,
    Plugin, Protocol, Publish, Result, Session, SocketOpen, Subscribe, Unsubscribe, UserProperties,
    Verdict, log, plugin, serde::Deserialize,
};

#[derive(Default, Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields, default)]
struct HookLog {
    prefix: String,
    veto: Vec<String>,
    refuse: HashMap<String, Refusal>,
    throttle: HashMap<String, u64>,
    interest: Vec<Interest>,
}

#[derive(Default, Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields, default)]
struct Interest {
    hook: String,
    topic: Option<String>,
    listener: Option<String>,
    without_payload: bool,
}

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
struct Refusal {
    code: u8,
    #[serde(default)]
    reason: String,
}

#[plugin]
impl Plugin for HookLog {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        let plugin: HookLog = config.get()?;
        for Interest { hook, topic, listener, without_payload } in &plugin.interest {
            let mut interest = host.interest(hook);
            if let Some(topic) = topic {
                interest = interest.topic(topic)?;
            }
            if let Some(listener) = listener {
                interest = interest.listener(listener)?;
            }
            if *without_payload {
                interest.without_payload()?;
            }
        }
        plugin.log("bootstrap", config.as_json());
        Ok(plugin)
    }

    fn shutdown(&self) {
        self.log("shutdown", "");
    }

    fn on_socket_open(&self, event: &SocketOpen<'_>) -> Verdict {
        let text = format!("peer={} listener={}", ip(event.peer()), event.listener());
        self.decide("on_socket_open", &text)
    }

    fn on_auth(&self, event: &Auth<'_>) -> AuthVerdict {
        let text = format!(
            "{} method={} round={} reauthentication={} data={:?} state={} {}",
            client(event.client()),
            event.method(),
            event.round(),
            event.is_reauthentication(),
            event.data().map(String::from_utf8_lossy),
            String::from_utf8_lossy(event.state()),
            properties(event.user_properties()),
        );
        match self.decide("on_auth", &text) {
            Verdict::Veto => AuthVerdict::refuse(),
            Verdict::Refuse { code, reason } => AuthVerdict::refuse_with(code).reason(reason),
            _ => AuthVerdict::not_mine(),
        }
    }

    fn on_before_connect(&self, event: &BeforeConnect<'_>) -> Verdict {
        let password = event.password().map(String::from_utf8_lossy);
        let text = format!(
            "{} clean_start={} keep_alive={} session_expiry={} password={password:?} will={:?} \
             method={:?} {}",
            client(event.client()),
            event.clean_start(),
            event.keep_alive(),
            event.session_expiry(),
            event.will_topic(),
            event.authentication_method(),
            properties(event.user_properties()),
        );
        self.decide("on_before_connect", &text)
    }

    fn on_connect(&self, event: &Connect<'_>) -> Verdict {
        let (present, clean) = (event.session_present(), event.clean_start());
        let client = client(event.client());
        self.decide(
            "on_connect",
            &format!("{client} session_present={present} clean_start={clean}"),
        )
    }

    fn on_before_subscribe(&self, event: &Subscribe<'_>) -> Verdict {
        self.decide("on_before_subscribe", &subscribe(event))
    }

    fn on_subscribe(&self, event: &Subscribe<'_>) {
        self.log("on_subscribe", &subscribe(event));
    }

    fn on_before_unsubscribe(&self, event: &Unsubscribe<'_>) -> Verdict {
        self.decide("on_before_unsubscribe", &unsubscribe(event))
    }

    fn on_unsubscribe(&self, event: &Unsubscribe<'_>) {
        self.log("on_unsubscribe", &unsubscribe(event));
    }

    fn on_message(&self, event: &Publish<'_>) {
        self.log("on_message", &publish(event));
    }

    fn on_before_publish(&self, event: &Publish<'_>) -> Verdict {
        self.decide("on_before_publish", &publish(event))
    }

    fn on_publish(&self, event: &Publish<'_>) {
        self.log("on_publish", &publish(event));
    }

    fn on_before_deliver(&self, event: &Deliver<'_>) -> Verdict {
        self.decide("on_before_deliver", &deliver(event))
    }

    fn on_delivered(&self, event: &Deliver<'_>) {
        self.log("on_delivered", &deliver(event));
    }

    fn on_dropped(&self, event: &Dropped<'_>) {
        let text = format!(
            "{} topic={} payload={} qos={} retain={} reason={:?} {}",
            event.client().client_id(),
            event.topic(),
            String::from_utf8_lossy(event.payload()),
            event.qos(),
            event.retain(),
            event.reason(),
            properties(event.user_properties()),
        );
        self.log("on_dropped", &text);
    }

    fn on_session(&self, event: &Session<'_>) {
        let text = format!("{} {:?} {:?}", client(event.client()), event.change(), event.origin());
        self.log("on_session", &text);
    }

    fn on_disconnect(&self, event: &Disconnect<'_>) {
        let text = format!(
            "{} graceful={} reason_code={:#04x} session_kept={} reason={}",
            client(event.client()),
            event.graceful(),
            event.reason_code(),
            event.session_kept(),
            event.reason(),
        );
        self.log("on_disconnect", &text);
    }
}

impl HookLog {
    fn log(&self, hook: &str, text: &str) {
        log::info!("{} {hook}: {text}", self.prefix);
    }

    fn decide(&self, hook: &str, text: &str) -> Verdict {
        self.log(hook, text);
        if let Some(Refusal { code, reason }) = self.refuse.get(hook) {
            return Verdict::refuse_with(*code).reason(reason.clone());
        }
        if let Some(wait) = self.throttle.get(hook) {
            return Verdict::Throttle(Duration::from_millis(*wait));
        }
        let vetoed = self.veto.iter().any(|vetoed| vetoed == hook);
        if vetoed { Verdict::Veto } else { Verdict::Continue }
    }
}

fn client(client: Client<'_>) -> String {
    let protocol = match client.protocol() {
        Protocol::V5 => "5.0",
        Protocol::V3_1 => "3.1",
        _ => "3.1.1",
    };
    let (id, username) = (client.client_id(), client.username());
    let (peer, local) = (ip(client.peer()), ip(client.local()));
    let listener = client.listener();
    format!("{id} username={username:?} {protocol} peer={peer} local={local} listener={listener}")
}

fn ip(address: Option<std::net::SocketAddr>) -> String {
    address.map_or("none".into(), |address| address.ip().to_string())
}

fn subscribe(event: &Subscribe<'_>) -> String {
    format!(
        "{} {} qos={} no_local={} retain_as_published={} retain_handling={} {}",
        event.client().client_id(),
        filters(event.filter(), event.whole_filter()),
        event.qos(),
        event.no_local(),
        event.retain_as_published(),
        event.retain_handling(),
        properties(event.user_properties()),
    )
}

/// The second only if it says more.
fn filters(filter: &str, whole: &str) -> String {
    if filter == whole {
        format!("filter={filter}")
    } else {
        format!("filter={filter} whole_filter={whole}")
    }
}

fn unsubscribe(event: &Unsubscribe<'_>) -> String {
    let filter = filters(event.filter(), event.whole_filter());
    format!("{} {filter}", event.client().client_id())
}

fn publish(event: &Publish<'_>) -> String {
    format!(
        "{} topic={} payload={} qos={} retain={} dup={} origin={:?} {}",
        event.client().client_id(),
        event.topic(),
        String::from_utf8_lossy(event.payload()),
        event.qos(),
        event.retain(),
        event.dup(),
        event.origin(),
        properties(event.user_properties()),
    )
}

fn deliver(event: &Deliver<'_>) -> String {
    format!(
        "{} topic={} payload={} qos={} retain={} retained={} publisher={:?} share={:?} origin={:?} {}",
        event.client().client_id(),
        event.topic(),
        String::from_utf8_lossy(event.payload()),
        event.qos(),
        event.retain(),
        event.is_retained(),
        event.publisher(),
        event.share(),
        event.origin(),
        properties(event.user_properties()),
    )
}

fn properties(properties: UserProperties<'_>) -> String {
    format!("user_properties={:?}", properties.collect::<Vec<_>>())
}
