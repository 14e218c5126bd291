//! What a plugin wants to be called for.

use super::{Host, HostError};
use crate::raw::{self, View};

/// Narrows what a plugin is called for; what nobody wants never leaves the broker. It is made in
/// [`bootstrap`](crate::Plugin::bootstrap), by [`Host::interest`], and counts from then on.
///
/// A hook that decides is not asked about what the plugin has no interest in, which so goes on.
#[derive(Clone, Copy, Debug)]
pub struct Interest<'a> {
    host: Host,
    hook: &'a str,
}

impl Host {
    /// The interest in one hook, by its name: `on_before_publish`. An empty name is all hooks.
    pub fn interest<'a>(&self, hook: &'a str) -> Interest<'a> {
        Interest { host: *self, hook }
    }
}

impl Interest<'_> {
    /// Messages, wills and subscriptions that match this filter; several add up. A subscription matches if
    /// it can get a message that does.
    ///
    /// # Errors
    ///
    /// [`HostError::Unfit`] if it is no topic filter, or there is no such hook.
    pub fn topic(self, filter: &str) -> Result<Self, HostError> {
        self.declare(raw::INTEREST_TOPIC, filter)
    }

    /// Clients of this listener, as `tcp://127.0.0.1:1883`; several add up.
    ///
    /// # Errors
    ///
    /// [`HostError::Unfit`] if there is no such hook.
    pub fn listener(self, listener: &str) -> Result<Self, HostError> {
        self.declare(raw::INTEREST_LISTENER, listener)
    }

    /// Payloads need not be shown; they are empty, and their length is in `payload_len`.
    ///
    /// # Errors
    ///
    /// [`HostError::Unfit`] if there is no such hook.
    pub fn without_payload(self) -> Result<Self, HostError> {
        self.declare(raw::INTEREST_NO_PAYLOAD, "")
    }

    fn declare(self, kind: u32, value: &str) -> Result<Self, HostError> {
        let function = self.host.api.interest().ok_or(HostError::NotOffered)?;
        let [hook, value] = [self.hook, value].map(|text| View::new(text.as_bytes()));
        // SAFETY: the context is the one that came with this table; the views live for the call.
        HostError::check(unsafe { function(self.host.context, hook, kind, value) })?;
        Ok(self)
    }
}
