//! Messages that no connection has read: wills, and those of plugins. The plugins are asked, perhaps
//! waited for, and then a message is retained and routed like any other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use mqtt::{QoS, Version};
use tokio::runtime::Handle;

use crate::broker::{Broker, publication};
use crate::hooks::{Asking, Client, Edits, Origin, Progress, Verdict, running};
use crate::router::{Item, Provenance, Run};
use crate::services::Account;
use crate::session::{Author, Message, Session, Will};
use crate::shard::{self, Shard, TICK_MILLISECONDS, TimerKey};

/// A message that is to be published.
pub(crate) struct Letter {
    pub(crate) message: Message,
    pub(crate) by: By,
    /// How many plugins' hooks have led to it, one message after the other.
    pub(crate) depth: u32,
}

/// Who publishes.
pub(crate) enum By {
    /// The client that has left it as its will.
    Will(Author),
    /// A plugin.
    Plugin(Arc<Account>),
}

impl By {
    fn facts<R>(&self, look: impl FnOnce(&Client<'_>) -> R) -> R {
        match self {
            By::Will(author) => look(&author.facts()),
            By::Plugin(account) => look(&account.as_client()),
        }
    }

    fn origin(&self) -> Origin<'_> {
        match self {
            By::Will(_) => Origin::Will,
            By::Plugin(account) => Origin::Plugin(&account.name),
        }
    }

    /// For No Local: the session may be there still. [MQTT-3.8.3-3]
    fn session(&self) -> Option<&Arc<Session>> {
        match self {
            By::Will(author) => Some(&author.session),
            By::Plugin(_) => None,
        }
    }

    /// Who has published a retained message.
    fn client_id(&self) -> Arc<str> {
        match self {
            By::Will(author) => author.session.client_id.clone(),
            By::Plugin(account) => account.client_id.clone(),
        }
    }
}

/// Which plugins are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Will,
    BeforePublish,
}

/// A message about which the plugins are being asked.
struct Asked {
    letter: Letter,
    stage: Stage,
    /// What has become of it so far: what a stage has changed is in the message that the next one sees.
    original_topic: Option<Box<str>>,
    /// That of a will, if there was one left.
    place: Option<Place>,
}

impl Asked {
    /// Else a plugin that answers later has failed.
    fn may_wait(&self) -> bool {
        self.place.is_some() || matches!(self.letter.by, By::Plugin(_))
    }
}

/// A will's place among those that may wait for a plugin: so many are enough that a plugin can make
/// wait at once. It is taken before a plugin is asked, for wills are left on all shards at once. A
/// broker that stops waits for those that have one.
struct Place(Arc<Broker>);

impl Place {
    fn take(broker: &Arc<Broker>) -> Option<Place> {
        let most = broker.limits.max_handshakes;
        let one_more = |taken| (taken < most).then_some(taken + 1);
        let taken =
            broker.waiting_wills.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| Place(broker.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting_wills.fetch_sub(1, Ordering::Release);
    }
}

enum Outcome {
    Publish,
    Drop,
    Wait(Option<Box<Progress>>),
}

impl Broker {
    /// Publishes a will, unless a plugin vetoes it.
    pub(crate) fn publish_will(self: &Arc<Self>, shard: &mut Shard, will: Will) {
        let letter = Letter { message: will.message, by: By::Will(will.author), depth: 0 };
        let Err(waits) = self.publish_from(shard, letter) else { return };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(waits)),
            Err(_) => log::debug!("a will is not published: the broker stops"),
        }
    }

    /// Publishes a message that no connection has read, unless a plugin vetoes it. To be called on a
    /// shard. Returns a receiver that has more than it can take, if there is one.
    ///
    /// # Errors
    /// If a plugin answers later, what is to be awaited on this shard: it then publishes the message,
    /// and returns the same. Dropped before, the message is not published.
    pub(crate) fn publish_from(
        self: &Arc<Self>,
        shard: &mut Shard,
        letter: Letter,
    ) -> Result<Option<Arc<Session>>, Box<Waits>> {
        let (stage, place) = match letter.by {
            By::Will(_) => (Stage::Will, Place::take(self)),
            By::Plugin(_) => (Stage::BeforePublish, None),
        };
        let mut asked = Asked { letter, stage, original_topic: None, place };
        match self.go_on(shard, &mut asked, None) {
            Ok(crowded) => Ok(crowded),
            Err(progress) => {
                let due = due(shard, &progress);
                let (broker, rest) = (self.clone(), Some((asked, progress)));
                Err(Box::new(Waits { broker, due, timer: None, rest }))
            }
        }
    }

    /// Asks the plugins that have not been asked yet.
    fn go_on(
        &self,
        shard: &mut Shard,
        asked: &mut Asked,
        mut progress: Option<Box<Progress>>,
    ) -> Result<Option<Arc<Session>>, Box<Progress>> {
        let _depth = running::at_depth(asked.letter.depth);
        loop {
            match self.ask(shard, asked, progress.take()) {
                Outcome::Publish if asked.stage == Stage::Will => {
                    asked.stage = Stage::BeforePublish;
                }
                Outcome::Publish => return Ok(self.publish(shard, asked)),
                Outcome::Drop | Outcome::Wait(None) => return Ok(None),
                Outcome::Wait(Some(progress)) => return Err(progress),
            }
        }
    }

    fn ask(&self, shard: &Shard, asked: &mut Asked, progress: Option<Box<Progress>>) -> Outcome {
        let hooks = &shard.hooks;
        let mut asking = match asked.may_wait() {
            true => Asking::waiting(&self.limits, Waker::noop(), progress),
            false => Asking::at_once(&self.limits),
        };
        let decision = with_run(asked, shard.second(), |run, item, client| {
            let publication = publication(run, item);
            match asked.stage {
                Stage::Will => hooks.on_will(client, &publication, &mut asking),
                Stage::BeforePublish => hooks.on_before_publish(client, &publication, &mut asking),
            }
        });
        let Some(decision) = decision else { return Outcome::Drop };
        match decision.verdict {
            Verdict::Continue => {
                let fits = decision.edits.is_none_or(|edits| self.edit(shard, asked, &edits));
                if fits { Outcome::Publish } else { Outcome::Drop }
            }
            // There is nobody to tell, or to be throttled.
            Verdict::Veto | Verdict::Refuse(_) => Outcome::Drop,
            Verdict::Pending => Outcome::Wait(asking.progress),
        }
    }

    /// Makes the message what it has become; returns whether that can be published.
    fn edit(&self, shard: &Shard, asked: &mut Asked, edits: &Edits) -> bool {
        let before = asked.letter.message.publish(1, false);
        let edited = edits.publish(&before);
        let original = (edited.topic != before.topic).then(|| before.topic.into());
        let fits = self.accepts_payload(edited.properties, edited.payload);
        let is_kept = edits.kept.unwrap_or(asked.letter.message.is_kept());
        let message = Message::kept_if(is_kept, &edited, shard.second());
        asked.letter.message = message;
        if asked.original_topic.is_none() {
            asked.original_topic = original;
        }
        fits
    }

    fn publish(&self, shard: &mut Shard, asked: &Asked) -> Option<Arc<Session>> {
        let now = shard.second();
        with_run(asked, now, |run, _, client| {
            let publish = asked.letter.message.publish(1, false);
            if publish.retain {
                self.retain(shard, &publish, &asked.letter.by.client_id());
            }
            self.route(shard, run, client)
        })?
    }
}

