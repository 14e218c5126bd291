//! The C ABI as Rust sees it, field for field the same as `plugin.h`. Not for plugin authors, who
//! get [`crate::event`] built on it; the broker fills these structs.
//!
//! Every struct that is passed by pointer starts with its `size` and only ever grows at its tail.
//! Gaps are named `reserved` and are zero, so that a new field never hides inside an old `size`.

use std::{ffi::c_void, marker::PhantomData, net::SocketAddr, ptr::NonNull};

use abi_stable::StableAbi;

mod answer;
mod auth;

pub use answer::{
    ANSWER_REASON, ANSWER_THROTTLE, AnswerContext, AnswerFunction, REFUSED, TAKEN, UNFIT, UNKNOWN,
};
pub use auth::{ANSWER_DATA, ANSWER_STATE, ANSWER_USERNAME, AUTHENTICATED, Auth, CHALLENGE};

/// Major version in the upper 16 bits, minor in the lower: `MQ_ABI_VERSION` in `plugin.h`.
pub const ABI_VERSION: u32 = 1 << 16 | 1;

/// A hook's answer: the event does not happen.
pub const VETO: i32 = 0;
/// A hook's answer: go on.
pub const CONTINUE: i32 = 1;
/// Reserved for an answer that comes later. Not offered yet: it counts as a failure.
pub const PENDING: i32 = 2;
/// The plugin panicked; what it was about to do is unfinished.
pub const PANICKED: i32 = -1;
/// The plugin failed in another way, and has said so in the log.
pub const FAILED: i32 = -2;

/// `origin` of a message that a client published.
pub const ORIGIN_CLIENT: u8 = 0;
/// `origin` of a message that is a client's will.
pub const ORIGIN_WILL: u8 = 1;

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
#[derive(Clone, Copy)]
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

/// Event of OnSocketOpen (`mq_socket_open`).
#[repr(C)]
pub struct SocketOpen<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// The listener, as `tcp://127.0.0.1:1883`.
    pub listener: Text<'a>,
    /// The client's end of the connection.
    pub peer: Address,
    /// The broker's end of the connection.
    pub local: Address,
    /// Since 1.1. To be passed back to `answer`.
    pub answer_ctx: AnswerContext,
    /// Since 1.1. Takes a part of the answer.
    pub answer: AnswerFunction,
}

/// Event of OnBeforeConnect (`mq_before_connect`).
#[repr(C)]
pub struct BeforeConnect<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// 1 if an existing session is to be discarded.
    pub clean_start: u8,
    /// 1 if there is a password.
    pub has_password: u8,
    /// 1 if there is a will.
    pub has_will: u8,
    /// Zero.
    pub reserved: u8,
    /// Seconds that the session outlives the connection; 0xFFFFFFFF is for ever.
    pub session_expiry: u32,
    /// Seconds; 0 turns keep alive off.
    pub keep_alive: u16,
    /// Zero.
    pub reserved_too: u16,
    /// Who connects.
    pub client: ClientPtr<'a>,
    /// Empty without `has_password`.
    pub password: View<'a>,
    /// Empty without `has_will`.
    pub will_topic: Text<'a>,
    /// The properties of the CONNECT packet, without their length.
    pub properties: View<'a>,
    /// Since 1.1. The method by which on_auth has authenticated the client; else empty.
    pub authentication_method: Text<'a>,
    /// Since 1.1. To be passed back to `answer`.
    pub answer_ctx: AnswerContext,
    /// Since 1.1. Takes a part of the answer.
    pub answer: AnswerFunction,
}

/// Event of OnConnect (`mq_connect`).
#[repr(C)]
pub struct Connect<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// 1 if an existing session is resumed.
    pub session_present: u8,
    /// 1 if an existing session was to be discarded.
    pub clean_start: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// Who connected.
    pub client: ClientPtr<'a>,
    /// Since 1.1. To be passed back to `answer`.
    pub answer_ctx: AnswerContext,
    /// Since 1.1. Takes a part of the answer.
    pub answer: AnswerFunction,
}

