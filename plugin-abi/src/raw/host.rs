//! What a plugin may call, and what it passes and is shown. C plugins get a [`Host`], Rust plugins
//! [`crate::module::HostApi`] with the same functions.

use std::{ffi::c_void, ptr::NonNull};

use abi_stable::StableAbi;

use super::{AnswerContext, ClientPtr, EventPtr, Part, Text, View};

/// What a C plugin may call (`mq_host`). Functions from `publish` on are there since 1.1.
#[repr(C)]
pub struct Host {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// [`ABI_VERSION`](super::ABI_VERSION) of the broker.
    pub abi_version: u32,
    /// To be passed back in every call.
    pub ctx: HostContext,
    /// Writes a line to the broker's log: level (1 error to 5 trace), target, message, file, line.
    pub log: unsafe extern "C" fn(HostContext, u32, View<'_>, View<'_>, View<'_>, u32),
    /// The most detailed level that the broker's log takes: 0 off, 1 error to 5 trace.
    pub max_level: unsafe extern "C" fn(HostContext) -> u32,
    /// Publishes a message, as the plugin. 0, or one of the negative numbers.
    pub publish: unsafe extern "C" fn(HostContext, EventPtr<Message<'static>>) -> i32,
    /// Sends a message to one client, subscribed or not: client id, message.
    pub publish_to: unsafe extern "C" fn(HostContext, View<'_>, EventPtr<Message<'static>>) -> i32,
    /// Keeps a message for future subscribers without publishing it; one without payload clears its topic.
    pub retain: unsafe extern "C" fn(HostContext, EventPtr<Message<'static>>) -> i32,
    /// Shows the retained messages whose topics match a filter; a topic name is one. How many were shown, or negative.
    pub each_retained:
        unsafe extern "C" fn(HostContext, View<'_>, *mut c_void, VisitMessage) -> i64,
    /// Ends a client's connection: client id, reason code, words for the client, flags.
    pub disconnect: unsafe extern "C" fn(HostContext, View<'_>, u32, View<'_>, u32) -> i32,
    /// Subscribes for a client: client id, whole filter, Subscription Options, Subscription Identifier or 0.
    pub subscribe: unsafe extern "C" fn(HostContext, View<'_>, View<'_>, u32, u32) -> i32,
    /// Unsubscribes for a client: client id, whole filter.
    pub unsubscribe: unsafe extern "C" fn(HostContext, View<'_>, View<'_>) -> i32,
    /// Shows the clients and sessions, or the one of a client id. How many were shown, or negative.
    pub each_client: unsafe extern "C" fn(HostContext, View<'_>, *mut c_void, VisitClient) -> i64,
    /// Shows all subscriptions, or those of a client id. How many were shown, or negative.
    pub each_subscription:
        unsafe extern "C" fn(HostContext, View<'_>, *mut c_void, VisitSubscription) -> i64,
    /// Shows the subscriptions that a message to a topic would be delivered by. How many, or negative.
    pub receivers:
        unsafe extern "C" fn(HostContext, View<'_>, *mut c_void, VisitSubscription) -> i64,
    /// Notes something of the plugin's own at a client: client id, scope, key, value; an empty value removes it.
    pub attribute_set: unsafe extern "C" fn(HostContext, View<'_>, u32, View<'_>, View<'_>) -> i32,
    /// Shows what was noted: client id, scope, key.
    pub attribute_get:
        unsafe extern "C" fn(HostContext, View<'_>, u32, View<'_>, *mut c_void, VisitValue) -> i32,
    /// Puts a value into the plugin's durable store: key, value, seconds to live or 0.
    pub kv_set: unsafe extern "C" fn(HostContext, View<'_>, View<'_>, u32) -> i32,
    /// Shows the value of a key of the plugin's store.
    pub kv_get: unsafe extern "C" fn(HostContext, View<'_>, *mut c_void, VisitValue) -> i32,
    /// Removes a key from the plugin's store.
    pub kv_remove: unsafe extern "C" fn(HostContext, View<'_>) -> i32,
    /// Shows the pairs whose keys begin so. How many were shown, or negative.
    pub kv_each: unsafe extern "C" fn(HostContext, View<'_>, *mut c_void, VisitPair) -> i64,
    /// Has OnTick called: id, milliseconds from now, milliseconds between further calls or 0 for one call.
    pub timer_set: unsafe extern "C" fn(HostContext, u64, u64, u64) -> i32,
    /// Forgets a timer.
    pub timer_cancel: unsafe extern "C" fn(HostContext, u64) -> i32,
    /// Makes a metric, or finds it: kind, name, labels as key=value each ended by a zero byte, help. Its number, or negative.
    pub metric: unsafe extern "C" fn(HostContext, u32, View<'_>, View<'_>, View<'_>) -> i64,
    /// Changes a metric: its number, ADD, SET or OBSERVE, by how much.
    pub metric_update: unsafe extern "C" fn(HostContext, i64, u32, f64) -> i32,
    /// While starting: what the plugin wants to be called for. Hook by its name in Rust, or empty for all; which interest; value.
    pub interest: unsafe extern "C" fn(HostContext, View<'_>, u32, View<'_>) -> i32,
    /// Shows the plugin's section of the config in force, as JSON.
    pub config: unsafe extern "C" fn(HostContext, *mut c_void, VisitValue) -> i32,
    /// Shows the path of a folder: FOLDER_OF_CONFIG, FOLDER_OF_DATA.
    pub folder: unsafe extern "C" fn(HostContext, u32, *mut c_void, VisitValue) -> i32,
    /// While a hook runs that may answer later: its answer_ctx, milliseconds until it counts as failed. The ticket to answer with, or 0.
    pub defer: unsafe extern "C" fn(HostContext, AnswerContext, u32) -> u64,
    /// Answers later: ticket, answer, parts of the answer, how many.
    pub complete: unsafe extern "C" fn(HostContext, u64, i32, *const Part<'_>, usize) -> i32,
    /// While starting: a hook that blocks, and so is called on a thread for that. Hook by its name in Rust, milliseconds until it counts as failed, or 0 for as many as the config says.
    pub blocking: unsafe extern "C" fn(HostContext, View<'_>, u32) -> i32,
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

/// A host function's answer: the plugin has not got the capability.
pub const NOT_GRANTED: i32 = -4;
/// A host function's answer: there is no room; later there may be.
pub const FULL: i32 = -5;
/// A host function's answer: plugins' hooks have led from one message to the next too often.
pub const TOO_DEEP: i32 = -6;
/// A host function's answer: the broker stops.
pub const STOPPING: i32 = -7;
/// A host function's answer: there is no such client, key or ticket.
pub const NOT_THERE: i32 = -8;

/// A flag of `disconnect`: the will is not published.
pub const WITHOUT_WILL: u32 = 1;
/// A flag of `disconnect`: the session ends too.
pub const CLEAR_SESSION: u32 = 2;

/// A scope of attributes: as long as the connection.
pub const ATTRIBUTE_OF_CONNECTION: u32 = 0;
/// A scope of attributes: as long as the session.
pub const ATTRIBUTE_OF_SESSION: u32 = 1;

/// A kind of metric: it only grows.
pub const COUNTER: u32 = 1;
/// A kind of metric: it goes up and down.
pub const GAUGE: u32 = 2;
/// A kind of metric: how often which value came.
pub const HISTOGRAM: u32 = 3;
/// A change of a counter or gauge.
pub const ADD: u32 = 1;
/// A change of a gauge.
pub const SET: u32 = 2;
/// A value for a histogram.
pub const OBSERVE: u32 = 3;

/// An interest: messages, subscriptions, wills that match this topic filter. Several add up.
pub const INTEREST_TOPIC: u32 = 1;
/// An interest: clients of this listener, as `tcp://127.0.0.1:1883`. Several add up.
pub const INTEREST_LISTENER: u32 = 2;
/// An interest: payloads need not be shown.
pub const INTEREST_NO_PAYLOAD: u32 = 3;

/// For `folder`: where the config file is.
pub const FOLDER_OF_CONFIG: u32 = 0;
/// For `folder`: where the plugin may keep files of its own.
pub const FOLDER_OF_DATA: u32 = 1;

/// A message that a plugin publishes, or is shown (`mq_message`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// `sizeof` in the build of who made it.
    pub size: u32,
    /// 0, 1 or 2.
    pub qos: u8,
    /// 0 or 1.
    pub retain: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// The topic name.
    pub topic: View<'a>,
    /// The payload.
    pub payload: View<'a>,
    /// Properties of a PUBLISH, without their length.
    pub properties: View<'a>,
}

/// A client or session, as it is shown (`mq_client_info`).
#[repr(C)]
pub struct ClientInfo<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// 1 if it is connected; else `client` tells of the last time that it was.
    pub connected: u32,
    /// Who it is.
    pub client: ClientPtr<'a>,
    /// Seconds since it connected, or since it went.
    pub since: u64,
    /// Messages that wait for it.
    pub queued: u64,
    /// Bytes that wait for it.
    pub queued_bytes: u64,
}

/// A subscription, as it is shown (`mq_subscription_info`).
#[repr(C)]
pub struct SubscriptionInfo<'a> {
    /// `sizeof` in the broker's build.
    pub size: u32,
    /// Subscription Options, the byte of a SUBSCRIBE packet.
    pub options: u32,
    /// Whose it is.
    pub client_id: Text<'a>,
    /// The whole filter; of `receivers` empty where several filters together count.
    pub filter: Text<'a>,
    /// Subscription Identifier, or 0.
    pub identifier: u32,
    /// Zero.
    pub reserved: u32,
}

macro_rules! visitors {
    ($($(#[$doc:meta])* $name:ident($($argument:ty),*);)*) => {$(
        $(#[$doc])*
        #[repr(transparent)]
        #[derive(Clone, Copy, StableAbi)]
        pub struct $name {
            /// Returns 1 to be shown more, 0 to be shown no more.
            #[sabi(unsafe_opaque_field)]
            pub visit: unsafe extern "C" fn(*mut c_void $(, $argument)*) -> i32,
        }
    )*};
}

visitors! {
    /// Is shown messages, while the call lasts.
    VisitMessage(NonNull<Message<'_>>);
    /// Is shown clients, while the call lasts.
    VisitClient(NonNull<ClientInfo<'_>>);
    /// Is shown subscriptions, while the call lasts.
    VisitSubscription(NonNull<SubscriptionInfo<'_>>);
    /// Is shown a value, while the call lasts.
    VisitValue(View<'_>);
    /// Is shown a key and its value, while the call lasts.
    VisitPair(View<'_>, View<'_>);
}