/// When an answer comes too late, in milliseconds of the broker's clock.
fn due(shard: &Shard, progress: &Progress) -> u64 {
    // Time stamps lag behind by a tick.
    shard.now + progress.deadline().as_millis() as u64 + TICK_MILLISECONDS
}

/// Describes the message as a run of its own. `None`: it cannot be written as a packet.
fn with_run<R>(
    asked: &Asked,
    now: u32,
    look: impl FnOnce(&Run<'_>, &Item, &Client<'_>) -> R,
) -> Option<R> {
    let Letter { message, by, depth } = &asked.letter;
    let mut data = Vec::new();
    let publish = message.publish(1, false);
    // Its expiry begins now, so that nothing is taken off.
    let is_kept = message.is_kept() || message.qos == QoS::ExactlyOnce;
    let item = Item { is_kept, ..Item::write(&publish, &mut data)? };
    let provenance = Provenance {
        origin: by.origin(),
        original_topic: asked.original_topic.as_deref(),
        depth: *depth,
    };
    let run = Run {
        data: &data,
        topic: publish.topic,
        items: &[item],
        version: Version::INSIDE,
        publisher: by.session(),
        provenance,
        now,
    };
    Some(by.facts(|client| look(&run, &item, client)))
}

/// A message that waits for the answer of a plugin.
pub(crate) struct Waits {
    broker: Arc<Broker>,
    /// Milliseconds of the broker's clock.
    due: u64,
    timer: Option<TimerKey>,
    rest: Option<(Asked, Box<Progress>)>,
}

impl Future for Waits {
    type Output = Option<Arc<Session>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        shard::with(|shard| {
            while let Some((mut asked, progress)) = this.rest.take() {
                if !progress.is_answered_or_wakes(cx.waker()) && shard.now < this.due {
                    let timer = this.timer.get_or_insert_with(|| shard.timers.add(0, cx.waker()));
                    shard.timers.set(*timer, this.due);
                    this.rest = Some((asked, progress));
                    return Poll::Pending;
                }
                shard.renew_hooks(&this.broker.hooks);
                match this.broker.go_on(shard, &mut asked, Some(progress)) {
                    Ok(crowded) => {
                        shard.outgoing.note_depth(asked.letter.depth);
                        this.forget_timer(shard);
                        return Poll::Ready(crowded);
                    }
                    Err(progress) => {
                        this.due = due(shard, &progress);
                        this.rest = Some((asked, progress));
                    }
                }
            }
            Poll::Ready(None)
        })
    }
}

impl Waits {
    fn forget_timer(&mut self, shard: &mut Shard) {
        if let Some(timer) = self.timer.take() {
            shard.timers.remove(timer);
        }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        if self.timer.is_some() {
            shard::try_with(|shard| self.forget_timer(shard));
        }
    }
}
