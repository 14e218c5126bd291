//! What an event of the broker's own says about its client and its matter: for people to read, and to
//! know who wants to hear of it.
#![allow(unsafe_code, reason = "looks at a client through the pointer that events have of it")]

use std::net::SocketAddr;

use plugin_abi::raw;

/// An event that the broker has made.
pub(crate) trait Described {
    /// The name of its client, and that one's end of the connection; empty and `None` where there is none.
    fn client(&self) -> (&str, Option<SocketAddr>);

    /// The topic, filter or method that it is about; empty if it is about none.
    fn matter(&self) -> &str {
        ""
    }

    /// What plugins may have an interest in.
    fn subject(&self) -> Subject<'_> {
        Subject::Other
    }

    /// The listener of its client, if there is one.
    fn listener(&self) -> Option<&str>;

    /// The same event without its payload, if it has one.
    fn without_payload(&self) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

/// What an event is about, as far as plugins can have an interest in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject<'a> {
    Topic(&'a str),
    /// A whole one.
    Filter(&'a str),
    Other,
}

impl Described for raw::SocketOpen<'_> {
    fn client(&self) -> (&str, Option<SocketAddr>) {
        ("", self.peer.to_socket_addr())
    }

    fn listener(&self) -> Option<&str> {
        Some(self.listener.as_str())
    }
}

impl Described for raw::Tick<'_> {
    fn client(&self) -> (&str, Option<SocketAddr>) {
        ("", None)
    }

    fn listener(&self) -> Option<&str> {
        None
    }
}

macro_rules! described {
    ($($event:ident: $($matter:ident)? $(=> $subject:ident)? $(, without $payload:ident)?;)*) => {$(
        impl Described for raw::$event<'_> {
            fn client(&self) -> (&str, Option<SocketAddr>) {
                // SAFETY: the broker has made the event, and so its client.
                let client = unsafe { self.client.get() };
                (client.client_id.as_str(), client.peer.to_socket_addr())
            }

            $(fn matter(&self) -> &str {
                self.$matter.as_str()
            })?

            $(fn subject(&self) -> Subject<'_> {
                Subject::$subject(self.matter())
            })?

            fn listener(&self) -> Option<&str> {
                // SAFETY: as above.
                Some(unsafe { self.client.get() }.listener.as_str())
            }

            $(fn without_payload(&self) -> Option<Self> {
                Some(raw::$event { $payload: raw::View::new(&[]), ..*self })
            })?
        }
    )*};
}

described! {
    Auth: method;
    BeforeConnect:, without will_payload;
    Connect: ;
    Deliver: topic => Topic, without payload;
    Disconnect: ;
    Dropped: topic => Topic, without payload;
    Publish: topic => Topic, without payload;
    Session: ;
    Subscribe: whole_filter => Filter;
    Unsubscribe: whole_filter => Filter;
}
