//! What an event of the broker's own says about its client and its matter, for people to read.
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
}

impl Described for raw::SocketOpen<'_> {
    fn client(&self) -> (&str, Option<SocketAddr>) {
        ("", self.peer.to_socket_addr())
    }
}

impl Described for raw::Tick<'_> {
    fn client(&self) -> (&str, Option<SocketAddr>) {
        ("", None)
    }
}

macro_rules! described {
    ($($event:ident: $($matter:ident)?;)*) => {$(
        impl Described for raw::$event<'_> {
            fn client(&self) -> (&str, Option<SocketAddr>) {
                // SAFETY: the broker has made the event, and so its client.
                let client = unsafe { self.client.get() };
                (client.client_id.as_str(), client.peer.to_socket_addr())
            }

            $(fn matter(&self) -> &str {
                self.$matter.as_str()
            })?
        }
    )*};
}

described! {
    Auth: method;
    BeforeConnect: ;
    Connect: ;
    Deliver: topic;
    Disconnect: ;
    Dropped: topic;
    Publish: topic;
    Session: ;
    Subscribe: whole_filter;
    Unsubscribe: whole_filter;
}
