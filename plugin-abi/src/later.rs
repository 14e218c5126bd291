//! An answer that comes later, from any thread. Since 1.1.

use crate::{
    auth_verdict::AuthVerdict,
    host::{Host, HostError},
    property::Property,
    raw::{self, Part, View},
    verdict::Verdict,
};

/// A hook's answer that is still to come. The client that it is about waits, and nobody else.
///
/// [`Host::later`] makes it while the hook runs, which then returns [`Verdict::Pending`]. One that is dropped
/// without an answer has failed, and so has one whose deadline passes.
#[must_use = "dropped, it answers that the hook has failed"]
#[derive(Debug)]
pub struct Later {
    host: Host,
    ticket: u64,
    parts: Vec<(u32, Vec<u8>)>,
}

impl Later {
    pub(crate) fn new(host: Host, ticket: u64) -> Self {
        Later { host, ticket, parts: Vec::new() }
    }

    /// Answers. Any thread; does not block.
    ///
    /// # Errors
    ///
    /// [`HostError::NotThere`]: it comes too late, or the client is gone. Nothing needs to be done then.
    pub fn complete(mut self, verdict: impl Into<Verdict>) -> Result<(), HostError> {
        let code = verdict.into().number(&mut self.parts);
        self.send(code)
    }

    /// As [`complete`](Later::complete), for on_auth.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn complete_auth(mut self, verdict: &AuthVerdict) -> Result<(), HostError> {
        let (code, parts) = verdict.parts();
        self.parts.extend_from_slice(parts);
        self.send(code)
    }

    /// Has the event changed in this way if the answer lets it go on: [`Publish::set_topic`] and its
    /// like. A value that cannot stand there makes the answer a failure.
    ///
    /// [`Publish::set_topic`]: crate::Publish::set_topic
    pub fn set(mut self, change: Change<'_>) -> Self {
        self.parts.push(change.part());
        self
    }

    fn send(&mut self, code: i32) -> Result<(), HostError> {
        let ticket = std::mem::take(&mut self.ticket);
        let parts: Vec<Part<'_>> = self
            .parts
            .iter()
            .map(|(part, value)| Part { part: *part, reserved: 0, value: View::new(value) })
            .collect();
        self.host.complete(ticket, code, &parts)
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        if self.ticket != 0 {
            // Too late is as good.
            let _ = self.send(raw::FAILED);
        }
    }
}

/// A change of an event whose answer comes later.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Change<'a> {
    /// The topic of a message.
    Topic(&'a str),
    /// The payload of a message.
    Payload(&'a [u8]),
    /// The QoS of a message.
    QoS(u8),
    /// Whether a message is retained.
    Retain(bool),
    /// Whether a message is kept as the broker would; see [`Publish::set_kept`](crate::Publish::set_kept).
    Kept(bool),
    /// A property of a message.
    Property(Property<'a>),
    /// The filter of a subscription.
    Filter(&'a str),
    /// The client id of who connects.
    ClientId(&'a str),
    /// The user name of who connects.
    Username(&'a str),
    /// Seconds that the session of who connects outlives the connection.
    SessionExpiry(u32),
    /// Keep alive of who connects, in seconds.
    KeepAlive(u16),
    /// A property for CONNACK.
    Tell(Property<'a>),
}

impl Change<'_> {
    fn part(self) -> (u32, Vec<u8>) {
        match self {
            Change::Topic(topic) => (raw::ANSWER_TOPIC, topic.into()),
            Change::Payload(payload) => (raw::ANSWER_PAYLOAD, payload.into()),
            Change::QoS(qos) => (raw::ANSWER_QOS, vec![qos]),
            Change::Retain(retain) => (raw::ANSWER_RETAIN, vec![retain.into()]),
            Change::Kept(kept) => (raw::ANSWER_KEPT, vec![kept.into()]),
            Change::Property(property) => (raw::ANSWER_SET_PROPERTY, property.encode()),
            Change::Filter(filter) => (raw::ANSWER_FILTER, filter.into()),
            Change::ClientId(client_id) => (raw::ANSWER_CLIENT_ID, client_id.into()),
            Change::Username(username) => (raw::ANSWER_USERNAME, username.into()),
            Change::SessionExpiry(seconds) => {
                (raw::ANSWER_SESSION_EXPIRY, seconds.to_ne_bytes().into())
            }
            Change::KeepAlive(seconds) => (raw::ANSWER_KEEP_ALIVE, seconds.to_ne_bytes().into()),
            Change::Tell(property) => (raw::ANSWER_CONNACK_PROPERTY, property.encode()),
        }
    }
}
