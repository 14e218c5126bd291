//! What the engine calls when something happens that plugins may know of or stop. It knows the
//! order of the plugins and what their answers mean, and nothing of how a plugin is reached.
//!
//! Every call is safe and runs on the caller's thread. None allocates, but the first of a plugin on a
//! thread, in on_auth, and where a plugin refuses in words; a hook that no plugin has costs one branch. None may be made while a lock is held
//! that another connection needs.

mod auth;
mod breaker;
mod chain;
mod client;
mod decision;
mod deliver;
mod histogram;
mod live;
mod origin;
mod outcome;
pub(crate) mod point;
mod record;
pub(crate) mod running;
mod session;
mod shadow;
pub(crate) mod slot;
mod stats;
mod tick;
mod trace;
mod traced;
mod watchdog;

use std::{net::SocketAddr, sync::Arc};

use plugin_abi::raw;

use crate::plugins::{AnswerHandle, Interest, Loaded};

pub use auth::{AuthOutcome, AuthReply, AuthRound, Authenticator};
pub use breaker::Standing;
use chain::Chain;
pub use client::{BeforeConnect, Client, Disconnected, Publication, Subscription};
use client::{flag, size};
pub use decision::{Decision, Refusal, Verdict};
pub(crate) use deliver::{Deliveries, Offer, Receiver, Ruling, Rulings, Sender};
pub(crate) use live::{Live, OpenToAll};
pub use origin::Origin;
pub(crate) use record::Record;
pub use session::SessionChange;
pub use stats::HookStats;
pub(crate) use tick::Ticked;
pub(crate) use trace::Trace;
pub use trace::{Answers, TraceFilter, TraceReader, Traced, TracedAnswer};
pub(crate) use watchdog::Watchdog;

/// Hooks that observe have nothing to hand over.
const CLOSED: AnswerHandle = AnswerHandle::CLOSED;

/// The hooks of all plugins, in the order of the config. Immutable; shared between threads in an
/// [`Arc`]. As long as it lives, so do the plugins in it.
pub struct Hooks {
    /// Which of those that were in force one after the other; 0: it never was.
    generation: u64,
    /// Those that have no hook too.
    plugins: Box<[Arc<Loaded>]>,
    on_socket_open: Chain<point::OnSocketOpen>,
    on_auth: Chain<point::OnAuth>,
    on_before_connect: Chain<point::OnBeforeConnect>,
    on_connect: Chain<point::OnConnect>,
    on_before_subscribe: Chain<point::OnBeforeSubscribe>,
    on_subscribe: Chain<point::OnSubscribe>,
    on_before_unsubscribe: Chain<point::OnBeforeUnsubscribe>,
    on_unsubscribe: Chain<point::OnUnsubscribe>,
    on_message: Chain<point::OnMessage>,
    on_before_publish: Chain<point::OnBeforePublish>,
    on_publish: Chain<point::OnPublish>,
    on_before_deliver: Chain<point::OnBeforeDeliver>,
    on_delivered: Chain<point::OnDelivered>,
    on_dropped: Chain<point::OnDropped>,
    on_session: Chain<point::OnSession>,
    on_tick: Chain<point::OnTick>,
    on_disconnect: Chain<point::OnDisconnect>,
}

impl Hooks {
    /// No plugin has any hook.
    pub fn none() -> Hooks {
        Hooks::new(&[])
    }

    pub(crate) fn new(plugins: &[Arc<Loaded>]) -> Hooks {
        Hooks {
            generation: 0,
            plugins: plugins.into(),
            on_socket_open: Chain::new(plugins),
            on_auth: Chain::new(plugins),
            on_before_connect: Chain::new(plugins),
            on_connect: Chain::new(plugins),
            on_before_subscribe: Chain::new(plugins),
            on_subscribe: Chain::new(plugins),
            on_before_unsubscribe: Chain::new(plugins),
            on_unsubscribe: Chain::new(plugins),
            on_message: Chain::new(plugins),
            on_before_publish: Chain::new(plugins),
            on_publish: Chain::new(plugins),
            on_before_deliver: Chain::new(plugins),
            on_delivered: Chain::new(plugins),
            on_dropped: Chain::new(plugins),
            on_session: Chain::new(plugins),
            on_tick: Chain::new(plugins),
            on_disconnect: Chain::new(plugins),
        }
    }

    /// What is kept of each plugin.
    fn records(&self) -> impl Iterator<Item = &Record> {
        self.plugins.iter().map(|plugin| plugin.record())
    }

    /// Whether some plugin is asked who may connect, at whatever listener, and its answer counts.
    pub fn decides_who_connects(&self) -> bool {
        self.someone_decides_who_connects(Interest::wants_all_listeners)
    }

    /// Whether some plugin is asked who may connect at this listener, and its answer counts.
    pub(crate) fn decides_who_connects_at(&self, listener: &str) -> bool {
        self.someone_decides_who_connects(|interest| interest.wants_listener(listener))
    }

    fn someone_decides_who_connects(&self, fits: impl Fn(&Interest) -> bool) -> bool {
        let mut links = self.on_before_connect.links();
        links.any(|link| !link.is_shadow() && link.interest().is_none_or(&fits))
    }

    /// A connection was accepted; nothing was read from it. A veto closes it.
    #[inline]
    pub fn on_socket_open(&self, peer: SocketAddr, local: SocketAddr, listener: &str) -> Decision {
        if self.on_socket_open.is_empty() {
            return Decision::CONTINUE;
        }
        self.on_socket_open.ask(|answer| raw::SocketOpen {
            size: size::<raw::SocketOpen<'_>>(),
            reserved: 0,
            listener: raw::Text::new(listener),
            peer: peer.into(),
            local: local.into(),
            answer_ctx: answer.context,
            answer: answer.function,
            origin: raw::ORIGIN_CLIENT.into(),
            asked_again: 0,
            source: raw::Text::new(""),
        })
    }

