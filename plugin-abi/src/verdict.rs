//! What a deciding hook answers.

use std::{borrow::Cow, time::Duration};

use crate::{answer::Answerable, raw};

/// The answer of a hook that may stop an event. `true` and `false` stand for the first two.
///
/// ```
/// # use std::time::Duration;
/// # use plugin_abi::Verdict;
/// let full = Verdict::refuse_with(0x97).reason("at most 5 subscriptions"); // Quota exceeded
/// let slowly = Verdict::Throttle(Duration::from_millis(200));
/// # assert_ne!(full, slowly);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The event goes on to the next plugin, and then happens.
    Continue,
    /// The event does not happen; later plugins are not asked. The client is not told where it could
    /// go on without knowing: what it sent is acknowledged as always.
    Veto,
    /// The event does not happen; later plugins are not asked. The client is told, as far as its version
    /// and the packet that answers it can say so. Since 1.1; for a broker before, it is a veto.
    Refuse {
        /// An error of MQTT 5, 0x80 or more. One that the answering packet cannot carry is replaced by
        /// the nearest; one that the standard does not have is a failure.
        code: u8,
        /// Tells the client in words, at most 65,535 bytes; none if it is empty. Left out where the
        /// client takes none.
        reason: Cow<'static, str>,
    },
    /// As [`Continue`](Verdict::Continue), and what the client sends next is not looked at for so long, at
    /// most a minute. Others do not wait. Since 1.1; for a broker before, it is to continue.
    Throttle(Duration),
    /// The answer comes later, by the [`Later`](crate::Later) that the hook has taken from
    /// [`Host::later`](crate::Host::later); without one it is a failure. Since 1.1.
    Pending,
}

impl Verdict {
    /// [`Verdict::Refuse`] without words.
    pub const fn refuse_with(code: u8) -> Self {
        Verdict::Refuse { code, reason: Cow::Borrowed("") }
    }

    /// Says a refusal in words too; the others stay as they are.
    pub fn reason(mut self, words: impl Into<Cow<'static, str>>) -> Self {
        if let Verdict::Refuse { reason, .. } = &mut self {
            *reason = words.into();
        }
        self
    }

    /// Hands to the broker what is no number, and returns the number that crosses the border.
    #[inline]
    pub(crate) fn give(self, event: &impl Answerable) -> i32 {
        match self {
            Verdict::Continue => raw::CONTINUE,
            Verdict::Veto => raw::VETO,
            Verdict::Pending => raw::PENDING,
            more => more.give_parts(event),
        }
    }

    #[cold]
    fn give_parts(self, event: &impl Answerable) -> i32 {
        let Some(answer) = event.answer() else {
            return if matches!(self, Verdict::Refuse { .. }) { raw::VETO } else { raw::CONTINUE };
        };
        let mut parts = Vec::new();
        let number = self.number(&mut parts);
        for (part, value) in parts {
            answer.give(part, &value);
        }
        number
    }

    /// The number that crosses the border; what is no number is added to `parts`.
    pub(crate) fn number(self, parts: &mut Vec<(u32, Vec<u8>)>) -> i32 {
        match self {
            Verdict::Continue => raw::CONTINUE,
            Verdict::Veto => raw::VETO,
            Verdict::Refuse { code, .. } if i32::from(code) < raw::REFUSED => raw::FAILED,
            Verdict::Refuse { code, reason } => {
                if !reason.is_empty() {
                    parts.push((raw::ANSWER_REASON, reason.into_owned().into()));
                }
                code.into()
            }
            Verdict::Throttle(wait) => {
                let milliseconds = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
                parts.push((raw::ANSWER_THROTTLE, milliseconds.to_ne_bytes().into()));
                raw::CONTINUE
            }
            Verdict::Pending => raw::PENDING,
        }
    }
}

impl From<bool> for Verdict {
    fn from(go_on: bool) -> Self {
        if go_on { Verdict::Continue } else { Verdict::Veto }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, mem::offset_of};

    use super::*;
    use crate::{
        event::Connect,
        raw::{AnswerContext, EventPtr, Text, View},
    };

    type Parts = RefCell<Vec<(u32, Vec<u8>)>>;

    unsafe extern "C" fn take(context: AnswerContext, part: u32, value: View<'_>) -> i32 {
        // SAFETY: it is what `given` has passed, and still there.
        let parts = unsafe { &*context.ptr.cast::<Parts>() };
        parts.borrow_mut().push((part, value.as_bytes().to_vec()));
        raw::TAKEN
    }

    /// The number, and what was handed over with it, at an event that says to be so large.
    fn given(verdict: Verdict, size: usize) -> (i32, Vec<(u32, Vec<u8>)>) {
        let address = raw::Address::NONE;
        let client = raw::Client {
            size: size_of::<raw::Client<'_>>() as u32,
            protocol: 5,
            has_username: 0,
            reserved: [0; 2],
            client_id: Text::new("c"),
            username: Text::new(""),
            listener: Text::new(""),
            peer: address,
            local: address,
        };
        let parts = Parts::default();
        let event = raw::Connect {
            size: size as u32,
            session_present: 0,
            clean_start: 0,
            reserved: [0; 2],
            client: (&client).into(),
            answer_ctx: AnswerContext { ptr: (&raw const parts).cast() },
            answer: take,
            origin: 0,
            asked_again: 0,
            source: Text::new(""),
        };
        // SAFETY: it lives until the answer is given.
        let number = verdict.give(&unsafe { Connect::new(EventPtr::from(&event).cast()) });
        (number, parts.into_inner())
    }

    const WHOLE: usize = size_of::<raw::Connect<'_>>();

    #[test]
    fn what_is_no_number_is_handed_over() {
        let words = b"full".to_vec();
        for (verdict, number, parts) in [
            (Verdict::Continue, 1, vec![]),
            (Verdict::Veto, 0, vec![]),
            (Verdict::refuse_with(0x97), 0x97, vec![]),
            (Verdict::refuse_with(0x97).reason("full"), 0x97, vec![(raw::ANSWER_REASON, words)]),
            (Verdict::refuse_with(0x7F).reason("no error"), raw::FAILED, vec![]),
            (Verdict::Veto.reason("nothing is said"), 0, vec![]),
        ] {
            assert_eq!(given(verdict, WHOLE), (number, parts));
        }
        let parts =
            |milliseconds: u32| vec![(raw::ANSWER_THROTTLE, milliseconds.to_ne_bytes().to_vec())];
        let wait = |wait| given(Verdict::Throttle(wait), WHOLE);
        assert_eq!(wait(Duration::from_millis(300)), (1, parts(300)));
        assert_eq!(wait(Duration::MAX), (1, parts(u32::MAX)));
    }

    #[test]
    fn a_broker_of_1_0_hears_numbers_that_it_knows() {
        let before = offset_of!(raw::Connect<'_>, answer_ctx);
        for size in [before, offset_of!(raw::Connect<'_>, origin) - 1] {
            let refusal = Verdict::refuse_with(0x97).reason("full");
            assert_eq!(given(refusal, size), (raw::VETO, vec![]));
            let throttle = Verdict::Throttle(Duration::from_secs(1));
            assert_eq!(given(throttle, size), (raw::CONTINUE, vec![]));
        }
    }
}
