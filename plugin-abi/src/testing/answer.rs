//! What came of a call, as the broker sees it.

use std::fmt;

use super::running::Panic;
use crate::raw;

/// What a deciding hook has answered.
///
/// What the broker makes of a failure is said in the documentation of [`Plugin`](crate::Plugin): most
/// hooks have then refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Answer {
    /// The event goes on.
    Continue,
    /// The event does not happen.
    Veto,
    /// The hook panicked, with this message.
    Panicked(String),
    /// The hook failed in another way: what the broker's log would say.
    Failed(String),
}

impl Answer {
    pub(super) fn new(code: i32, panic: Option<Panic>) -> Self {
        match code {
            raw::CONTINUE => Answer::Continue,
            raw::VETO => Answer::Veto,
            raw::PANICKED => Answer::Panicked(Panicked::new(panic).0),
            code => Answer::Failed(format!("it answered {code}")),
        }
    }
}

/// A call that the plugin did not survive: the message of its panic. Where it was is in the logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked(pub String);

impl Panicked {
    pub(super) fn new(panic: Option<Panic>) -> Self {
        Panicked(panic.map_or_else(|| "a panic that was not reported".into(), |it| it.message))
    }

    /// Of a hook that does not decide.
    pub(super) fn check(code: i32, panic: Option<Panic>) -> Result<(), Panicked> {
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
