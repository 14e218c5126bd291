//! What plugins may call beside what every plugin may. A plugin asks for it in its manifest, and the
//! operator grants it in the config.

use std::fmt;

/// Leave to call some functions of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// To publish messages.
    Publish,
    /// To disconnect clients.
    Kick,
    /// To subscribe and unsubscribe for clients.
    Subscribe,
    /// To be shown clients, sessions and subscriptions.
    ReadClients,
    /// To be shown retained messages.
    ReadRetained,
    /// To set and clear retained messages.
    WriteRetained,
    /// To have a durable store.
    Kv,
    /// To connect to others. It is for the operator to know: the broker cannot keep a plugin that runs
    /// in its process from it.
    Network,
}

/// All of them, by the names that manifests and configs have.
const ALL: [(&str, Capability); 8] = [
    ("publish", Capability::Publish),
    ("kick", Capability::Kick),
    ("subscribe", Capability::Subscribe),
    ("read-clients", Capability::ReadClients),
    ("read-retained", Capability::ReadRetained),
    ("write-retained", Capability::WriteRetained),
    ("kv", Capability::Kv),
    ("network", Capability::Network),
];

impl Capability {
    /// The capability of that name.
    pub fn named(name: &str) -> Option<Capability> {
        ALL.iter().find(|(known, _)| *known == name).map(|(_, capability)| *capability)
    }

    fn name(self) -> &'static str {
        ALL.iter().find(|(_, known)| *known == self).map_or("?", |(name, _)| name)
    }

    /// The names of all, in their order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(|(name, _)| *name)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    bits: u32,
}

impl Capabilities {
    /// Whether `capability` is one of them.
    pub fn has(self, capability: Capability) -> bool {
        self.bits & 1 << capability as u32 != 0
    }

    /// Puts one in.
    pub fn insert(&mut self, capability: Capability) {
        self.bits |= 1 << capability as u32;
    }

    /// Their names, in an order of their own.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        ALL.iter().filter(move |(_, it)| self.has(*it)).map(|(name, _)| *name)
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<T: IntoIterator<Item = Capability>>(all: T) -> Capabilities {
        let mut capabilities = Capabilities::default();
        all.into_iter().for_each(|capability| capabilities.insert(capability));
        capabilities
    }
}

/// As `publish, kick`, or `nothing`.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names().collect::<Vec<_>>().as_slice() {
            [] => f.write_str("nothing"),
            names => f.write_str(&names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name_and_stands_alone() {
        for (index, name) in Capability::names().enumerate() {
            let capability = Capability::named(name).unwrap();
            assert_eq!(capability as usize, index);
            let one = Capabilities::from_iter([capability]);
            assert_eq!((one.to_string().as_str(), one.bits), (name, 1 << index));
        }
        assert_eq!(Capability::named("root"), None);
        assert_eq!(Capabilities::default().to_string(), "nothing");
    }
}
