//! What a plugin that is played to takes for the broker. It logs, and keeps what is given to it to be kept. It
//! has no clients; what would change something is noted and not done.
#![allow(unsafe_code, reason = "called by plugins through a C ABI")]

use std::{
    ffi::c_void,
    sync::atomic::{AtomicBool, Ordering},
};

use log::{Level, Record};
use parking_lot::Mutex;
use plugin_abi::{
    abi_stable::prefix_type::WithMetadata,
    module::{HostApi, HostApiRef},
    raw::{
        self, EventPtr, HostContext, Message, View, VisitClient, VisitMessage, VisitPair,
        VisitSubscription, VisitValue,
    },
};

use super::{
    answer::bytes_in_words,
    store,
    tickets::{complete, defer},
};
use crate::plugins::{escaped::Escaped, host::level_of};

/// There is one plugin only: nothing has to tell which.
pub(super) const CONTEXT: HostContext = HostContext { ptr: std::ptr::null() };

const TABLE: HostApi = HostApi {
    publish,
    publish_to,
    retain,
    each_retained,
    disconnect,
    subscribe,
    unsubscribe,
    each_client,
    each_subscription,
    receivers,
    attribute_set,
    attribute_get,
    kv_set,
    kv_get,
    kv_remove,
    kv_each,
    timer_set,
    timer_cancel,
    metric,
    metric_update,
    interest,
    config,
    defer,
    complete,
    blocking,
    ..HostApi::of_1_0(log, max_level, panicked)
};

const API: &WithMetadata<HostApi> = &WithMetadata::new(TABLE);

/// The table for Rust plugins.
pub(super) fn api() -> HostApiRef {
    HostApiRef(API.static_as_prefix())
}

/// The table for a plugin in C.
pub(super) fn c_host() -> &'static raw::Host {
    Box::leak(Box::new(TABLE.for_c(CONTEXT)))
}

/// Before the plugin starts.
pub(super) fn prepare(name: &str, config: &str) {
    store::prepare(name, config);
}

/// While the plugin starts, what it has said last at error level; it is part of the error if it fails.
static HELD_BACK: Mutex<Option<String>> = Mutex::new(None);

static STARTED: AtomicBool = AtomicBool::new(false);

/// The plugin has started.
pub(super) fn started() {
    STARTED.store(true, Ordering::Relaxed);
    if let Some(message) = last_error() {
        write(Level::Error, &message);
    }
}

/// Why the plugin has not started, in its own words.
pub(super) fn last_error() -> Option<String> {
    HELD_BACK.lock().take()
}

fn lossy(view: View<'_>) -> String {
    String::from_utf8_lossy(view.as_bytes()).into_owned()
}

fn write(level: Level, message: &str) {
    if level == Level::Error && !STARTED.load(Ordering::Relaxed) {
        *HELD_BACK.lock() = Some(message.to_owned());
        return;
    }
    if level <= log::max_level() {
        let target = format!("plugin::{}", store::name());
        let record = &mut Record::builder();
        record.level(level).target(&target);
        log::logger().log(&record.args(format_args!("{}", Escaped(message))).build());
    }
}

unsafe extern "C" fn log(
    _: HostContext,
    level: u32,
    _target: View<'_>,
    message: View<'_>,
    _file: View<'_>,
    _line: u32,
) {
    write(level_of(level), &lossy(message));
}

unsafe extern "C" fn max_level(_: HostContext) -> u32 {
    log::max_level() as u32
}

unsafe extern "C" fn panicked(_: HostContext, message: View<'_>, file: View<'_>, line: u32) {
    write(Level::Error, &format!("{}:{line}: {}", lossy(file), lossy(message)));
}

/// # Safety
///
/// The message lives for the call.
unsafe fn message_in_words(message: EventPtr<Message<'static>>) -> String {
    // SAFETY: the caller's promise; a message has all of its fields since there are messages.
    let message = unsafe { message.as_ptr().read() };
    let (topic, payload) = (message.topic.as_bytes(), message.payload.as_bytes());
    let retained = if message.retain != 0 { ", retained" } else { "" };
    let (topic, payload) = (bytes_in_words(topic), bytes_in_words(payload));
    format!("{topic} at {}{retained}: {payload}", message.qos)
}

unsafe extern "C" fn publish(_: HostContext, message: EventPtr<Message<'static>>) -> i32 {
    // SAFETY: the plugin's promise.
    store::note_call(format!("publishes {}", unsafe { message_in_words(message) }));
    raw::TAKEN
}

unsafe extern "C" fn publish_to(
    _: HostContext,
    client_id: View<'_>,
    message: EventPtr<Message<'static>>,
) -> i32 {
    // SAFETY: the plugin's promise.
    let message = unsafe { message_in_words(message) };
    store::note_call(format!("sends {} {message}", lossy(client_id)));
    raw::TAKEN
}

unsafe extern "C" fn retain(_: HostContext, message: EventPtr<Message<'static>>) -> i32 {
    // SAFETY: the plugin's promise.
    store::note_call(format!("retains {}", unsafe { message_in_words(message) }));
    raw::TAKEN
}

unsafe extern "C" fn each_retained(
    _: HostContext,
    _: View<'_>,
    _: *mut c_void,
    _: VisitMessage,
) -> i64 {
    0
}

