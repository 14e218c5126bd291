//! What a hook is told: borrowed views that live as long as the call. Copy what you keep.

use std::{marker::PhantomData, mem::offset_of, net::SocketAddr, ptr::NonNull};

use crate::{properties::UserProperties, raw};

/// Declares the public face of a raw struct: a pointer to it, since the broker's may be longer or
/// shorter than the one this build knows.
macro_rules! events {
    ($($(#[$doc:meta])* $event:ident;)*) => {$(
        $(#[$doc])*
        #[repr(transparent)]
        pub struct $event<'a> {
            pub(crate) raw: ::std::ptr::NonNull<$crate::raw::$event<'a>>,
            _borrowed: ::std::marker::PhantomData<&'a $crate::raw::$event<'a>>,
        }

        impl $event<'_> {
            /// # Safety
            ///
            /// The pointer is the one that the broker passed to the hook for this event, and
            /// nothing made from it outlives the call.
            pub(crate) unsafe fn new(event: $crate::raw::EventPtr<$crate::raw::$event<'static>>) -> Self {
                $event { raw: event.ptr.cast(), _borrowed: ::std::marker::PhantomData }
            }
        }
    )*};
}

/// Reads a field that is there, since the first version or by the event's `size`, without a reference
/// to the whole struct.
macro_rules! field {
    ($event:expr, $field:ident) => {
        // SAFETY: the event lives for the call, and has the fields of the version that made it.
        unsafe { (&raw const (*$event.raw.as_ptr()).$field).read() }
    };
}

pub(crate) use {events, field};

/// Reads a field of this type that came after version 1.0.0; none if the broker does not know it.
macro_rules! later {
    ($event:expr, $raw:ident, $field:ident: $type:ty) => {{
        let end = offset_of!(raw::$raw<'a>, $field) + size_of::<$type>();
        let is_there = field!($event, size) as usize >= end;
        // The size says that the field is there.
        is_there.then(|| field!($event, $field))
    }};
}

/// Reads a text that came after version 1.0.0; none if it is empty, or the broker does not know it.
macro_rules! later_text {
    ($event:expr, $raw:ident, $field:ident) => {
        later!($event, $raw, $field: raw::Text<'a>)
            .map(|text| text.as_str())
            .filter(|text| !text.is_empty())
    };
}

events! {
    /// A connection was accepted; nothing has been read from it.
    SocketOpen;
    /// A CONNECT packet was read; the client is not connected yet.
    BeforeConnect;
    /// A client is connected, and has been told so.
    Connect;
    /// A message, on its way from a client into the broker.
    Publish;
    /// One topic filter of a SUBSCRIBE packet.
    Subscribe;
    /// One topic filter of an UNSUBSCRIBE packet.
    Unsubscribe;
    /// A connected client is gone.
    Disconnect;
    /// A session has begun, ended, or found its client again. Since 1.1.
    Session;
    /// A timer that the plugin has set is due. Since 1.1.
    Tick;
}

/// The client that an event is about.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Client<'a> {
    raw: NonNull<raw::Client<'a>>,
    _borrowed: PhantomData<&'a raw::Client<'a>>,
}

/// The version of MQTT that a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// MQTT 3.1.
    V3_1,
    /// MQTT 3.1.1.
    V3_1_1,
    /// MQTT 5.0.
    #[default]
    V5,
}

impl Protocol {
    /// The byte of the CONNECT packet.
    pub(crate) const fn level(self) -> u8 {
        match self {
            Protocol::V3_1 => 3,
            Protocol::V3_1_1 => 4,
            Protocol::V5 => 5,
        }
    }
}

/// Who has brought an event about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A client has sent it.
    Client,
    /// It is the will of a client that is gone.
    Will,
    /// A plugin has brought it about.
    Plugin,
    /// The broker does it of itself.
    Broker,
    /// A source that this version of the crate does not know.
    Other,
}

impl Origin {
    /// In one word: `client`, `will`, `plugin`, `broker` or `other`.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Client => "client",
            Origin::Will => "will",
            Origin::Plugin => "plugin",
            Origin::Broker => "broker",
            Origin::Other => "other",
        }
    }

    pub(crate) fn new(origin: u8) -> Self {
        match origin {
            raw::ORIGIN_CLIENT => Origin::Client,
            raw::ORIGIN_WILL => Origin::Will,
            raw::ORIGIN_PLUGIN => Origin::Plugin,
            raw::ORIGIN_BROKER => Origin::Broker,
            _ => Origin::Other,
        }
    }
}

