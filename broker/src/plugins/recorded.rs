//! Events as records of a recording, and back: one table for who records and who replays. Not what a
//! recording looks like as a file, which is the crate `recording`.
#![allow(unsafe_code, reason = "looks at a client through the pointer that events have of it")]

use std::{marker::PhantomData, net::SocketAddr};

use mqtt::{Identifier, Properties, PropertyBuffer};
use plugin_abi::raw::{self, Address, Text, View};
use recording::{Field, Record};

use super::AnswerHandle;

/// An event that can be recorded.
pub(crate) trait Recorded<'a> {
    /// Adds what the event tells, and what is secret of it only if `secrets`. The broker has made the event.
    fn record(&self, record: &mut Record, secrets: bool);

    /// The event that was recorded, about this client, the one that was recorded with it.
    fn replay(record: &'a Record, client: &'a raw::Client<'a>, answer: AnswerHandle) -> Self;
}

/// What is recorded of the client of an event.
fn record_client(record: &mut Record, client: &raw::Client<'_>) {
    client.client_id.put(record, Field::ClientId);
    if client.has_username != 0 {
        record.set_always(Field::Username, client.username.as_str());
    }
    client.protocol.put(record, Field::Protocol);
    client.peer.put(record, Field::Peer);
    client.local.put(record, Field::Local);
    client.listener.put(record, Field::Listener);
}

/// The client of a recorded event.
pub(super) fn client(record: &Record) -> raw::Client<'_> {
    raw::Client {
        size: size_of::<raw::Client<'_>>() as u32,
        protocol: Value::get(record, Field::Protocol),
        has_username: record.has(Field::Username).into(),
        reserved: [0; 2],
        client_id: Value::get(record, Field::ClientId),
        username: Value::get(record, Field::Username),
        listener: Value::get(record, Field::Listener),
        peer: Value::get(record, Field::Peer),
        local: Value::get(record, Field::Local),
    }
}

/// `fixed`: always the same. `hidden`: not recorded, and empty in what is replayed, unless secrets are
/// recorded. `shown_in_part`: properties, of which Authentication Data is hidden so.
macro_rules! recorded {
    ($(
        $event:ident $(of $client:ident)? $(, answered by $answer:ident)? {
            fixed { $($fixed:ident: $value:expr),* $(,)? }
            $(told { $($name:ident: $field:ident,)* })?
            $(hidden { $($hidden:ident: $hidden_field:ident),* $(,)? })?
            $(shown_in_part { $properties:ident: $properties_field:ident })?
        }
    )*) => {$(
        impl<'a> Recorded<'a> for raw::$event<'a> {
            fn record(&self, _record: &mut Record, _secrets: bool) {
                $(
                    // SAFETY: the broker has made the event, and so its client.
                    let $client = unsafe { self.client.get() };
                    record_client(_record, $client);
                )?
                $($(self.$name.put(_record, Field::$field);)*)?
                $(if _secrets {
                    $(self.$hidden.put(_record, Field::$hidden_field);)*
                })?
                $(put_properties(self.$properties, _record, Field::$properties_field, _secrets);)?
            }

            fn replay(
                _record: &'a Record,
                _client: &'a raw::Client<'a>,
                _answer: AnswerHandle,
            ) -> Self {
                $(let $client = _client;)?
                $(let $answer = _answer;)?
                raw::$event {
                    size: size_of::<raw::$event<'_>>() as u32,
                    $(client: $client.into(),)?
                    $(answer_ctx: $answer.context, answer: $answer.function,)?
                    $($fixed: $value,)*
                    $($($name: Value::get(_record, Field::$field),)*)?
                    $($($hidden: Value::get(_record, Field::$hidden_field),)*)?
                    $($properties: Value::get(_record, Field::$properties_field),)?
                }
            }
        }
    )*};
}

