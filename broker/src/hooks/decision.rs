//! What the plugins have decided about an event, and how that is put together from their answers.

use std::borrow::Cow;
use std::time::Duration;

use mqtt::{PacketType, ReasonCode};

use super::edits::Edits;

/// The longest that a client is not read because a plugin says so.
const MAX_THROTTLE: Duration = Duration::from_secs(60);

/// What the plugins have decided about an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Decision {
    /// Whether it happens.
    pub verdict: Verdict,
    /// How long the client is not read from now on, whether it happens or not.
    pub throttle: Duration,
    /// What is different if it happens.
    pub edits: Option<Box<Edits>>,
}

/// Whether an event happens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It happens.
    Continue,
    /// It does not, and the client need not know: a plugin said no, or one that was to decide has
    /// failed.
    Veto,
    /// It does not, and the client hears why.
    Refuse(Refusal),
    /// It is to be asked again when the answer of a plugin has come, or may no longer come.
    Pending,
}

/// What a client hears of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// An error.
    pub reason: ReasonCode,
    /// The same in words.
    pub why: Option<Cow<'static, str>>,
}

impl Decision {
    /// What is decided where nobody is asked.
    pub const CONTINUE: Decision =
        Decision { verdict: Verdict::Continue, throttle: Duration::ZERO, edits: None };

    pub(super) fn new(verdict: Verdict, throttle: Duration) -> Decision {
        Decision { verdict, throttle: throttle.min(MAX_THROTTLE), edits: None }
    }

    /// Whether the event must not happen.
    pub fn is_veto(&self) -> bool {
        self.verdict != Verdict::Continue
    }
}

impl Verdict {
    /// What a client hears in `packet`, which must say something of a veto too; `None`: it may go on.
    pub fn told_in(self, packet: PacketType) -> Option<Refusal> {
        match self {
            Verdict::Continue => None,
            // Who can wait has looked before.
            Verdict::Veto | Verdict::Pending => {
                Some(Refusal::without_words(ReasonCode::NotAuthorized))
            }
            Verdict::Refuse(refusal) => Some(refusal.told_in(packet)),
        }
    }
}

impl Refusal {
    pub(crate) const fn without_words(reason: ReasonCode) -> Refusal {
        Refusal { reason, why: None }
    }

    /// As `packet` can say it.
    pub fn told_in(self, packet: PacketType) -> Refusal {
        Refusal { reason: self.reason.nearest_in(packet), ..self }
    }
}

/// The reason code that an answer stands for, if it refuses with one.
pub(super) fn refusal(answer: i32) -> Option<ReasonCode> {
    let reason = ReasonCode::from_u8(u8::try_from(answer).ok()?)?;
    reason.is_error().then_some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_the_errors_that_there_are() {
        for &reason in ReasonCode::ALL {
            let expected = Some(reason).filter(|reason| reason.is_error());
            assert_eq!(refusal(reason as i32), expected, "{reason}");
        }
        for answer in [0x7F, 0xA3, 0xFF, 0x87 + 256, -1, -0x79, i32::MIN, i32::MAX] {
            assert_eq!(refusal(answer), None, "{answer}");
        }
    }

    #[test]
    fn nobody_waits_longer_than_a_minute() {
        let decision = Decision::new(Verdict::Continue, Duration::from_millis(u32::MAX.into()));
        assert_eq!(decision.throttle, Duration::from_secs(60));
    }
}
