//! What a plugin notes at clients.

use std::sync::Arc;

use super::{Account, Declined};
use crate::session::{Attributes, Scope, Seen};

impl Account {
    /// An empty value removes what was noted.
    pub(crate) fn note(
        &self,
        client_id: &str,
        scope: Scope,
        key: &str,
        value: &[u8],
    ) -> Result<(), Declined> {
        let Seen { session, is_owned, .. } = self.look_up(client_id)?;
        if scope == Scope::Connection && !is_owned {
            return Err(Declined::NotThere);
        }
        let max_bytes = self.services()?.limits.max_attribute_bytes;
        let mut attributes = session.attributes.lock();
        let noted: &mut Attributes = attributes.get_or_insert_default();
        let has_room = noted.set(&self.name, scope, key, value, max_bytes);
        if noted.is_empty() {
            *attributes = None;
        }
        if has_room { Ok(()) } else { Err(Declined::Full) }
    }

    pub(crate) fn noted(
        &self,
        client_id: &str,
        scope: Scope,
        key: &str,
    ) -> Result<Arc<[u8]>, Declined> {
        let session = self.find(client_id)?;
        let attributes = session.attributes.lock();
        let value = attributes.as_ref().and_then(|noted| noted.get(&self.name, scope, key));
        value.ok_or(Declined::NotThere)
    }
}
