//! What the engine says about a client and its doings, and how that looks to a plugin.

use mqtt::SubscriptionOptions;
use plugin_abi::raw;

use super::origin::Origin;

/// The client that an event is about.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The client identifier, the assigned one if the client sent none.
    pub client_id: &'a str,
    /// The user name, if the client gave one.
    pub username: Option<&'a str>,
    /// The protocol version byte of its CONNECT.
    pub protocol: u8,
    /// The client's end of the connection.
    pub peer: raw::Address,
    /// The broker's end of the connection.
    pub local: raw::Address,
    /// The listener, as `tcp://127.0.0.1:1883`.
    pub listener: &'a str,
}

/// The rest of a CONNECT packet.
#[derive(Clone, Copy, Debug)]
pub struct BeforeConnect<'a> {
    /// An existing session is to be discarded.
    pub clean_start: bool,
    /// Seconds; 0 is off.
    pub keep_alive: u16,
    /// Seconds; [`u32::MAX`] is for ever.
    pub session_expiry: u32,
    /// The password, if there is one.
    pub password: Option<&'a [u8]>,
    /// The will, if there is one.
    pub will: Option<Will<'a>>,
    /// The property block of the packet, without its length.
    pub properties: &'a [u8],
    /// The method by which on_auth has authenticated the client, if it has.
    pub authentication_method: Option<&'a str>,
}

/// The will of a CONNECT packet.
#[derive(Clone, Copy, Debug)]
pub struct Will<'a> {
    /// The topic name.
    pub topic: &'a str,
    /// The payload.
    pub payload: &'a [u8],
    /// The property block of the will, without its length.
    pub properties: &'a [u8],
    /// 0, 1 or 2.
    pub qos: u8,
    /// It is to be retained.
    pub retain: bool,
}

/// One filter of a SUBSCRIBE packet.
#[derive(Clone, Copy, Debug)]
pub struct Subscription<'a> {
    /// The topic filter that is subscribed to, as a packet has it.
    pub filter: &'a str,
    /// The one that was asked for.
    pub original_filter: &'a str,
    /// How it is subscribed to.
    pub options: SubscriptionOptions,
    /// The property block of the packet, without its length.
    pub properties: &'a [u8],
    /// Who subscribes.
    pub origin: Origin<'a>,
}

/// One filter of an UNSUBSCRIBE packet.
#[derive(Clone, Copy, Debug)]
pub struct Unsubscription<'a> {
    /// The topic filter that is unsubscribed from, as a packet has it.
    pub filter: &'a str,
    /// The one that was asked for.
    pub original_filter: &'a str,
    /// Who unsubscribes.
    pub origin: Origin<'a>,
}

impl<'a> Unsubscription<'a> {
    /// By the client itself.
    pub fn by_client(filter: &'a str) -> Unsubscription<'a> {
        Unsubscription { filter, original_filter: filter, origin: Origin::Client }
    }
}

/// A message on its way in.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// The topic name.
    pub topic: &'a str,
    /// The payload.
    pub payload: &'a [u8],
    /// The property block of the packet, without its length.
    pub properties: &'a [u8],
    /// The QoS it was published with.
    pub qos: u8,
    /// It is to be retained.
    pub retain: bool,
    /// The client says that it may have sent it before.
    pub dup: bool,
    /// Where it comes from.
    pub origin: Origin<'a>,
    /// The topic name that it came with.
    pub original_topic: &'a str,
    /// How many plugins' hooks have led from one message to the next up to this one.
    pub depth: u32,
}

impl<'a> Publication<'a> {
    /// As its client has sent it.
    pub(crate) fn by_client(publish: &mqtt::Publish<'a>) -> Publication<'a> {
        Publication {
            topic: publish.topic,
            payload: publish.payload,
            properties: publish.properties.as_bytes(),
            qos: publish.qos as u8,
            retain: publish.retain,
            dup: publish.dup,
            origin: Origin::Client,
            original_topic: publish.topic,
            depth: 0,
        }
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug)]
pub struct Disconnected<'a> {
    /// The client sent DISCONNECT.
    pub graceful: bool,
    /// The MQTT 5 reason code.
    pub reason_code: u8,
    /// The session stays.
    pub session_kept: bool,
    /// The reason in words.
    pub reason: &'a str,
    /// Who has ended it.
    pub origin: Origin<'a>,
}

impl<'a> Client<'a> {
    /// Who stands for a plugin.
    pub(crate) fn of_plugin(client_id: &'a str) -> Client<'a> {
        Client {
            client_id,
            username: None,
            protocol: mqtt::Version::INSIDE.level(),
            peer: raw::Address::NONE,
            local: raw::Address::NONE,
            listener: "",
        }
    }

    pub(crate) fn to_raw(self) -> raw::Client<'a> {
        raw::Client {
            size: size::<raw::Client<'_>>(),
            protocol: self.protocol,
            has_username: flag(self.username.is_some()),
            reserved: [0; 2],
            client_id: raw::Text::new(self.client_id),
            username: raw::Text::new(self.username.unwrap_or_default()),
            listener: raw::Text::new(self.listener),
            peer: self.peer,
            local: self.local,
        }
    }
}

impl Disconnected<'_> {
    pub(super) fn event<'a>(&'a self, client: &'a raw::Client<'a>) -> raw::Disconnect<'a> {
        raw::Disconnect {
            size: size::<raw::Disconnect<'_>>(),
            graceful: flag(self.graceful),
            reason_code: self.reason_code,
            session_kept: flag(self.session_kept),
            reserved: 0,
            client: client.into(),
            reason: raw::Text::new(self.reason),
            origin: self.origin.to_raw().into(),
            reserved_too: 0,
            source: self.origin.source(),
        }
    }
}

/// The `size` field of an event.
pub(super) const fn size<T>() -> u32 {
    size_of::<T>() as u32
}

pub(super) const fn flag(set: bool) -> u8 {
    set as u8
}