impl<'a> Client<'a> {
    pub(crate) fn new(client: raw::ClientPtr<'a>) -> Self {
        Client { raw: client.ptr, _borrowed: PhantomData }
    }

    /// The client identifier. Where the client sent none, the one that the broker gave it.
    pub fn client_id(&self) -> &'a str {
        field!(self, client_id).as_str()
    }

    /// The user name, if the client gave one; it may be empty. Where `on_auth` is asked, or has let the
    /// client in without a name, nobody has checked it.
    pub fn username(&self) -> Option<&'a str> {
        (field!(self, has_username) != 0).then(|| field!(self, username).as_str())
    }

    /// The version of MQTT that the client speaks.
    pub fn protocol(&self) -> Protocol {
        match field!(self, protocol) {
            ..=3 => Protocol::V3_1,
            4 => Protocol::V3_1_1,
            5.. => Protocol::V5,
        }
    }

    /// The client's end of the connection; none if it is no IP connection.
    pub fn peer(&self) -> Option<SocketAddr> {
        field!(self, peer).to_socket_addr()
    }

    /// The broker's end of the connection; none if it is no IP connection.
    pub fn local(&self) -> Option<SocketAddr> {
        field!(self, local).to_socket_addr()
    }

    /// The listener that took the connection, as `tcp://127.0.0.1:1883`.
    pub fn listener(&self) -> &'a str {
        field!(self, listener).as_str()
    }
}

impl<'a> SocketOpen<'a> {
    /// The client's end of the connection; none if it is no IP connection.
    pub fn peer(&self) -> Option<SocketAddr> {
        field!(self, peer).to_socket_addr()
    }

    /// The broker's end of the connection; none if it is no IP connection.
    pub fn local(&self) -> Option<SocketAddr> {
        field!(self, local).to_socket_addr()
    }

    /// The listener that took the connection, as `tcp://127.0.0.1:1883`.
    pub fn listener(&self) -> &'a str {
        field!(self, listener).as_str()
    }

    /// Who has brought it about. Since 1.1: always the client from a broker before.
    pub fn origin(&self) -> Origin {
        later!(self, SocketOpen, origin: u32)
            .map_or(Origin::Client, |origin| Origin::new(origin as u8))
    }

    /// The name of the plugin, where the [`origin`](Self::origin) is one. Since 1.1.
    pub fn source(&self) -> Option<&'a str> {
        later_text!(self, SocketOpen, source)
    }
}

impl<'a> BeforeConnect<'a> {
    /// Who connects.
    pub fn client(&self) -> Client<'a> {
        Client::new(field!(self, client))
    }

    /// The client wants an existing session discarded (Clean Session in MQTT 3.1.1).
    pub fn clean_start(&self) -> bool {
        field!(self, clean_start) != 0
    }

    /// Keep alive in seconds; 0 means that it is off.
    pub fn keep_alive(&self) -> u16 {
        field!(self, keep_alive)
    }

    /// Seconds that the session outlives the connection; [`u32::MAX`] means for ever.
    pub fn session_expiry(&self) -> u32 {
        field!(self, session_expiry)
    }

    /// The password, if there is one; it need not be text.
    pub fn password(&self) -> Option<&'a [u8]> {
        (field!(self, has_password) != 0).then(|| field!(self, password).as_bytes())
    }

    /// The method by which [`on_auth`](crate::Plugin::on_auth) has authenticated the client, if it has.
    /// Since 1.1: always none from a broker before.
    pub fn authentication_method(&self) -> Option<&'a str> {
        later_text!(self, BeforeConnect, authentication_method)
    }

    /// The topic of the client's will, if it has one.
    pub fn will_topic(&self) -> Option<&'a str> {
        (field!(self, has_will) != 0).then(|| field!(self, will_topic).as_str())
    }

    /// The properties of the packet as they stand there, without their length.
    pub fn properties(&self) -> &'a [u8] {
        field!(self, properties).as_bytes()
    }

    /// The user properties of the packet.
    pub fn user_properties(&self) -> UserProperties<'a> {
        UserProperties::new(self.properties())
    }

    /// What the client's will says, if it has one. Since 1.1.
    pub fn will_payload(&self) -> Option<&'a [u8]> {
        self.will_topic()?;
        later!(self, BeforeConnect, will_payload: raw::View<'a>).map(raw::View::as_bytes)
    }

    /// The QoS of the client's will, if it has one. Since 1.1.
    pub fn will_qos(&self) -> Option<u8> {
        self.will_topic()?;
        later!(self, BeforeConnect, will_qos: u32).map(|qos| qos as u8)
    }

    /// Whether the client's will is to be retained, if it has one. Since 1.1.
    pub fn will_retain(&self) -> Option<bool> {
        self.will_topic()?;
        later!(self, BeforeConnect, will_retain: u32).map(|retain| retain != 0)
    }

    /// The properties of the client's will as they stand there, without their length. Since 1.1.
    pub fn will_properties(&self) -> &'a [u8] {
        later!(self, BeforeConnect, will_properties: raw::View<'a>).map_or(&[], raw::View::as_bytes)
    }

    /// The client id before a plugin has changed it. Since 1.1.
    pub fn original_client_id(&self) -> &'a str {
        later_text!(self, BeforeConnect, original_client_id)
            .unwrap_or_else(|| self.client().client_id())
    }

    /// The user name before a plugin has changed it. Since 1.1.
    pub fn original_username(&self) -> Option<&'a str> {
        let original = later!(self, BeforeConnect, original_username: raw::Text<'a>);
        match original.map(raw::Text::as_str) {
            None => self.client().username(),
            Some(text) => Some(text).filter(|text| !text.is_empty()),
        }
    }

    /// Who has brought it about. Since 1.1: always the client from a broker before.
    pub fn origin(&self) -> Origin {
        later!(self, BeforeConnect, origin: u32)
            .map_or(Origin::Client, |origin| Origin::new(origin as u8))
    }

    /// The name of the plugin, where the [`origin`](Self::origin) is one. Since 1.1.
    pub fn source(&self) -> Option<&'a str> {
        later_text!(self, BeforeConnect, source)
    }

    /// A plugin named later in `config.yml` has changed what is decided by, and this one is asked again;
    /// it can change nothing now. Since 1.1.
    pub fn is_asked_again(&self) -> bool {
        later!(self, BeforeConnect, asked_again: u32).is_some_and(|asked| asked != 0)
    }
}

