//! What `on_auth` answers.

use std::fmt;

use crate::{Auth, answer::Answerable, raw};

/// The outcome of a round of enhanced authentication, and what goes to the client with it.
///
/// ```
/// # use plugin_abi::AuthVerdict;
/// let nonce = b"4711";
/// let ask = AuthVerdict::challenge(nonce).keeping(nonce);
/// let done = AuthVerdict::success().data(b"welcome").username("alice");
/// let no = AuthVerdict::refuse_with(0x86); // Bad User Name or Password
/// ```
#[must_use]
pub struct AuthVerdict {
    code: i32,
    parts: Vec<(u32, Vec<u8>)>,
}

impl AuthVerdict {
    /// The plugin does not know the method: the next one is asked. Only in the first round of a
    /// connection; later it is a failure.
    pub const fn not_mine() -> Self {
        AuthVerdict::of(raw::CONTINUE)
    }

    /// The client is refused as "not authorized".
    pub const fn refuse() -> Self {
        AuthVerdict::of(raw::VETO)
    }

    /// The client is refused with a reason code of MQTT 5 that is an error. Another one is a failure,
    /// which refuses the client too. A code that CONNACK, or DISCONNECT where the client is connected,
    /// cannot carry is replaced by the nearest.
    pub const fn refuse_with(reason_code: u8) -> Self {
        // Widened without `From`, which is not const. Codes below 0x80 refuse nothing.
        let code = reason_code as i32;
        AuthVerdict::of(if code < raw::REFUSED { raw::FAILED } else { code })
    }

    /// The client is asked for more; `data` is what it gets. The next round brings its answer.
    pub fn challenge(data: impl AsRef<[u8]>) -> Self {
        AuthVerdict::of(raw::CHALLENGE).data(data)
    }

    /// The client is authenticated. Say who it is with [`username`](Self::username): else hooks go on
    /// seeing the user name in CONNECT, which nobody has checked, and its session belongs to no user.
    pub const fn success() -> Self {
        AuthVerdict::of(raw::AUTHENTICATED)
    }

    /// The answer comes later, by the [`Later`](crate::Later) that the hook has taken from
    /// [`Host::later`](crate::Host::later); without one it is a failure.
    pub const fn pending() -> Self {
        AuthVerdict::of(raw::PENDING)
    }

    /// Sends Authentication Data with a challenge or a success: at most 65,535 bytes.
    pub fn data(self, data: impl AsRef<[u8]>) -> Self {
        self.part(raw::ANSWER_DATA, data.as_ref())
    }

    /// Keeps bytes until the next round of the exchange, where [`Auth::state`] has them: at most
    /// 65,535. The broker forgets them when the exchange ends, however it does.
    pub fn keeping(self, state: impl AsRef<[u8]>) -> Self {
        self.part(raw::ANSWER_STATE, state.as_ref())
    }

    /// With a success: the client's user name from now on, in place of the one in CONNECT, and the
    /// owner of its session. A client that authenticates again under another name is refused, as is
    /// one that had none.
    pub fn username(self, username: impl AsRef<str>) -> Self {
        self.part(raw::ANSWER_USERNAME, username.as_ref().as_bytes())
    }

    /// Tells the client in words; left out where it takes none. It tells a stranger what you write.
    pub fn reason(self, reason: impl AsRef<str>) -> Self {
        self.part(raw::ANSWER_REASON, reason.as_ref().as_bytes())
    }

    const fn of(code: i32) -> Self {
        AuthVerdict { code, parts: Vec::new() }
    }

    fn part(mut self, part: u32, value: &[u8]) -> Self {
        self.parts.push((part, value.to_vec()));
        self
    }

    /// The number that crosses the border, and what is handed over with it.
    pub(crate) fn parts(&self) -> (i32, &[(u32, Vec<u8>)]) {
        (self.code, &self.parts)
    }

    /// Hands the parts to the broker, and returns the number that crosses the border.
    pub(crate) fn give(self, event: &Auth<'_>) -> i32 {
        if let Some(answer) = event.answer() {
            for (part, value) in &self.parts {
                answer.give(*part, value);
            }
        }
        self.code
    }
}

/// What is told to the client, and what is kept, stays out of logs.
impl fmt::Debug for AuthVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthVerdict").field("code", &self.code).finish_non_exhaustive()
    }
}
