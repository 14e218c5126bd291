//! Why a token is refused.

use plugin_abi::Verdict;

use crate::{BAD_USER_NAME_OR_PASSWORD, NOT_AUTHORIZED};

/// For the log; a client hears less.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("it is no signed token, or its algorithm is not known")]
    Malformed,
    #[error("it asks for an extension (crit) that is not known")]
    Critical,
    #[error("no key is for {0} and its key id")]
    NoKey(String),
    #[error("its signature is wrong")]
    Signature,
    #[error("{EXPIRED}")]
    Expired,
    #[error("it is not valid yet")]
    NotYet,
    #[error("its claim `{0}` is missing or not as it has to be")]
    Claim(String),
}

pub(crate) const EXPIRED: &str = "the token has expired";

impl Refused {
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Refused::Expired => Verdict::refuse_with(NOT_AUTHORIZED).reason(EXPIRED),
            _ => Verdict::refuse_with(BAD_USER_NAME_OR_PASSWORD),
        }
    }
}
