//! What a hook may change of its event. The plugins behind see the new values; this event keeps the old
//! ones. Since 1.1.

use crate::{
    answer::Answerable,
    auth::Auth,
    deliver::Deliver,
    event::{BeforeConnect, Publish, Subscribe, Unsubscribe},
    property::Property,
    raw,
};

/// Why a change was not taken; the event stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The value cannot stand there: no topic name, a wildcard in it, too long, no such QoS.
    #[error("the value cannot stand in its packet")]
    Unfit,
    /// The plugin is asked again, about what another one has changed.
    #[error("the plugin is asked again, and can change nothing now")]
    AskedAgain,
    /// The broker has an earlier ABI, or this hook changes nothing of the kind.
    #[error("this broker takes no such change in this hook")]
    NotOffered,
}

impl EditError {
    pub(crate) fn check(code: i32) -> Result<(), EditError> {
        match code {
            raw::TAKEN => Ok(()),
            raw::UNFIT => Err(EditError::Unfit),
            raw::CLOSED => Err(EditError::AskedAgain),
            _ => Err(EditError::NotOffered),
        }
    }
}

/// A change of the event at hand, of no effect if the hook then answers anything else than to continue.
fn give(event: &impl Answerable, part: u32, value: &[u8]) -> Result<(), EditError> {
    let answer = event.answer().ok_or(EditError::NotOffered)?;
    EditError::check(answer.give(part, value))
}

macro_rules! payload_and_qos {
    ($($event:ident)*) => {$(
        impl $event<'_> {
            /// Gives the message another payload. Since 1.1.
            ///
            /// # Errors
            ///
            /// See [`EditError`]; of a message on its way out, if the packet would be too large.
            pub fn set_payload(&self, payload: impl AsRef<[u8]>) -> Result<(), EditError> {
                give(self, raw::ANSWER_PAYLOAD, payload.as_ref())
            }

            /// Gives the message another QoS: 0, 1 or 2. How the sender is answered does not change. On its
            /// way out a message can only get a lower one. Since 1.1.
            ///
            /// # Errors
            ///
            /// See [`EditError`].
            pub fn set_qos(&self, qos: u8) -> Result<(), EditError> {
                give(self, raw::ANSWER_QOS, &[qos])
            }

            /// Adds a user property; replaces another property of its kind. Since 1.1.
            ///
            /// # Errors
            ///
            /// See [`EditError`].
            pub fn set_property(&self, property: Property<'_>) -> Result<(), EditError> {
                give(self, raw::ANSWER_SET_PROPERTY, &property.encode())
            }

            /// Takes out all user properties of this name. Since 1.1.
            ///
            /// # Errors
            ///
            /// See [`EditError`].
            pub fn remove_user_property(&self, name: &str) -> Result<(), EditError> {
                let value = [&[crate::properties::USER_PROPERTY], name.as_bytes()].concat();
                give(self, raw::ANSWER_REMOVE_PROPERTY, &value)
            }

            /// Takes out a property by its identifier in MQTT 5 (section 2.2.2.2). Since 1.1.
            ///
            /// # Errors
            ///
            /// See [`EditError`].
            pub fn remove_property(&self, identifier: u8) -> Result<(), EditError> {
                give(self, raw::ANSWER_REMOVE_PROPERTY, &[identifier])
            }
        }
    )*};
}

payload_and_qos! { Publish Deliver }

impl Publish<'_> {
    /// Gives the message another topic. Who was asked before is asked again about it. Since 1.1.
    ///
    /// # Errors
    ///
    /// If it is no topic name, or see [`EditError`].
    pub fn set_topic(&self, topic: &str) -> Result<(), EditError> {
        give(self, raw::ANSWER_TOPIC, topic.as_bytes())
    }

    /// Has the message retained, or not. Since 1.1.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn set_retain(&self, retain: bool) -> Result<(), EditError> {
        give(self, raw::ANSWER_RETAIN, &[retain.into()])
    }

    /// `false`: the message need not be kept. It waits in memory for those who are away, is not told to the
    /// store, whose acknowledgement its sender does not wait for, and is gone when the broker ends. At QoS 2, and as
    /// the retained message of its topic, it is kept in any case. `true`: as the broker would. Since 1.1.
    ///
    /// # Errors
    ///
    /// See [`EditError`]. Where the broker offers none, the message is kept.
    pub fn set_kept(&self, kept: bool) -> Result<(), EditError> {
        give(self, raw::ANSWER_KEPT, &[kept.into()])
    }
}