impl<'a> Connect<'a> {
    /// Who connected.
    pub fn client(&self) -> Client<'a> {
        Client::new(field!(self, client))
    }

    /// A session of this client is resumed, with its subscriptions.
    pub fn session_present(&self) -> bool {
        field!(self, session_present) != 0
    }

    /// The client wanted an existing session discarded.
    pub fn clean_start(&self) -> bool {
        field!(self, clean_start) != 0
    }

    /// Who has brought it about. Since 1.1: always the client from a broker before.
    pub fn origin(&self) -> Origin {
        later!(self, Connect, origin: u32)
            .map_or(Origin::Client, |origin| Origin::new(origin as u8))
    }

    /// The name of the plugin, where the [`origin`](Self::origin) is one. Since 1.1.
    pub fn source(&self) -> Option<&'a str> {
        later_text!(self, Connect, source)
    }
}

impl<'a> Publish<'a> {
    /// Who published the message, or whose will it is.
    pub fn client(&self) -> Client<'a> {
        Client::new(field!(self, client))
    }

    /// The topic name.
    pub fn topic(&self) -> &'a str {
        field!(self, topic).as_str()
    }

    /// The payload.
    pub fn payload(&self) -> &'a [u8] {
        field!(self, payload).as_bytes()
    }

    /// The QoS that it was published with: 0, 1 or 2.
    pub fn qos(&self) -> u8 {
        field!(self, qos)
    }

    /// The broker is asked to keep it for future subscribers.
    pub fn retain(&self) -> bool {
        field!(self, retain) != 0
    }

    /// The client says that it may have sent it before.
    pub fn dup(&self) -> bool {
        field!(self, dup) != 0
    }

    /// Who has brought the message about.
    pub fn origin(&self) -> Origin {
        Origin::new(field!(self, origin))
    }

    /// The properties of the packet as they stand there, without their length.
    pub fn properties(&self) -> &'a [u8] {
        field!(self, properties).as_bytes()
    }

    /// The user properties of the packet.
    pub fn user_properties(&self) -> UserProperties<'a> {
        UserProperties::new(self.properties())
    }

    /// The topic before a plugin has changed it. Since 1.1.
    pub fn original_topic(&self) -> &'a str {
        later_text!(self, Publish, original_topic).unwrap_or_else(|| self.topic())
    }

    /// Bytes of the payload, also where the plugin has said that it need not see it.
    pub fn payload_len(&self) -> u64 {
        later!(self, Publish, payload_len: u64).unwrap_or_else(|| self.payload().len() as u64)
    }

    /// 0, or how many hooks have led from one message to the next up to this one, each published by a
    /// plugin in one of its hooks. Since 1.1.
    pub fn depth(&self) -> u32 {
        later!(self, Publish, depth: u32).unwrap_or(0)
    }

    /// The name of the plugin, where the [`origin`](Self::origin) is one. Since 1.1.
    pub fn source(&self) -> Option<&'a str> {
        later_text!(self, Publish, source)
    }

    /// A plugin named later in `config.yml` has changed what is decided by, and this one is asked again;
    /// it can change nothing now. Since 1.1.
    pub fn is_asked_again(&self) -> bool {
        later!(self, Publish, asked_again: u32).is_some_and(|asked| asked != 0)
    }
}

