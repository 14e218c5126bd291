//! The C ABI as Rust sees it, field for field the same as `plugin.h`. Not for plugin authors, who
//! get [`crate::event`] built on it; the broker fills these structs.
//!
//! Every struct that is passed by pointer starts with its `size` and only ever grows at its tail.
//! Gaps are named `reserved` and are zero, so that a new field never hides inside an old `size`.

use std::{marker::PhantomData, net::SocketAddr, ptr::NonNull};

use abi_stable::StableAbi;

mod answer;
mod auth;
mod deliver;
mod event;
mod host;

pub use answer::{
    ANSWER_CLIENT_ID, ANSWER_CONNACK_PROPERTY, ANSWER_FILTER, ANSWER_KEEP_ALIVE, ANSWER_KEPT,
    ANSWER_OPTIONS, ANSWER_PAYLOAD, ANSWER_QOS, ANSWER_REASON, ANSWER_REMOVE_PROPERTY,
    ANSWER_RETAIN, ANSWER_SESSION_EXPIRY, ANSWER_SET_PROPERTY, ANSWER_THROTTLE, ANSWER_TOPIC,
    AnswerContext, AnswerFunction, CLOSED, Part, REFUSED, TAKEN, UNFIT, UNKNOWN,
};
pub use auth::{ANSWER_DATA, ANSWER_STATE, ANSWER_USERNAME, AUTHENTICATED, Auth, CHALLENGE};
pub use deliver::{
    DROPPED_EXPIRED, DROPPED_NOT_TAKEN, DROPPED_QUEUE_FULL, DROPPED_REFUSED, DROPPED_SESSION_ENDED,
    DROPPED_TOO_LARGE, DROPPED_VETOED, Deliver, Dropped,
};
pub use event::{
    BeforeConnect, Connect, Disconnect, Publish, SESSION_CREATED, SESSION_DELETED, SESSION_EXPIRED,
    SESSION_RESUMED, SESSION_TAKEN_OVER, Session, SocketOpen, Subscribe, Tick, Unsubscribe,
};
pub use host::{
    ADD, ATTRIBUTE_OF_CONNECTION, ATTRIBUTE_OF_SESSION, CLEAR_SESSION, COUNTER, ClientInfo,
    FOLDER_OF_CONFIG, FOLDER_OF_DATA, FULL, GAUGE, HISTOGRAM, Host, HostContext, INTEREST_LISTENER,
    INTEREST_NO_PAYLOAD, INTEREST_TOPIC, Message, NOT_GRANTED, NOT_THERE, OBSERVE, SET, STOPPING,
    SubscriptionInfo, TOO_DEEP, VisitClient, VisitMessage, VisitPair, VisitSubscription,
    VisitValue, WITHOUT_WILL,
};

/// Major version in the upper 16 bits, minor in the lower: `MQ_ABI_VERSION` in `plugin.h`.
pub const ABI_VERSION: u32 = 1 << 16 | 1;

/// A hook's answer: the event does not happen.
pub const VETO: i32 = 0;
/// A hook's answer: go on.
pub const CONTINUE: i32 = 1;
/// A hook's answer: it comes later, by `complete`. Since 1.1, after `defer`.
pub const PENDING: i32 = 2;
/// The plugin panicked; what it was about to do is unfinished.
pub const PANICKED: i32 = -1;
/// The plugin failed in another way, and has said so in the log.
pub const FAILED: i32 = -2;

/// `origin` of a message that a client published.
pub const ORIGIN_CLIENT: u8 = 0;
/// `origin` of a message that is a client's will.
pub const ORIGIN_WILL: u8 = 1;
/// `origin` of what a plugin has brought about; its name is the event's `source`. Since 1.1.
pub const ORIGIN_PLUGIN: u8 = 2;
/// `origin` of what the broker does of itself. Since 1.1.
pub const ORIGIN_BROKER: u8 = 3;

/// `family` of an [`Address`] that is neither IPv4 nor IPv6.
pub const FAMILY_NONE: u16 = 0;
/// `family` of an IPv4 [`Address`].
pub const FAMILY_IPV4: u16 = 4;
/// `family` of an IPv6 [`Address`].
pub const FAMILY_IPV6: u16 = 6;

/// Borrowed bytes (`mq_view`). Empty may be null.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
pub struct View<'a> {
    pub(crate) ptr: *const u8,
    pub(crate) len: usize,
    _borrowed: PhantomData<&'a u8>,
}

// SAFETY: it is a `&[u8]` in another form.
unsafe impl Send for View<'_> {}
// SAFETY: as above.
unsafe impl Sync for View<'_> {}

impl<'a> View<'a> {
    /// The same bytes, in the form that crosses the border.
    pub const fn new(bytes: &'a [u8]) -> Self {
        View { ptr: bytes.as_ptr(), len: bytes.len(), _borrowed: PhantomData }
    }

