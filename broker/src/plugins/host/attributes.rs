//! What a plugin notes at clients.

use std::ffi::c_void;

use plugin_abi::raw::{self, HostContext, View, VisitValue};

use super::{answer, text};
use crate::{services::Declined, session::Scope};

pub(super) unsafe extern "C" fn attribute_set(
    context: HostContext,
    client_id: View<'_>,
    scope: u32,
    key: View<'_>,
    value: View<'_>,
) -> i32 {
    // SAFETY: the plugin passes back what it was given.
    unsafe {
        answer(context, |caller| {
            let (client_id, scope, key) = (text(client_id)?, known(scope)?, text(key)?);
            if caller.is_shadow() {
                return Err(Declined::NotGranted);
            }
            caller.account()?.note(client_id, scope, key, value.as_bytes())
        })
    }
}

pub(super) unsafe extern "C" fn attribute_get(
    context: HostContext,
    client_id: View<'_>,
    scope: u32,
    key: View<'_>,
    user: *mut c_void,
    visit: VisitValue,
) -> i32 {
    // SAFETY: as in `attribute_set`; `user` goes with `visit`.
    unsafe {
        answer(context, |caller| {
            let (client_id, scope, key) = (text(client_id)?, known(scope)?, text(key)?);
            let value = caller.account()?.noted(client_id, scope, key)?;
            (visit.visit)(user, View::new(&value));
            Ok(())
        })
    }
}

fn known(scope: u32) -> Result<Scope, Declined> {
    match scope {
        raw::ATTRIBUTE_OF_CONNECTION => Ok(Scope::Connection),
        raw::ATTRIBUTE_OF_SESSION => Ok(Scope::Session),
        _ => Err(Declined::Unfit),
    }
}
