//! What a plugin keeps: attributes of clients, and a durable store of its own.

use std::ffi::c_void;

use super::{Host, HostError};
use crate::raw::{self, View, VisitPair};

/// How long an attribute is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// As long as the connection.
    Connection,
    /// As long as the session.
    Session,
}

impl Scope {
    pub(crate) const fn to_raw(self) -> u32 {
        match self {
            Scope::Connection => raw::ATTRIBUTE_OF_CONNECTION,
            Scope::Session => raw::ATTRIBUTE_OF_SESSION,
        }
    }
}

impl Host {
    /// Notes something at a client, for this plugin alone. An empty value removes it. In memory.
    ///
    /// # Errors
    ///
    /// [`HostError::NotThere`] if there is no such client, [`HostError::Full`] above
    /// `limits.max_attribute_bytes`.
    pub fn set_attribute(
        &self,
        client_id: &str,
        scope: Scope,
        key: &str,
        value: impl AsRef<[u8]>,
    ) -> Result<(), HostError> {
        let function = self.api.attribute_set().ok_or(HostError::NotOffered)?;
        let [client_id, key] = [client_id, key].map(|text| View::new(text.as_bytes()));
        let value = View::new(value.as_ref());
        // SAFETY: the context is the one that came with this table; the views live for the call.
        HostError::check(unsafe { function(self.context, client_id, scope.to_raw(), key, value) })
    }

    /// What was noted at a client.
    ///
    /// # Errors
    ///
    /// [`HostError::NotThere`] if nothing was, or there is no such client.
    pub fn attribute(
        &self,
        client_id: &str,
        scope: Scope,
        key: &str,
    ) -> Result<Vec<u8>, HostError> {
        let function = self.api.attribute_get().ok_or(HostError::NotOffered)?;
        let [client_id, key] = [client_id, key].map(|text| View::new(text.as_bytes()));
        self.value(|user, visit| {
            // SAFETY: as above; `visit` takes `user`.
            unsafe { function(self.context, client_id, scope.to_raw(), key, user, visit) }
        })
    }

    /// Puts a value into the plugin's store, which survives restarts of the broker and reloads of the
    /// plugin. It is there at once and waits for no disk: what survives a crash, some milliseconds later, is
    /// what `durability` of the config says, and with `memory` as much as with `fsync`. Needs the
    /// capability `kv`.
    ///
    /// # Errors
    ///
    /// [`HostError::Full`] above `limits.max_kv_bytes`, for a pair above 64 MiB, and when a disk that takes
    /// nothing has too many keys waiting.
    pub fn kv_set(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<(), HostError> {
        self.kv_set_for(key, value, 0)
    }

    /// As [`kv_set`](Self::kv_set), and forgets it after so many seconds; 0 is never.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn kv_set_for(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        seconds: u32,
    ) -> Result<(), HostError> {
        let function = self.api.kv_set().ok_or(HostError::NotOffered)?;
        let (key, value) = (View::new(key.as_ref()), View::new(value.as_ref()));
        // SAFETY: as above.
        HostError::check(unsafe { function(self.context, key, value, seconds) })
    }

    /// The value of a key. Needs the capability `kv`.
    ///
    /// # Errors
    ///
    /// [`HostError::NotThere`] if there is none.
    pub fn kv(&self, key: impl AsRef<[u8]>) -> Result<Vec<u8>, HostError> {
        let function = self.api.kv_get().ok_or(HostError::NotOffered)?;
        let key = View::new(key.as_ref());
        // SAFETY: as above; `visit` takes `user`.
        self.value(|user, visit| unsafe { function(self.context, key, user, visit) })
    }

    /// Removes a key. Needs the capability `kv`.
    ///
    /// # Errors
    ///
    /// [`HostError::NotThere`] if there is none.
    pub fn kv_remove(&self, key: impl AsRef<[u8]>) -> Result<(), HostError> {
        let function = self.api.kv_remove().ok_or(HostError::NotOffered)?;
        // SAFETY: as above.
        HostError::check(unsafe { function(self.context, View::new(key.as_ref())) })
    }

    /// Shows the pairs whose keys begin so, in the order of the keys, until `show` returns `false`. Returns
    /// how many. Needs the capability `kv`.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    pub fn kv_each(
        &self,
        prefix: impl AsRef<[u8]>,
        mut show: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<u64, HostError> {
        let function = self.api.kv_each().ok_or(HostError::NotOffered)?;
        let mut show: &mut dyn FnMut(&[u8], &[u8]) -> bool = &mut show;
        let (prefix, visit) = (View::new(prefix.as_ref()), VisitPair { visit: show_pair });
        // SAFETY: `show_pair` takes what it is passed, which lives for the call.
        let count = unsafe { function(self.context, prefix, (&raw mut show).cast(), visit) };
        HostError::check_count(count)
    }
}

/// # Safety
///
/// `user` is the place that [`Host::kv_each`] has passed.
unsafe extern "C" fn show_pair(user: *mut c_void, key: View<'_>, value: View<'_>) -> i32 {
    super::visit(|| {
        // SAFETY: the caller's promise.
        let show = unsafe { &mut *user.cast::<&mut dyn FnMut(&[u8], &[u8]) -> bool>() };
        show(key.as_bytes(), value.as_bytes())
    })
}
