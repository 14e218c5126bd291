//! A client that is connected, as a test makes it up.

use super::{
    Client,
    client::size,
    event::{Event, setters},
    parts::{self, Parts},
    rules::{Check, ensure},
};
use crate::raw::{self, EventPtr};

/// A client is connected.
#[derive(Clone, Debug)]
pub struct Connect {
    client: Client,
    session_present: bool,
    clean_start: bool,
    odd: bool,
}

impl Connect {
    /// This client, with a new session after a clean start; a client id will do.
    pub fn of(client: impl Into<Client>) -> Self {
        Connect { client: client.into(), session_present: false, clean_start: true, odd: false }
    }

    /// This client, back in the session that was kept for it; a client id will do.
    pub fn back(client: impl Into<Client>) -> Self {
        Connect { session_present: true, clean_start: false, ..Connect::of(client) }
    }

    /// Whether a session is resumed.
    pub fn session_present(self, session_present: bool) -> Self {
        Connect { session_present, ..self }
    }

    /// Whether the client wanted an existing session discarded.
    pub fn clean_start(self, clean_start: bool) -> Self {
        Connect { clean_start, ..self }
    }

    setters! { odd }
}

impl Event for Connect {
    type Raw = raw::Connect<'static>;

    fn check(&self) -> Check {
        self.client.check()?;
        ensure(!(self.session_present && self.clean_start), || {
            "no session is resumed after a clean start".into()
        })
    }

    fn is_odd(&self) -> bool {
        self.odd
    }

    fn send(&self, parts: &Parts, call: &mut dyn FnMut(EventPtr<Self::Raw>) -> i32) -> i32 {
        let client = self.client.raw();
        let event = raw::Connect {
            size: size::<raw::Connect<'_>>(),
            session_present: self.session_present.into(),
            clean_start: self.clean_start.into(),
            reserved: [0; 2],
            client: (&client).into(),
            answer_ctx: parts.context(),
            answer: parts::take,
            origin: raw::ORIGIN_CLIENT.into(),
            asked_again: 0,
            source: raw::Text::new(""),
        };
        call(EventPtr::from(&event).cast())
    }
}
