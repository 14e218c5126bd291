//! Publishing, and what is retained.

use std::{ffi::c_void, ptr::NonNull};

use super::{Host, HostError};
use crate::{
    message::{Message, RetainedMessage},
    raw::{self, EventPtr, View, VisitMessage},
};

impl Host {
    /// Publishes a message, to whom it may concern. Other plugins are asked, and told that it comes from this
    /// one; so is this one, if it has the hook. Needs the capability `publish`, and `write-retained` too if it is
    /// to be retained.
    ///
    /// # Errors
    ///
    /// [`HostError::TooDeep`] in a hook, if that was called for a message that came about in the same way so
    /// often (`plugin_publish_depth` in `config.yml`); [`HostError::Unfit`] if it is no message.
    pub fn publish(&self, message: &Message) -> Result<(), HostError> {
        let function = self.api.publish().ok_or(HostError::NotOffered)?;
        // SAFETY: the context is the one that came with this table; the message lives for the call.
        let call =
            |raw: &raw::Message<'_>| unsafe { function(self.context, EventPtr::from(raw).cast()) };
        HostError::check(message.with_raw(call))
    }

    /// Sends a message to one client, whatever it is subscribed to; it waits for one that is away, if the
    /// session is kept. Needs the capability `publish`.
    ///
    /// # Errors
    ///
    /// [`HostError::NotThere`] if there is no session of that client id.
    pub fn publish_to(&self, client_id: &str, message: &Message) -> Result<(), HostError> {
        let function = self.api.publish_to().ok_or(HostError::NotOffered)?;
        let client_id = View::new(client_id.as_bytes());
        // SAFETY: as in `publish`.
        let call = |raw: &raw::Message<'_>| unsafe {
            function(self.context, client_id, EventPtr::from(raw).cast())
        };
        HostError::check(message.with_raw(call))
    }

    /// Keeps a message for future subscribers without publishing it. One without payload clears its topic.
    /// Needs the capability `write-retained`.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    pub fn retain(&self, message: &Message) -> Result<(), HostError> {
        let function = self.api.retain().ok_or(HostError::NotOffered)?;
        // SAFETY: as in `publish`.
        let call =
            |raw: &raw::Message<'_>| unsafe { function(self.context, EventPtr::from(raw).cast()) };
        HostError::check(message.with_raw(call))
    }

    /// Shows the retained messages whose topics match a filter, until `show` returns `false`. A topic name
    /// shows one at most. Returns how many. Needs the capability `read-retained`.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    pub fn each_retained(
        &self,
        filter: &str,
        mut show: impl FnMut(RetainedMessage<'_>) -> bool,
    ) -> Result<u64, HostError> {
        let function = self.api.each_retained().ok_or(HostError::NotOffered)?;
        let mut show: &mut dyn FnMut(RetainedMessage<'_>) -> bool = &mut show;
        let visit = VisitMessage { visit: show_message };
        // SAFETY: `show_message` takes what it is passed, which lives for the call.
        let count = unsafe {
            function(self.context, View::new(filter.as_bytes()), (&raw mut show).cast(), visit)
        };
        HostError::check_count(count)
    }
}

/// # Safety
///
/// `user` is the place that [`Host::each_retained`] has passed; the message lives for the call.
unsafe extern "C" fn show_message(user: *mut c_void, message: NonNull<raw::Message<'_>>) -> i32 {
    super::visit(|| {
        // SAFETY: the caller's promise.
        let show = unsafe { &mut *user.cast::<&mut dyn FnMut(RetainedMessage<'_>) -> bool>() };
        // SAFETY: the caller's promise.
        show(unsafe { RetainedMessage::new(message) })
    })
}
