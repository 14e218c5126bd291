//! Takes the parts of an answer while the hook runs, as the broker does.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::edits;
use crate::raw::{self, AnswerContext, View};

/// What was handed over so far: which part, and its value.
pub(super) struct Parts {
    taken: Mutex<Vec<(u32, Vec<u8>)>>,
    /// The changes that the hook takes.
    changes: &'static [u32],
    /// The plugin is asked again.
    closed: bool,
}

impl Parts {
    pub(super) fn new(changes: &'static [u32], closed: bool) -> Parts {
        Parts { taken: Mutex::default(), changes, closed }
    }

    pub(super) fn context(&self) -> AnswerContext {
        AnswerContext { ptr: std::ptr::from_ref(self).cast() }
    }

    pub(super) fn into_inner(self) -> Vec<(u32, Vec<u8>)> {
        self.taken.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the plugin calls. What a value means, and whether it fits a packet, is looked at later, unless it
/// changes the event.
///
/// # Safety
///
/// The context is one that [`Parts::context`] made, and those parts are alive.
pub(super) unsafe extern "C" fn take(context: AnswerContext, part: u32, value: View<'_>) -> i32 {
    // SAFETY: the caller's promise.
    let parts = unsafe { &*context.ptr.cast::<Parts>() };
    let value = value.as_bytes();
    if parts.changes.contains(&part) {
        match edits::answer(part, value) {
            _ if parts.closed => return raw::CLOSED,
            raw::TAKEN => {}
            unfit => return unfit,
        }
    } else if part >= raw::ANSWER_TOPIC {
        return raw::UNKNOWN;
    }
    let mut taken = parts.taken.lock().unwrap_or_else(PoisonError::into_inner);
    taken.push((part, value.to_vec()));
    raw::TAKEN
}

/// What the parts are together.
pub(super) struct Known {
    pub(super) data: Option<Vec<u8>>,
    pub(super) state: Vec<u8>,
    pub(super) username: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) throttle: Option<Duration>,
    /// All of them can stand in a packet; one that cannot is left out.
    pub(super) is_fit: bool,
}

impl Known {
    pub(super) fn new(parts: &[(u32, Vec<u8>)]) -> Known {
        let (data, username, reason, throttle) = (None, None, None, None);
        let mut all = Known { data, state: Vec::new(), username, reason, throttle, is_fit: true };
        for (part, value) in parts {
            all.is_fit &= all.take(*part, value).is_some();
        }
        all
    }

    /// None: no packet can carry it.
    fn take(&mut self, part: u32, value: &[u8]) -> Option<()> {
        match part {
            raw::ANSWER_DATA => self.data = Some(bytes(value)?.to_vec()),
            raw::ANSWER_STATE => self.state = bytes(value)?.to_vec(),
            raw::ANSWER_USERNAME => self.username = Some(text(value)?),
            raw::ANSWER_REASON => self.reason = Some(text(value)?).filter(|it| !it.is_empty()),
            raw::ANSWER_THROTTLE => {
                let milliseconds = u32::from_ne_bytes(value.try_into().ok()?);
                let throttle = Duration::from_millis(milliseconds.into()).min(MAX_THROTTLE);
                self.throttle = Some(throttle).filter(|it| !it.is_zero());
            }
            _ => {}
        }
        Some(())
    }
}

fn bytes(value: &[u8]) -> Option<&[u8]> {
    (value.len() <= usize::from(u16::MAX)).then_some(value)
}

fn text(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes(value)?).ok()?;
    (!text.contains('\0')).then(|| text.to_owned())
}

/// What the broker allows.
const MAX_THROTTLE: Duration = Duration::from_secs(60);
