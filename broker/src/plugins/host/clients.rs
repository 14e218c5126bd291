//! Clients, sessions and subscriptions.

use std::{ffi::c_void, ptr::NonNull};

use plugin_abi::raw::{
    self, ClientInfo, HostContext, SubscriptionInfo, Text, View, VisitClient, VisitSubscription,
};

use super::{Capability, answer, count, text};
use crate::services::{Shown, ShownSubscription};

pub(super) unsafe extern "C" fn disconnect(
    context: HostContext,
    client_id: View<'_>,
    code: u32,
    words: View<'_>,
    flags: u32,
) -> i32 {
    // SAFETY: the plugin passes back what it was given.
    unsafe {
        answer(context, |caller| {
            caller.may_change(Capability::Kick)?;
            let (without_will, ends_session) =
                (flags & raw::WITHOUT_WILL != 0, flags & raw::CLEAR_SESSION != 0);
            let (client_id, words) = (text(client_id)?, text(words)?);
            caller.account()?.disconnect(client_id, code, words, (without_will, ends_session))
        })
    }
}

pub(super) unsafe extern "C" fn subscribe(
    context: HostContext,
    client_id: View<'_>,
    filter: View<'_>,
    options: u32,
    identifier: u32,
) -> i32 {
    // SAFETY: as in `disconnect`.
    unsafe {
        answer(context, |caller| {
            caller.may_change(Capability::Subscribe)?;
            caller.account()?.subscribe(text(client_id)?, text(filter)?, options, identifier)
        })
    }
}

pub(super) unsafe extern "C" fn unsubscribe(
    context: HostContext,
    client_id: View<'_>,
    filter: View<'_>,
) -> i32 {
    // SAFETY: as in `disconnect`.
    unsafe {
        answer(context, |caller| {
            caller.may_change(Capability::Subscribe)?;
            caller.account()?.unsubscribe(text(client_id)?, text(filter)?)
        })
    }
}

pub(super) unsafe extern "C" fn each_client(
    context: HostContext,
    client_id: View<'_>,
    user: *mut c_void,
    visit: VisitClient,
) -> i64 {
    // SAFETY: as in `disconnect`; `user` goes with `visit`.
    unsafe {
        count(context, |caller| {
            caller.may(Capability::ReadClients)?;
            let shown = caller.account()?.each_client(text(client_id)?, |shown: &Shown<'_>| {
                let client = shown.client.to_raw();
                let info = ClientInfo {
                    size: size_of::<ClientInfo<'_>>() as u32,
                    connected: shown.is_connected.into(),
                    client: (&client).into(),
                    since: shown.since.as_secs(),
                    queued: shown.queued as u64,
                    queued_bytes: shown.queued_bytes as u64,
                };
                (visit.visit)(user, NonNull::from(&info)) != 0
            })?;
            Ok(shown as i64)
        })
    }
}

pub(super) unsafe extern "C" fn each_subscription(
    context: HostContext,
    client_id: View<'_>,
    user: *mut c_void,
    visit: VisitSubscription,
) -> i64 {
    // SAFETY: as in `each_client`.
    unsafe {
        count(context, |caller| {
            caller.may(Capability::ReadClients)?;
            let client_id = text(client_id)?;
            let show = |shown: &ShownSubscription<'_>| show(shown, user, visit);
            Ok(caller.account()?.each_subscription(client_id, show)? as i64)
        })
    }
}

pub(super) unsafe extern "C" fn receivers(
    context: HostContext,
    topic: View<'_>,
    user: *mut c_void,
    visit: VisitSubscription,
) -> i64 {
    // SAFETY: as in `each_client`.
    unsafe {
        count(context, |caller| {
            caller.may(Capability::ReadClients)?;
            let topic = text(topic)?;
            let show = |shown: &ShownSubscription<'_>| show(shown, user, visit);
            Ok(caller.account()?.receivers(topic, show)? as i64)
        })
    }
}

/// # Safety
///
/// `user` goes with `visit`.
unsafe fn show(shown: &ShownSubscription<'_>, user: *mut c_void, visit: VisitSubscription) -> bool {
    let info = SubscriptionInfo {
        size: size_of::<SubscriptionInfo<'_>>() as u32,
        options: shown.options.into(),
        client_id: Text::new(shown.client_id),
        filter: Text::new(shown.filter),
        identifier: shown.identifier,
        reserved: 0,
    };
    // SAFETY: the caller's promise; the subscription lives for the call.
    unsafe { (visit.visit)(user, NonNull::from(&info)) != 0 }
}
