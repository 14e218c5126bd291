//! Makes the event of a hook from its record, and calls the hook with it.
#![allow(unsafe_code, reason = "calls hooks of a plugin")]

use std::{
    ffi::c_void,
    net::SocketAddr,
    time::{Duration, Instant},
};

use plugin_abi::{
    module::HookTable,
    raw::{self, EventPtr, Text, View},
};
use recording::{Field, Record};

use super::answer::{self, Taken};
use crate::plugins::replay::store;

/// What the hook has returned, and when it was called.
#[derive(Clone, Copy)]
pub(super) struct Called {
    pub(super) code: i32,
    pub(super) began: Instant,
    pub(super) took: Duration,
}

/// `None`: the plugin has not got the hook, or there is none of this name.
pub(super) fn call(
    hooks: &HookTable,
    instance: *mut c_void,
    record: &Record,
    taken: &Taken,
) -> Option<Called> {
    let client = client(record);
    let it = Maker { record, client: &client, taken };
    macro_rules! hook {
        ($name:ident $event:ident) => {{
            let function = hooks.$name?;
            let event = it.$event();
            // SAFETY: function and instance are of the same plugin; the event is of the type that the hook
            // takes, and lives for the call.
            Some(run(|| unsafe { function(instance, EventPtr::from(&event).cast()) }))
        }};
    }
    match record.hook() {
        "on_socket_open" => hook!(on_socket_open socket_open),
        "on_before_connect" => hook!(on_before_connect before_connect),
        "on_connect" => hook!(on_connect connect),
        "on_before_subscribe" => hook!(on_before_subscribe subscribe),
        "on_subscribe" => hook!(on_subscribe subscribe),
        "on_before_unsubscribe" => hook!(on_before_unsubscribe unsubscribe),
        "on_unsubscribe" => hook!(on_unsubscribe unsubscribe),
        "on_message" => hook!(on_message publish),
        "on_before_publish" => hook!(on_before_publish publish),
        "on_publish" => hook!(on_publish publish),
        "on_will" => hook!(on_will publish),
        "on_auth" => hook!(on_auth auth),
        "on_before_deliver" => hook!(on_before_deliver deliver),
        "on_delivered" => hook!(on_delivered deliver),
        "on_dropped" => hook!(on_dropped dropped),
        "on_session" => hook!(on_session session),
        "on_disconnect" => hook!(on_disconnect disconnect),
        _ => None,
    }
}

fn run(call: impl FnOnce() -> i32) -> Called {
    store::begin_calls();
    let began = Instant::now();
    let code = call();
    Called { code, began, took: began.elapsed() }
}

fn client(record: &Record) -> raw::Client<'_> {
    raw::Client {
        size: size_of::<raw::Client<'_>>() as u32,
        protocol: small(record, Field::Protocol),
        has_username: record.has(Field::Username).into(),
        reserved: [0; 2],
        client_id: text(record, Field::ClientId),
        username: text(record, Field::Username),
        listener: text(record, Field::Listener),
        peer: address(record, Field::Peer),
        local: address(record, Field::Local),
    }
}

fn text(record: &Record, field: Field) -> Text<'_> {
    Text::new(record.text(field))
}

fn view(record: &Record, field: Field) -> View<'_> {
    View::new(record.bytes(field))
}

fn small(record: &Record, field: Field) -> u8 {
    u8::try_from(record.number(field)).unwrap_or(u8::MAX)
}

fn number(record: &Record, field: Field) -> u32 {
    u32::try_from(record.number(field)).unwrap_or(u32::MAX)
}

fn address(record: &Record, field: Field) -> raw::Address {
    match record.text(field).parse::<SocketAddr>() {
        Ok(address) => address.into(),
        Err(_) => raw::Address { family: raw::FAMILY_NONE, port: 0, scope: 0, bytes: [0; 16] },
    }
}

/// Makes events, each of which points into the record.
struct Maker<'a> {
    record: &'a Record,
    client: &'a raw::Client<'a>,
    taken: &'a Taken,
}

/// A size in bytes, as events have it.
const fn size<T>() -> u32 {
    size_of::<T>() as u32
}

