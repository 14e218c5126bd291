//! What a plugin implements.

use crate::{
    auth::Auth,
    auth_verdict::AuthVerdict,
    config::Config,
    deliver::{Deliver, Dropped},
    error::Result,
    event::{
        BeforeConnect, Connect, Disconnect, Publish, Session, SocketOpen, Subscribe, Tick,
        Unsubscribe,
    },
    host::Host,
    verdict::Verdict,
};

/// A plugin: [`bootstrap`](Plugin::bootstrap) makes it, and each hook that it writes is called.
///
/// Put [`#[plugin]`](crate::plugin) on the `impl`. A hook that is not written costs nothing.
///
/// # Threads
///
/// Hooks are called on the broker's event loops: for one client in the order of its packets, for
/// different clients at the same time. Those about a receiver come from the event loops of whoever publishes. **A hook must not block**: while it runs, every connection
/// of its event loop waits. It may take a lock that is only ever held for a moment. One that has to block is
/// declared so by [`Host::blocking`], and then called on a thread for that; so is one that is often too slow, unless
/// the operator says otherwise. If it is given up, it runs on while others are called for the same client.
///
/// # Answers
///
/// The hooks that return something decide. They answer `true` or [`Verdict::Continue`] to let the
/// event go on, `false` or [`Verdict::Veto`] to stop it silently, [`Verdict::Refuse`] to stop it and
/// tell the client why. The first veto or refusal ends the chain: plugins named later in `config.yml`
/// are not asked, and hooks that tell of the event afterwards are not called. [`Verdict::Throttle`]
/// lets the event go on, and the client wait.
///
/// # Panics
///
/// A panic stays inside the plugin: the broker logs it with plugin, hook and place, and goes on. A
/// deciding hook that panicked has refused, [`on_before_unsubscribe`](Plugin::on_before_unsubscribe)
/// apart. The plugin stays loaded, so its state must be fit to go on with.
pub trait Plugin: Sized + Send + Sync + 'static {
    /// Called once, while the plugin is being loaded, before any hook. May block.
    ///
    /// `config` is the plugin's own section of `config.yml`.
    ///
    /// # Errors
    ///
    /// The broker logs the error and refuses to start, unless the plugin is `optional: true`.
    fn bootstrap(host: Host, config: Config) -> Result<Self>;

    /// Called once, when the broker stops and has closed its connections. May block, but not for
    /// long: the broker stops within ten seconds. `drop` follows when nobody can call any more.
    fn shutdown(&self) {}

    /// A connection was accepted; nothing has been read from it, and there is no client yet.
    ///
    /// A veto, a refusal or a failure closes it: there is no packet yet to say why. After a throttle
    /// `limits.connect_timeout` still counts from the beginning.
    fn on_socket_open(&self, event: &SocketOpen<'_>) -> impl Into<Verdict> {
        let _ = event;
        Verdict::Continue
    }

    /// A round of enhanced authentication: a CONNECT with an Authentication Method, or an AUTH packet.
    /// Since 1.1.
    ///
    /// A plugin that does not know the method answers [`AuthVerdict::not_mine`], and the next one is
    /// asked; if none knows it, the client hears "bad authentication method". Who has answered
    /// something else has the whole exchange, and every later one of this connection. It comes before
    /// [`on_before_connect`](Plugin::on_before_connect), which has the last word, and which alone is
    /// asked about clients without a method.
    ///
    /// A failure, a panic among them, refuses the client. A connected client that is refused when it
    /// authenticates again is disconnected.
    fn on_auth(&self, event: &Auth<'_>) -> AuthVerdict {
        let _ = event;
        AuthVerdict::not_mine()
    }

    /// A CONNECT packet was read, and [`on_auth`](Plugin::on_auth) is done where there is a method.
    /// There is no session yet, and the client has no answer.
    ///
    /// A veto or a failure refuses the client: CONNACK "not authorized", then the connection is
    /// closed. A refusal does the same with its code. No other hook is called for it.
    fn on_before_connect(&self, event: &BeforeConnect<'_>) -> impl Into<Verdict> {
        let _ = event;
        Verdict::Continue
    }

    /// The session is ready and CONNACK is sent.
    ///
    /// A veto or a failure disconnects the client with "not authorized", a refusal with its code;
    /// `on_disconnect` follows, and its will is not published.
    fn on_connect(&self, event: &Connect<'_>) -> impl Into<Verdict> {
        let _ = event;
        Verdict::Continue
    }

    /// A filter of a SUBSCRIBE packet, before it is registered. The filters of a packet come one by
    /// one, in its order, each followed by its [`on_subscribe`](Plugin::on_subscribe).
    ///
    /// A veto or a failure keeps it from being registered, and SUBACK grants it all the same. After a
    /// refusal SUBACK has its code; of several refusals in a packet, the words of the first.
    fn on_before_subscribe(&self, event: &Subscribe<'_>) -> impl Into<Verdict> {
        let _ = event;
        Verdict::Continue
    }

    /// The filter is registered. It may replace a subscription of the same client and filter.
    fn on_subscribe(&self, event: &Subscribe<'_>) {
        let _ = event;
    }

    /// A filter of an UNSUBSCRIBE packet, before it is removed. The subscription need not exist.
    ///
    /// A veto keeps the subscription, and so does a refusal, whose code UNSUBACK then has. A failure
    /// does not: the client may leave what it joined.
    fn on_before_unsubscribe(&self, event: &Unsubscribe<'_>) -> impl Into<Verdict> {
        let _ = event;
        Verdict::Continue
    }

    /// A subscription that existed is gone because its client asked for it. A session that ends
    /// takes its subscriptions along without this call; see [`on_disconnect`](Plugin::on_disconnect).
    fn on_unsubscribe(&self, event: &Unsubscribe<'_>) {
        let _ = event;
    }

    /// A PUBLISH packet was read from a client. Not called for wills.
    fn on_message(&self, event: &Publish<'_>) {
        let _ = event;
    }

    /// A message, before it is kept or routed; wills too.
    ///
    /// A veto or a failure keeps it from everybody. The client's acknowledgement is the normal one.
    /// After a refusal PUBACK or PUBREC has its code; what an older client than MQTT 5 hears,
    /// `refused_publish` in `config.yml` says. At QoS 0, and of a will, nobody is told.
    fn on_before_publish(&self, event: &Publish<'_>) -> impl Into<Verdict> {
        let _ = event;
        Verdict::Continue
    }

    /// The message has been routed; wills too.
    fn on_publish(&self, event: &Publish<'_>) {
        let _ = event;
    }

    /// A message on its way to one receiver, before it is queued; retained ones too, wills, and what passes
    /// from one member of a shared subscription to another. It is not asked about again when it is sent
    /// later, or once more. Since 1.1.
    ///
    /// A veto, a refusal or a failure keeps it from this receiver; of a shared subscription, nobody else
    /// gets it in its place. There is nobody to tell or to wait: the words of a refusal are for the log,
    /// throttles have no effect, and an answer that comes later is a failure. The event can be changed: then
    /// this receiver gets a copy of its own. A QoS can only be lowered.
    ///
    /// It is called on the event loop of the publisher, so for one receiver at the same time from several
    /// threads: once for each message and receiver, so the less it does the better.
    fn on_before_deliver(&self, event: &Deliver<'_>) -> impl Into<Verdict> {
        let _ = event;
        Verdict::Continue
    }

    /// A receiver has acknowledged a message, by PUBACK or PUBCOMP; one of QoS 0 was written to its socket,
    /// which is not to say that it was read. Since 1.1.
    ///
    /// Called on any event loop, at times after the receiver's `on_disconnect`. The event has the message as
    /// this receiver got it, without its publisher; whether it was a retained one it does not say. What
    /// was under way when the plugin was loaded may not be told.
    fn on_delivered(&self, event: &Deliver<'_>) {
        let _ = event;
    }

    /// A receiver does not get a message, for the reason given; or, with
    /// [`DropReason::SessionEnded`](crate::DropReason::SessionEnded), has not acknowledged it. Since 1.1.
    ///
    /// Called as [`on_delivered`](Plugin::on_delivered). Each message that is not handed to another member of
    /// a shared subscription ends with one of the two.
    fn on_dropped(&self, event: &Dropped<'_>) {
        let _ = event;
    }

    /// A will is about to be published; [`on_before_publish`](Plugin::on_before_publish) follows. Since 1.1.
    ///
    /// A veto, a refusal or a failure keeps it from being published. It may be changed as any message.
    fn on_will(&self, event: &Publish<'_>) -> impl Into<Verdict> {
        let _ = event;
        Verdict::Continue
    }

    /// A session has begun, ended, or found its client again. Since 1.1.
    ///
    /// Order: created and resumed come before `on_connect`. Taken over comes after `on_disconnect` of the
    /// old connection; then its session is resumed, or deleted by a clean start. Expired and deleted come
    /// last: after `on_disconnect`, the will, and `on_dropped` of what waited. A session that is left when
    /// the broker stops is told no more.
    fn on_session(&self, event: &Session<'_>) {
        let _ = event;
    }

    /// A timer is due that the plugin has set by [`Host::timer`]. Called on a thread that all plugins share for
    /// this: it may block for a moment, and then holds up the timers of others. Since 1.1.
    fn on_tick(&self, event: &Tick<'_>) {
        let _ = event;
    }

    /// A connected client is gone, whoever ended it. Not called for a client that never connected.
    ///
    /// If another connection takes over its client id, this comes before that one's `on_connect`.
    fn on_disconnect(&self, event: &Disconnect<'_>) {
        let _ = event;
    }
}
