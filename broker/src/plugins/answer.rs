//! The answer that a plugin puts together while its hook runs: parts that it hands over, and that are
//! copied at once. What parts there are is the hook's business.
#![allow(unsafe_code, reason = "called by plugins through a C ABI")]

use std::{
    sync::atomic::{AtomicBool, Ordering},
    task::Waker,
};

use parking_lot::Mutex;
use plugin_abi::raw::{self, AnswerContext, AnswerFunction, View};

use super::later::Ticket;

/// What a plugin can hand over in a hook.
pub(crate) trait Parts {
    /// Copies a part. Returns what `answer` of the event does; must not panic, for there is no frame in
    /// between that could unwind.
    fn take(&mut self, part: u32, value: &[u8]) -> i32;
}

/// Lives on the broker's stack while the hook runs.
#[repr(C)]
pub(crate) struct Answer<'w, T> {
    // First, so that it is found by who does not know `T`.
    header: Header<'w>,
    // Locked although one thread alone should call: it costs nothing here.
    parts: Mutex<T>,
}

/// What the answers of all hooks have.
pub(super) struct Header<'w> {
    /// The plugin has handed something over.
    touched: AtomicBool,
    /// Whom to wake when the answer comes later; `None`: nobody can wait for it.
    waker: Option<&'w Waker>,
    ticket: Mutex<Option<Ticket>>,
}

impl<'w> Header<'w> {
    /// That of an answer; `None` where there is none.
    ///
    /// # Safety
    ///
    /// The context is one that [`Answer::handle`] made, and that answer is alive; or it is null.
    pub(super) unsafe fn of(context: AnswerContext) -> Option<&'w Header<'w>> {
        // SAFETY: the caller's promise; an answer begins with its header.
        unsafe { context.ptr.cast::<Header<'w>>().as_ref() }
    }

    pub(super) fn waker(&self) -> Option<&'w Waker> {
        self.waker
    }

    /// Keeps the ticket of an answer that comes later, if there is none yet.
    pub(super) fn keep(&self, ticket: Ticket) -> bool {
        let mut place = self.ticket.lock();
        if place.is_some() {
            return false;
        }
        *place = Some(ticket);
        self.touched.store(true, Ordering::Relaxed);
        true
    }
}

/// What an event has of it.
#[derive(Clone, Copy)]
pub(crate) struct AnswerHandle {
    pub(crate) context: AnswerContext,
    pub(crate) function: AnswerFunction,
}

impl AnswerHandle {
    /// Takes nothing, for hooks that decide nothing.
    pub(crate) const CLOSED: AnswerHandle =
        AnswerHandle { context: AnswerContext { ptr: std::ptr::null() }, function: take_nothing };
}

impl<'w, T: Parts> Answer<'w, T> {
    /// With what is to know what may be handed over. Nobody can wait for it.
    pub(crate) fn new(parts: T) -> Answer<'w, T> {
        Answer::awaited(parts, None)
    }

    /// The same; it may come later, and then `waker` is woken.
    pub(crate) fn awaited(parts: T, waker: Option<&'w Waker>) -> Answer<'w, T> {
        let (touched, ticket) = (AtomicBool::new(false), Mutex::new(None));
        Answer { header: Header { touched, waker, ticket }, parts: Mutex::new(parts) }
    }

    /// To be handed to the plugin, for as long as `self` is borrowed.
    pub(crate) fn handle(&self) -> AnswerHandle {
        let context = AnswerContext { ptr: std::ptr::from_ref(self).cast() };
        AnswerHandle { context, function: take_part::<T> }
    }

    /// Whether the plugins that have returned have handed something over.
    #[inline]
    pub(crate) fn is_touched(&self) -> bool {
        self.header.touched.load(Ordering::Relaxed)
    }

    /// Looks at what there is so far.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut T) -> R) -> R {
        look(&mut self.parts.lock())
    }

    /// Ends one that nobody has touched, in which there is nothing to drop.
    #[inline]
    pub(crate) fn forget(self) {
        debug_assert!(!self.is_touched());
        std::mem::forget(self);
    }

    pub(crate) fn into_parts(self) -> T {
        self.parts.into_inner()
    }

    /// What there is, and the ticket if the plugin has taken one.
    pub(crate) fn into_parts_and_ticket(self) -> (T, Option<Ticket>) {
        (self.parts.into_inner(), self.header.ticket.into_inner())
    }
}

/// What the plugin calls.
///
/// # Safety
///
/// The context is one that [`Answer::handle`] made for the same `T`, and that answer is alive; the value
/// is valid for the call.
unsafe extern "C" fn take_part<T: Parts>(
    context: AnswerContext,
    part: u32,
    value: View<'_>,
) -> i32 {
    // SAFETY: the caller's promise.
    let answer = unsafe { &*context.ptr.cast::<Answer<'_, T>>() };
    answer.header.touched.store(true, Ordering::Relaxed);
    answer.parts.lock().take(part, value.as_bytes())
}

extern "C" fn take_nothing(_context: AnswerContext, _part: u32, _value: View<'_>) -> i32 {
    raw::UNKNOWN
}

/// A part that stands in a packet as a string. `Err`: it cannot, and this is what `answer` returns.
pub(crate) fn text(value: &[u8]) -> Result<Box<str>, i32> {
    let text = std::str::from_utf8(value).ok().filter(|text| !text.contains('\0'));
    let fits = text.filter(|text| text.len() <= LONGEST);
    fits.map(Into::into).ok_or(raw::UNFIT)
}

/// Bytes of a string or of binary data in a packet.
pub(crate) const LONGEST: usize = u16::MAX as usize;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Bytes(Vec<u8>);

    impl Parts for Bytes {
        fn take(&mut self, part: u32, value: &[u8]) -> i32 {
            self.0 = value.to_vec();
            part as i32
        }
    }

    #[test]
    fn parts_are_copied_and_the_later_counts() {
        let answer = Answer::new(Bytes::default());
        let AnswerHandle { context, function } = answer.handle();
        for text in ["first", "second"] {
            let mut value = text.as_bytes().to_vec();
            // SAFETY: the answer is alive.
            assert_eq!(unsafe { function(context, 7, View::new(&value)) }, 7);
            // The plugin's memory may be used for something else at once.
            value.fill(b'!');
        }
        assert_eq!(answer.into_parts().0, b"second");
    }

    #[test]
    fn who_observes_hands_over_nothing() {
        let AnswerHandle { context, function } = AnswerHandle::CLOSED;
        // SAFETY: it looks at nothing.
        assert_eq!(unsafe { function(context, raw::ANSWER_REASON, View::new(b"x")) }, raw::UNKNOWN);
    }

    #[test]
    fn what_fits_no_packet_is_no_text() {
        assert_eq!(text(b"why").as_deref(), Ok("why"));
        assert_eq!(text(b"").as_deref(), Ok(""));
        assert!(text(&[b'x'; 65_535]).is_ok());
        for bad in [&b"\xFF"[..], b"a\0b", &[b'x'; 65_536]] {
            assert_eq!(text(bad), Err(raw::UNFIT));
        }
    }
}
