//! What `on_auth` has answered, as the broker understands it.

use super::running::Panic;
use super::{Auth, answer::Panicked};
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
        let Some(Known { data, state, username, reason }) = Known::new(parts) else {
            return match code {
                raw::CHALLENGE | raw::AUTHENTICATED => {
                    AuthAnswer::Failed("its answer fits no packet".to_owned())
                }
                code => AuthAnswer::of(code, &[]),
            };
        };
        match code {
            raw::CONTINUE => AuthAnswer::NotMine,
            raw::CHALLENGE => AuthAnswer::Challenge { data, state, reason },
            raw::AUTHENTICATED => AuthAnswer::Success { data, username, reason },
            raw::VETO => AuthAnswer::Refused { reason_code: NOT_AUTHORIZED, reason },
            code => match u8::try_from(code) {
                Ok(reason_code) if IN_CONNACK.contains(&reason_code) => {
                    AuthAnswer::Refused { reason_code, reason }
                }
                _ => AuthAnswer::Failed(format!("it answered {code}, which refuses nobody")),
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

#[derive(Default)]
struct Known {
    data: Option<Vec<u8>>,
    state: Vec<u8>,
    username: Option<String>,
    reason: Option<String>,
}

impl Known {
    /// None if one of them fits no packet.
    fn new(parts: &[(u32, Vec<u8>)]) -> Option<Known> {
        let mut all = Known::default();
        for (part, value) in parts {
            if value.len() > usize::from(u16::MAX) {
                return None;
            }
            match *part {
                raw::ANSWER_DATA => all.data = Some(value.clone()),
                raw::ANSWER_STATE => all.state.clone_from(value),
                raw::ANSWER_USERNAME => all.username = Some(text(value)?),
                raw::ANSWER_REASON => all.reason = Some(text(value)?),
                _ => {}
            }
        }
        Some(all)
    }
}

fn text(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    (!text.contains('\0')).then(|| text.to_owned())
}

const NOT_AUTHORIZED: u8 = 0x87;

/// The errors that CONNACK can carry (MQTT 5, section 3.2.2.2).
const IN_CONNACK: [u8; 21] = [
    0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99,
    0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
];
