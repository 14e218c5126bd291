//! Decides in on_before_deliver what each receiver gets, by its client id:
//!
//! ```yaml
//! of_client:
//!   c1: { veto: true }
//!   c2: { payload: other, qos: 0, property: [ name, value ], without: name, unfit: true }
//! ```
//!
//! With `only` it does so to that payload alone. With `echo: a` it publishes to `a` whenever somebody has
//! been delivered, or has lost, a message to `a`.
#![allow(clippy::panic, reason = "failing is what it is asked for")]

use std::collections::HashMap;

use plugin_abi::{
    Config, Deliver, Dropped, EditError, Host, Message, Plugin, Property, Result, Verdict, log,
    plugin, serde::Deserialize,
};

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
struct Courier {
    #[serde(default)]
    of_client: HashMap<String, Order>,
    echo: Option<String>,
    #[serde(skip)]
    host: Option<Host>,
}

#[derive(Default, Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields, default)]
struct Order {
    only: Option<String>,
    veto: bool,
    panic: bool,
    pending: bool,
    payload: Option<String>,
    qos: Option<u8>,
    property: Option<(String, String)>,
    without: Option<String>,
    /// Hands over what cannot stand in the packet, and expects to hear so.
    unfit: bool,
}

#[plugin(may_use = "publish")]
impl Plugin for Courier {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        Ok(Courier { host: Some(host), ..config.get()? })
    }

    fn on_delivered(&self, event: &Deliver<'_>) {
        self.echo(event.topic());
    }

    fn on_dropped(&self, event: &Dropped<'_>) {
        self.echo(event.topic());
    }

    fn on_before_deliver(&self, event: &Deliver<'_>) -> Verdict {
        let Some(order) = self.of_client.get(event.client().client_id()) else {
            return Verdict::Continue;
        };
        match &order.only {
            Some(only) if only.as_bytes() != event.payload() => Verdict::Continue,
            _ => order.carry_out(event).unwrap_or_else(|error| panic!("{error}")),
        }
    }
}

impl Courier {
    fn echo(&self, topic: &str) {
        if let (Some(host), Some(echo)) = (&self.host, &self.echo)
            && echo == topic
            && let Err(error) = host.publish(&Message::to(echo).payload("echo"))
        {
            log::info!("no echo: {error}");
        }
    }
}

impl Order {
    fn carry_out(&self, event: &Deliver<'_>) -> std::result::Result<Verdict, EditError> {
        assert!(!self.panic, "boom");
        if let Some(payload) = &self.payload {
            event.set_payload(payload)?;
        }
        if let Some(qos) = self.qos {
            event.set_qos(qos)?;
        }
        if let Some(name) = &self.without {
            event.remove_user_property(name)?;
        }
        if let Some((name, value)) = &self.property {
            event.set_property(Property::User(name, value))?;
        }
        if self.unfit {
            assert_eq!(event.set_qos(event.qos() + 1), Err(EditError::Unfit));
            assert_eq!(event.remove_property(0xFF), Err(EditError::Unfit));
            let text = "x".repeat(70_000);
            let long = Property::ContentType(&text);
            assert_eq!(event.set_property(long), Err(EditError::Unfit));
        }
        if self.pending {
            return Ok(Verdict::Pending);
        }
        Ok(if self.veto { Verdict::Veto } else { Verdict::Continue })
    }
}
