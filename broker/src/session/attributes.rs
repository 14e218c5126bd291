//! What plugins have noted at a session, each for itself.

use std::sync::Arc;

/// How long it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Connection,
    Session,
}

#[derive(Default)]
pub(crate) struct Attributes {
    all: Vec<Attribute>,
    bytes: usize,
}

struct Attribute {
    plugin: Arc<str>,
    scope: Scope,
    key: Box<str>,
    value: Arc<[u8]>,
}

impl Attributes {
    /// Notes a value, or removes it if it is empty. Returns whether there was room.
    pub(crate) fn set(
        &mut self,
        plugin: &Arc<str>,
        scope: Scope,
        key: &str,
        value: &[u8],
        max_bytes: usize,
    ) -> bool {
        let at = self.all.iter().position(|it| it.is(plugin, scope, key));
        let before = at.and_then(|at| self.all.get(at)).map_or(0, Attribute::size);
        let left = self.bytes - before;
        if value.is_empty() {
            at.map(|at| self.all.swap_remove(at));
            self.bytes = left;
            return true;
        }
        let plugin = plugin.clone();
        let attribute = Attribute { plugin, scope, key: key.into(), value: value.into() };
        if left + attribute.size() > max_bytes {
            return false;
        }
        self.bytes = left + attribute.size();
        match at.and_then(|at| self.all.get_mut(at)) {
            Some(known) => *known = attribute,
            None => self.all.push(attribute),
        }
        true
    }

    pub(crate) fn get(&self, plugin: &str, scope: Scope, key: &str) -> Option<Arc<[u8]>> {
        let found = self.all.iter().find(|it| it.is(plugin, scope, key));
        found.map(|attribute| attribute.value.clone())
    }

    /// The connection is over.
    pub(crate) fn end_connection(&mut self) {
        self.all.retain(|attribute| attribute.scope == Scope::Session);
        self.bytes = self.all.iter().map(Attribute::size).sum();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

impl Attribute {
    fn is(&self, plugin: &str, scope: Scope, key: &str) -> bool {
        *self.plugin == *plugin && self.scope == scope && *self.key == *key
    }

    fn size(&self) -> usize {
        self.key.len() + self.value.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plugin_has_its_own_within_one_bound() {
        let mut attributes = Attributes::default();
        let [one, other] = ["one", "other"].map(Arc::<str>::from);
        assert!(attributes.set(&one, Scope::Connection, "k", b"1", 6));
        assert!(attributes.set(&other, Scope::Connection, "k", b"2", 6));
        assert!(attributes.set(&one, Scope::Session, "k", b"3", 6));
        assert!(!attributes.set(&one, Scope::Session, "k", b"34", 6));
        assert!(attributes.set(&other, Scope::Connection, "k", b"4", 6));
        let get = |attributes: &Attributes, plugin, scope| {
            attributes.get(plugin, scope, "k").map(|value| value.to_vec())
        };
        assert_eq!(get(&attributes, "one", Scope::Connection), Some(b"1".to_vec()));
        assert_eq!(get(&attributes, "other", Scope::Connection), Some(b"4".to_vec()));
        assert!(attributes.set(&other, Scope::Connection, "k", b"", 6));
        assert_eq!(get(&attributes, "other", Scope::Connection), None);
        attributes.end_connection();
        assert_eq!(get(&attributes, "one", Scope::Connection), None);
        assert_eq!(get(&attributes, "one", Scope::Session), Some(b"3".to_vec()));
        assert_eq!(attributes.bytes, 2);
        assert!(attributes.set(&one, Scope::Session, "k", b"", 0) && attributes.is_empty());
    }
}
