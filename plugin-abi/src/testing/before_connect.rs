//! A CONNECT packet, as a test makes it up.

use super::{
    Client,
    client::size,
    event::{Event, setters},
    parts::{self, Parts},
    rules::{self, Check, ensure},
};
use crate::raw::{self, EventPtr};

/// A CONNECT packet was read.
#[derive(Clone, Debug)]
pub struct BeforeConnect {
    client: Client,
    clean_start: bool,
    keep_alive: u16,
    session_expiry: u32,
    password: Option<Vec<u8>>,
    will_topic: Option<String>,
    authentication_method: Option<String>,
    properties: Vec<u8>,
    asked_again: bool,
    odd: bool,
}

impl BeforeConnect {
    /// Of this client; a client id will do. Unless set otherwise it wants a clean start, a keep alive of
    /// 60 seconds and a session that ends with the connection, and has no password and no will.
    pub fn of(client: impl Into<Client>) -> Self {
        BeforeConnect {
            client: client.into(),
            clean_start: true,
            keep_alive: 60,
            session_expiry: 0,
            password: None,
            will_topic: None,
            authentication_method: None,
            properties: Vec::new(),
            asked_again: false,
            odd: false,
        }
    }

    /// Whether the client wants an existing session discarded.
    pub fn clean_start(self, clean_start: bool) -> Self {
        BeforeConnect { clean_start, ..self }
    }

    /// Seconds; 0 is off.
    pub fn keep_alive(self, keep_alive: u16) -> Self {
        BeforeConnect { keep_alive, ..self }
    }

    /// Seconds; [`u32::MAX`] is for ever.
    pub fn session_expiry(self, session_expiry: u32) -> Self {
        BeforeConnect { session_expiry, ..self }
    }

    /// The client has sent a password.
    pub fn password(self, password: impl AsRef<[u8]>) -> Self {
        BeforeConnect { password: Some(password.as_ref().to_vec()), ..self }
    }

    /// The client has a will, to this topic.
    pub fn will_topic(self, topic: impl Into<String>) -> Self {
        BeforeConnect { will_topic: Some(topic.into()), ..self }
    }

    /// A plugin has authenticated the client by this method.
    pub fn authentication_method(self, method: impl Into<String>) -> Self {
        BeforeConnect { authentication_method: Some(method.into()), ..self }
    }

    setters! { properties asked_again odd }

    /// What a client of MQTT 3 cannot ask for.
    fn check_before_5(&self) -> Check {
        let expiry = if self.clean_start { 0 } else { u32::MAX };
        ensure(self.session_expiry == expiry, || {
            "before MQTT 5, the session expiry is 0 with a clean start and else u32::MAX".into()
        })?;
        ensure(self.password.is_none() || self.client.has_username(), || {
            "before MQTT 5, there is no password without a user name".into()
        })?;
        ensure(self.authentication_method.is_none(), || {
            "before MQTT 5, there is no authentication method".into()
        })
    }
}

impl Event for BeforeConnect {
    type Raw = raw::BeforeConnect<'static>;

    fn check(&self) -> Check {
        self.client.check()?;
        rules::bytes("password", self.password.as_deref().unwrap_or_default())?;
        self.will_topic.as_deref().map_or(Ok(()), rules::topic_name)?;
        let method = self.authentication_method.as_deref().unwrap_or_default();
        rules::text("authentication method", method)?;
        rules::properties(&self.properties, &self.client)?;
        if self.client.is_of_5() { Ok(()) } else { self.check_before_5() }
    }

    fn is_odd(&self) -> bool {
        self.odd
    }

    fn changes(&self) -> &'static [u32] {
        &[
            raw::ANSWER_USERNAME,
            raw::ANSWER_CLIENT_ID,
            raw::ANSWER_SESSION_EXPIRY,
            raw::ANSWER_KEEP_ALIVE,
            raw::ANSWER_CONNACK_PROPERTY,
        ]
    }

    fn is_asked_again(&self) -> bool {
        self.asked_again
    }

    fn send(&self, parts: &Parts, call: &mut dyn FnMut(EventPtr<Self::Raw>) -> i32) -> i32 {
        let client = self.client.raw();
        let event = raw::BeforeConnect {
            size: size::<raw::BeforeConnect<'_>>(),
            clean_start: self.clean_start.into(),
            has_password: self.password.is_some().into(),
            has_will: self.will_topic.is_some().into(),
            reserved: 0,
            session_expiry: self.session_expiry,
            keep_alive: self.keep_alive,
            reserved_too: 0,
            client: (&client).into(),
            password: raw::View::new(self.password.as_deref().unwrap_or_default()),
            will_topic: raw::Text::new(self.will_topic.as_deref().unwrap_or_default()),
            properties: raw::View::new(&self.properties),
            authentication_method: raw::Text::new(
                self.authentication_method.as_deref().unwrap_or_default(),
            ),
            answer_ctx: parts.context(),
            answer: parts::take,
            origin: raw::ORIGIN_CLIENT.into(),
            asked_again: self.asked_again.into(),
            source: raw::Text::new(""),
            original_client_id: client.client_id,
            original_username: client.username,
            will_payload: raw::View::new(b""),
            will_properties: raw::View::new(b""),
            will_qos: 0,
            will_retain: 0,
        };
        call(EventPtr::from(&event).cast())
    }
}
