//! Who a message is for, as plugins are told: looked up under the lock of the receiver, to be used
//! without it.

use std::sync::Arc;

use plugin_abi::raw;

use super::Target;
use crate::connection::Endpoint;
use crate::hooks::{Client, Deliveries, Offer, Receiver, Ruling};
use crate::session::{MatchedBy, Message, Outbox, Session};

pub(crate) struct Whom {
    endpoint: Option<Arc<Endpoint>>,
    max_packet: u32,
}

impl Whom {
    pub(crate) fn of(outbox: &Outbox) -> Whom {
        let max_packet = outbox.link().map_or(u32::MAX, |link| link.max_packet);
        Whom { endpoint: outbox.endpoint().cloned(), max_packet }
    }

    /// The client.
    pub(crate) fn client<'a>(&'a self, session: &'a Session) -> Client<'a> {
        let client_id = &session.client_id;
        match &self.endpoint {
            Some(endpoint) => endpoint.facts(client_id),
            None => Client {
                client_id,
                username: None,
                protocol: mqtt::Version::INSIDE.level(),
                peer: raw::Address::NONE,
                local: raw::Address::NONE,
                listener: "",
            },
        }
    }

    /// The receiver of what is being published.
    pub(super) fn receiver<'a>(&'a self, target: &'a Target) -> Receiver<'a> {
        Receiver {
            client: self.client(&target.session),
            share: target.matched_by.as_deref().and_then(MatchedBy::share),
            retained: false,
            max_packet: self.max_packet,
        }
    }

    /// Asks about a message as it is; `retained`: it was kept for this receiver.
    pub(crate) fn ask(
        &self,
        deliveries: &Deliveries<'_>,
        session: &Session,
        message: &Message,
        retained: bool,
    ) -> Ruling {
        let publish = message.publish(0, false);
        let receiver = Receiver {
            client: self.client(session),
            share: message.share(),
            retained,
            max_packet: self.max_packet,
        };
        deliveries.ask_one(
            &receiver,
            Offer {
                payload: publish.payload,
                properties: publish.properties.as_bytes(),
                qos: publish.qos,
                retain: publish.retain,
            },
        )
    }
}