impl Subscribe<'_> {
    /// Subscribes to another filter. It is the whole one, with `$share/name/` if it is to be shared. Who
    /// was asked before is asked again about it. Since 1.1.
    ///
    /// # Errors
    ///
    /// If it is no topic filter, or see [`EditError`].
    pub fn set_filter(&self, filter: &str) -> Result<(), EditError> {
        give(self, raw::ANSWER_FILTER, filter.as_bytes())
    }

    /// Subscribes with these options, and QoS. Since 1.1.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn set_options(&self, options: SubscriptionOptions) -> Result<(), EditError> {
        give(self, raw::ANSWER_OPTIONS, &[options.to_byte()])
    }

    /// The options that it has.
    pub fn options(&self) -> SubscriptionOptions {
        SubscriptionOptions {
            qos: self.qos(),
            no_local: self.no_local(),
            retain_as_published: self.retain_as_published(),
            retain_handling: self.retain_handling(),
        }
    }
}

impl Unsubscribe<'_> {
    /// Unsubscribes from another filter; the whole one. Since 1.1.
    ///
    /// # Errors
    ///
    /// If it is no topic filter, or see [`EditError`].
    pub fn set_filter(&self, filter: &str) -> Result<(), EditError> {
        give(self, raw::ANSWER_FILTER, filter.as_bytes())
    }
}

impl BeforeConnect<'_> {
    /// Gives the client another identifier; a client of MQTT 5 is told. Since 1.1.
    ///
    /// # Errors
    ///
    /// If it is empty or too long, or see [`EditError`].
    pub fn set_client_id(&self, client_id: &str) -> Result<(), EditError> {
        give(self, raw::ANSWER_CLIENT_ID, client_id.as_bytes())
    }

    /// The user name by which later plugins and hooks know the client. Since 1.1.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn set_username(&self, username: &str) -> Result<(), EditError> {
        give(self, raw::ANSWER_USERNAME, username.as_bytes())
    }

    /// Seconds that the session outlives the connection, within `limits.max_session_expiry`. Since 1.1.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn set_session_expiry(&self, seconds: u32) -> Result<(), EditError> {
        give(self, raw::ANSWER_SESSION_EXPIRY, &seconds.to_ne_bytes())
    }

    /// Keep alive in seconds, within `limits.max_keep_alive`. A client of MQTT 5 is told, another one is
    /// not, and keeps to what it has asked for. Since 1.1.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn set_keep_alive(&self, seconds: u16) -> Result<(), EditError> {
        give(self, raw::ANSWER_KEEP_ALIVE, &seconds.to_ne_bytes())
    }

    /// A property for CONNACK: a user property, Response Information or Server Reference. Since 1.1.
    ///
    /// # Errors
    ///
    /// See [`EditError`].
    pub fn tell(&self, property: Property<'_>) -> Result<(), EditError> {
        give(self, raw::ANSWER_CONNACK_PROPERTY, &property.encode())
    }
}

/// How a client is subscribed to a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// 0, 1 or 2.
    pub qos: u8,
    /// It does not get its own messages.
    pub no_local: bool,
    /// Forwarded messages keep their retain flag.
    pub retain_as_published: bool,
    /// Retained messages are sent: 0 always, 1 if the subscription is new, 2 never.
    pub retain_handling: u8,
}

impl SubscriptionOptions {
    /// The byte of a SUBSCRIBE packet (MQTT 5, section 3.8.3.1).
    pub(crate) fn to_byte(self) -> u8 {
        self.qos
            | u8::from(self.no_local) << 2
            | u8::from(self.retain_as_published) << 3
            | self.retain_handling << 4
    }

    pub(crate) fn from_byte(byte: u8) -> Self {
        SubscriptionOptions {
            qos: byte & 3,
            no_local: byte & 4 != 0,
            retain_as_published: byte & 8 != 0,
            retain_handling: byte >> 4 & 3,
        }
    }
}

/// A hook that decides: it may answer later, see [`Host::later`](crate::Host::later).
pub trait Deciding: sealed::Sealed {}

pub(crate) mod sealed {
    use crate::raw::AnswerContext;

    pub trait Sealed {
        fn context(&self) -> Option<AnswerContext>;
    }
}

macro_rules! deciding {
    ($($event:ident)*) => {$(
        impl Deciding for $event<'_> {}

        impl sealed::Sealed for $event<'_> {
            fn context(&self) -> Option<raw::AnswerContext> {
                Some(self.answer()?.context())
            }
        }
    )*};
}

use crate::event::{Connect, SocketOpen};

deciding! { SocketOpen BeforeConnect Connect Publish Subscribe Unsubscribe Auth }
