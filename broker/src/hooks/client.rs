//! What the engine says about a client and its doings, and how that looks to a plugin.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use plugin_abi::raw;

use super::origin::Origin;
use crate::plugins::AnswerHandle;

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
    pub peer: SocketAddr,
    /// The broker's end of the connection.
    pub local: SocketAddr,
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
    /// The topic of the will, if there is one.
    pub will_topic: Option<&'a str>,
    /// The property block of the packet, without its length.
    pub properties: &'a [u8],
    /// The method by which on_auth has authenticated the client, if it has.
    pub authentication_method: Option<&'a str>,
}

/// One filter of a SUBSCRIBE packet.
#[derive(Clone, Copy, Debug)]
pub struct Subscription<'a> {
    /// The topic filter as the packet has it.
    pub filter: &'a str,
    /// The QoS asked for.
    pub qos: u8,
    /// The client does not want its own messages back.
    pub no_local: bool,
    /// Forwarded messages keep their retain flag.
    pub retain_as_published: bool,
    /// 0, 1 or 2.
    pub retain_handling: u8,
    /// The property block of the packet, without its length.
    pub properties: &'a [u8],
    /// Who subscribes.
    pub origin: Origin<'a>,
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
    /// How many plugins' hooks have led from one message to the next up to this one.
    pub depth: u32,
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
}

impl<'a> Client<'a> {
    /// Who stands for a plugin.
    pub(crate) fn of_plugin(client_id: &'a str) -> Client<'a> {
        Client {
            client_id,
            username: None,
            protocol: mqtt::Version::INSIDE.level(),
            peer: NOWHERE,
            local: NOWHERE,
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
            peer: address(self.peer),
            local: address(self.local),
        }
    }
}

impl BeforeConnect<'_> {
    pub(super) fn event<'a>(
        &'a self,
        client: &'a raw::Client<'a>,
        answer: AnswerHandle,
    ) -> raw::BeforeConnect<'a> {
        raw::BeforeConnect {
            size: size::<raw::BeforeConnect<'_>>(),
            clean_start: flag(self.clean_start),
            has_password: flag(self.password.is_some()),
            has_will: flag(self.will_topic.is_some()),
            reserved: 0,
            session_expiry: self.session_expiry,
            keep_alive: self.keep_alive,
            reserved_too: 0,
            client: client.into(),
            password: raw::View::new(self.password.unwrap_or_default()),
            will_topic: raw::Text::new(self.will_topic.unwrap_or_default()),
            properties: raw::View::new(self.properties),
            authentication_method: raw::Text::new(self.authentication_method.unwrap_or_default()),
            answer_ctx: answer.context,
            answer: answer.function,
            origin: raw::ORIGIN_CLIENT.into(),
            asked_again: 0,
            source: raw::Text::new(""),
            original_client_id: client.client_id,
            original_username: client.username,
            will_payload: raw::View::new(b""),
            will_properties: raw::View::new(b""),
            will_qos: 0,
            will_retain: 0,
        }
    }
}

impl Subscription<'_> {
    pub(super) fn event<'a>(
        &'a self,
        client: &'a raw::Client<'a>,
        answer: AnswerHandle,
    ) -> raw::Subscribe<'a> {
        raw::Subscribe {
            size: size::<raw::Subscribe<'_>>(),
            qos: self.qos,
            no_local: flag(self.no_local),
            retain_as_published: flag(self.retain_as_published),
            retain_handling: self.retain_handling,
            client: client.into(),
            filter: raw::Text::new(matched_filter(self.filter)),
            properties: raw::View::new(self.properties),
            whole_filter: raw::Text::new(self.filter),
            answer_ctx: answer.context,
            answer: answer.function,
            origin: self.origin.to_raw().into(),
            asked_again: 0,
            source: self.origin.source(),
            original_filter: raw::Text::new(self.filter),
        }
    }
}

impl Publication<'_> {
    pub(super) fn event<'a>(
        &'a self,
        client: &'a raw::Client<'a>,
        answer: AnswerHandle,
    ) -> raw::Publish<'a> {
        raw::Publish {
            size: size::<raw::Publish<'_>>(),
            qos: self.qos,
            retain: flag(self.retain),
            dup: flag(self.dup),
            origin: self.origin.to_raw(),
            client: client.into(),
            topic: raw::Text::new(self.topic),
            payload: raw::View::new(self.payload),
            properties: raw::View::new(self.properties),
            answer_ctx: answer.context,
            answer: answer.function,
            asked_again: 0,
            depth: self.depth,
            source: self.origin.source(),
            original_topic: raw::Text::new(self.topic),
            payload_len: self.payload.len() as u64,
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
            origin: raw::ORIGIN_CLIENT.into(),
            reserved_too: 0,
            source: raw::Text::new(""),
        }
    }
}

pub(super) fn unsubscribe_event<'a>(
    filter: &'a str,
    client: &'a raw::Client<'a>,
    answer: AnswerHandle,
) -> raw::Unsubscribe<'a> {
    raw::Unsubscribe {
        size: size::<raw::Unsubscribe<'_>>(),
        reserved: 0,
        client: client.into(),
        filter: raw::Text::new(matched_filter(filter)),
        whole_filter: raw::Text::new(filter),
        answer_ctx: answer.context,
        answer: answer.function,
        origin: raw::ORIGIN_CLIENT.into(),
        asked_again: 0,
        source: raw::Text::new(""),
        original_filter: raw::Text::new(filter),
    }
}

/// What messages are matched with. A plugin that knows nothing of shared subscriptions and looks at
/// filters must not be evaded by one.
fn matched_filter(filter: &str) -> &str {
    mqtt::topic::shared(filter).map_or(filter, |(_, inner)| inner)
}

/// The address of who has no connection.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

fn address(address: SocketAddr) -> raw::Address {
    match address {
        NOWHERE => raw::Address { family: raw::FAMILY_NONE, port: 0, scope: 0, bytes: [0; 16] },
        address => address.into(),
    }
}

/// The `size` field of an event.
pub(super) const fn size<T>() -> u32 {
    size_of::<T>() as u32
}

pub(super) const fn flag(set: bool) -> u8 {
    set as u8
}
