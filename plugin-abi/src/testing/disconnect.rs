//! A client that is gone, as a test makes it up.

use super::{
    Client,
    client::size,
    event::{Event, setters},
    parts::Parts,
    rules::Check,
};
use crate::raw::{self, EventPtr};

/// A connected client is gone.
#[derive(Clone, Debug)]
pub struct Disconnect {
    client: Client,
    graceful: bool,
    reason_code: u8,
    session_kept: bool,
    reason: String,
    odd: bool,
}

impl Disconnect {
    /// This client, which said goodbye, and whose session has ended; a client id will do.
    pub fn of(client: impl Into<Client>) -> Self {
        Disconnect {
            client: client.into(),
            graceful: true,
            reason_code: 0,
            session_kept: false,
            reason: "disconnected by the client (Success)".to_owned(),
            odd: false,
        }
    }

    /// This client, which said no goodbye, and whose session has ended; a client id will do.
    pub fn lost(client: impl Into<Client>) -> Self {
        let reason = "the client closed the connection".to_owned();
        Disconnect { graceful: false, reason_code: 0x80, reason, ..Disconnect::of(client) }
    }

    /// Whether the session stays.
    pub fn session_kept(self, session_kept: bool) -> Self {
        Disconnect { session_kept, ..self }
    }

    /// The reason code of MQTT 5.
    pub fn reason_code(self, reason_code: u8) -> Self {
        Disconnect { reason_code, ..self }
    }

    /// The reason in words.
    pub fn reason(self, reason: impl Into<String>) -> Self {
        Disconnect { reason: reason.into(), ..self }
    }

    setters! { odd }
}

impl Event for Disconnect {
    type Raw = raw::Disconnect<'static>;

    fn check(&self) -> Check {
        self.client.check()
    }

    fn is_odd(&self) -> bool {
        self.odd
    }

    fn send(&self, _: &Parts, call: &mut dyn FnMut(EventPtr<Self::Raw>) -> i32) -> i32 {
        let client = self.client.raw();
        let event = raw::Disconnect {
            size: size::<raw::Disconnect<'_>>(),
            graceful: self.graceful.into(),
            reason_code: self.reason_code,
            session_kept: self.session_kept.into(),
            reserved: 0,
            client: (&client).into(),
            reason: raw::Text::new(&self.reason),
            origin: raw::ORIGIN_CLIENT.into(),
            reserved_too: 0,
            source: raw::Text::new(""),
        };
        call(EventPtr::from(&event).cast())
    }
}
