//! What the plugins have decided about an event, and how that is put together from their answers.

use std::borrow::Cow;
use std::time::Duration;

use mqtt::{PacketType, ReasonCode};
use plugin_abi::raw;

use crate::plugins::{Parts, text};

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
        Decision { verdict: Verdict::Continue, throttle: Duration::ZERO };

    pub(super) fn new(verdict: Verdict, parts: &VerdictParts) -> Decision {
        Decision { verdict, throttle: parts.throttle.min(MAX_THROTTLE) }
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
            Verdict::Veto => Some(Refusal::without_words(ReasonCode::NotAuthorized)),
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

/// What plugins hand over in the hooks that decide, on_auth apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct VerdictParts {
    pub(super) reason: Option<Box<str>>,
    /// Of several the longest.
    throttle: Duration,
    /// Which plugin of the chain is asked now.
    asked: usize,
    /// A bit for each that has throttled the client; the last is that of all that have none.
    throttled_by: u64,
}

impl VerdictParts {
    /// The next plugin of the chain is asked.
    pub(super) fn begin(&mut self, index: usize) {
        self.asked = index;
        // The words of a plugin before, which has let it pass.
        self.reason = None;
    }

    /// What the plugin that was asked last has said in words.
    pub(super) fn words(&self) -> Option<Box<str>> {
        self.reason.clone()
    }

    pub(super) fn has_throttled(&self) -> bool {
        self.throttled_by != 0
    }

    pub(super) fn is_throttled_by(&self, index: usize) -> bool {
        self.throttled_by & bit(index) != 0
    }
}

fn bit(index: usize) -> u64 {
    1 << index.min(63)
}

impl Parts for VerdictParts {
    fn take(&mut self, part: u32, value: &[u8]) -> i32 {
        match part {
            raw::ANSWER_REASON => match text(value) {
                Ok(reason) => self.reason = Some(reason).filter(|reason| !reason.is_empty()),
                Err(unfit) => return unfit,
            },
            raw::ANSWER_THROTTLE => match value.try_into().map(u32::from_ne_bytes) {
                Ok(milliseconds) => {
                    self.throttle = self.throttle.max(Duration::from_millis(milliseconds.into()));
                    self.throttled_by |= bit(self.asked);
                }
                Err(_) => return raw::UNFIT,
            },
            _ => return raw::UNKNOWN,
        }
        raw::TAKEN
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
    fn parts_are_taken_if_they_are_what_they_should_be() {
        let mut parts = VerdictParts::default();
        for (part, value, returned) in [
            (raw::ANSWER_REASON, &b"why"[..], raw::TAKEN),
            (raw::ANSWER_REASON, b"\xFF", raw::UNFIT),
            (raw::ANSWER_THROTTLE, &3u32.to_ne_bytes(), raw::TAKEN),
            (raw::ANSWER_THROTTLE, &2u32.to_ne_bytes(), raw::TAKEN),
            (raw::ANSWER_THROTTLE, &9u64.to_ne_bytes(), raw::UNFIT),
            (raw::ANSWER_THROTTLE, b"", raw::UNFIT),
            (raw::ANSWER_DATA, b"x", raw::UNKNOWN),
            (99, b"x", raw::UNKNOWN),
        ] {
            assert_eq!(parts.take(part, value), returned, "{part} {value:?}");
        }
        let throttle = Duration::from_millis(3);
        let reason = Some("why".into());
        let expected = VerdictParts { reason, throttle, asked: 0, throttled_by: 1 };
        assert_eq!(parts, expected);
    }

    #[test]
    fn nobody_waits_longer_than_a_minute() {
        let mut parts = VerdictParts::default();
        parts.take(raw::ANSWER_THROTTLE, &u32::MAX.to_ne_bytes());
        let decision = Decision::new(Verdict::Continue, &parts);
        assert_eq!(decision.throttle, Duration::from_secs(60));
    }
}
