//! What `on_auth` has answered, as the broker understands it.

use super::running::Panic;
use super::{
    Auth,
    answer::{Panicked, refusal},
    parts::Known,
};
use crate::{AuthVerdict, raw};

/// What [`on_auth`](crate::Plugin::on_auth) has answered. Equal to the [`AuthVerdict`] that says it:
/// `assert_eq!(plugin.on_auth(&round), AuthVerdict::success().username("alice"))`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum AuthAnswer {
    /// The next plugin is asked.
    NotMine,
    /// The client is asked for more.
    Challenge {
        /// Authentication Data for the client.
        data: Option<Vec<u8>>,
        /// What the plugin is given back in the next round; see [`Auth::after`].
        state: Vec<u8>,
        /// Reason String.
        reason: Option<String>,
    },
    /// The client is who it says.
    Success {
        /// Authentication Data for the client.
        data: Option<Vec<u8>>,
        /// The client's user name from now on.
        username: Option<String>,
        /// Reason String.
        reason: Option<String>,
    },
    /// The client is refused.
    Refused {
        /// A reason code of MQTT 5.
        reason_code: u8,
        /// Reason String.
        reason: Option<String>,
    },
    /// The answer comes later.
    Pending,
    /// The hook panicked, with this message; the client is refused.
    Panicked(String),
    /// The answer means nothing, and the client is refused: what the broker's log would say.
    Failed(String),
}

impl AuthAnswer {
    pub(super) fn new(
        event: &Auth,
        code: i32,
        parts: &[(u32, Vec<u8>)],
        panic: Option<Panic>,
    ) -> Self {
        match code {
            raw::PANICKED => AuthAnswer::Panicked(Panicked::new(panic).0),
            raw::CONTINUE if event.is_taken() => AuthAnswer::Failed(
                "it answered continue (1) in an exchange that it has taken".to_owned(),
            ),
            code => AuthAnswer::of(code, parts),
        }
    }

    fn of(code: i32, parts: &[(u32, Vec<u8>)]) -> Self {
        let Known { data, state, username, reason, is_fit, .. } = Known::new(parts);
        match code {
            raw::CONTINUE => AuthAnswer::NotMine,
            raw::PENDING => AuthAnswer::Pending,
            raw::CHALLENGE | raw::AUTHENTICATED if !is_fit => {
                AuthAnswer::Failed("its answer fits no packet".to_owned())
            }
            raw::CHALLENGE => AuthAnswer::Challenge { data, state, reason },
            raw::AUTHENTICATED => AuthAnswer::Success { data, username, reason },
            raw::VETO => AuthAnswer::Refused { reason_code: NOT_AUTHORIZED, reason },
            code => match refusal(code) {
                Some(reason_code) => AuthAnswer::Refused { reason_code, reason },
                None => AuthAnswer::Failed(format!("it answered {code}, which refuses nobody")),
            },
        }
    }
}

impl PartialEq<AuthVerdict> for AuthAnswer {
    fn eq(&self, verdict: &AuthVerdict) -> bool {
        let (code, parts) = verdict.parts();
        *self == AuthAnswer::of(code, parts)
    }
}

const NOT_AUTHORIZED: u8 = 0x87;
