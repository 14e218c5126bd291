//! A connection that was accepted, as a test makes it up.

use std::net::SocketAddr;

use super::{
    client::{LISTENER, LOCAL, address, raw_address, size},
    event::{Event, setters},
    parts::{self, Parts},
    rules::{self, Check},
};
use crate::raw::{self, EventPtr};

/// A connection was accepted.
#[derive(Clone, Debug)]
pub struct SocketOpen {
    peer: Option<SocketAddr>,
    local: Option<SocketAddr>,
    listener: String,
    odd: bool,
}

impl SocketOpen {
    /// From this address, as `192.0.2.7:50000`, to 127.0.0.1:1883.
    ///
    /// # Panics
    ///
    /// If it is no address with a port.
    #[track_caller]
    pub fn from(peer: &str) -> Self {
        let (peer, local) = (Some(address(peer)), Some(LOCAL));
        SocketOpen { peer, local, listener: LISTENER.to_owned(), odd: false }
    }

    /// The broker's end of the connection, as `127.0.0.1:1883`.
    ///
    /// # Panics
    ///
    /// If it is no address with a port.
    #[track_caller]
    pub fn local(self, local: &str) -> Self {
        SocketOpen { local: Some(address(local)), ..self }
    }

    /// The listener that took the connection.
    pub fn listener(self, listener: impl Into<String>) -> Self {
        SocketOpen { listener: listener.into(), ..self }
    }

    /// The connection is none of IP: there are no addresses.
    pub fn without_addresses(self) -> Self {
        SocketOpen { peer: None, local: None, ..self }
    }

    setters! { odd }
}

impl Event for SocketOpen {
    type Raw = raw::SocketOpen<'static>;

    fn check(&self) -> Check {
        rules::text("listener", &self.listener)
    }

    fn is_odd(&self) -> bool {
        self.odd
    }

    fn send(&self, parts: &Parts, call: &mut dyn FnMut(EventPtr<Self::Raw>) -> i32) -> i32 {
        let event = raw::SocketOpen {
            size: size::<raw::SocketOpen<'_>>(),
            reserved: 0,
            listener: raw::Text::new(&self.listener),
            peer: raw_address(self.peer),
            local: raw_address(self.local),
            answer_ctx: parts.context(),
            answer: parts::take,
            origin: raw::ORIGIN_CLIENT.into(),
            asked_again: 0,
            source: raw::Text::new(""),
        };
        call(EventPtr::from(&event).cast())
    }
}
