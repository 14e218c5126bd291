//! What came of a call, as the broker sees it.

use std::{fmt, time::Duration};

use super::{edits::Edits, parts::Known, running::Panic};
use crate::{Verdict, raw};

/// What a deciding hook has answered. Equal to the [`Verdict`] that says it:
/// `assert_eq!(plugin.on_before_publish(&event), Verdict::refuse_with(0x87).reason("not yours"))`.
///
/// What the broker makes of a failure is said in the documentation of [`Plugin`](crate::Plugin): most
/// hooks have then refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Answer {
    /// The event goes on.
    Continue,
    /// The event goes on as it has become.
    Changed(Box<Edits>),
    /// The event does not happen.
    Veto,
    /// The event does not happen, and the client is told.
    Refused {
        /// A reason code of MQTT 5, as the plugin has it: a packet that cannot carry it says the nearest.
        reason_code: u8,
        /// Reason String.
        reason: Option<String>,
    },
    /// The event goes on, and then the client is not read for so long.
    Throttled(Duration),
    /// The answer comes later.
    Pending,
    /// The hook panicked, with this message.
    Panicked(String),
    /// The hook failed in another way: what the broker's log would say.
    Failed(String),
}

impl Answer {
    pub(super) fn new(code: i32, parts: &[(u32, Vec<u8>)], panic: Option<Panic>) -> Self {
        let Known { reason, throttle, .. } = Known::new(parts);
        match code {
            raw::CONTINUE => match Edits::new(parts) {
                edits if edits == Edits::default() => {
                    throttle.map_or(Answer::Continue, Answer::Throttled)
                }
                edits => Answer::Changed(Box::new(edits)),
            },
            raw::VETO => Answer::Veto,
            raw::PENDING => Answer::Pending,
            raw::PANICKED => Answer::Panicked(Panicked::new(panic).0),
            code => match refusal(code) {
                Some(reason_code) => Answer::Refused { reason_code, reason },
                None => Answer::Failed(format!("it answered {code}, which refuses nothing")),
            },
        }
    }
}

impl Answer {
    /// What the hook has changed.
    ///
    /// # Panics
    ///
    /// If it has changed nothing, or has not let the event go on.
    #[track_caller]
    pub fn edits(&self) -> &Edits {
        match self {
            Answer::Changed(edits) => edits,
            other => panic!("nothing is changed: {other:?}"),
        }
    }
}

impl PartialEq<Verdict> for Answer {
    fn eq(&self, verdict: &Verdict) -> bool {
        *self
            == match verdict {
                Verdict::Continue => Answer::Continue,
                Verdict::Veto => Answer::Veto,
                Verdict::Refuse { code, .. } if *code < 0x80 => Answer::new(raw::FAILED, &[], None),
                Verdict::Refuse { code, reason } => {
                    let reason = reason.as_bytes().to_vec();
                    Answer::new((*code).into(), &[(raw::ANSWER_REASON, reason)], None)
                }
                Verdict::Throttle(wait) => {
                    let wait = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
                    let wait = wait.to_ne_bytes().to_vec();
                    Answer::new(raw::CONTINUE, &[(raw::ANSWER_THROTTLE, wait)], None)
                }
                Verdict::Pending => Answer::Pending,
            }
    }
}

/// The reason code that a number stands for, if it is an error of MQTT 5.
pub(super) fn refusal(code: i32) -> Option<u8> {
    u8::try_from(code).ok().filter(|code| (0x80..=0xA2).contains(code))
}

/// A call that the plugin did not survive: the message of its panic. Where it was is in the logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked(pub String);

impl Panicked {
    pub(super) fn new(panic: Option<Panic>) -> Self {
        Panicked(panic.map_or_else(|| "a panic that was not reported".into(), |it| it.message))
    }

    /// Of a hook that does not decide.
    pub(super) fn check(
        code: i32,
        _: &[(u32, Vec<u8>)],
        panic: Option<Panic>,
    ) -> Result<(), Panicked> {
        if code == raw::CONTINUE { Ok(()) } else { Err(Panicked::new(panic)) }
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it panicked: {}", self.0)
    }
}

impl std::error::Error for Panicked {}

/// Why a plugin did not start. As text, it is what the broker prints behind
/// `config.yml:19: plugin NAME (FILE) cannot be loaded: `.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// `bootstrap` returned this error.
    Refused(String),
    /// `bootstrap` panicked: file, line and message.
    Panicked(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Refused(why) => write!(f, "it refused to start: {why}"),
            StartError::Panicked(why) => write!(f, "it panicked while starting: {why}"),
        }
    }
}

impl std::error::Error for StartError {}