    /// A round of enhanced authentication. Whoever takes the first is noted in `taken_by`, and is asked
    /// alone from then on.
    pub fn on_auth(
        &self,
        client: &Client<'_>,
        round: &AuthRound<'_>,
        taken_by: &mut Option<Authenticator>,
    ) -> AuthOutcome {
        self.on_auth.authenticate(client, round, taken_by)
    }

    /// CONNECT was read, before there is a session. A veto refuses the client.
    #[inline]
    pub fn on_before_connect(&self, client: &Client<'_>, connect: &BeforeConnect<'_>) -> Decision {
        if self.on_before_connect.is_empty() {
            return Decision::CONTINUE;
        }
        let client = client.to_raw();
        self.on_before_connect.ask(|answer| connect.event(&client, answer))
    }

    /// The session is ready, and CONNACK goes out next. A veto disconnects the client after it.
    #[inline]
    pub fn on_connect(
        &self,
        client: &Client<'_>,
        session_present: bool,
        clean_start: bool,
    ) -> Decision {
        if self.on_connect.is_empty() {
            return Decision::CONTINUE;
        }
        let client = client.to_raw();
        self.on_connect.ask(|answer| raw::Connect {
            size: size::<raw::Connect<'_>>(),
            session_present: flag(session_present),
            clean_start: flag(clean_start),
            reserved: [0; 2],
            client: (&client).into(),
            answer_ctx: answer.context,
            answer: answer.function,
            origin: raw::ORIGIN_CLIENT.into(),
            asked_again: 0,
            source: raw::Text::new(""),
        })
    }

    /// A filter of a SUBSCRIBE, before it is registered. A veto keeps it from being so.
    #[inline]
    pub fn on_before_subscribe(
        &self,
        client: &Client<'_>,
        subscription: &Subscription<'_>,
    ) -> Decision {
        if self.on_before_subscribe.is_empty() {
            return Decision::CONTINUE;
        }
        let client = client.to_raw();
        self.on_before_subscribe.ask(|answer| subscription.event(&client, answer))
    }

    /// The filter is registered.
    #[inline]
    pub fn on_subscribe(&self, client: &Client<'_>, subscription: &Subscription<'_>) {
        if !self.on_subscribe.is_empty() {
            self.on_subscribe.tell(&subscription.event(&client.to_raw(), CLOSED));
        }
    }

    /// A filter of an UNSUBSCRIBE, before it is removed. A veto keeps the subscription.
    #[inline]
    pub fn on_before_unsubscribe(&self, client: &Client<'_>, filter: &str) -> Decision {
        if self.on_before_unsubscribe.is_empty() {
            return Decision::CONTINUE;
        }
        let client = client.to_raw();
        self.on_before_unsubscribe.ask(|answer| client::unsubscribe_event(filter, &client, answer))
    }

    /// The subscription existed, and is gone.
    #[inline]
    pub fn on_unsubscribe(&self, client: &Client<'_>, filter: &str) {
        if !self.on_unsubscribe.is_empty() {
            let client = client.to_raw();
            self.on_unsubscribe.tell(&client::unsubscribe_event(filter, &client, CLOSED));
        }
    }

    /// Some plugin has a hook on the path of a message. If none has, the path need not describe
    /// messages to this module at all.
    #[inline]
    pub fn watches_messages(&self) -> bool {
        !(self.on_message.is_empty()
            && self.on_before_publish.is_empty()
            && self.on_publish.is_empty())
    }

    /// A PUBLISH was read.
    #[inline]
    pub fn on_message(&self, client: &Client<'_>, message: &Publication<'_>) {
        if !self.on_message.is_empty() {
            self.on_message.tell(&message.event(&client.to_raw(), CLOSED));
        }
    }

    /// A message or a will, before it is kept or routed. A veto keeps it from everybody.
    #[inline]
    pub fn on_before_publish(&self, client: &Client<'_>, message: &Publication<'_>) -> Decision {
        if self.on_before_publish.is_empty() {
            return Decision::CONTINUE;
        }
        let client = client.to_raw();
        self.on_before_publish.ask(|answer| message.event(&client, answer))
    }

    /// The message or will is routed.
    #[inline]
    pub fn on_publish(&self, client: &Client<'_>, message: &Publication<'_>) {
        if !self.on_publish.is_empty() {
            self.on_publish.tell(&message.event(&client.to_raw(), CLOSED));
        }
    }

    /// Some plugin is asked about messages on their way to their receivers.
    #[inline]
    pub(crate) fn watches_deliveries(&self) -> bool {
        !self.on_before_deliver.is_empty()
    }

    /// Messages to one topic are on their way to their receivers, whom the answer is to be asked about.
    /// `None`: no plugin has to be asked.
    #[inline]
    pub(crate) fn on_before_deliver<'a>(
        &'a self,
        sender: Sender<'a>,
        topic: &'a str,
    ) -> Option<Deliveries<'a>> {
        let is_empty = self.on_before_deliver.is_empty();
        (!is_empty).then(|| Deliveries::new(&self.on_before_deliver, sender, topic))
    }

    /// A connected client is gone.
    #[inline]
    pub fn on_disconnect(&self, client: &Client<'_>, disconnected: &Disconnected<'_>) {
        if !self.on_disconnect.is_empty() {
            self.on_disconnect.tell(&disconnected.event(&client.to_raw()));
        }
    }
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}
