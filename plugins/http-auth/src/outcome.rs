//! What came of asking: what the service wants, in a form that can be kept.

use std::{fmt, time::Duration};

use plugin_abi::Verdict;

/// What the service has decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allow { throttle: Option<Duration> },
    Deny { code: u8, reason: String },
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Verdict {
        match decision {
            Decision::Allow { throttle: None } => Verdict::Continue,
            Decision::Allow { throttle: Some(wait) } => Verdict::Throttle(wait),
            Decision::Deny { code, reason } => Verdict::refuse_with(code).reason(reason),
        }
    }
}

/// Why there is no decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The service did not answer in time.
    Late,
    /// There is no connection, or it broke.
    Unreachable(String),
    /// An answer that decides nothing.
    Nonsense(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Late => f.write_str("no answer in time"),
            Failure::Unreachable(why) => write!(f, "cannot be asked: {why}"),
            Failure::Nonsense(what) => write!(f, "an answer that decides nothing: {what}"),
        }
    }
}
