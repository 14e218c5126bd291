//! Clients and their subscriptions.

use std::{ffi::c_void, marker::PhantomData, ptr::NonNull, time::Duration};

use super::{Host, HostError};
use crate::{
    edit::SubscriptionOptions,
    event::Client,
    raw::{self, View, VisitClient, VisitSubscription},
};

/// How a client is sent away: `Kick::because(0x98).words("maintenance")`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Kick {
    code: u8,
    words: String,
    flags: u32,
}

impl Kick {
    /// What crosses the border, as [`testing`](crate::testing) keeps it.
    pub(crate) fn from_raw(code: u8, words: &str, flags: u32) -> Self {
        Kick { code, words: words.to_owned(), flags }
    }

    /// With this reason code of MQTT 5, 0x80 or more.
    pub fn because(code: u8) -> Self {
        Kick { code, words: String::new(), flags: 0 }
    }

    /// Says so in words too, where the client takes them.
    pub fn words(self, words: impl Into<String>) -> Self {
        Kick { words: words.into(), ..self }
    }

    /// The will is not published.
    pub fn without_will(self) -> Self {
        Kick { flags: self.flags | raw::WITHOUT_WILL, ..self }
    }

    /// The session ends too, with its subscriptions and what waits in it.
    pub fn and_its_session(self) -> Self {
        Kick { flags: self.flags | raw::CLEAR_SESSION, ..self }
    }
}

impl Host {
    /// Ends a client's connection. Needs the capability `kick`.
    ///
    /// # Errors
    ///
    /// [`HostError::NotThere`] if no client of that id is connected, and no session is to end.
    pub fn disconnect(&self, client_id: &str, kick: &Kick) -> Result<(), HostError> {
        let function = self.api.disconnect().ok_or(HostError::NotOffered)?;
        let [client_id, words] = [client_id, &kick.words].map(|text| View::new(text.as_bytes()));
        // SAFETY: the context is the one that came with this table; the views live for the call.
        HostError::check(unsafe {
            function(self.context, client_id, kick.code.into(), words, kick.flags)
        })
    }

    /// Subscribes for a client, connected or away. Plugins are asked. Needs the capability `subscribe`.
    ///
    /// # Errors
    ///
    /// [`HostError::NotThere`] if there is no session of that client id.
    pub fn subscribe(
        &self,
        client_id: &str,
        filter: &str,
        options: SubscriptionOptions,
    ) -> Result<(), HostError> {
        let function = self.api.subscribe().ok_or(HostError::NotOffered)?;
        let [client_id, filter] = [client_id, filter].map(|text| View::new(text.as_bytes()));
        // SAFETY: as in `disconnect`.
        HostError::check(unsafe {
            function(self.context, client_id, filter, options.to_byte().into(), 0)
        })
    }

    /// Unsubscribes for a client, connected or away. Plugins are asked. Needs the capability `subscribe`.
    ///
    /// # Errors
    ///
    /// [`HostError::NotThere`] if there is no session of that client id.
    pub fn unsubscribe(&self, client_id: &str, filter: &str) -> Result<(), HostError> {
        let function = self.api.unsubscribe().ok_or(HostError::NotOffered)?;
        let [client_id, filter] = [client_id, filter].map(|text| View::new(text.as_bytes()));
        // SAFETY: as in `disconnect`.
        HostError::check(unsafe { function(self.context, client_id, filter) })
    }