/// Event of OnMessage, OnBeforePublish and OnPublish (`mq_publish`).
#[repr(C)]
pub struct Publish<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// 0, 1 or 2.
    pub qos: u8,
    /// 0 or 1.
    pub retain: u8,
    /// 0 or 1: the client says that it may have sent it before.
    pub dup: u8,
    /// [`ORIGIN_CLIENT`] or [`ORIGIN_WILL`]; more to come.
    pub origin: u8,
    /// Who published it.
    pub client: ClientPtr<'a>,
    /// The topic name.
    pub topic: Text<'a>,
    /// The payload.
    pub payload: View<'a>,
    /// The properties of the PUBLISH packet, without their length.
    pub properties: View<'a>,
    /// Since 1.1. To be passed back to `answer`.
    pub answer_ctx: AnswerContext,
    /// Since 1.1. Takes a part of the answer; nothing where the hook observes.
    pub answer: AnswerFunction,
}

/// Event of OnBeforeSubscribe and OnSubscribe (`mq_subscribe`).
#[repr(C)]
pub struct Subscribe<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// The QoS that was asked for.
    pub qos: u8,
    /// 0 or 1.
    pub no_local: u8,
    /// 0 or 1.
    pub retain_as_published: u8,
    /// 0, 1 or 2.
    pub retain_handling: u8,
    /// Who subscribes.
    pub client: ClientPtr<'a>,
    /// The topic filter; of a shared subscription the one behind its name.
    pub filter: Text<'a>,
    /// The properties of the SUBSCRIBE packet, without their length.
    pub properties: View<'a>,
    /// The filter as the client wrote it, `$share/` and name included. Since 1.1.
    pub whole_filter: Text<'a>,
    /// Since 1.1. To be passed back to `answer`.
    pub answer_ctx: AnswerContext,
    /// Since 1.1. Takes a part of the answer; nothing where the hook observes.
    pub answer: AnswerFunction,
}

/// Event of OnBeforeUnsubscribe and OnUnsubscribe (`mq_unsubscribe`).
#[repr(C)]
pub struct Unsubscribe<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Who unsubscribes.
    pub client: ClientPtr<'a>,
    /// The topic filter; of a shared subscription the one behind its name.
    pub filter: Text<'a>,
    /// The filter as the client wrote it, `$share/` and name included. Since 1.1.
    pub whole_filter: Text<'a>,
    /// Since 1.1. To be passed back to `answer`.
    pub answer_ctx: AnswerContext,
    /// Since 1.1. Takes a part of the answer; nothing where the hook observes.
    pub answer: AnswerFunction,
}

/// Event of OnDisconnect (`mq_disconnect`).
#[repr(C)]
pub struct Disconnect<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// 1 if the client said goodbye with a DISCONNECT packet.
    pub graceful: u8,
    /// The MQTT 5 reason code.
    pub reason_code: u8,
    /// 1 if the session stays.
    pub session_kept: u8,
    /// Zero.
    pub reserved: u8,
    /// Who is gone.
    pub client: ClientPtr<'a>,
    /// The reason in words, for a log.
    pub reason: Text<'a>,
}

/// What a C plugin may call (`mq_host`). Rust plugins get [`crate::module::HostApi`].
#[repr(C)]
pub struct Host {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// [`ABI_VERSION`] of the broker.
    pub abi_version: u32,
    /// To be passed back in every call.
    pub ctx: HostContext,
    /// Writes a line to the broker's log: level (1 error to 5 trace), target, message, file, line.
    pub log: unsafe extern "C" fn(HostContext, u32, View<'_>, View<'_>, View<'_>, u32),
    /// The most detailed level that the broker's log takes: 0 off, 1 error to 5 trace.
    pub max_level: unsafe extern "C" fn(HostContext) -> u32,
}

/// Tells the broker which plugin is calling. Opaque to the plugin.
#[repr(transparent)]
#[derive(Clone, Copy, StableAbi)]
pub struct HostContext {
    /// The broker's memory.
    #[sabi(unsafe_opaque_field)]
    pub ptr: *const c_void,
}

// SAFETY: the broker takes it back from any thread (plugin.h, "Threads").
unsafe impl Send for HostContext {}
// SAFETY: as above.
unsafe impl Sync for HostContext {}

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
}
