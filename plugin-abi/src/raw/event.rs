//! The events of connections, sessions, subscriptions and messages on their way in. Those of messages on
//! their way out are in `deliver`, that of OnAuth is in `auth`.

use std::marker::PhantomData;

use super::{Address, AnswerContext, AnswerFunction, ClientPtr, Text, View};

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
    /// Since 1.1. Who has brought it about: [`ORIGIN_CLIENT`](super::ORIGIN_CLIENT) and its like.
    pub origin: u32,
    /// Since 1.1. 1 if a plugin behind has changed what is decided by, and this one is asked again.
    pub asked_again: u32,
    /// Since 1.1. The name of the plugin, where the origin is one; else empty.
    pub source: Text<'a>,
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
    /// Since 1.1. Who has brought it about: [`ORIGIN_CLIENT`](super::ORIGIN_CLIENT) and its like.
    pub origin: u32,
    /// Since 1.1. 1 if a plugin behind has changed what is decided by, and this one is asked again.
    pub asked_again: u32,
    /// Since 1.1. The name of the plugin, where the origin is one; else empty.
    pub source: Text<'a>,
    /// Since 1.1. The client id before a plugin has changed it.
    pub original_client_id: Text<'a>,
    /// Since 1.1. The user name before a plugin has changed it.
    pub original_username: Text<'a>,
    /// Since 1.1. Empty without `has_will`.
    pub will_payload: View<'a>,
    /// Since 1.1. The properties of the will, without their length.
    pub will_properties: View<'a>,
    /// Since 1.1. 0, 1 or 2.
    pub will_qos: u32,
    /// Since 1.1. 0 or 1.
    pub will_retain: u32,
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
    /// Since 1.1. Who has brought it about: [`ORIGIN_CLIENT`](super::ORIGIN_CLIENT) and its like.
    pub origin: u32,
    /// Since 1.1. 1 if a plugin behind has changed what is decided by, and this one is asked again.
    pub asked_again: u32,
    /// Since 1.1. The name of the plugin, where the origin is one; else empty.
    pub source: Text<'a>,
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
    /// [`ORIGIN_CLIENT`](super::ORIGIN_CLIENT) and its like; more to come.
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
    /// Since 1.1. 1 if a plugin behind has changed the topic, and this one is asked again.
    pub asked_again: u32,
    /// Since 1.1. 0, or how many plugins' hooks have led from one message to the next up to this one.
    pub depth: u32,
    /// Since 1.1. The name of the plugin, where the origin is one; else empty.
    pub source: Text<'a>,
    /// Since 1.1. The topic before a plugin has changed it.
    pub original_topic: Text<'a>,
    /// Since 1.1. Bytes of the payload, also where the plugin does not want to see it.
    pub payload_len: u64,
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
    /// Since 1.1. Who has brought it about: [`ORIGIN_CLIENT`](super::ORIGIN_CLIENT) and its like.
    pub origin: u32,
    /// Since 1.1. 1 if a plugin behind has changed what is decided by, and this one is asked again.
    pub asked_again: u32,
    /// Since 1.1. The name of the plugin, where the origin is one; else empty.
    pub source: Text<'a>,
    /// Since 1.1. The whole filter before a plugin has changed it.
    pub original_filter: Text<'a>,
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
    /// Since 1.1. Who has brought it about: [`ORIGIN_CLIENT`](super::ORIGIN_CLIENT) and its like.
    pub origin: u32,
    /// Since 1.1. 1 if a plugin behind has changed what is decided by, and this one is asked again.
    pub asked_again: u32,
    /// Since 1.1. The name of the plugin, where the origin is one; else empty.
    pub source: Text<'a>,
    /// Since 1.1. The whole filter before a plugin has changed it.
    pub original_filter: Text<'a>,
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
    /// Since 1.1. Who has brought it about: [`ORIGIN_CLIENT`](super::ORIGIN_CLIENT) and its like.
    pub origin: u32,
    /// Zero.
    pub reserved_too: u32,
    /// Since 1.1. The name of the plugin, where the origin is one; else empty.
    pub source: Text<'a>,
}

/// Event of OnSession (`mq_session`), since 1.1.
#[repr(C)]
pub struct Session<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// [`SESSION_CREATED`] and its like.
    pub change: u32,
    /// Whose session it is; of one whose client is away, as it was when it last was connected.
    pub client: ClientPtr<'a>,
    /// Who has brought it about: [`ORIGIN_CLIENT`](super::ORIGIN_CLIENT) and its like.
    pub origin: u32,
    /// Zero.
    pub reserved: u32,
    /// The name of the plugin, where the origin is one; else empty.
    pub source: Text<'a>,
}

/// `change` of a [`Session`]: there was none before.
pub const SESSION_CREATED: u32 = 1;
/// `change` of a [`Session`]: its client is back.
pub const SESSION_RESUMED: u32 = 2;
/// `change` of a [`Session`]: another connection has come with the client id.
pub const SESSION_TAKEN_OVER: u32 = 3;
/// `change` of a [`Session`]: its client has not come back in time; it is gone.
pub const SESSION_EXPIRED: u32 = 4;
/// `change` of a [`Session`]: it is gone, with its connection or by a clean start.
pub const SESSION_DELETED: u32 = 5;

/// Event of OnTick (`mq_tick`), since 1.1.
#[repr(C)]
pub struct Tick<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// What the plugin has given `timer_set`.
    pub id: u64,
    /// Nothing is borrowed yet.
    pub _borrowed: PhantomData<&'a ()>,
}