unsafe extern "C" fn disconnect(
    _: HostContext,
    client_id: View<'_>,
    code: u32,
    words: View<'_>,
    _flags: u32,
) -> i32 {
    let (client_id, words) = (lossy(client_id), lossy(words));
    store::note_call(format!("disconnects {client_id} with {code:#04x} {words}"));
    raw::TAKEN
}

unsafe extern "C" fn subscribe(
    _: HostContext,
    client_id: View<'_>,
    filter: View<'_>,
    options: u32,
    _identifier: u32,
) -> i32 {
    let (client_id, filter) = (lossy(client_id), lossy(filter));
    store::note_call(format!("subscribes {client_id} to {filter}, options {options}"));
    raw::TAKEN
}

unsafe extern "C" fn unsubscribe(_: HostContext, client_id: View<'_>, filter: View<'_>) -> i32 {
    store::note_call(format!("unsubscribes {} from {}", lossy(client_id), lossy(filter)));
    raw::TAKEN
}

unsafe extern "C" fn each_client(
    _: HostContext,
    _: View<'_>,
    _: *mut c_void,
    _: VisitClient,
) -> i64 {
    0
}

unsafe extern "C" fn each_subscription(
    _: HostContext,
    _: View<'_>,
    _: *mut c_void,
    _: VisitSubscription,
) -> i64 {
    0
}

unsafe extern "C" fn receivers(
    _: HostContext,
    _: View<'_>,
    _: *mut c_void,
    _: VisitSubscription,
) -> i64 {
    0
}

/// Apart from the keys of the plugin's store.
fn attribute_key(client_id: View<'_>, scope: u32, key: View<'_>) -> Vec<u8> {
    [b"a", client_id.as_bytes(), b"\0", &scope.to_le_bytes(), key.as_bytes()].concat()
}

fn kv_key(key: View<'_>) -> Vec<u8> {
    [b"k", key.as_bytes()].concat()
}

/// # Safety
///
/// `visit` takes `user`.
unsafe fn show(value: Option<Vec<u8>>, user: *mut c_void, visit: VisitValue) -> i32 {
    let Some(value) = value else { return raw::NOT_THERE };
    // SAFETY: the caller's promise; the value lives for the call.
    unsafe { (visit.visit)(user, View::new(&value)) };
    raw::TAKEN
}

unsafe extern "C" fn attribute_set(
    _: HostContext,
    client_id: View<'_>,
    scope: u32,
    key: View<'_>,
    value: View<'_>,
) -> i32 {
    let key = attribute_key(client_id, scope, key);
    match value.as_bytes() {
        [] => drop(store::remove(&key)),
        value => store::set(key, value),
    }
    raw::TAKEN
}

unsafe extern "C" fn attribute_get(
    _: HostContext,
    client_id: View<'_>,
    scope: u32,
    key: View<'_>,
    user: *mut c_void,
    visit: VisitValue,
) -> i32 {
    // SAFETY: the plugin's promise.
    unsafe { show(store::get(&attribute_key(client_id, scope, key)), user, visit) }
}

unsafe extern "C" fn kv_set(_: HostContext, key: View<'_>, value: View<'_>, _seconds: u32) -> i32 {
    store::set(kv_key(key), value.as_bytes());
    raw::TAKEN
}

unsafe extern "C" fn kv_get(
    _: HostContext,
    key: View<'_>,
    user: *mut c_void,
    visit: VisitValue,
) -> i32 {
    // SAFETY: the plugin's promise.
    unsafe { show(store::get(&kv_key(key)), user, visit) }
}

unsafe extern "C" fn kv_remove(_: HostContext, key: View<'_>) -> i32 {
    if store::remove(&kv_key(key)) { raw::TAKEN } else { raw::NOT_THERE }
}

unsafe extern "C" fn kv_each(
    _: HostContext,
    beginning: View<'_>,
    user: *mut c_void,
    visit: VisitPair,
) -> i64 {
    let mut shown = 0;
    for (key, value) in store::beginning(&kv_key(beginning), 1) {
        shown += 1;
        // SAFETY: the plugin's promise; both live for the call.
        if unsafe { (visit.visit)(user, View::new(&key), View::new(&value)) } == 0 {
            break;
        }
    }
    shown
}

unsafe extern "C" fn timer_set(_: HostContext, _id: u64, _after: u64, _every: u64) -> i32 {
    raw::TAKEN
}

unsafe extern "C" fn timer_cancel(_: HostContext, _id: u64) -> i32 {
    raw::TAKEN
}

unsafe extern "C" fn metric(_: HostContext, _: u32, _: View<'_>, _: View<'_>, _: View<'_>) -> i64 {
    0
}

unsafe extern "C" fn metric_update(_: HostContext, _: i64, _: u32, _: f64) -> i32 {
    raw::TAKEN
}

unsafe extern "C" fn interest(_: HostContext, _: View<'_>, _: u32, _: View<'_>) -> i32 {
    raw::TAKEN
}

/// Here nobody is kept waiting: it is called like any other.
unsafe extern "C" fn blocking(_: HostContext, _: View<'_>, _: u32) -> i32 {
    raw::TAKEN
}

unsafe extern "C" fn config(_: HostContext, user: *mut c_void, visit: VisitValue) -> i32 {
    // SAFETY: the plugin's promise.
    unsafe { show(Some(store::config().into()), user, visit) }
}
