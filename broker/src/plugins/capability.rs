//! What a plugin may use of the broker, as the operator has granted it.

/// Something that the operator can grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Capability {
    /// To publish messages, to all or to one client.
    Publish,
    /// To end connections and sessions.
    Kick,
    /// To subscribe and unsubscribe for clients.
    Subscribe,
    /// To see clients and their subscriptions.
    ReadClients,
    /// To see retained messages.
    ReadRetained,
    /// To set and clear retained messages.
    WriteRetained,
    /// To keep a store of its own.
    Kv,
}

/// A set of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capabilities(u8);

impl Capabilities {
    pub(crate) const ALL: Capabilities = Capabilities(u8::MAX);

    pub(crate) const fn has(self, capability: Capability) -> bool {
        self.0 & 1 << capability as u8 != 0
    }
}
