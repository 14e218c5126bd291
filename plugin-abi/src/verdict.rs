//! What a deciding hook answers.

use crate::raw;

/// The answer of a hook that may stop an event. `true` and `false` stand for the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The event goes on to the next plugin, and then happens.
    Continue,
    /// The event does not happen; later plugins are not asked.
    Veto,
}

impl Verdict {
    /// The number that crosses the border.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Verdict::Continue => raw::CONTINUE,
            Verdict::Veto => raw::VETO,
        }
    }
}

impl From<bool> for Verdict {
    fn from(go_on: bool) -> Self {
        if go_on { Verdict::Continue } else { Verdict::Veto }
    }
}