impl<'a> Subscribe<'a> {
    /// Who subscribes.
    pub fn client(&self) -> Client<'a> {
        Client::new(field!(self, client))
    }

    /// The topic filter. Of a shared subscription it is the one behind its name, `a/#` of
    /// `$share/name/a/#`, so that who may read what is decided by it alone.
    pub fn filter(&self) -> &'a str {
        field!(self, filter).as_str()
    }

    /// The filter as the client wrote it, with `$share/name/` in front if the subscription is shared. It
    /// tells the subscriptions of a client apart. Since 1.1: that of [`filter`](Self::filter) from a
    /// broker before, which has no shared subscriptions.
    pub fn whole_filter(&self) -> &'a str {
        later_text!(self, Subscribe, whole_filter).unwrap_or_else(|| self.filter())
    }

    /// The QoS that was asked for: 0, 1 or 2.
    pub fn qos(&self) -> u8 {
        field!(self, qos)
    }

    /// The client does not want its own messages back.
    pub fn no_local(&self) -> bool {
        field!(self, no_local) != 0
    }

    /// Forwarded messages keep their retain flag.
    pub fn retain_as_published(&self) -> bool {
        field!(self, retain_as_published) != 0
    }

    /// Retained messages are sent: 0 always, 1 if the subscription is new, 2 never.
    pub fn retain_handling(&self) -> u8 {
        field!(self, retain_handling)
    }

    /// The properties of the packet as they stand there, without their length.
    pub fn properties(&self) -> &'a [u8] {
        field!(self, properties).as_bytes()
    }

    /// The user properties of the packet.
    pub fn user_properties(&self) -> UserProperties<'a> {
        UserProperties::new(self.properties())
    }

    /// The whole filter before a plugin has changed it. Since 1.1.
    pub fn original_filter(&self) -> &'a str {
        later_text!(self, Subscribe, original_filter).unwrap_or_else(|| self.whole_filter())
    }

    /// Who has brought it about. Since 1.1: always the client from a broker before.
    pub fn origin(&self) -> Origin {
        later!(self, Subscribe, origin: u32)
            .map_or(Origin::Client, |origin| Origin::new(origin as u8))
    }

    /// The name of the plugin, where the [`origin`](Self::origin) is one. Since 1.1.
    pub fn source(&self) -> Option<&'a str> {
        later_text!(self, Subscribe, source)
    }

    /// A plugin named later in `config.yml` has changed what is decided by, and this one is asked again;
    /// it can change nothing now. Since 1.1.
    pub fn is_asked_again(&self) -> bool {
        later!(self, Subscribe, asked_again: u32).is_some_and(|asked| asked != 0)
    }
}

impl<'a> Unsubscribe<'a> {
    /// Who unsubscribes.
    pub fn client(&self) -> Client<'a> {
        Client::new(field!(self, client))
    }

    /// The topic filter. Of a shared subscription it is the one behind its name, `a/#` of
    /// `$share/name/a/#`, so that who may read what is decided by it alone.
    pub fn filter(&self) -> &'a str {
        field!(self, filter).as_str()
    }

    /// The filter as the client wrote it, with `$share/name/` in front if the subscription is shared. It
    /// tells the subscriptions of a client apart. Since 1.1: that of [`filter`](Self::filter) from a
    /// broker before, which has no shared subscriptions.
    pub fn whole_filter(&self) -> &'a str {
        later_text!(self, Unsubscribe, whole_filter).unwrap_or_else(|| self.filter())
    }

    /// The whole filter before a plugin has changed it. Since 1.1.
    pub fn original_filter(&self) -> &'a str {
        later_text!(self, Unsubscribe, original_filter).unwrap_or_else(|| self.whole_filter())
    }

    /// Who has brought it about. Since 1.1: always the client from a broker before.
    pub fn origin(&self) -> Origin {
        later!(self, Unsubscribe, origin: u32)
            .map_or(Origin::Client, |origin| Origin::new(origin as u8))
    }

    /// The name of the plugin, where the [`origin`](Self::origin) is one. Since 1.1.
    pub fn source(&self) -> Option<&'a str> {
        later_text!(self, Unsubscribe, source)
    }

    /// A plugin named later in `config.yml` has changed what is decided by, and this one is asked again;
    /// it can change nothing now. Since 1.1.
    pub fn is_asked_again(&self) -> bool {
        later!(self, Unsubscribe, asked_again: u32).is_some_and(|asked| asked != 0)
    }
}