recorded! {
    SocketOpen, answered by answer {
        fixed { reserved: 0 }
        told {
            listener: Listener,
            peer: Peer,
            local: Local,
            origin: Origin,
            asked_again: AskedAgain,
            source: Source,
        }
    }
    Auth of client, answered by answer {
        fixed {}
        told {
            method: Method,
            round: Round,
            reauthentication: Reauthentication,
            has_data: HasData,
            origin: Origin,
            asked_again: AskedAgain,
            source: Source,
        }
        hidden { data: Data, state: State }
        shown_in_part { properties: Properties }
    }
    BeforeConnect of client, answered by answer {
        fixed { reserved: 0, reserved_too: 0 }
        told {
            clean_start: CleanStart,
            keep_alive: KeepAlive,
            session_expiry: SessionExpiry,
            authentication_method: Method,
            has_password: HasPassword,
            has_will: HasWill,
            will_topic: WillTopic,
            will_payload: WillPayload,
            will_properties: WillProperties,
            will_qos: WillQoS,
            will_retain: WillRetain,
            original_client_id: Original,
            original_username: OriginalUsername,
            origin: Origin,
            asked_again: AskedAgain,
            source: Source,
        }
        hidden { password: Password }
        shown_in_part { properties: Properties }
    }
    Connect of client, answered by answer {
        fixed { reserved: [0; 2] }
        told {
            session_present: SessionPresent,
            clean_start: CleanStart,
            origin: Origin,
            asked_again: AskedAgain,
            source: Source,
        }
    }
    Publish of client, answered by answer {
        fixed {}
        told {
            topic: Topic,
            payload: Payload,
            payload_len: PayloadLen,
            qos: QoS,
            retain: Retain,
            dup: Dup,
            properties: Properties,
            original_topic: Original,
            depth: Depth,
            origin: Origin,
            asked_again: AskedAgain,
            source: Source,
        }
    }
    Subscribe of client, answered by answer {
        fixed {}
        told {
            filter: Topic,
            whole_filter: WholeFilter,
            qos: QoS,
            no_local: NoLocal,
            retain_as_published: RetainAsPublished,
            retain_handling: RetainHandling,
            properties: Properties,
            original_filter: Original,
            origin: Origin,
            asked_again: AskedAgain,
            source: Source,
        }
    }
    Unsubscribe of client, answered by answer {
        fixed { reserved: 0 }
        told {
            filter: Topic,
            whole_filter: WholeFilter,
            original_filter: Original,
            origin: Origin,
            asked_again: AskedAgain,
            source: Source,
        }
    }
    Disconnect of client {
        fixed { reserved: 0, reserved_too: 0 }
        told {
            graceful: Graceful,
            reason_code: Reason,
            session_kept: SessionKept,
            reason: Words,
            origin: Origin,
            source: Source,
        }
    }
    Deliver of client, answered by answer {
        fixed {}
        told {
            publisher: Publisher,
            topic: Topic,
            payload: Payload,
            payload_len: PayloadLen,
            qos: QoS,
            retain: Retain,
            retained: Retained,
            share: Share,
            properties: Properties,
            origin: Origin,
            source: Source,
        }
    }
    Dropped of client {
        fixed { reserved: 0 }
        told {
            topic: Topic,
            payload: Payload,
            payload_len: PayloadLen,
            qos: QoS,
            retain: Retain,
            properties: Properties,
            reason: Reason,
        }
    }
    Session of client {
        fixed { reserved: 0 }
        told {
            change: Change,
            origin: Origin,
            source: Source,
        }
    }
    // Timers are their plugin's own affair.
    Tick {
        fixed { reserved: 0, id: 0, _borrowed: PhantomData }
    }
}

/// Without Authentication Data, which has its own place in events, unless `secrets`.
fn put_properties(properties: View<'_>, record: &mut Record, field: Field, secrets: bool) {
    let block = Properties::from_validated(properties.as_bytes());
    if secrets || block.authentication_data().is_none() {
        return properties.put(record, field);
    }
    let mut shown = PropertyBuffer::new();
    block.filtered(|it| it.identifier() != Identifier::AuthenticationData, &mut shown);
    record.set(field, shown.as_properties().as_bytes());
}

/// How a value of an event is recorded. One that is empty or 0 is left out.
trait Value<'a> {
    fn put(self, record: &mut Record, field: Field);
    fn get(record: &'a Record, field: Field) -> Self;
}

impl<'a> Value<'a> for Text<'a> {
    fn put(self, record: &mut Record, field: Field) {
        record.set(field, self.as_str());
    }

    fn get(record: &'a Record, field: Field) -> Self {
        Text::new(record.text(field))
    }
}

impl<'a> Value<'a> for View<'a> {
    fn put(self, record: &mut Record, field: Field) {
        record.set(field, self.as_bytes());
    }

    fn get(record: &'a Record, field: Field) -> Self {
        View::new(record.bytes(field))
    }
}

impl Value<'_> for Address {
    fn put(self, record: &mut Record, field: Field) {
        record.set(field, self.to_socket_addr().map(|it| it.to_string()).unwrap_or_default());
    }

    fn get(record: &Record, field: Field) -> Self {
        record.text(field).parse::<SocketAddr>().map_or(Address::NONE, Address::from)
    }
}

macro_rules! numbers {
    ($($number:ident)*) => {$(
        impl Value<'_> for $number {
            fn put(self, record: &mut Record, field: Field) {
                record.set_number(field, self);
            }

            fn get(record: &Record, field: Field) -> Self {
                $number::try_from(record.number(field)).unwrap_or($number::MAX)
            }
        }
    )*};
}

numbers! { u8 u16 u32 u64 }
