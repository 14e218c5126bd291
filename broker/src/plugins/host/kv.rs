//! The plugin's own store.

use std::ffi::c_void;

use plugin_abi::raw::{HostContext, View, VisitPair, VisitValue};

use super::{Capability, answer, count};

pub(super) unsafe extern "C" fn kv_set(
    context: HostContext,
    key: View<'_>,
    value: View<'_>,
    seconds: u32,
) -> i32 {
    // SAFETY: the plugin passes back what it was given.
    unsafe {
        answer(context, |caller| {
            caller.may_change(Capability::Kv)?;
            caller.account()?.kv_set(key.as_bytes(), value.as_bytes(), seconds)
        })
    }
}

pub(super) unsafe extern "C" fn kv_get(
    context: HostContext,
    key: View<'_>,
    user: *mut c_void,
    visit: VisitValue,
) -> i32 {
    // SAFETY: as in `kv_set`; `user` goes with `visit`.
    unsafe {
        answer(context, |caller| {
            caller.may(Capability::Kv)?;
            let value = caller.account()?.kv_get(key.as_bytes())?;
            (visit.visit)(user, View::new(&value));
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn kv_remove(context: HostContext, key: View<'_>) -> i32 {
    // SAFETY: as in `kv_set`.
    unsafe {
        answer(context, |caller| {
            caller.may_change(Capability::Kv)?;
            caller.account()?.kv_remove(key.as_bytes())
        })
    }
}

pub(super) unsafe extern "C" fn kv_each(
    context: HostContext,
    prefix: View<'_>,
    user: *mut c_void,
    visit: VisitPair,
) -> i64 {
    // SAFETY: as in `kv_set`; `user` goes with `visit`.
    unsafe {
        count(context, |caller| {
            caller.may(Capability::Kv)?;
            let show = |key: &[u8], value: &[u8]| {
                (visit.visit)(user, View::new(key), View::new(value)) != 0
            };
            Ok(caller.account()?.kv_each(prefix.as_bytes(), show)? as i64)
        })
    }
}
