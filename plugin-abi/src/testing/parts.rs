//! Takes the parts of an answer while the hook runs, as the broker does.

use std::sync::{Mutex, PoisonError};

use crate::raw::{self, AnswerContext, View};

/// What was handed over so far: which part, and its value.
#[derive(Default)]
pub(super) struct Parts(Mutex<Vec<(u32, Vec<u8>)>>);

impl Parts {
    pub(super) fn context(&self) -> AnswerContext {
        AnswerContext { ptr: std::ptr::from_ref(self).cast() }
    }

    pub(super) fn into_inner(self) -> Vec<(u32, Vec<u8>)> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the plugin calls. What a value means, and whether it fits a packet, is looked at later.
///
/// # Safety
///
/// The context is one that [`Parts::context`] made, and those parts are alive.
pub(super) unsafe extern "C" fn take(context: AnswerContext, part: u32, value: View<'_>) -> i32 {
    // SAFETY: the caller's promise.
    let parts = unsafe { &*context.ptr.cast::<Parts>() };
    let mut parts = parts.0.lock().unwrap_or_else(PoisonError::into_inner);
    parts.push((part, value.as_bytes().to_vec()));
    raw::TAKEN
}
