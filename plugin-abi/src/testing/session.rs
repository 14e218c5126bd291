//! What becomes of a session, as a test makes it up.

use super::{
    Client,
    client::size,
    event::{Event, setters},
    parts::Parts,
    rules::{Check, ensure},
};
use crate::{
    SessionChange,
    raw::{self, EventPtr},
};

/// A session has come, changed hands or gone.
#[derive(Clone, Debug)]
pub struct Session {
    client: Client,
    change: SessionChange,
    odd: bool,
}

impl Session {
    /// This has become of the session of a client; a client id will do.
    pub fn of(client: impl Into<Client>, change: SessionChange) -> Self {
        Session { client: client.into(), change, odd: false }
    }

    setters! { odd }
}

impl Event for Session {
    type Raw = raw::Session<'static>;

    fn check(&self) -> Check {
        self.client.check()?;
        ensure(self.change != SessionChange::Other, || "no broker makes such a change".into())
    }

    fn is_odd(&self) -> bool {
        self.odd
    }

    fn send(&self, _: &Parts, call: &mut dyn FnMut(EventPtr<Self::Raw>) -> i32) -> i32 {
        let client = self.client.raw();
        let event = raw::Session {
            size: size::<raw::Session<'_>>(),
            change: match self.change {
                SessionChange::Created => raw::SESSION_CREATED,
                SessionChange::Resumed => raw::SESSION_RESUMED,
                SessionChange::TakenOver => raw::SESSION_TAKEN_OVER,
                SessionChange::Expired => raw::SESSION_EXPIRED,
                SessionChange::Deleted => raw::SESSION_DELETED,
                SessionChange::Other => u32::MAX,
            },
            client: (&client).into(),
            origin: raw::ORIGIN_CLIENT.into(),
            reserved: 0,
            source: raw::Text::new(""),
        };
        call(EventPtr::from(&event).cast())
    }
}
