//! A round of enhanced authentication, as a test makes it up.

use super::{
    AuthAnswer, Client,
    client::size,
    event::{Event, setters},
    parts::{self, Parts},
    rules::{self, Check, ensure},
};
use crate::raw::{self, EventPtr};

/// A round of enhanced authentication.
#[derive(Clone, Debug)]
pub struct Auth {
    client: Client,
    method: String,
    data: Option<Vec<u8>>,
    state: Vec<u8>,
    round: u16,
    reauthentication: bool,
    properties: Vec<u8>,
    odd: bool,
}

impl Auth {
    /// The first round by this method, without data, of the client `client`.
    pub fn by(method: impl Into<String>) -> Self {
        Auth {
            client: Client::default(),
            method: method.into(),
            data: None,
            state: Vec::new(),
            round: 1,
            reauthentication: false,
            properties: Vec::new(),
            odd: false,
        }
    }

    /// The round that comes after this one was answered so: it has the state that the plugin has kept, and
    /// no data yet.
    ///
    /// # Panics
    ///
    /// If the answer is no challenge: there is no other round then.
    #[track_caller]
    pub fn after(&self, answer: &AuthAnswer) -> Self {
        let AuthAnswer::Challenge { state, .. } = answer else {
            panic!("no round comes after {answer:?}");
        };
        let (round, state) = (self.round.saturating_add(1), state.clone());
        Auth { round, state, data: None, properties: Vec::new(), ..self.clone() }
    }

    /// The client has sent Authentication Data.
    pub fn data(self, data: impl AsRef<[u8]>) -> Self {
        Auth { data: Some(data.as_ref().to_vec()), ..self }
    }

    /// What the plugin has kept in the round before. [`after`](Self::after) fills it in.
    pub fn state(self, state: impl AsRef<[u8]>) -> Self {
        Auth { state: state.as_ref().to_vec(), ..self }
    }

    /// From 1. [`after`](Self::after) fills it in.
    pub fn round(self, round: u16) -> Self {
        Auth { round, ..self }
    }

    /// Whether the client is connected already.
    pub fn reauthentication(self, reauthentication: bool) -> Self {
        Auth { reauthentication, ..self }
    }

    setters! { client properties odd }

    /// The plugin has the exchange: it cannot say any more that it does not know the method.
    pub(super) fn is_taken(&self) -> bool {
        self.round > 1 || self.reauthentication
    }
}

impl Event for Auth {
    type Raw = raw::Auth<'static>;

    fn check(&self) -> Check {
        self.client.check()?;
        ensure(self.client.is_of_5(), || "enhanced authentication came with MQTT 5".into())?;
        rules::text("authentication method", &self.method)?;
        rules::bytes("authentication data", self.data.as_deref().unwrap_or_default())?;
        rules::bytes("state", &self.state)?;
        ensure((1..=MAX_ROUNDS).contains(&self.round), || {
            format!("there is no round {} of at most {MAX_ROUNDS}", self.round)
        })?;
        ensure(self.round > 1 || self.state.is_empty(), || {
            "there is no state in the first round".into()
        })?;
        rules::properties(&self.properties, &self.client)
    }

    fn is_odd(&self) -> bool {
        self.odd
    }

    fn send(&self, parts: &Parts, call: &mut dyn FnMut(EventPtr<Self::Raw>) -> i32) -> i32 {
        let client = self.client.raw();
        let event = raw::Auth {
            size: size::<raw::Auth<'_>>(),
            round: self.round,
            reauthentication: self.reauthentication.into(),
            has_data: self.data.is_some().into(),
            client: (&client).into(),
            method: raw::Text::new(&self.method),
            data: raw::View::new(self.data.as_deref().unwrap_or_default()),
            state: raw::View::new(&self.state),
            properties: raw::View::new(&self.properties),
            answer_ctx: parts.context(),
            answer: parts::take,
            origin: raw::ORIGIN_CLIENT.into(),
            asked_again: 0,
            source: raw::Text::new(""),
        };
        call(EventPtr::from(&event).cast())
    }
}

/// What the broker allows in an exchange.
const MAX_ROUNDS: u16 = 32;
