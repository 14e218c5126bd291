//! What the engine calls when something happens that plugins may know of or stop. It knows the
//! order of the plugins and what their answers mean, and nothing of how a plugin is reached.
//!
//! Every call is safe. Plugins are asked on the caller's thread, or, where their hook blocks, on a thread of theirs
//! while the caller waits as for any answer that comes later (`handed_over`). As long as plugins just let
//! pass what they are asked about, none allocates, but for the first of a plugin on a thread and a run of messages
//! to be delivered; a hook that no plugin has costs one branch. None may be made while a lock is held that another
//! connection needs.

mod asking;
mod auth;
mod breaker;
mod chain;
mod client;
mod decision;
mod deliver;
mod edits;
mod handed_over;
mod histogram;
mod incoming;
mod live;
mod origin;
mod outcome;
mod parts;
pub(crate) mod point;
mod progress;
mod record;
mod recorder;
pub(crate) mod running;
mod session;
mod shadow;
pub(crate) mod slot;
mod slow;
mod stats;
mod subject;
mod tick;
mod trace;
mod traced;
mod watchdog;

use std::sync::Arc;
use std::task::Waker;

use plugin_abi::raw;

use crate::config::Limits;
use crate::plugins::{AnswerHandle, Interest, Loaded};

pub use asking::Asking;
pub use auth::{AuthOutcome, AuthReply, AuthRound, Authenticator};
pub use breaker::Standing;
use chain::Chain;
pub use client::{
    BeforeConnect, Client, Disconnected, Publication, Subscription, Unsubscription, Will,
};
pub use decision::{Decision, Refusal, Verdict};
pub(crate) use deliver::{Deliveries, Offer, Receiver, Ruling, Rulings, Sender};
pub use edits::Edits;
pub(crate) use incoming::Incoming;
pub(crate) use live::{Live, OpenToAll};
pub use origin::Origin;
use point::Point;
pub(crate) use progress::Progress;
pub(crate) use record::Record;
use recorder::Recorder;
pub use recorder::{NoSuchHook, RecordFilter, Recording};
pub use session::SessionChange;
pub use stats::HookStats;
use subject::{About, Connect, Shown, SocketOpen, Subject};
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
    on_will: Chain<point::OnWill>,
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
        Hooks::new(&[], &[])
    }

    fn new(plugins: &[Arc<Loaded>], recorders: &[Arc<Recorder>]) -> Hooks {
        Hooks {
            generation: 0,
            plugins: plugins.into(),
            on_socket_open: Chain::new(plugins, recorders),
            on_auth: Chain::new(plugins, recorders),
            on_before_connect: Chain::new(plugins, recorders),
            on_connect: Chain::new(plugins, recorders),
            on_before_subscribe: Chain::new(plugins, recorders),
            on_subscribe: Chain::new(plugins, recorders),
            on_before_unsubscribe: Chain::new(plugins, recorders),
            on_unsubscribe: Chain::new(plugins, recorders),
            on_message: Chain::new(plugins, recorders),
            on_before_publish: Chain::new(plugins, recorders),
            on_will: Chain::new(plugins, recorders),
            on_publish: Chain::new(plugins, recorders),
            on_before_deliver: Chain::new(plugins, recorders),
            on_delivered: Chain::new(plugins, recorders),
            on_dropped: Chain::new(plugins, recorders),
            on_session: Chain::new(plugins, recorders),
            on_tick: Chain::new(plugins, recorders),
            on_disconnect: Chain::new(plugins, recorders),
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
    pub fn on_socket_open(
        self: &Arc<Self>,
        peer: raw::Address,
        local: raw::Address,
        listener: &str,
        asking: &mut Asking<'_>,
    ) -> Decision {
        self.decide(|hooks| &hooks.on_socket_open, &SocketOpen { peer, local, listener }, asking)
    }

    /// A round of enhanced authentication. Whoever takes the first is noted in `taken_by`, and is asked
    /// alone from then on.
    pub fn on_auth(
        self: &Arc<Self>,
        client: &Client<'_>,
        round: &AuthRound<'_>,
        taken_by: &mut Option<Authenticator>,
        asking: &mut Asking<'_>,
    ) -> AuthOutcome {
        self.on_auth.authenticate(self, client, round, taken_by, asking)
    }

    /// CONNECT was read, before there is a session. A veto refuses the client.
    #[inline]
    pub fn on_before_connect(
        self: &Arc<Self>,
        client: &Client<'_>,
        connect: &BeforeConnect<'_>,
        asking: &mut Asking<'_>,
    ) -> Decision {
        self.decide(|hooks| &hooks.on_before_connect, &About { client, what: connect }, asking)
    }

    /// The session is ready, and CONNACK goes out next. A veto disconnects the client after it.
    #[inline]
    pub fn on_connect(
        self: &Arc<Self>,
        client: &Client<'_>,
        session_present: bool,
        clean_start: bool,
        asking: &mut Asking<'_>,
    ) -> Decision {
        let what = &Connect { session_present, clean_start };
        self.decide(|hooks| &hooks.on_connect, &About { client, what }, asking)
    }

    /// A filter of a SUBSCRIBE, before it is registered. A veto keeps it from being so.
    #[inline]
    pub fn on_before_subscribe(
        self: &Arc<Self>,
        client: &Client<'_>,
        subscription: &Subscription<'_>,
        asking: &mut Asking<'_>,
    ) -> Decision {
        let subject = About { client, what: subscription };
        self.decide(|hooks| &hooks.on_before_subscribe, &subject, asking)
    }

    /// The filter is registered.
    #[inline]
    pub fn on_subscribe(&self, client: &Client<'_>, subscription: &Subscription<'_>) {
        if !self.on_subscribe.is_empty() {
            self.on_subscribe.tell(&subscription.event(&client.to_raw(), Shown::OBSERVED));
        }
    }

    /// A filter of an UNSUBSCRIBE, before it is removed. A veto keeps the subscription.
    #[inline]
    pub fn on_before_unsubscribe(
        self: &Arc<Self>,
        client: &Client<'_>,
        unsubscription: &Unsubscription<'_>,
        asking: &mut Asking<'_>,
    ) -> Decision {
        let subject = About { client, what: unsubscription };
        self.decide(|hooks| &hooks.on_before_unsubscribe, &subject, asking)
    }

    /// The subscription existed, and is gone.
    #[inline]
    pub fn on_unsubscribe(&self, client: &Client<'_>, unsubscription: &Unsubscription<'_>) {
        if !self.on_unsubscribe.is_empty() {
            self.on_unsubscribe.tell(&unsubscription.event(&client.to_raw(), Shown::OBSERVED));
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
            self.on_message.tell(&message.event(&client.to_raw(), Shown::OBSERVED));
        }
    }

    /// A will that is about to be published, before on_before_publish. A veto keeps it from everybody.
    pub fn on_will(
        self: &Arc<Self>,
        client: &Client<'_>,
        message: &Publication<'_>,
        asking: &mut Asking<'_>,
    ) -> Decision {
        self.decide(|hooks| &hooks.on_will, &About { client, what: message }, asking)
    }

    /// A message or a will, before it is kept or routed. A veto keeps it from everybody.
    #[inline]
    pub fn on_before_publish(
        self: &Arc<Self>,
        client: &Client<'_>,
        message: &Publication<'_>,
        asking: &mut Asking<'_>,
    ) -> Decision {
        self.decide(|hooks| &hooks.on_before_publish, &About { client, what: message }, asking)
    }

    /// A PUBLISH was read, and is about to be kept or routed: on_message, and then on_before_publish as
    /// long as each just lets it pass. `None`: all do. Else it is to be gone on from there with
    /// [`Hooks::on_before_publish`].
    #[inline]
    pub(crate) fn on_incoming(
        &self,
        message: Incoming<'_>,
        limits: &Limits,
        waker: &Waker,
    ) -> Option<Box<Progress>> {
        if !self.on_message.is_empty() {
            self.on_message(&message.client(), &message.publication());
        }
        if self.on_before_publish.is_empty() {
            return None;
        }
        self.on_before_publish.ask(&message, limits, Some(waker))
    }

    /// The message or will is routed.
    #[inline]
    pub fn on_publish(&self, client: &Client<'_>, message: &Publication<'_>) {
        if !self.on_publish.is_empty() {
            self.on_publish.tell(&message.event(&client.to_raw(), Shown::OBSERVED));
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

    /// Asks those of a chain; or goes on where they have stopped, or were waited for, who may no longer be
    /// in force then.
    #[inline]
    fn decide<P: Point, S: Subject<P>>(
        self: &Arc<Self>,
        chain: fn(&Hooks) -> &Chain<P>,
        subject: &S,
        asking: &mut Asking<'_>,
    ) -> Decision {
        let progress = match asking.progress.take() {
            Some(progress) => progress,
            None if chain(self).is_empty() => return Decision::CONTINUE,
            None => match chain(self).ask(subject, asking.limits(), asking.waker()) {
                Some(progress) => progress,
                None => return Decision::CONTINUE,
            },
        };
        let begun_with = progress.hooks();
        let hooks = begun_with.as_ref().unwrap_or(self);
        chain(hooks).go_on(hooks, subject, asking, progress)
    }
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}
