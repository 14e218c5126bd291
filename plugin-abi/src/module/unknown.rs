//! Host functions of a host that has none of them: each answers that it is unknown.
#![allow(clippy::too_many_arguments, reason = "the signatures are those of the ABI")]

use std::ffi::c_void;

use crate::{
    module::HostApi,
    raw::{
        self, AnswerContext, EventPtr, HostContext, Message, Part, View, VisitClient, VisitMessage,
        VisitPair, VisitSubscription, VisitValue,
    },
};

impl HostApi {
    /// The functions of 1.0, and none that came later.
    pub const fn of_1_0(
        log: unsafe extern "C" fn(HostContext, u32, View<'_>, View<'_>, View<'_>, u32),
        max_level: unsafe extern "C" fn(HostContext) -> u32,
        panicked: unsafe extern "C" fn(HostContext, View<'_>, View<'_>, u32),
    ) -> HostApi {
        HostApi {
            log,
            max_level,
            panicked,
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
            folder,
            defer,
            complete,
            blocking,
        }
    }
}

unsafe extern "C" fn publish(_: HostContext, _: EventPtr<Message<'static>>) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn publish_to(_: HostContext, _: View<'_>, _: EventPtr<Message<'static>>) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn retain(_: HostContext, _: EventPtr<Message<'static>>) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn each_retained(
    _: HostContext,
    _: View<'_>,
    _: *mut c_void,
    _: VisitMessage,
) -> i64 {
    i64::from(raw::UNKNOWN)
}

unsafe extern "C" fn disconnect(_: HostContext, _: View<'_>, _: u32, _: View<'_>, _: u32) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn subscribe(_: HostContext, _: View<'_>, _: View<'_>, _: u32, _: u32) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn unsubscribe(_: HostContext, _: View<'_>, _: View<'_>) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn each_client(
    _: HostContext,
    _: View<'_>,
    _: *mut c_void,
    _: VisitClient,
) -> i64 {
    i64::from(raw::UNKNOWN)
}

unsafe extern "C" fn each_subscription(
    _: HostContext,
    _: View<'_>,
    _: *mut c_void,
    _: VisitSubscription,
) -> i64 {
    i64::from(raw::UNKNOWN)
}

unsafe extern "C" fn receivers(
    _: HostContext,
    _: View<'_>,
    _: *mut c_void,
    _: VisitSubscription,
) -> i64 {
    i64::from(raw::UNKNOWN)
}

unsafe extern "C" fn attribute_set(
    _: HostContext,
    _: View<'_>,
    _: u32,
    _: View<'_>,
    _: View<'_>,
) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn attribute_get(
    _: HostContext,
    _: View<'_>,
    _: u32,
    _: View<'_>,
    _: *mut c_void,
    _: VisitValue,
) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn kv_set(_: HostContext, _: View<'_>, _: View<'_>, _: u32) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn kv_get(_: HostContext, _: View<'_>, _: *mut c_void, _: VisitValue) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn kv_remove(_: HostContext, _: View<'_>) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn kv_each(_: HostContext, _: View<'_>, _: *mut c_void, _: VisitPair) -> i64 {
    i64::from(raw::UNKNOWN)
}

unsafe extern "C" fn timer_set(_: HostContext, _: u64, _: u64, _: u64) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn timer_cancel(_: HostContext, _: u64) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn metric(_: HostContext, _: u32, _: View<'_>, _: View<'_>, _: View<'_>) -> i64 {
    i64::from(raw::UNKNOWN)
}

unsafe extern "C" fn metric_update(_: HostContext, _: i64, _: u32, _: f64) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn interest(_: HostContext, _: View<'_>, _: u32, _: View<'_>) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn config(_: HostContext, _: *mut c_void, _: VisitValue) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn folder(_: HostContext, _: u32, _: *mut c_void, _: VisitValue) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn defer(_: HostContext, _: AnswerContext, _: u32) -> u64 {
    0
}

unsafe extern "C" fn complete(_: HostContext, _: u64, _: i32, _: *const Part<'_>, _: usize) -> i32 {
    raw::UNKNOWN
}

unsafe extern "C" fn blocking(_: HostContext, _: View<'_>, _: u32) -> i32 {
    raw::UNKNOWN
}