impl<'a> Disconnect<'a> {
    /// Who is gone.
    pub fn client(&self) -> Client<'a> {
        Client::new(field!(self, client))
    }

    /// The client said goodbye with a DISCONNECT packet.
    pub fn graceful(&self) -> bool {
        field!(self, graceful) != 0
    }

    /// The MQTT 5 reason code: the client's if it was graceful, else the broker's.
    pub fn reason_code(&self) -> u8 {
        field!(self, reason_code)
    }

    /// The session stays, with its subscriptions, until the client comes back or it expires.
    pub fn session_kept(&self) -> bool {
        field!(self, session_kept) != 0
    }

    /// The reason in words, for a log; not for decisions.
    pub fn reason(&self) -> &'a str {
        field!(self, reason).as_str()
    }

    /// Who has brought it about. Since 1.1: always the client from a broker before.
    pub fn origin(&self) -> Origin {
        later!(self, Disconnect, origin: u32)
            .map_or(Origin::Client, |origin| Origin::new(origin as u8))
    }

    /// The name of the plugin, where the [`origin`](Self::origin) is one. Since 1.1.
    pub fn source(&self) -> Option<&'a str> {
        later_text!(self, Disconnect, source)
    }
}

impl<'a> Session<'a> {
    /// Whose session it is. Of one whose client is away, as it was when it last was connected.
    pub fn client(&self) -> Client<'a> {
        Client::new(field!(self, client))
    }

    /// What has become of it.
    pub fn change(&self) -> SessionChange {
        match field!(self, change) {
            raw::SESSION_CREATED => SessionChange::Created,
            raw::SESSION_RESUMED => SessionChange::Resumed,
            raw::SESSION_TAKEN_OVER => SessionChange::TakenOver,
            raw::SESSION_EXPIRED => SessionChange::Expired,
            raw::SESSION_DELETED => SessionChange::Deleted,
            _ => SessionChange::Other,
        }
    }

    /// Who has brought it about. Since 1.1: always the client from a broker before.
    pub fn origin(&self) -> Origin {
        later!(self, Session, origin: u32)
            .map_or(Origin::Client, |origin| Origin::new(origin as u8))
    }

    /// The name of the plugin, where the [`origin`](Self::origin) is one. Since 1.1.
    pub fn source(&self) -> Option<&'a str> {
        later_text!(self, Session, source)
    }
}

impl Tick<'_> {
    /// The number of the timer that is due, as the plugin has given it.
    pub fn id(&self) -> u64 {
        field!(self, id)
    }
}

/// What has become of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionChange {
    /// There was none before.
    Created,
    /// Its client is back.
    Resumed,
    /// Another connection has come with the client id, and the one before had to go.
    TakenOver,
    /// Its client has not come back in time; it is gone, with its subscriptions.
    Expired,
    /// It is gone, with its connection or because the client wanted a new one.
    Deleted,
    /// A change that this version of the crate does not know.
    Other,
}

/// `Debug` by the getters named. Passwords and payloads stay out of logs.
macro_rules! debug {
    ($($event:ident: $($getter:ident)*;)*) => {$(
        impl ::std::fmt::Debug for $event<'_> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(stringify!($event))
                    $(.field(stringify!($getter), &self.$getter()))*
                    .finish_non_exhaustive()
            }
        }
    )*};
}

pub(crate) use debug;

debug! {
    Client: client_id username protocol peer listener;
    SocketOpen: peer local listener;
    BeforeConnect: client clean_start keep_alive session_expiry will_topic;
    Connect: client session_present clean_start;
    Publish: client topic qos retain dup origin;
    Subscribe: client filter qos no_local retain_as_published retain_handling;
    Unsubscribe: client filter;
    Disconnect: client graceful reason_code session_kept reason;
    Session: client change;
    Tick: id;
}
