//! on_session: a session has begun, ended, or found its client again.

use plugin_abi::raw;

use super::client::size;
use super::{Client, Hooks, Origin};

/// What has become of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionChange {
    /// There was none before.
    Created,
    /// Its client is back.
    Resumed,
    /// Another connection has come with the client id.
    TakenOver,
    /// Its client has not come back in time.
    Expired,
    /// It is gone with its connection, or by a clean start.
    Deleted,
}

impl Hooks {
    /// A session is not what it was.
    #[inline]
    pub fn on_session(&self, client: &Client<'_>, change: SessionChange, origin: Origin<'_>) {
        if self.on_session.is_empty() {
            return;
        }
        let client = client.to_raw();
        self.on_session.tell(&raw::Session {
            size: size::<raw::Session<'_>>(),
            change: match change {
                SessionChange::Created => raw::SESSION_CREATED,
                SessionChange::Resumed => raw::SESSION_RESUMED,
                SessionChange::TakenOver => raw::SESSION_TAKEN_OVER,
                SessionChange::Expired => raw::SESSION_EXPIRED,
                SessionChange::Deleted => raw::SESSION_DELETED,
            },
            client: (&client).into(),
            origin: origin.to_raw().into(),
            reserved: 0,
            source: origin.source(),
        });
    }
}