    /// The bytes.
    pub const fn as_bytes(self) -> &'a [u8] {
        if self.ptr.is_null() {
            return &[];
        }
        // SAFETY: Rust can only make one from a slice that lives for `'a`; C promises the same for
        // the length of the call (plugin.h, "Ownership").
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

/// Borrowed text (`mq_view` again). The broker promises UTF-8.
#[repr(transparent)]
#[derive(Clone, Copy, StableAbi)]
pub struct Text<'a> {
    view: View<'a>,
}

impl<'a> Text<'a> {
    /// The same text, in the form that crosses the border.
    pub const fn new(text: &'a str) -> Self {
        Text { view: View::new(text.as_bytes()) }
    }

    /// The text.
    pub const fn as_str(self) -> &'a str {
        // SAFETY: Rust can only make one from a `str`, and only the broker sends them.
        unsafe { std::str::from_utf8_unchecked(self.view.as_bytes()) }
    }
}

/// The address of a socket (`mq_address`): binary, so that no event formats text.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// [`FAMILY_IPV4`], [`FAMILY_IPV6`] or [`FAMILY_NONE`].
    pub family: u16,
    /// The port, in the byte order of the machine.
    pub port: u16,
    /// The scope of a link-local IPv6 address, or 0.
    pub scope: u32,
    /// The address in network order; IPv4 uses the first four bytes, the others are zero.
    pub bytes: [u8; 16],
}

impl Address {
    /// That of who has no connection.
    pub const NONE: Address = Address { family: FAMILY_NONE, port: 0, scope: 0, bytes: [0; 16] };

    /// The address in the standard library's form, unless it is of no IP family.
    pub fn to_socket_addr(self) -> Option<SocketAddr> {
        match self.family {
            FAMILY_IPV4 => {
                let [a, b, c, d, ..] = self.bytes;
                Some(SocketAddr::from(([a, b, c, d], self.port)))
            }
            FAMILY_IPV6 => {
                let ip = self.bytes.into();
                Some(std::net::SocketAddrV6::new(ip, self.port, 0, self.scope).into())
            }
            _ => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(v4) => {
                let [a, b, c, d] = v4.ip().octets();
                let bytes = [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                Address { family: FAMILY_IPV4, port: v4.port(), scope: 0, bytes }
            }
            SocketAddr::V6(v6) => Address {
                family: FAMILY_IPV6,
                port: v6.port(),
                scope: v6.scope_id(),
                bytes: v6.ip().octets(),
            },
        }
    }
}

/// The client that an event is about (`mq_client`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Client<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0: the byte of the CONNECT packet.
    pub protocol: u8,
    /// 1 if the client gave a user name.
    pub has_username: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// Never empty once the client is connected.
    pub client_id: Text<'a>,
    /// Empty without `has_username`.
    pub username: Text<'a>,
    /// The listener, as `tcp://127.0.0.1:1883`.
    pub listener: Text<'a>,
    /// The client's end of the connection.
    pub peer: Address,
    /// The broker's end of the connection.
    pub local: Address,
}

/// A pointer to a [`Client`] that may be shorter or longer than this build knows.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct ClientPtr<'a> {
    pub(crate) ptr: NonNull<Client<'a>>,
    _borrowed: PhantomData<&'a Client<'a>>,
}

impl<'a> From<&'a Client<'a>> for ClientPtr<'a> {
    fn from(client: &'a Client<'a>) -> Self {
        ClientPtr { ptr: NonNull::from(client), _borrowed: PhantomData }
    }
}

impl<'a> ClientPtr<'a> {
    /// The client, for the broker that has made it.
    ///
    /// # Safety
    ///
    /// It was made by this build of the crate, and so is as long as it knows.
    pub const unsafe fn get(self) -> &'a Client<'a> {
        // SAFETY: the caller's promise; it was made from a reference of this lifetime.
        unsafe { self.ptr.as_ref() }
    }
}

/// A pointer to an event. What it points to is outside abi_stable's layout check, since the check
/// would refuse an event that has grown.
#[repr(transparent)]
#[derive(StableAbi)]
#[sabi(unsafe_unconstrained(E))]
pub struct EventPtr<E> {
    #[sabi(unsafe_opaque_field)]
    pub(crate) ptr: NonNull<E>,
}

impl<E> From<&E> for EventPtr<E> {
    fn from(event: &E) -> Self {
        EventPtr { ptr: NonNull::from(event) }
    }
}

impl<E> EventPtr<E> {
    /// The same event under another type.
    ///
    /// Harmless in itself; what reads through the pointer has to know what is there.
    pub const fn cast<T>(self) -> EventPtr<T> {
        EventPtr { ptr: self.ptr.cast() }
    }

    /// Where it is. How much of it is there, its `size` says.
    pub const fn as_ptr(self) -> *const E {
        self.ptr.as_ptr()
    }
}