    /// Shows the clients that are connected, and the sessions of those that are away, until `show` returns
    /// `false`. Returns how many. Needs the capability `read-clients`.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    pub fn each_client(&self, show: impl FnMut(ClientInfo<'_>) -> bool) -> Result<u64, HostError> {
        self.show_clients("", show)
    }

    /// Shows the client or session of this id. Needs the capability `read-clients`.
    ///
    /// # Errors
    ///
    /// [`HostError::NotThere`] if there is none.
    pub fn client<T>(
        &self,
        client_id: &str,
        show: impl FnOnce(ClientInfo<'_>) -> T,
    ) -> Result<T, HostError> {
        let (mut show, mut shown) = (Some(show), None);
        self.show_clients(client_id, |client| {
            shown = show.take().map(|show| show(client));
            false
        })?;
        shown.ok_or(HostError::NotThere)
    }

    fn show_clients(
        &self,
        client_id: &str,
        mut show: impl FnMut(ClientInfo<'_>) -> bool,
    ) -> Result<u64, HostError> {
        let function = self.api.each_client().ok_or(HostError::NotOffered)?;
        let mut show: &mut dyn FnMut(ClientInfo<'_>) -> bool = &mut show;
        let visit = VisitClient { visit: show_client };
        // SAFETY: `show_client` takes what it is passed, which lives for the call.
        let count = unsafe {
            function(self.context, View::new(client_id.as_bytes()), (&raw mut show).cast(), visit)
        };
        HostError::check_count(count)
    }

    /// Shows all subscriptions, until `show` returns `false`. Returns how many. Needs the capability
    /// `read-clients`.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    pub fn each_subscription(
        &self,
        show: impl FnMut(SubscriptionInfo<'_>) -> bool,
    ) -> Result<u64, HostError> {
        self.show_subscriptions(self.api.each_subscription(), "", show)
    }

    /// Shows the subscriptions of a client. Needs the capability `read-clients`.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    pub fn subscriptions(
        &self,
        client_id: &str,
        show: impl FnMut(SubscriptionInfo<'_>) -> bool,
    ) -> Result<u64, HostError> {
        self.show_subscriptions(self.api.each_subscription(), client_id, show)
    }

    /// Shows who would receive a message to this topic now; of a shared subscription all members. Needs the
    /// capability `read-clients`.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    pub fn receivers(
        &self,
        topic: &str,
        show: impl FnMut(SubscriptionInfo<'_>) -> bool,
    ) -> Result<u64, HostError> {
        self.show_subscriptions(self.api.receivers(), topic, show)
    }

    fn show_subscriptions(
        &self,
        function: Option<ShowSubscriptions>,
        of: &str,
        mut show: impl FnMut(SubscriptionInfo<'_>) -> bool,
    ) -> Result<u64, HostError> {
        let function = function.ok_or(HostError::NotOffered)?;
        let mut show: &mut dyn FnMut(SubscriptionInfo<'_>) -> bool = &mut show;
        let visit = VisitSubscription { visit: show_subscription };
        // SAFETY: `show_subscription` takes what it is passed, which lives for the call.
        let count = unsafe {
            function(self.context, View::new(of.as_bytes()), (&raw mut show).cast(), visit)
        };
        HostError::check_count(count)
    }
}

type ShowSubscriptions =
    unsafe extern "C" fn(raw::HostContext, View<'_>, *mut c_void, VisitSubscription) -> i64;

/// A client or session that the broker shows while a call lasts.
#[derive(Clone, Copy)]
pub struct ClientInfo<'a> {
    raw: NonNull<raw::ClientInfo<'a>>,
    _borrowed: PhantomData<&'a raw::ClientInfo<'a>>,
}

impl<'a> ClientInfo<'a> {
    /// Who it is. Of one that is away, as it was when it last was connected.
    pub fn client(&self) -> Client<'a> {
        Client::new(crate::event::field!(self, client))
    }

    /// It is connected. Else its session is kept.
    pub fn is_connected(&self) -> bool {
        crate::event::field!(self, connected) != 0
    }

    /// How long it has been connected, or away.
    pub fn since(&self) -> Duration {
        Duration::from_secs(crate::event::field!(self, since))
    }

    /// Messages that wait for it.
    pub fn queued(&self) -> u64 {
        crate::event::field!(self, queued)
    }

    /// Bytes that wait for it.
    pub fn queued_bytes(&self) -> u64 {
        crate::event::field!(self, queued_bytes)
    }
}

/// A subscription that the broker shows while a call lasts.
#[derive(Clone, Copy)]
pub struct SubscriptionInfo<'a> {
    raw: NonNull<raw::SubscriptionInfo<'a>>,
    _borrowed: PhantomData<&'a raw::SubscriptionInfo<'a>>,
}

impl<'a> SubscriptionInfo<'a> {
    /// Whose it is.
    pub fn client_id(&self) -> &'a str {
        crate::event::field!(self, client_id).as_str()
    }

    /// The whole filter. Of [`Host::receivers`] it is empty where several filters of a client match together.
    pub fn filter(&self) -> &'a str {
        crate::event::field!(self, filter).as_str()
    }

    /// QoS and options.
    pub fn options(&self) -> SubscriptionOptions {
        SubscriptionOptions::from_byte(crate::event::field!(self, options) as u8)
    }

    /// The Subscription Identifier, if it has one.
    pub fn identifier(&self) -> Option<u32> {
        Some(crate::event::field!(self, identifier)).filter(|identifier| *identifier != 0)
    }
}

/// # Safety
///
/// `user` is the place that `Host::show_clients` has passed; the client lives for the call.
unsafe extern "C" fn show_client(user: *mut c_void, raw: NonNull<raw::ClientInfo<'_>>) -> i32 {
    super::visit(|| {
        // SAFETY: the caller's promise.
        let show = unsafe { &mut *user.cast::<&mut dyn FnMut(ClientInfo<'_>) -> bool>() };
        show(ClientInfo { raw, _borrowed: PhantomData })
    })
}

/// # Safety
///
/// `user` is the place that `Host::show_subscriptions` has passed; the subscription lives for the call.
unsafe extern "C" fn show_subscription(
    user: *mut c_void,
    raw: NonNull<raw::SubscriptionInfo<'_>>,
) -> i32 {
    super::visit(|| {
        // SAFETY: the caller's promise.
        let show = unsafe { &mut *user.cast::<&mut dyn FnMut(SubscriptionInfo<'_>) -> bool>() };
        show(SubscriptionInfo { raw, _borrowed: PhantomData })
    })
}