impl<'a> Maker<'a> {
    fn socket_open(&self) -> raw::SocketOpen<'a> {
        let r = self.record;
        raw::SocketOpen {
            size: size::<raw::SocketOpen<'_>>(),
            reserved: 0,
            listener: text(r, Field::Listener),
            peer: address(r, Field::Peer),
            local: address(r, Field::Local),
            answer_ctx: self.taken.context(),
            answer: answer::take,
            origin: number(r, Field::Origin),
            asked_again: 0,
            source: text(r, Field::Source),
        }
    }

    fn before_connect(&self) -> raw::BeforeConnect<'a> {
        let r = self.record;
        raw::BeforeConnect {
            size: size::<raw::BeforeConnect<'_>>(),
            clean_start: small(r, Field::CleanStart),
            has_password: small(r, Field::HasPassword),
            has_will: r.has(Field::WillTopic).into(),
            reserved: 0,
            session_expiry: number(r, Field::SessionExpiry),
            keep_alive: u16::try_from(r.number(Field::KeepAlive)).unwrap_or(u16::MAX),
            reserved_too: 0,
            client: self.client.into(),
            password: view(r, Field::Password),
            will_topic: text(r, Field::WillTopic),
            properties: view(r, Field::Properties),
            authentication_method: text(r, Field::Method),
            answer_ctx: self.taken.context(),
            answer: answer::take,
            origin: number(r, Field::Origin),
            asked_again: number(r, Field::AskedAgain),
            source: text(r, Field::Source),
            original_client_id: text(r, Field::Original),
            original_username: text(r, Field::OriginalUsername),
            will_payload: view(r, Field::WillPayload),
            will_properties: view(r, Field::WillProperties),
            will_qos: number(r, Field::WillQoS),
            will_retain: number(r, Field::WillRetain),
        }
    }

    fn connect(&self) -> raw::Connect<'a> {
        let r = self.record;
        raw::Connect {
            size: size::<raw::Connect<'_>>(),
            session_present: small(r, Field::SessionPresent),
            clean_start: small(r, Field::CleanStart),
            reserved: [0; 2],
            client: self.client.into(),
            answer_ctx: self.taken.context(),
            answer: answer::take,
            origin: number(r, Field::Origin),
            asked_again: 0,
            source: text(r, Field::Source),
        }
    }

    fn publish(&self) -> raw::Publish<'a> {
        let r = self.record;
        raw::Publish {
            size: size::<raw::Publish<'_>>(),
            qos: small(r, Field::QoS),
            retain: small(r, Field::Retain),
            dup: small(r, Field::Dup),
            origin: small(r, Field::Origin),
            client: self.client.into(),
            topic: text(r, Field::Topic),
            payload: view(r, Field::Payload),
            properties: view(r, Field::Properties),
            answer_ctx: self.taken.context(),
            answer: answer::take,
            asked_again: number(r, Field::AskedAgain),
            depth: number(r, Field::Depth),
            source: text(r, Field::Source),
            original_topic: text(r, Field::Original),
            payload_len: r.number(Field::PayloadLen),
        }
    }

    fn subscribe(&self) -> raw::Subscribe<'a> {
        let r = self.record;
        let options = small(r, Field::Options);
        raw::Subscribe {
            size: size::<raw::Subscribe<'_>>(),
            qos: small(r, Field::QoS),
            no_local: options & 1,
            retain_as_published: options >> 1 & 1,
            retain_handling: options >> 2 & 3,
            client: self.client.into(),
            filter: text(r, Field::Topic),
            properties: view(r, Field::Properties),
            whole_filter: text(r, Field::WholeFilter),
            answer_ctx: self.taken.context(),
            answer: answer::take,
            origin: number(r, Field::Origin),
            asked_again: number(r, Field::AskedAgain),
            source: text(r, Field::Source),
            original_filter: text(r, Field::Original),
        }
    }

    fn unsubscribe(&self) -> raw::Unsubscribe<'a> {
        let r = self.record;
        raw::Unsubscribe {
            size: size::<raw::Unsubscribe<'_>>(),
            reserved: 0,
            client: self.client.into(),
            filter: text(r, Field::Topic),
            whole_filter: text(r, Field::WholeFilter),
            answer_ctx: self.taken.context(),
            answer: answer::take,
            origin: number(r, Field::Origin),
            asked_again: number(r, Field::AskedAgain),
            source: text(r, Field::Source),
            original_filter: text(r, Field::Original),
        }
    }

    fn auth(&self) -> raw::Auth<'a> {
        let r = self.record;
        raw::Auth {
            size: size::<raw::Auth<'_>>(),
            round: u16::try_from(r.number(Field::Round)).unwrap_or(u16::MAX),
            reauthentication: small(r, Field::Reauthentication),
            has_data: r.has(Field::Data).into(),
            client: self.client.into(),
            method: text(r, Field::Method),
            data: view(r, Field::Data),
            state: view(r, Field::State),
            properties: view(r, Field::Properties),
            answer_ctx: self.taken.context(),
            answer: answer::take,
            origin: number(r, Field::Origin),
            asked_again: 0,
            source: text(r, Field::Source),
        }
    }

    fn deliver(&self) -> raw::Deliver<'a> {
        let r = self.record;
        raw::Deliver {
            size: size::<raw::Deliver<'_>>(),
            qos: small(r, Field::QoS),
            retain: small(r, Field::Retain),
            retained: small(r, Field::Retained),
            origin: small(r, Field::Origin),
            client: self.client.into(),
            publisher: text(r, Field::Publisher),
            topic: text(r, Field::Topic),
            payload: view(r, Field::Payload),
            properties: view(r, Field::Properties),
            share: text(r, Field::Share),
            source: text(r, Field::Source),
            payload_len: r.number(Field::PayloadLen),
            answer_ctx: self.taken.context(),
            answer: answer::take,
        }
    }

    fn dropped(&self) -> raw::Dropped<'a> {
        let r = self.record;
        raw::Dropped {
            size: size::<raw::Dropped<'_>>(),
            qos: small(r, Field::QoS),
            retain: small(r, Field::Retain),
            reason: small(r, Field::Reason),
            reserved: 0,
            client: self.client.into(),
            topic: text(r, Field::Topic),
            payload: view(r, Field::Payload),
            properties: view(r, Field::Properties),
            payload_len: r.number(Field::PayloadLen),
        }
    }

    fn session(&self) -> raw::Session<'a> {
        let r = self.record;
        raw::Session {
            size: size::<raw::Session<'_>>(),
            change: number(r, Field::Change),
            client: self.client.into(),
            origin: number(r, Field::Origin),
            reserved: 0,
            source: text(r, Field::Source),
        }
    }

    fn disconnect(&self) -> raw::Disconnect<'a> {
        let r = self.record;
        raw::Disconnect {
            size: size::<raw::Disconnect<'_>>(),
            graceful: small(r, Field::Graceful),
            reason_code: small(r, Field::Reason),
            session_kept: small(r, Field::SessionKept),
            reserved: 0,
            client: self.client.into(),
            reason: text(r, Field::Words),
            origin: number(r, Field::Origin),
            reserved_too: 0,
            source: text(r, Field::Source),
        }
    }
}
