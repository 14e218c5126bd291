//! Why the broker does not do what a plugin wants.

use crate::raw;

/// Why the broker does not do what a plugin has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The broker has an earlier ABI.
    #[error("this broker has no such function")]
    NotOffered,
    /// A value cannot stand in its packet, or means nothing.
    #[error("a value cannot stand there")]
    Unfit,
    /// Nobody can wait for this hook; so it has to answer at once, where it is called.
    #[error("nobody can wait for this hook, so it cannot block")]
    CannotWait,
    /// The operator has not granted the capability (`capabilities:` of the plugin in `config.yml`).
    #[error(
        "the operator has not granted this to the plugin: see `capabilities:` and `shadow:` in config.yml"
    )]
    NotGranted,
    /// There is no room; later there may be.
    #[error("there is no room now")]
    Full,
    /// Hooks of plugins have led from one message to the next too often.
    #[error("too many messages have led to each other through plugins")]
    TooDeep,
    /// The broker stops.
    #[error("the broker stops")]
    Stopping,
    /// There is no such client, key or ticket.
    #[error("there is no such thing")]
    NotThere,
    /// An answer that this version of the crate does not know.
    #[error("the broker answers {0}")]
    Other(i32),
}

impl HostError {
    /// A number of at least 0 is fine.
    pub(crate) fn check(code: i32) -> Result<(), HostError> {
        Err(match code {
            0.. => return Ok(()),
            raw::UNKNOWN => HostError::NotOffered,
            raw::UNFIT => HostError::Unfit,
            raw::CLOSED => HostError::CannotWait,
            raw::NOT_GRANTED => HostError::NotGranted,
            raw::FULL => HostError::Full,
            raw::TOO_DEEP => HostError::TooDeep,
            raw::STOPPING => HostError::Stopping,
            raw::NOT_THERE => HostError::NotThere,
            code => HostError::Other(code),
        })
    }

    /// The same for a function that counts.
    pub(crate) fn check_count(code: i64) -> Result<u64, HostError> {
        u64::try_from(code)
            .or_else(|_| HostError::check(i32::try_from(code).unwrap_or(i32::MIN)).map(|()| 0))
    }
}
